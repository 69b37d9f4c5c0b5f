//! A list that is read in pages while others create and delete: what was there throughout is shown once, in order.

use crate::client::{ACCOUNT, Client, log};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::Config;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A list, and how what is in it comes and goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum List {
    Meshes,
    Nodes,
    Routes,
    GatewayRoutes,
    Tags,
}

/// What others do between two pages.
#[derive(Debug, Clone)]
struct Others {
    come: BTreeSet<u8>,
    go: BTreeSet<u8>,
}

impl List {
    fn path(self) -> String {
        match self {
            Self::Meshes => "/meshes".into(),
            Self::Nodes => "/meshes/m/virtualNodes".into(),
            Self::Routes => "/meshes/m/virtualRouter/r/routes".into(),
            Self::GatewayRoutes => "/meshes/m/virtualGateway/g/gatewayRoutes".into(),
            Self::Tags => format!("/tags?resourceArn=arn:aws:appmesh:eu-west-1:{ACCOUNT}:mesh/m/virtualNode/n"),
        }
    }

    /// The list's member, and the member of its lines that names them.
    fn members(self) -> (&'static str, &'static str) {
        match self {
            Self::Meshes => ("meshes", "meshName"),
            Self::Nodes => ("virtualNodes", "virtualNodeName"),
            Self::Routes => ("routes", "routeName"),
            Self::GatewayRoutes => ("gatewayRoutes", "gatewayRouteName"),
            Self::Tags => ("tags", "key"),
        }
    }

    async fn create(self, client: &Client, number: u8) {
        let name = name(number);
        let answer = match self {
            Self::Tags => {
                let path = self.path().replace("/tags?", "/tag?");
                client.put(&path, &json!({ "tags": [{ "key": name, "value": "" }] })).await
            }
            _ => client.put(&self.path(), &json!({ self.members().1: name, "spec": self.spec() })).await,
        };
        assert!(answer.status == 200 || answer.exception == "ConflictException", "{answer:?}");
    }

    async fn delete(self, client: &Client, number: u8) {
        let answer = match self {
            Self::Tags => {
                let path = self.path().replace("/tags?", "/untag?");
                client.put(&path, &json!({ "tagKeys": [name(number)] })).await
            }
            _ => client.delete(&format!("{}/{}", self.path(), name(number))).await,
        };
        assert!(answer.status == 200 || answer.exception == "NotFoundException", "{answer:?}");
    }

    fn spec(self) -> Value {
        match self {
            Self::Routes => {
                let action = json!({ "weightedTargets": [{ "virtualNode": "n", "weight": 1 }] });
                json!({ "httpRoute": { "match": { "prefix": "/" }, "action": action } })
            }
            Self::GatewayRoutes => {
                let action = json!({ "target": { "virtualService": { "virtualServiceName": "s" } } });
                json!({ "httpRoute": { "match": { "prefix": "/" }, "action": action } })
            }
            Self::Meshes | Self::Nodes | Self::Tags => json!({}),
        }
    }

    /// One page, from a token or from the beginning.
    async fn page(self, client: &Client, limit: usize, token: Option<&str>) -> (Vec<String>, Option<String>) {
        let path = self.path();
        let sign = if path.contains('?') { '&' } else { '?' };
        let token = token.map(|token| format!("&nextToken={token}")).unwrap_or_default();
        let answer = client.get(&format!("{path}{sign}limit={limit}{token}")).await;
        assert_eq!(answer.outcome(), (200, ""), "{}", answer.body);
        let (list, member) = self.members();
        let lines = answer.body[list].as_array().expect("a list");
        assert!(lines.len() <= limit);
        let names = lines.iter().map(|line| line[member].as_str().expect("a name").to_owned());
        (names.collect(), answer.body["nextToken"].as_str().map(str::to_owned))
    }
}

/// In an order of its own: `x10` comes before `x9`.
fn name(number: u8) -> String {
    format!("x{number}")
}

/// What every list needs around it. None of it begins with `x`.
async fn furnished() -> Client {
    let client = Client::over(log());
    for (collection, body) in [
        ("/meshes", json!({ "meshName": "m" })),
        ("/meshes/m/virtualNodes", json!({ "virtualNodeName": "n", "spec": {} })),
        ("/meshes/m/virtualRouters", json!({ "virtualRouterName": "r", "spec": { "listeners": [] } })),
        ("/meshes/m/virtualGateways", json!({ "virtualGatewayName": "g", "spec": { "listeners": [] } })),
        ("/meshes/m/virtualServices", json!({ "virtualServiceName": "s", "spec": {} })),
    ] {
        assert_eq!(client.put(collection, &body).await.status, 200);
    }
    client
}

