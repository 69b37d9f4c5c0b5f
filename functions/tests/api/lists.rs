//! Lists: by name, in pages, whatever changes meanwhile.

use crate::api::{ACCOUNT, Api, SAMPLES};
use axum::body::Body;
use axum::http::{Method, Request};
use functions::Verified;
use mesh_core::Caller;
use serde_json::{Value, json};

async fn create_nodes(api: &Api, names: impl IntoIterator<Item = String>) {
    for name in names {
        api.put("/meshes/m/virtualNodes", json!({ "virtualNodeName": name, "spec": {} })).await.ok();
    }
}

fn names(page: &Value, list: &str, member: &str) -> Vec<String> {
    page[list].as_array().unwrap().iter().map(|line| line[member].as_str().unwrap().to_owned()).collect()
}

/// The names on all pages, with something done between them.
async fn all_pages(api: &Api, limit: usize, mut between: impl AsyncFnMut(usize)) -> Vec<String> {
    let (mut all, mut query, mut page_number) = (Vec::new(), format!("limit={limit}"), 0);
    loop {
        let page = api.get(&format!("/meshes/m/virtualNodes?{query}")).await.ok();
        let shown = names(&page, "virtualNodes", "virtualNodeName");
        assert!(shown.len() <= limit);
        all.extend(shown);
        let Some(token) = page.get("nextToken") else { return all };
        query = format!("limit={limit}&nextToken={}", token.as_str().unwrap());
        page_number += 1;
        between(page_number).await;
    }
}

#[tokio::test]
async fn pages_of_any_size_show_everything_once_by_name() {
    let api = Api::new();
    api.put("/meshes", json!({ "meshName": "m" })).await.ok();
    create_nodes(&api, (0..23).rev().map(|n| format!("n{n:02}"))).await;
    let expected: Vec<String> = (0..23).map(|n| format!("n{n:02}")).collect();
    for limit in [1, 7, 22, 23, 24, 100] {
        assert_eq!(all_pages(&api, limit, async |_| ()).await, expected);
    }
}

