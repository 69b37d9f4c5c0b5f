//! Whether the API and the oracle agree: after each step, and about everything at the end.

use crate::client::{ACCOUNT, Answer, Client, log};
use crate::operations::{Id, Kind, Name, Operation, Tags, sequence};
use crate::oracle::{Expected, Held, Oracle};
use mesh_core::MeshKey;
use mesh_log::EventLog;
use mesh_log::sqlite::SqliteLog;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const MESHES: [Name; 2] = ["m", "n"];

type Checked<T = ()> = Result<T, TestCaseError>;

proptest! {
    #![proptest_config(Config { cases: 256, failure_persistence: None, ..Config::default() })]

    #[test]
    fn whatever_is_asked_the_api_and_the_oracle_say_the_same(operations in sequence(60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(agree(&operations))?;
    }
}

/// How often each kind was asked with each verb, and what was said. Without this a rule could be lost, and with it the
/// sequences that would show it.
#[test]
fn the_sequences_come_to_every_rule() {
    let mut runner = TestRunner::deterministic();
    let mut met: BTreeMap<(Kind, &str, &str), usize> = BTreeMap::new();
    for _ in 0..512 {
        let operations = sequence(60).new_tree(&mut runner).expect("a sequence").current();
        let mut oracle = Oracle::default();
        for operation in &operations {
            let (verb, id) = operation.about();
            *met.entry((id.kind, verb, word(&oracle.ask(operation)))).or_default() += 1;
        }
    }
    let mut rules = Vec::new();
    for kind in Kind::ALL {
        rules.extend(["changed", "ConflictException", "BadRequestException"].map(|said| (kind, "create", said)));
        rules.extend(["changed", "unchanged", "NotFoundException"].map(|said| (kind, "update", said)));
        rules.extend(["gone", "NotFoundException"].map(|said| (kind, "delete", said)));
        rules.extend(["done", "NotFoundException", "TooManyTagsException"].map(|said| (kind, "tag", said)));
        rules.extend(["done", "NotFoundException", "BadRequestException"].map(|said| (kind, "untag", said)));
        if !matches!(kind, Kind::Route | Kind::GatewayRoute) {
            rules.extend((kind != Kind::Mesh).then_some((kind, "create", "NotFoundException")));
            rules.push((kind, "delete", "ResourceInUseException"));
        }
    }
    let seldom: Vec<_> = rules.iter().filter(|rule| met.get(rule).is_none_or(|times| *times < 3)).collect();
    assert!(seldom.is_empty(), "hardly ever met: {seldom:?}");
}

fn word(expected: &Expected) -> &'static str {
    match expected {
        Expected::Changed(_) => "changed",
        Expected::Unchanged(_) => "unchanged",
        Expected::Gone(_) => "gone",
        Expected::Names(_) => "names",
        Expected::Done => "done",
        Expected::Tags(_) => "tags",
        Expected::Refused(_, name) => name,
    }
}

/// Performs a sequence on both.
async fn agree(operations: &[Operation]) -> Checked {
    let log = log();
    let mut both = Both {
        client: Client::over(log.clone()),
        oracle: Oracle::default(),
        shown: BTreeMap::new(),
        uids: BTreeSet::new(),
    };
    for operation in operations {
        both.step(operation).await?;
    }
    both.everything_is_listed_and_described().await?;
    both.the_log_says_so_too(&log).await?;
    // A process that starts now sees what this one has seen.
    both.client = Client::over(log);
    both.everything_is_listed_and_described().await
}

struct Both {
    client: Client,
    oracle: Oracle,
    /// What was answered last of each resource that is there.
    shown: BTreeMap<Id, Value>,
    /// Every unique id ever given.
    uids: BTreeSet<String>,
}

impl Both {
    async fn step(&mut self, operation: &Operation) -> Checked {
        let (_, id) = operation.about();
        let expected = self.oracle.ask(operation);
        if let (Operation::List(id, limit), Expected::Names(names)) = (operation, &expected) {
            return self.is_listed(*id, *limit, names).await;
        }
        let answer = self.send(operation).await;
        match expected {
            Expected::Refused(status, exception) => {
                prop_assert_eq!(answer.outcome(), (status, exception), "{:?}: {}", operation, answer.body);
                let members: Vec<_> = answer.body.as_object().into_iter().flatten().map(|(name, _)| name).collect();
                prop_assert_eq!(members, ["message"]);
                return Ok(());
            }
            _ => prop_assert_eq!(answer.outcome(), (200, ""), "{:?}: {}", operation, answer.body),
        }
        match expected {
            Expected::Changed(version) => self.has_changed(id, version, answer.body),
            Expected::Unchanged(version) => {
                prop_assert_eq!(&answer.body["metadata"]["version"], version);
                prop_assert_eq!(Some(&answer.body), self.shown.get(&id), "{:?}", operation);
                Ok(())
            }
            Expected::Gone(version) => self.is_gone(id, version, &answer.body),
            Expected::Done => same(&answer.body, &json!({})),
            Expected::Tags(tags) => same(&answer.body, &json!({ "tags": tag_list(&tags) })),
            Expected::Names(_) | Expected::Refused(..) => Ok(()),
        }
    }

