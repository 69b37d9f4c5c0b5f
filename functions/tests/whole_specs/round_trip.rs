//! What was sent is what is answered, what is described and what an update leaves; it reads as the spec that it was.

use crate::place::{Place, served, wishes};
use crate::served::for_all;
use mesh_core::strategies::tags;
use mesh_core::{Kind, Spec, Tags};
use serde_json::{Value, json};

#[test]
fn a_spec_is_described_as_it_was_sent_and_an_update_replaces_it() {
    let served = served();
    for_all(600, &(wishes(), tags()), |((place, name, [first, second]), tags)| {
        let name = served.another(&name);
        let item = place.item(&name);
        let mut creation = place.creation(&name, loosely(&first));
        creation["tags"] = listed(&tags);
        let created = served.put(&place.collection(), &creation).ok();
        check(&place, &name, &created, &first, 1);
        assert_eq!(served.get(&item), created);
        check_tags(&served.get(&tags_of(&created)), &tags);

        let version = if first == second { 1 } else { 2 };
        let update = json!({ "spec": loosely(&second) });
        let updated = served.put(&item, &update).ok();
        check(&place, &name, &updated, &second, version);
        assert_eq!(served.get(&item), updated);
        assert_eq!(served.put(&item, &update).ok(), updated, "nothing is left to change");
        check_tags(&served.get(&tags_of(&created)), &tags);

        check(&place, &name, &served.delete(&item), &second, version + 1);
    });
}

/// An answer shows a resource with this spec in this version.
#[track_caller]
fn check(place: &Place, name: &str, answer: &Value, spec: &Spec, version: u64) {
    assert_eq!(answer["spec"], strictly(spec));
    assert_eq!(answer["metadata"]["version"], version);
    assert_eq!(answer[format!("{}Name", place.kind)], name);
    let read: Spec = serde_json::from_value(json!({ place.kind.as_str(): answer["spec"] })).unwrap();
    assert_eq!(read, *spec);
}

/// A spec as the API answers it.
fn strictly(spec: &Spec) -> Value {
    serde_json::to_value(spec).unwrap()[spec.kind().as_str()].take()
}

/// The same spec as a client may write it, in everything that the API sets right:
///
/// - the lists of a virtual node are left out where they are empty,
/// - members that are absent are null,
/// - there is a member that the API does not know.
fn loosely(spec: &Spec) -> Value {
    let mut loose = strictly(spec);
    let members = loose.as_object_mut().unwrap();
    if spec.kind() == Kind::VirtualNode {
        members.retain(|name, value| !matches!(name.as_str(), "backends" | "listeners") || *value != json!([]));
    }
    members.insert("unknown".into(), json!({ "to": ["this", "version"] }));
    with_nulls(&mut loose);
    loose
}

fn with_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.values_mut().for_each(with_nulls);
            members.insert("absent".into(), Value::Null);
        }
        Value::Array(list) => list.iter_mut().for_each(with_nulls),
        _ => {}
    }
}

fn listed(tags: &Tags) -> Value {
    tags.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect()
}

fn tags_of(answer: &Value) -> String {
    format!("/tags?limit=50&resourceArn={}", answer["metadata"]["arn"].as_str().unwrap())
}

/// All tags, each once, in whatever order.
#[track_caller]
fn check_tags(answer: &Value, tags: &Tags) {
    let pair = |tag: &Value| (tag["key"].as_str().unwrap().to_owned(), tag["value"].as_str().unwrap().to_owned());
    let list = answer["tags"].as_array().unwrap();
    assert_eq!(list.iter().map(pair).collect::<Tags>(), *tags);
    assert_eq!(list.len(), tags.len());
}