#[tokio::test]
async fn a_list_being_read_neither_loses_nor_repeats_what_stays() {
    let api = Api::new();
    api.put("/meshes", json!({ "meshName": "m" })).await.ok();
    create_nodes(&api, (0..20).map(|n| format!("n{n:02}"))).await;
    let seen = all_pages(&api, 5, async |page| match page {
        // The last one shown goes, with it what the token points at; others come before and after it.
        1 => {
            api.delete("/meshes/m/virtualNodes/n04").await.ok();
            create_nodes(&api, ["n03a".to_owned(), "n07a".to_owned()]).await;
        }
        2 => drop(api.delete("/meshes/m/virtualNodes/n15").await.ok()),
        _ => (),
    })
    .await;
    let mut expected: Vec<String> = (0..20).map(|n| format!("n{n:02}")).filter(|name| name != "n15").collect();
    expected.insert(8, "n07a".into());
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn meshes_come_in_pages_too_and_deleted_ones_are_gone() {
    let api = Api::new();
    for name in ["c", "a", "d", "b", "e"] {
        api.put("/meshes", json!({ "meshName": name })).await.ok();
    }
    api.delete("/meshes/c").await.ok();
    let first = api.get("/meshes?limit=3").await.ok();
    assert_eq!(names(&first, "meshes", "meshName"), ["a", "b", "d"]);
    let token = first["nextToken"].as_str().unwrap();
    let second = api.get(&format!("/meshes?limit=3&nextToken={token}")).await.ok();
    assert_eq!(names(&second, "meshes", "meshName"), ["e"]);
    assert!(second.get("nextToken").is_none());
}

#[tokio::test]
async fn routes_of_one_router_are_not_those_of_another() {
    let api = Api::with_one_of_each().await;
    let router = json!({ "virtualRouterName": "w", "spec": { "listeners": [{ "portMapping": { "port": 80, "protocol": "http" } }] } });
    api.put("/meshes/m/virtualRouters", router).await.ok();
    assert_eq!(api.get("/meshes/m/virtualRouter/w/routes").await.ok(), json!({ "routes": [] }));
    let routes = api.get("/meshes/m/virtualRouter/x/routes").await.ok();
    assert_eq!(names(&routes, "routes", "virtualRouterName"), ["x"]);
}

#[tokio::test]
async fn limits_and_tokens_that_make_no_sense_are_refused() {
    let api = Api::with_one_of_each().await;
    create_nodes(&api, ["y".to_owned()]).await;
    let page = api.get("/meshes/m/virtualNodes?limit=1").await.ok();
    let token = page["nextToken"].as_str().unwrap().to_owned();
    for sample in &SAMPLES {
        for query in
            ["limit=0", "limit=101", "limit=x", "limit=", "nextToken=", "nextToken=eyJ4Ijox", "limit=1&limit=2"]
        {
            let message = api.get(&format!("{}?{query}", sample.collection)).await.refused(400, "BadRequestException");
            assert!(message.starts_with("limit: ") || message.starts_with("nextToken: "), "{message}");
        }
        if sample.kind != "virtualNode" {
            let query = format!("{}?nextToken={token}", sample.collection);
            api.get(&query).await.refused(400, "BadRequestException");
        }
    }
}

/// The tags of a resource, as a list.
fn tags_of(tail: &str) -> String {
    format!("/tags?resourceArn=arn:aws:appmesh:eu-west-1:{ACCOUNT}:{tail}")
}

fn with(path: &str, pair: &str) -> String {
    format!("{path}{}{pair}", if path.contains('?') { '&' } else { '?' })
}

/// Two meshes with two of everything in each of two parents: so many lists that each has a second page.
async fn many_lists() -> (Api, Vec<String>) {
    let api = Api::new();
    let mut lists = vec!["/meshes".to_owned()];
    for mesh in ["m", "n"] {
        api.put("/meshes", json!({ "meshName": mesh })).await.ok();
        for sample in &SAMPLES[1..] {
            let parents = if sample.collection.contains("/x/") { ["x", "y"].as_slice() } else { &[""] };
            for parent in parents {
                let collection = sample.collection.replace("/m/", &format!("/{mesh}/"));
                let collection = collection.replace("/x/", &format!("/{parent}/"));
                for name in ["x", "y"] {
                    let mut body = (sample.create)();
                    let dot = if sample.kind == "virtualService" { ".local" } else { "" };
                    body[format!("{}Name", sample.kind)] = format!("{name}{dot}").into();
                    api.put(&collection, body).await.ok();
                }
                lists.push(collection);
            }
        }
        for tail in
            [format!("mesh/{mesh}"), format!("mesh/{mesh}/virtualNode/x"), format!("mesh/{mesh}/virtualRouter/x")]
        {
            let set = json!({ "tags": [{ "key": "x", "value": "" }, { "key": "y", "value": "" }] });
            api.put(&tags_of(&tail).replace("/tags", "/tag"), set).await.ok();
            lists.push(tags_of(&tail));
        }
    }
    (api, lists)
}

#[tokio::test]
async fn a_token_leads_on_in_its_own_list_and_is_refused_by_every_other() {
    let (api, lists) = many_lists().await;
    let mut tokens = Vec::new();
    for list in &lists {
        let page = api.get(&with(list, "limit=1")).await.ok();
        tokens.push(page["nextToken"].as_str().unwrap_or_else(|| panic!("{list} has one page: {page}")).to_owned());
    }
    assert_eq!(lists.len(), 1 + 2 * (4 + 4 + 3));
    for (own, token) in tokens.iter().enumerate() {
        for (other, list) in lists.iter().enumerate() {
            // With another limit than the first page had.
            let answer = api.get(&with(list, &format!("limit=7&nextToken={token}"))).await;
            if own == other {
                let page = answer.ok();
                let lines = page.as_object().unwrap().values().next().unwrap().as_array().unwrap();
                assert!(lines.len() == 1 && page.get("nextToken").is_none(), "{list}: {page}");
            } else {
                let message = answer.refused(400, "BadRequestException");
                assert_eq!(message, "nextToken: not a token of this list", "{list}, token of {}", lists[own]);
            }
        }
    }
}

#[tokio::test]
async fn a_token_that_was_touched_is_refused() {
    let (api, lists) = many_lists().await;
    for list in [&lists[0], &lists[1], lists.last().unwrap()] {
        let page = api.get(&with(list, "limit=1")).await.ok();
        let token = page["nextToken"].as_str().unwrap();
        let ends = (0..token.len()).map(|end| token[..end].to_owned());
        let flipped = (0..token.len()).map(|at| {
            let other = if token.as_bytes()[at] == b'0' { "1" } else { "0" };
            format!("{}{other}{}", &token[..at], &token[at + 1..])
        });
        let others =
            [format!("{token}0"), format!("{token}61"), token.repeat(2), token.to_uppercase(), format!("{token}%00")];
        for touched in ends.chain(flipped).chain(others).filter(|touched| touched != token) {
            let message =
                api.get(&with(list, &format!("nextToken={touched}"))).await.refused(400, "BadRequestException");
            assert_eq!(message, "nextToken: not a token of this list", "{touched}");
        }
        api.get(&with(list, &format!("nextToken={token}"))).await.ok();
    }
}

#[tokio::test]
async fn every_list_has_pages_of_1_to_100_and_no_other() {
    let (api, lists) = many_lists().await;
    for list in &lists {
        for limit in ["1", "2", "50", "99", "100"] {
            api.get(&with(list, &format!("limit={limit}"))).await.ok();
        }
        for limit in ["0", "101", "-1", "+1%20", "1.5", "x", "", "%D9%A1", "18446744073709551617"] {
            let message = api.get(&with(list, &format!("limit={limit}"))).await.refused(400, "BadRequestException");
            assert!(message.starts_with("limit: ") && message.contains("from 1 to 100"), "{message}");
        }
    }
}

/// A request of an account that its host has verified.
fn by(account: &str, method: Method, path: &str, body: Value) -> Request<Body> {
    let caller = Caller { account: account.into(), principal: None };
    let request = Request::builder().method(method).uri(format!("/v20190125{path}")).extension(Verified(caller));
    request.body(Body::from(body.to_string())).unwrap()
}

/// Several owners may have meshes of one name, and a page may end between two of them.
#[tokio::test]
async fn meshes_of_one_name_that_several_owners_share_are_all_in_the_list_once() {
    let api = Api::new();
    let owners: Vec<String> = (1..6).map(|n| format!("{n}00000000000")).collect();
    let mut expected = Vec::new();
    for name in ["m", "m-1", "n"] {
        for owner in owners.iter().map(String::as_str).chain([ACCOUNT]) {
            api.raw(by(owner, Method::PUT, "/meshes", json!({ "meshName": name }))).await.ok();
            if owner != ACCOUNT && name != "n" {
                let share = by(owner, Method::PUT, &format!("/meshes/{name}/shares/{ACCOUNT}"), json!({}));
                api.raw(share).await.ok();
            }
            if owner == ACCOUNT || name != "n" {
                expected.push((name.to_owned(), owner.to_owned()));
            }
        }
    }
    expected.sort();
    for limit in 1..=expected.len() + 1 {
        let (mut all, mut next) = (Vec::new(), String::new());
        loop {
            let page = api.get(&format!("/meshes?limit={limit}{next}")).await.ok();
            all.extend(names(&page, "meshes", "meshName").into_iter().zip(names(&page, "meshes", "meshOwner")));
            let Some(token) = page["nextToken"].as_str() else { break };
            let of_another = by(&owners[0], Method::GET, &format!("/meshes?nextToken={token}"), json!({}));
            api.raw(of_another).await.refused(400, "BadRequestException");
            next = format!("&nextToken={token}");
            assert!(all.len() < expected.len(), "it goes on for ever");
        }
        assert_eq!(all, expected, "{limit}");
    }
}