    async fn send(&self, operation: &Operation) -> Answer {
        let by_arn = |verb: &str, id: &Id| format!("/{verb}?resourceArn={}", id.arn());
        match operation {
            Operation::Create(id, spec, tags) => {
                let mut body = json!({ format!("{}Name", id.kind.text()): id.name, "spec": spec.json() });
                if !tags.is_empty() {
                    body["tags"] = tag_list(tags);
                }
                self.client.put(&id.collection(), &body).await
            }
            Operation::Update(id, spec) => self.client.put(&id.item(), &json!({ "spec": spec.json() })).await,
            Operation::Delete(id) => self.client.delete(&id.item()).await,
            Operation::Describe(id) => self.client.get(&id.item()).await,
            Operation::List(id, limit) => self.client.get(&format!("{}?limit={limit}", id.collection())).await,
            Operation::Tag(id, tags) => self.client.put(&by_arn("tag", id), &json!({ "tags": tag_list(tags) })).await,
            Operation::Untag(id, keys) => self.client.put(&by_arn("untag", id), &json!({ "tagKeys": keys })).await,
            Operation::ListTags(id) => self.client.get(&by_arn("tags", id)).await,
        }
    }

    /// A resource that came to be, or changed: what is its for good stays, what was asked for is there.
    fn has_changed(&mut self, id: Id, version: u64, body: Value) -> Checked {
        let (_, held) = self.oracle.resources().find(|(it, _)| **it == id).expect("the oracle has it");
        is_whole(id, held, &body, "ACTIVE")?;
        let metadata = &body["metadata"];
        if version == 1 {
            prop_assert!(self.uids.insert(metadata["uid"].to_string()), "{} is not unique", metadata["uid"]);
            prop_assert_eq!(&metadata["createdAt"], &metadata["lastUpdatedAt"]);
        } else {
            let before = &self.shown[&id]["metadata"];
            prop_assert_eq!((&metadata["uid"], &metadata["createdAt"]), (&before["uid"], &before["createdAt"]));
            prop_assert!(metadata["lastUpdatedAt"].as_f64() >= before["lastUpdatedAt"].as_f64());
        }
        self.shown.insert(id, body);
        Ok(())
    }

    /// A resource that is shown for the last time is as it was, but for version, time and status.
    fn is_gone(&mut self, id: Id, version: u64, body: &Value) -> Checked {
        let mut last = self.shown.remove(&id).expect("it was shown when it came to be");
        prop_assert!(body["metadata"]["lastUpdatedAt"].as_f64() >= last["metadata"]["lastUpdatedAt"].as_f64());
        last["metadata"]["version"] = version.into();
        last["metadata"]["lastUpdatedAt"] = body["metadata"]["lastUpdatedAt"].clone();
        last["status"] = json!({ "status": "DELETED" });
        same(body, &last)
    }

    /// A list in pages has these names, and of each what a description has.
    async fn is_listed(&self, id: Id, limit: usize, names: &[Name]) -> Checked {
        let (mut listed, mut next) = (Vec::new(), String::new());
        loop {
            let page = self.client.get(&format!("{}?limit={limit}{next}", id.collection())).await;
            prop_assert_eq!(page.outcome(), (200, ""), "{}", page.body);
            let lines = page.body[id.kind.plural()].as_array().expect("a list").clone();
            prop_assert!(lines.len() <= limit);
            listed.extend(lines);
            let Some(token) = page.body["nextToken"].as_str() else { break };
            prop_assert!(listed.len() < names.len(), "a page follows the last");
            next = format!("&nextToken={token}");
        }
        prop_assert_eq!(listed.len(), names.len(), "{:?} in {:?}", names, listed);
        for (line, name) in listed.iter().zip(names) {
            let mesh = if id.kind == Kind::Mesh { name } else { id.mesh };
            let whole = &self.shown[&Id { mesh, name, ..id }];
            for (member, value) in line.as_object().expect("a line") {
                let described = whole.get(member).unwrap_or(&whole["metadata"][member]);
                prop_assert_eq!(value, described, "{} of {}", member, line);
            }
        }
        Ok(())
    }