fn numbers(list: List, most: usize) -> impl Strategy<Value = BTreeSet<u8>> {
    // A resource has 50 tags at most.
    let end: u8 = if list == List::Tags { 50 } else { 120 };
    prop::collection::btree_set(0..end, 0..most)
}

fn walk() -> impl Strategy<Value = (List, usize, BTreeSet<u8>, Vec<Others>)> {
    let lists = [List::Meshes, List::Nodes, List::Routes, List::GatewayRoutes, List::Tags];
    let limit = prop_oneof![3 => 1..8usize, 1 => 1..=100usize];
    (select(lists.to_vec()), limit).prop_flat_map(|(list, limit)| {
        let others = (numbers(list, 5), numbers(list, 5)).prop_map(|(come, go)| Others { come, go });
        (Just(list), Just(limit), numbers(list, 40), prop::collection::vec(others, 0..12))
    })
}

proptest! {
    #![proptest_config(Config { cases: 128, failure_persistence: None, ..Config::default() })]

    #[test]
    fn what_is_there_throughout_is_shown_once_and_in_order((list, limit, first, others) in walk()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(read_while_others_change(list, limit, first, others))?;
    }
}

async fn read_while_others_change(
    list: List,
    limit: usize,
    first: BTreeSet<u8>,
    others: Vec<Others>,
) -> Result<(), TestCaseError> {
    let client = furnished().await;
    for number in &first {
        list.create(&client, *number).await;
    }
    let (mut throughout, mut ever) = (first.clone(), first);
    let (mut shown, mut token, mut others) = (Vec::new(), None, others.into_iter());
    loop {
        let (names, next) = list.page(&client, limit, token.as_deref()).await;
        shown.extend(names);
        token = next;
        if token.is_none() {
            break;
        }
        prop_assert!(shown.len() < 500, "it goes on for ever: {:?}", shown);
        let Some(Others { come, go }) = others.next() else { continue };
        for number in &come {
            list.create(&client, *number).await;
        }
        for number in &go {
            list.delete(&client, *number).await;
        }
        throughout.retain(|number| !go.contains(number));
        ever.extend(come);
    }
    prop_assert!(shown.is_sorted(), "not by name, or twice: {:?}", shown);
    shown.retain(|name| name.starts_with('x'));
    let distinct: BTreeSet<String> = shown.iter().cloned().collect();
    prop_assert_eq!(distinct.len(), shown.len(), "twice: {:?}", shown);
    let named = |numbers: &BTreeSet<u8>| numbers.iter().map(|number| name(*number)).collect::<BTreeSet<_>>();
    prop_assert!(named(&throughout).is_subset(&distinct), "{:?} without some of {:?}", distinct, throughout);
    prop_assert!(distinct.is_subset(&named(&ever)), "{:?} with more than {:?}", distinct, ever);
    Ok(())
}

/// The same while others do not wait for the reader.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_read_whole_while_others_never_rest() {
    let client = furnished().await;
    let stay: Vec<u8> = (0..120).step_by(3).collect();
    for number in &stay {
        List::Nodes.create(&client, *number).await;
    }
    let over = Arc::new(AtomicBool::new(false));
    let (other, stop) = (client.clone(), over.clone());
    let changing = tokio::spawn(async move {
        let come_and_go = (0..120u8).filter(|number| number % 3 != 0).cycle();
        for number in come_and_go.take_while(|_| !stop.load(Ordering::Relaxed)) {
            List::Nodes.create(&other, number).await;
            List::Nodes.delete(&other, number.wrapping_add(60) % 120 / 3 * 3 + 1).await;
        }
    });
    let expected: BTreeSet<String> = stay.iter().map(|number| name(*number)).collect();
    for limit in [1, 2, 7, 30, 100] {
        let (mut shown, mut token) = (Vec::new(), None);
        loop {
            let (names, next) = List::Nodes.page(&client, limit, token.as_deref()).await;
            shown.extend(names);
            token = next;
            if token.is_none() {
                break;
            }
            assert!(shown.len() < 500, "it goes on for ever: {shown:?}");
        }
        let distinct: BTreeSet<String> = shown.iter().cloned().collect();
        assert!(distinct.len() == shown.len() && shown.is_sorted(), "{shown:?}");
        assert!(distinct.is_superset(&expected), "{limit}: {distinct:?}");
    }
    over.store(true, Ordering::Relaxed);
    changing.await.expect("the others go on");
}
