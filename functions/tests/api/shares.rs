//! Shared meshes (§13.11): three accounts, told apart by their access keys, and what each may do in a mesh of the first.

use crate::api::{ACCOUNT, Answer, Api, SAMPLES, Sample};
use axum::body::Body;
use axum::http::{Method, Request};
use functions::AppConfig;
use mesh_core::MeshKey;
use mesh_log::sqlite::SqliteLog;
use mesh_log::{Checkpoint, EventLog};
use serde_json::{Value, json};
use std::sync::Arc;

/// The account that the mesh is shared with, and one that it is not.
const GUEST: &str = "111122223333";
const STRANGER: &str = "444455556666";

/// The API as the clients of one account call it.
#[derive(Clone)]
struct Caller {
    api: Api,
    key: &'static str,
}

impl Caller {
    async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &Value::Null).await
    }

    async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PUT, path, &body).await
    }

    async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, &Value::Null).await
    }

    async fn send(&self, method: Method, path: &str, body: &Value) -> Answer {
        let credential = format!("Credential={}/20261122/eu-west-1/appmesh/aws4_request", self.key);
        let signature = format!("AWS4-HMAC-SHA256 {credential}, SignedHeaders=host, Signature=0");
        let request = Request::builder().method(method).uri(format!("/v20190125{path}"));
        let request = request.header("authorization", signature).header("content-type", "application/json");
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        self.api.raw(request.body(body).unwrap()).await
    }
}

/// The owner, the guest and the stranger.
fn callers(log: &SqliteLog) -> [Caller; 3] {
    let mut config = AppConfig::new(ACCOUNT, "eu-west-1");
    config.access_keys = [("AKIDGUEST", GUEST), ("AKIDSTRANGER", STRANGER)]
        .map(|(key, account)| (key.to_owned(), account.into()))
        .into();
    let api = Api::configured(Arc::new(log.clone()), config);
    ["AKIDOWNER", "AKIDGUEST", "AKIDSTRANGER"].map(|key| Caller { api: api.clone(), key })
}

/// A mesh of the owner's with one of every kind, shared with the guest.
async fn shared() -> [Caller; 3] {
    shared_in(&SqliteLog::in_memory().unwrap()).await
}

async fn shared_in(log: &SqliteLog) -> [Caller; 3] {
    let [owner, guest, stranger] = callers(log);
    for sample in &SAMPLES {
        owner.put(sample.collection, (sample.create)()).await.ok();
    }
    owner.put(&share(GUEST), Value::Null).await.ok();
    [owner, guest, stranger]
}

/// The kinds of which a guest may have some, in an order in which they can be made.
fn open_kinds() -> impl Iterator<Item = &'static Sample> {
    SAMPLES.iter().filter(|sample| !owners_kind(sample))
}

/// The mesh, gateways and their routes: its owner's alone.
fn owners_kind(sample: &Sample) -> bool {
    matches!(sample.kind, "mesh" | "virtualGateway" | "gatewayRoute")
}

fn share(account: &str) -> String {
    format!("/meshes/m/shares/{account}")
}

/// The path, in the mesh of the owner.
fn owners(path: &str) -> String {
    format!("{path}?meshOwner={ACCOUNT}")
}

/// The path of the guest's, where the owner's things are called `x`.
fn guests(path: &str) -> String {
    owners(&path.replace("/x", "/y"))
}

/// What the guest makes: called `y`, and about each other.
fn guests_own(sample: &Sample) -> Value {
    let text = (sample.create)().to_string();
    serde_json::from_str(&text.replace("\"x\"", "\"y\"").replace("\"x.local\"", "\"y.local\"")).unwrap()
}

async fn make_guests(guest: &Caller) {
    for sample in open_kinds() {
        guest.put(&guests(sample.collection), guests_own(sample)).await.ok();
    }
}

fn arn(tail: &str) -> String {
    format!("resourceArn=arn:aws:appmesh:eu-west-1:{ACCOUNT}:{tail}")
}