    async fn everything_is_listed_and_described(&mut self) -> Checked {
        for id in lists() {
            self.step(&Operation::List(id, 100)).await?;
        }
        let ids: Vec<Id> = self.oracle.resources().map(|(id, _)| *id).collect();
        for id in ids {
            self.step(&Operation::Describe(id)).await?;
            self.step(&Operation::ListTags(id)).await?;
        }
        Ok(())
    }

    /// The log folded anew is what was described, each change is one record, and nothing refers to nothing.
    async fn the_log_says_so_too(&self, log: &Arc<SqliteLog>) -> Checked {
        for mesh in MESHES {
            let key = MeshKey::new(ACCOUNT, mesh);
            let folded = mesh_log::load(&**log, &key).await.expect("the log folds");
            prop_assert_eq!(folded.seq(), self.oracle.changes(mesh));
            let records = log.read(&key, 0).await.expect("records");
            prop_assert_eq!(records.len() as u64, self.oracle.changes(mesh));
            let held: Vec<_> = self.oracle.resources().filter(|(id, _)| id.mesh == mesh).collect();
            prop_assert_eq!(folded.resources().count(), held.len());
            for resource in folded.resources() {
                let path = resource.id.path(&key.name);
                let same = held.iter().find(|(id, _)| id.arn().ends_with(&format!(":{path}")));
                let Some((id, held)) = same else { return Err(TestCaseError::fail(format!("{path} is in the log"))) };
                prop_assert_eq!((resource.version, &resource.tags), (held.version, &held.tags));
                prop_assert_eq!(&json!(resource.uid), &self.shown[id]["metadata"]["uid"]);
                let spec = serde_json::to_value(&resource.spec).expect("JSON");
                prop_assert_eq!(&spec[id.kind.text()], &held.spec.json());
                for needed in needs(&spec) {
                    let found = folded.resources().any(|it| it.id.to_string() == needed);
                    prop_assert!(found, "{} refers to {}, which is not there", path, needed);
                }
            }
        }
        Ok(())
    }
}

/// One of every list there can be.
fn lists() -> Vec<Id> {
    let mut lists = vec![Id { kind: Kind::Mesh, mesh: "m", parent: None, name: "m" }];
    for mesh in MESHES {
        for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Mesh) {
            let parents = if kind.parent().is_some() { vec![Some("a"), Some("b")] } else { vec![None] };
            lists.extend(parents.into_iter().map(|parent| Id { kind, mesh, parent, name: "a" }));
        }
    }
    lists
}

/// What a spec in the log must find, as resources are called there: a route's nodes, a provider, a gateway route's service.
fn needs(spec: &Value) -> Vec<String> {
    let mut needs = Vec::new();
    for target in spec["route"]["httpRoute"]["action"]["weightedTargets"].as_array().into_iter().flatten() {
        needs.push(format!("virtualNode {}", target["virtualNode"].as_str().expect("a name")));
    }
    let provider = &spec["virtualService"]["provider"];
    let service = &spec["gatewayRoute"]["httpRoute"]["action"]["target"]["virtualService"]["virtualServiceName"];
    for (kind, name) in [
        ("virtualNode", &provider["virtualNode"]["virtualNodeName"]),
        ("virtualRouter", &provider["virtualRouter"]["virtualRouterName"]),
        ("virtualService", service),
    ] {
        needs.extend(name.as_str().map(|name| format!("{kind} {name}")));
    }
    needs
}

fn is_whole(id: Id, held: &Held, body: &Value, status: &str) -> Checked {
    let metadata = &body["metadata"];
    let mut whole = json!({
        "meshName": id.mesh,
        "spec": held.spec.json(),
        "status": { "status": status },
        "metadata": {
            "arn": id.arn(), "version": held.version, "meshOwner": ACCOUNT, "resourceOwner": ACCOUNT,
            "uid": metadata["uid"], "createdAt": metadata["createdAt"], "lastUpdatedAt": metadata["lastUpdatedAt"],
        },
    });
    whole[format!("{}Name", id.kind.text())] = id.name.into();
    if let (Some(kind), Some(parent)) = (id.kind.parent(), id.parent) {
        whole[format!("{}Name", kind.text())] = parent.into();
    }
    same(body, &whole)
}

fn same(given: &Value, expected: &Value) -> Checked {
    prop_assert_eq!(given, expected);
    Ok(())
}

fn tag_list(tags: &Tags) -> Value {
    tags.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect()
}
