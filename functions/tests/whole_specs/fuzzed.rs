//! What fuzzing begins with, and what it found: see fuzz/README.md. The seeds are the requests that stand behind the stored
//! samples of events, and a question of every other operation. `UPDATE_SEEDS=1 cargo test -p functions --test whole_specs`
//! writes them anew.

use functions::routes::Operation;
use mesh_core::Kind;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[path = "../../../fuzz/src/request.rs"]
mod request;

fn workspace(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn files(folder: &str) -> BTreeMap<String, Vec<u8>> {
    let files = std::fs::read_dir(workspace(folder)).unwrap().map(|file| file.unwrap().path());
    files.map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), std::fs::read(&path).unwrap())).collect()
}

#[test]
fn what_was_fuzzed_as_a_request_is_answered() {
    let seeds = files("fuzz/seeds/request");
    assert!(!seeds.is_empty());
    seeds.values().for_each(|bytes| request::check(bytes));
}

#[test]
fn fuzzing_begins_with_the_requests_behind_the_stored_events_and_every_question() {
    let kept = files("fuzz/seeds/request");
    let mut wrong = Vec::new();
    for (name, seed) in seeds() {
        if std::env::var_os("UPDATE_SEEDS").is_some() {
            std::fs::write(workspace("fuzz/seeds/request").join(&name), &seed).unwrap();
        } else if kept.get(&name).map(Vec::as_slice) != Some(seed.as_bytes()) {
            wrong.push(name);
        }
    }
    assert!(wrong.is_empty(), "{wrong:?} are not as they should be; UPDATE_SEEDS=1 writes them anew");
}

fn seeds() -> impl Iterator<Item = (String, String)> {
    let stored = files("mesh/core/tests/events").into_iter().filter_map(|(name, event)| {
        let record: Value = serde_json::from_slice(&event).unwrap();
        Some((name, behind(&record["entry"]["event"])?))
    });
    stored.chain(Operation::all().filter_map(|operation| Some((operation.name(), question(operation)?))))
}

/// The request of which this event came, with a new name where something was created.
fn behind(event: &Value) -> Option<String> {
    let (verb, event) = event.as_object()?.iter().next()?;
    let resource = &event["resource"];
    let kind = Kind::parse(resource["kind"].as_str()?)?;
    let spec = event["spec"][kind.as_str()].clone();
    Some(match verb.as_str() {
        "created" => {
            let tags = event["tags"].as_object().into_iter().flatten();
            let tags: Vec<_> = tags.map(|(key, value)| json!({ "key": key, "value": value })).collect();
            let body =
                json!({ format!("{kind}Name"): "new", "spec": spec, "tags": tags, "clientToken": event["token"] });
            written(Operation::Create(kind), resource, &body)
        }
        "updated" => {
            let body = json!({ "spec": spec, "clientToken": event["token"] });
            written(Operation::Update(kind), resource, &body)
        }
        "deleted" => written(Operation::Delete(kind), resource, &Value::Null),
        "tagged" => {
            let tags = event["tags"].as_object()?.iter();
            let tags: Vec<_> = tags.map(|(key, value)| json!({ "key": key, "value": value })).collect();
            written(Operation::TagResource, resource, &json!({ "tags": tags }))
        }
        "untagged" => written(Operation::UntagResource, resource, &json!({ "tagKeys": event["keys"] })),
        // Sharing is not of this API.
        _ => return None,
    })
}

fn question(operation: Operation) -> Option<String> {
    let resource = |kind: Kind| {
        let (parent, name) = match kind {
            Kind::Mesh => (None, "shop"),
            Kind::VirtualGateway => (None, "edge"),
            Kind::GatewayRoute => (Some("edge"), "all"),
            Kind::VirtualNode => (None, "cart-v1"),
            Kind::VirtualRouter => (None, "cart"),
            Kind::Route => (Some("cart"), "all"),
            Kind::VirtualService => (None, "cart.shop.local"),
        };
        json!({ "kind": kind, "parent": parent, "name": name })
    };
    match operation {
        Operation::Describe(kind) | Operation::List(kind) => Some(written(operation, &resource(kind), &Value::Null)),
        Operation::ListTagsForResource => Some(written(operation, &resource(Kind::Mesh), &Value::Null)),
        _ => None,
    }
}

/// A request as `fuzz/src/request.rs` reads it.
fn written(operation: Operation, resource: &Value, body: &Value) -> String {
    let of = |member: &str| resource[member].as_str().unwrap_or_default();
    let mut path = operation.path().replace("{meshName}", "shop");
    if let Some(parent) = operation.kind().and_then(Kind::parent) {
        path = path.replace(&format!("{{{parent}Name}}"), of("parent"));
    }
    if let Some(kind) = operation.kind() {
        path = path.replace(&format!("{{{kind}Name}}"), of("name"));
    }
    let query = match operation {
        Operation::List(_) => "?limit=1&meshOwner=111122223333".to_owned(),
        Operation::ListTagsForResource => format!("?limit=1&resourceArn={}", arn(resource)),
        Operation::TagResource | Operation::UntagResource => format!("?resourceArn={}", arn(resource)),
        _ => String::new(),
    };
    let key = "Credential=AKIDOTHER/20261122/eu-west-1/appmesh/aws4_request";
    let signed =
        if query.contains("meshOwner") { format!("authorization: AWS4-HMAC-SHA256 {key}\n") } else { String::new() };
    let body = if body.is_null() { String::new() } else { format!("content-type: application/json\n\n{body}") };
    format!("{} {path}{query}\n{signed}{body}", operation.method())
}

fn arn(resource: &Value) -> String {
    let of = |member: &str| resource[member].as_str().unwrap_or_default();
    let path = match Kind::parse(of("kind")).unwrap() {
        Kind::Mesh => String::new(),
        kind => match kind.parent() {
            Some(parent) => format!("/{parent}/{}/{kind}/{}", of("parent"), of("name")),
            None => format!("/{kind}/{}", of("name")),
        },
    };
    format!("arn%3Aaws%3Aappmesh%3Aeu-west-1%3A111122223333%3Amesh/shop{path}")
}