/// The three calls about tags of a resource.
fn tag_calls(tail: &str) -> [(Method, String, Value); 3] {
    let tags = json!({ "tags": [{ "key": "k", "value": "v" }] });
    [
        (Method::GET, format!("/tags?{}", arn(tail)), Value::Null),
        (Method::PUT, format!("/tag?{}", arn(tail)), tags),
        (Method::PUT, format!("/untag?{}", arn(tail)), json!({ "tagKeys": ["k"] })),
    ]
}

/// All 38 operations, and those about shares, on a mesh of this owner.
fn every_operation(mesh_owner: &str) -> Vec<(Method, String, Value)> {
    let with = |path: &str| format!("{path}?meshOwner={mesh_owner}");
    let mut calls = Vec::new();
    for sample in &SAMPLES {
        calls.push((Method::PUT, with(sample.collection), (sample.create)()));
        calls.push((Method::GET, with(sample.item), Value::Null));
        calls.push((Method::PUT, with(sample.item), json!({ "spec": (sample.other_spec)() })));
        calls.push((Method::DELETE, with(sample.item), Value::Null));
        if sample.kind != "mesh" {
            calls.push((Method::GET, with(sample.collection), Value::Null));
        }
    }
    calls.push((Method::GET, with("/meshes/m/shares"), Value::Null));
    calls.push((Method::PUT, with(&share(STRANGER)), Value::Null));
    calls.push((Method::DELETE, with(&share(GUEST)), Value::Null));
    calls
}

#[tokio::test]
async fn who_has_no_access_is_refused_in_one_way_whether_or_not_the_mesh_exists() {
    let [_, _, stranger] = shared().await;
    let [nobody, ..] = callers(&SqliteLog::in_memory().unwrap());
    let nobody = Caller { key: stranger.key, ..nobody };
    let tags = SAMPLES.iter().flat_map(|sample| tag_calls(sample.arn));
    let calls: Vec<_> = every_operation(ACCOUNT).into_iter().chain(tags).collect();
    assert_eq!(calls.len(), 5 * 7 - 1 + 3 + 3 * 7);
    for (method, path, body) in calls {
        for caller in [&stranger, &nobody] {
            let message = caller.send(method.clone(), &path, &body).await.refused(403, "ForbiddenException");
            let expected = format!("Mesh m of account {ACCOUNT} is not shared with account {STRANGER}");
            assert_eq!(message, expected, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn the_mesh_owner_is_twelve_digits_in_every_operation() {
    let [owner, ..] = shared().await;
    for (method, path, body) in ["", "1", "12345678901x", "1234567890123"].into_iter().flat_map(every_operation) {
        let message = owner.send(method.clone(), &path, &body).await.refused(400, "BadRequestException");
        assert!(message.starts_with("meshOwner: "), "{method} {path}: {message}");
    }
    // Spelt out or left out it is the same mesh.
    for sample in &SAMPLES {
        assert_eq!(owner.get(&owners(sample.item)).await.ok(), owner.get(sample.item).await.ok());
    }
}

#[tokio::test]
async fn without_a_mesh_owner_ones_own_mesh_is_meant() {
    let [owner, guest, _] = shared().await;
    let message = guest.get("/meshes/m").await.refused(404, "NotFoundException");
    assert_eq!(message, format!("Mesh with name m is not present for account {GUEST}"));
    guest.put("/meshes", json!({ "meshName": "m", "tags": [{ "key": "k", "value": "mine" }] })).await.ok();
    guest.put("/meshes/m/virtualNodes", json!({ "virtualNodeName": "x", "spec": {} })).await.ok();

    let (own, shared) = (guest.get("/meshes/m").await.ok(), guest.get(&owners("/meshes/m")).await.ok());
    assert_eq!((&own["metadata"]["meshOwner"], &shared["metadata"]["meshOwner"]), (&json!(GUEST), &json!(ACCOUNT)));
    assert_ne!(own["metadata"]["uid"], shared["metadata"]["uid"]);
    assert_eq!(own["metadata"]["arn"], format!("arn:aws:appmesh:eu-west-1:{GUEST}:mesh/m"));
    let node = guest.get("/meshes/m/virtualNodes/x").await.ok();
    assert_eq!(node["spec"], json!({ "backends": [], "listeners": [] }));
    // And of the guest's own mesh its owner's neighbour sees nothing.
    owner.get(&format!("/meshes/m?meshOwner={GUEST}")).await.refused(403, "ForbiddenException");
    guest.delete("/meshes/m/virtualNodes/x").await.ok();
    guest.delete("/meshes/m").await.ok();
    assert_eq!(owner.get("/meshes/m/virtualNodes/x").await.ok()["status"]["status"], "ACTIVE");
}

#[tokio::test]
async fn everybody_with_access_sees_everything() {
    let [owner, guest, _] = shared().await;
    make_guests(&guest).await;
    for sample in &SAMPLES {
        let of_both = if owners_kind(sample) {
            vec![owners(sample.item)]
        } else {
            vec![owners(sample.item), guests(sample.item)]
        };
        for path in of_both {
            assert_eq!(guest.get(&path).await.ok(), owner.get(&path).await.ok());
        }
        if sample.kind != "mesh" {
            let list = owner.get(sample.collection).await.ok();
            assert_eq!(guest.get(&owners(sample.collection)).await.ok(), list);
        }
        for tail in [sample.arn.to_owned()] {
            let tags = format!("/tags?{}", arn(&tail));
            assert_eq!(guest.get(&tags).await.ok(), owner.get(&tags).await.ok());
        }
    }
}

#[tokio::test]
async fn what_a_guest_makes_shows_whose_mesh_it_is_in_and_who_made_it() {
    let [owner, guest, _] = shared().await;
    for sample in open_kinds() {
        let made = guest.put(&guests(sample.collection), guests_own(sample)).await.ok();
        let metadata = &made["metadata"];
        let tail = sample.arn.replace("/x", "/y");
        assert_eq!(metadata["arn"], format!("arn:aws:appmesh:eu-west-1:{ACCOUNT}:{tail}"));
        assert_eq!((&metadata["meshOwner"], &metadata["resourceOwner"]), (&json!(ACCOUNT), &json!(GUEST)));
        assert_eq!(owner.get(&guests(sample.item)).await.ok(), made);
        let lists = owner.get(&guests(sample.collection)).await.ok();
        let lines = lists[format!("{}s", sample.kind)].as_array().unwrap().clone();
        let line = lines.iter().find(|line| line["resourceOwner"] == GUEST).unwrap();
        assert_eq!((&line["arn"], &line["meshOwner"]), (&metadata["arn"], &json!(ACCOUNT)));
    }
    let conflict = guest.put(&owners("/meshes/m/virtualNodes"), (SAMPLES[1].create)()).await;
    conflict.refused(409, "ConflictException");
}

#[tokio::test]
async fn the_mesh_and_its_gateways_are_its_owners_alone() {
    let [owner, guest, _] = shared().await;
    for sample in SAMPLES.iter().filter(|sample| owners_kind(sample)) {
        let mut another = (sample.create)();
        if sample.kind != "mesh" {
            another[format!("{}Name", sample.kind)] = "y".into();
        }
        let spec = json!({ "spec": (sample.other_spec)() });
        let [_, tag, untag] = tag_calls(sample.arn);
        let calls = [
            (Method::PUT, owners(sample.collection), another),
            (Method::PUT, owners(sample.item), spec),
            (Method::DELETE, owners(sample.item), Value::Null),
            tag,
            untag,
        ];
        for (method, path, body) in calls {
            let message = guest.send(method.clone(), &path, &body).await.refused(403, "ForbiddenException");
            let expected = format!("Only account {ACCOUNT}, the owner of mesh m, may");
            assert!(message.starts_with(&expected), "{method} {path}: {message}");
        }
        assert_eq!(owner.get(sample.item).await.ok()["metadata"]["version"], 1);
    }
    for (method, path) in
        [(Method::GET, "/meshes/m/shares".to_owned()), (Method::PUT, share(STRANGER)), (Method::DELETE, share(GUEST))]
    {
        let message = guest.send(method, &owners(&path), &Value::Null).await.refused(403, "ForbiddenException");
        assert!(message.contains("whom it is shared with"), "{message}");
    }
}

#[tokio::test]
async fn each_changes_and_tags_what_it_made_and_nothing_of_others() {
    let [owner, guest, _] = shared().await;
    make_guests(&guest).await;
    for sample in open_kinds() {
        let guests_arn = sample.arn.replace("/x", "/y");
        for (caller, item, tail, (mine, theirs)) in [
            (&owner, guests(sample.item), guests_arn.as_str(), (ACCOUNT, GUEST)),
            (&guest, owners(sample.item), sample.arn, (GUEST, ACCOUNT)),
        ] {
            let [_, tag, untag] = tag_calls(tail);
            let update = (Method::PUT, item, json!({ "spec": (sample.other_spec)() }));
            for (method, path, body) in [update, tag, untag] {
                let message = caller.send(method, &path, &body).await.refused(403, "ForbiddenException");
                let expected = format!("belongs to account {theirs}; account {mine} cannot change it");
                assert!(message.starts_with(sample.kind) && message.ends_with(&expected), "{path}: {message}");
            }
        }
        let message = guest.delete(&owners(sample.item)).await.refused(403, "ForbiddenException");
        assert!(message.contains(&format!("belongs to account {ACCOUNT}")), "{message}");
        // What is its own it may change, tag and untag.
        let [list, tag, untag] = tag_calls(&guests_arn);
        let spec = serde_json::from_str(&(sample.other_spec)().to_string().replace("\"x\"", "\"y\"")).unwrap();
        let spec: Value = spec;
        assert_eq!(guest.put(&guests(sample.item), json!({ "spec": spec })).await.ok()["metadata"]["version"], 2);
        guest.send(tag.0, &tag.1, &tag.2).await.ok();
        assert_eq!(owner.send(list.0, &list.1, &list.2).await.ok()["tags"][0]["key"], "k");
        guest.send(untag.0, &untag.1, &untag.2).await.ok();
    }
}

#[tokio::test]
async fn a_guest_deletes_its_own_and_the_owner_whatever_there_is() {
    let [owner, guest, _] = shared().await;
    let kinds: Vec<_> = open_kinds().collect();
    for caller in [&guest, &owner] {
        make_guests(&guest).await;
        for sample in kinds.iter().rev() {
            let deleted = caller.delete(&guests(sample.item)).await.ok();
            assert_eq!(deleted["status"]["status"], "DELETED");
            assert_eq!(deleted["metadata"]["resourceOwner"], GUEST);
        }
    }
}

#[tokio::test]
async fn a_route_is_made_in_a_router_of_ones_own() {
    let [owner, guest, _] = shared().await;
    make_guests(&guest).await;
    let mut route = (SAMPLES[3].create)();
    route["routeName"] = "z".into();
    for (caller, path, whose) in
        [(&guest, owners(SAMPLES[3].collection), ACCOUNT), (&owner, guests(SAMPLES[3].collection), GUEST)]
    {
        let message = caller.put(&path, route.clone()).await.refused(403, "ForbiddenException");
        assert!(message.contains(&format!("belongs to account {whose}")), "{message}");
    }
}

#[tokio::test]
async fn references_lead_from_one_account_to_another_and_hold_what_they_lead_to() {
    let [owner, guest, _] = shared().await;
    make_guests(&guest).await;
    // The owner's route leads to the guest's node, as in AWS's own walkthrough; its gateway route to the guest's service.
    let targets = json!([{ "virtualNode": "x", "weight": 1 }, { "virtualNode": "y", "weight": 1 }]);
    let spec = json!({ "httpRoute": { "match": { "prefix": "/" }, "action": { "weightedTargets": targets } } });
    owner.put(SAMPLES[3].item, json!({ "spec": spec })).await.ok();
    let target = json!({ "virtualService": { "virtualServiceName": "y.local" } });
    let spec = json!({ "httpRoute": { "match": { "prefix": "/" }, "action": { "target": target } } });
    owner.put(SAMPLES[6].item, json!({ "spec": spec })).await.ok();
    // The guest's service leads to the owner's router.
    let provider = json!({ "provider": { "virtualRouter": { "virtualRouterName": "x" } } });
    guest.put(&guests(SAMPLES[4].item), json!({ "spec": provider })).await.ok();

    let message = guest.delete(&guests(SAMPLES[4].item)).await.refused(409, "ResourceInUseException");
    assert!(message.contains("GATEWAY_ROUTE"), "{message}");
    guest.delete(&guests(SAMPLES[3].item)).await.ok();
    let message = guest.delete(&guests(SAMPLES[1].item)).await.refused(409, "ResourceInUseException");
    assert!(message.contains("target of one or more routes"), "{message}");
}

/// The lines of a list of meshes: name, owner.
fn lines(list: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let meshes = list["meshes"].as_array().unwrap().iter();
    meshes.map(|line| (text(&line["meshName"]), text(&line["meshOwner"]))).collect()
}

/// All lines of a caller's list, read with a limit.
async fn read_through(caller: &Caller, limit: usize) -> Vec<(String, String)> {
    let (mut all, mut next) = (Vec::new(), String::new());
    loop {
        let page = caller.get(&format!("/meshes?limit={limit}{next}")).await.ok();
        assert!(lines(&page).len() <= limit);
        all.extend(lines(&page));
        let Some(token) = page["nextToken"].as_str() else { return all };
        next = format!("&nextToken={token}");
    }
}

#[tokio::test]
async fn a_list_of_meshes_has_ones_own_and_those_that_are_shared_by_name_and_then_owner() {
    let log = SqliteLog::in_memory().unwrap();
    let [owner, guest, stranger] = callers(&log);
    for (caller, names) in [(&owner, &["b", "d", "c"][..]), (&guest, &["c", "a", "b"]), (&stranger, &["b"])] {
        for name in names {
            caller.put("/meshes", json!({ "meshName": name })).await.ok();
        }
    }
    for (caller, mesh) in [(&owner, "b"), (&owner, "d"), (&stranger, "b")] {
        caller.put(&format!("/meshes/{mesh}/shares/{GUEST}"), Value::Null).await.ok();
    }
    let expected = [("a", GUEST), ("b", GUEST), ("b", ACCOUNT), ("b", STRANGER), ("c", GUEST), ("d", ACCOUNT)];
    let expected = expected.map(|(name, owner)| (name.to_owned(), owner.to_owned()));
    for limit in [1, 2, 3, 5, 6, 100] {
        assert_eq!(read_through(&guest, limit).await, expected, "{limit}");
    }
    let own = [("b", ACCOUNT), ("c", ACCOUNT), ("d", ACCOUNT)].map(|(name, owner)| (name.to_owned(), owner.to_owned()));
    assert_eq!(read_through(&owner, 2).await, own);
    assert_eq!(read_through(&stranger, 1).await, [("b".to_owned(), STRANGER.to_owned())]);
    let line = &guest.get("/meshes?limit=100").await.ok()["meshes"][2];
    assert_eq!(line["arn"], format!("arn:aws:appmesh:eu-west-1:{ACCOUNT}:mesh/b"));
    assert_eq!(line["resourceOwner"], ACCOUNT);

    // One that is no longer shared is gone from the next page; the token that points at it leads on, for its caller.
    let first = guest.get("/meshes?limit=3").await.ok();
    let token = first["nextToken"].as_str().unwrap();
    owner.delete(&format!("/meshes/b/shares/{GUEST}")).await.ok();
    owner.delete(&format!("/meshes/d/shares/{GUEST}")).await.ok();
    let rest = guest.get(&format!("/meshes?nextToken={token}")).await.ok();
    assert_eq!(lines(&rest), [expected[3].clone(), expected[4].clone()]);
    owner.get(&format!("/meshes?nextToken={token}")).await.refused(400, "BadRequestException");
}

#[tokio::test]
async fn after_unsharing_the_owner_alone_is_left_with_what_was_made() {
    let [owner, guest, _] = shared().await;
    make_guests(&guest).await;
    let left = owner.delete(&share(GUEST)).await.ok();
    assert_eq!(left["sharedWith"], json!([]));
    let expected = format!("Mesh m of account {ACCOUNT} is not shared with account {GUEST}");
    for (method, path, body) in every_operation(ACCOUNT) {
        let message = guest.send(method, &path, &body).await.refused(403, "ForbiddenException");
        assert_eq!(message, expected, "{path}");
    }
    for sample in open_kinds() {
        assert_eq!(guest.delete(&guests(sample.item)).await.refused(403, "ForbiddenException"), expected);
        for (method, path, body) in tag_calls(&sample.arn.replace("/x", "/y")) {
            assert_eq!(guest.send(method, &path, &body).await.refused(403, "ForbiddenException"), expected);
        }
        // It is there, still the guest's, and the owner may not change it.
        assert_eq!(owner.get(&guests(sample.item)).await.ok()["metadata"]["resourceOwner"], GUEST);
        let spec = json!({ "spec": (sample.other_spec)() });
        owner.put(&guests(sample.item), spec).await.refused(403, "ForbiddenException");
    }
    assert_eq!(lines(&guest.get("/meshes").await.ok()), []);

    owner.put(&share(GUEST), Value::Null).await.ok();
    assert_eq!(guest.get(&guests(SAMPLES[1].item)).await.ok()["metadata"]["version"], 1);
    owner.delete(&share(GUEST)).await.ok();
    let kinds: Vec<_> = open_kinds().collect();
    for sample in kinds.iter().rev() {
        owner.delete(&guests(sample.item)).await.ok();
    }
}

#[tokio::test]
async fn shares_are_added_told_and_taken_away() {
    let [owner, ..] = callers(&SqliteLog::in_memory().unwrap());
    let created = owner.put("/meshes", json!({ "meshName": "m" })).await.ok();
    let shares = |with: &[&str]| json!({ "meshName": "m", "meshOwner": ACCOUNT, "sharedWith": with });
    assert_eq!(owner.get("/meshes/m/shares").await.ok(), shares(&[]));
    assert_eq!(owner.put(&share(STRANGER), Value::Null).await.ok(), shares(&[STRANGER]));
    assert_eq!(owner.put(&owners(&share(GUEST)), Value::Null).await.ok(), shares(&[GUEST, STRANGER]));
    assert_eq!(owner.put(&share(GUEST), json!({})).await.ok(), shares(&[GUEST, STRANGER]), "once is enough");
    assert_eq!(owner.get("/meshes/m/shares").await.ok(), shares(&[GUEST, STRANGER]));
    assert_eq!(owner.delete(&share(STRANGER)).await.ok(), shares(&[GUEST]));
    assert_eq!(owner.delete(&share(STRANGER)).await.ok(), shares(&[GUEST]), "it was gone already");
    assert_eq!(owner.get("/meshes/m").await.ok(), created, "the mesh itself has not changed");
}

#[tokio::test]
async fn a_share_that_makes_no_sense_is_refused() {
    let [owner, ..] = shared().await;
    for account in ["1", "me", "12345678901x", "1234567890123", "%D9%A1", "-11122223333"] {
        for method in [Method::PUT, Method::DELETE] {
            let message = owner.send(method, &share(account), &Value::Null).await.refused(400, "BadRequestException");
            assert!(message.starts_with("accountId: "), "{message}");
        }
    }
    let message = owner.put(&share(ACCOUNT), Value::Null).await.refused(400, "BadRequestException");
    assert!(message.contains("owns the mesh"), "{message}");
    for (method, path) in [(Method::GET, ""), (Method::PUT, "/111122223333"), (Method::DELETE, "/111122223333")] {
        let path = format!("/meshes/nowhere/shares{path}");
        let message = owner.send(method, &path, &Value::Null).await.refused(404, "NotFoundException");
        assert_eq!(message, format!("Mesh with name nowhere is not present for account {ACCOUNT}"));
    }
}

#[tokio::test]
async fn a_mesh_that_is_made_again_is_shared_with_nobody() {
    let [owner, guest, _] = callers(&SqliteLog::in_memory().unwrap());
    for _ in 0..2 {
        owner.put("/meshes", json!({ "meshName": "m" })).await.ok();
        guest.get(&owners("/meshes/m")).await.refused(403, "ForbiddenException");
        owner.put(&share(GUEST), Value::Null).await.ok();
        guest.get(&owners("/meshes/m")).await.ok();
        owner.delete("/meshes/m").await.ok();
        guest.get(&owners("/meshes/m")).await.refused(403, "ForbiddenException");
    }
}

#[tokio::test]
async fn client_tokens_are_each_accounts_own() {
    let [owner, guest, stranger] = shared().await;
    let node = |name: &str| json!({ "virtualNodeName": name, "spec": {}, "clientToken": "token" });
    let nodes = owners("/meshes/m/virtualNodes");
    let (mine, theirs) = (owner.put(&nodes, node("a")).await.ok(), guest.put(&nodes, node("b")).await.ok());
    assert_eq!((owner.put(&nodes, node("a")).await.ok(), guest.put(&nodes, node("b")).await.ok()), (mine, theirs));
    for (caller, name) in [(&owner, "b"), (&guest, "a")] {
        caller.put(&nodes, node(name)).await.refused(409, "ConflictException");
    }
    // Of a name that another account has taken a repetition is none.
    let other = json!({ "virtualNodeName": "a", "spec": {}, "clientToken": "other" });
    guest.put(&nodes, other).await.refused(409, "ConflictException");
    // And so it is with meshes of one name.
    let mesh = json!({ "meshName": "n", "clientToken": "token" });
    let made = [owner.put("/meshes", mesh.clone()).await.ok(), stranger.put("/meshes", mesh.clone()).await.ok()];
    assert_ne!(made[0]["metadata"]["uid"], made[1]["metadata"]["uid"]);
    assert_eq!([owner.put("/meshes", mesh.clone()).await.ok(), stranger.put("/meshes", mesh).await.ok()], made);
    // Whoever has lost access is told so, and not what he was told the first time.
    owner.delete(&share(GUEST)).await.ok();
    guest.put(&nodes, node("b")).await.refused(403, "ForbiddenException");
}

#[tokio::test]
async fn shares_are_in_the_log_and_in_checkpoints_of_it() {
    let log = SqliteLog::in_memory().unwrap();
    let [owner, guest, _] = shared_in(&log).await;
    make_guests(&guest).await;
    owner.put(&share(STRANGER), Value::Null).await.ok();
    owner.delete(&share(STRANGER)).await.ok();
    let key = MeshKey::new(ACCOUNT, "m");
    let records = log.read(&key, 0).await.unwrap();
    let told: Vec<_> = records.iter().map(|it| it.entry.event.name()).filter(|it| it.ends_with("hared")).collect();
    assert_eq!(told, ["MeshShared", "MeshShared", "MeshUnshared"]);
    let guests_records = records.iter().filter(|it| it.entry.caller.account.as_str() == GUEST);
    assert!(guests_records.clone().all(|it| it.entry.caller.principal.as_deref() == Some("AKIDGUEST")));
    assert_eq!(guests_records.count(), 4);

    // Another process, which reads a checkpoint.
    let state = mesh_log::load(&log, &key).await.unwrap();
    let checkpoint = Checkpoint::of(&state).unwrap();
    assert_eq!(checkpoint.state(), Some(state));
    log.save_checkpoint(checkpoint).await.unwrap();
    let [owner, guest, stranger] = callers(&log);
    assert_eq!(guest.get(&guests(SAMPLES[1].item)).await.ok()["metadata"]["resourceOwner"], GUEST);
    stranger.get(&owners("/meshes/m")).await.refused(403, "ForbiddenException");
    assert_eq!(owner.get("/meshes/m/shares").await.ok()["sharedWith"], json!([GUEST]));
}
