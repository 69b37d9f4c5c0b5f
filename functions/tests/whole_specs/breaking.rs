//! A spec with one thing in it that is not as it should be: another type, gone, far out of bounds. It is taken and
//! answered as sent, or refused with a message that points into what was sent. It is never our failure.

use crate::place::{Place, served, wishes};
use crate::served::{Answer, Served, for_all};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::BTreeSet;

/// What is done to a value of a spec.
#[derive(Debug, Clone)]
enum Break {
    Replace(Value),
    Remove,
    /// A list or text many times over; an object with one more member, which a union must not have.
    Multiply,
}

/// Names in specs that lead to resources. Another name is right in itself, and leads nowhere.
const REFERENCES: [&str; 4] = ["virtualNode", "virtualNodeName", "virtualRouterName", "virtualServiceName"];

fn breaks() -> impl Strategy<Value = Break> {
    let values = [
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(65_536),
        json!(0.5),
        json!(1e300),
        json!(i64::MIN),
        json!(i64::MAX),
        json!(u64::MAX),
        json!(""),
        json!("/"),
        json!("nowhere"),
        json!("a\u{0}b"),
        json!("é漢😀"),
        json!("*"),
        json!([]),
        json!([null]),
        json!([[]]),
        json!({}),
        json!({ "another": {} }),
    ];
    let replace = proptest::sample::select(values.to_vec()).prop_map(Break::Replace);
    prop_oneof![6 => replace, 2 => Just(Break::Remove), 2 => Just(Break::Multiply)]
}

#[test]
fn a_spec_that_is_slightly_broken_is_taken_as_sent_or_refused_where_it_is_broken() {
    let served = served();
    let statuses = RefCell::new(BTreeSet::new());
    for_all(2500, &(wishes(), any::<Index>(), breaks()), |((place, name, [spec]), index, how)| {
        let mut json = serde_json::to_value(&spec).unwrap()[spec.kind().as_str()].take();
        let mut pointers = Vec::new();
        pointers_in(&json, String::new(), &mut pointers);
        if !pointers.is_empty() {
            let pointer = index.get(&pointers);
            apply(&how, &mut json, pointer);
            statuses.borrow_mut().insert(check(&served, &place, &name, json, pointer));
        }
    });
    assert!(statuses.into_inner().is_superset(&BTreeSet::from([200, 400])), "some are taken, some are not");
}

fn check(served: &Served, place: &Place, name: &str, json: Value, pointer: &str) -> u16 {
    let name = served.another(name);
    let body = place.creation(&name, json);
    let Answer(status, exception, answer) = served.put(&place.collection(), &body);
    match (status, exception.as_str()) {
        (200, "") => {
            let sent = as_answered(place, body["spec"].clone());
            assert_eq!(answer["spec"], sent, "{pointer}");
            assert_eq!(served.delete(&place.item(&name))["spec"], sent);
        }
        (400, "BadRequestException") => check_message(answer["message"].as_str().unwrap(), &body),
        (404, "NotFoundException") => {
            assert!(REFERENCES.iter().any(|name| pointer.ends_with(name)), "{pointer}: {answer}");
            assert!(answer["message"].as_str().unwrap().ends_with("is missing"), "{answer}");
        }
        (status, exception) => panic!("{status} {exception}: {answer} for {body}"),
    }
    status
}

/// The JSON pointers of everything in a value.
fn pointers_in(value: &Value, at: String, pointers: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                pointers_in(member, format!("{at}/{name}"), pointers);
            }
        }
        Value::Array(list) => {
            for (index, item) in list.iter().enumerate() {
                pointers_in(item, format!("{at}/{index}"), pointers);
            }
        }
        _ => {}
    }
    if !at.is_empty() {
        pointers.push(at);
    }
}

fn apply(how: &Break, json: &mut Value, pointer: &str) {
    let (around, last) = pointer.rsplit_once('/').unwrap();
    match (how, json.pointer_mut(around).unwrap()) {
        (Break::Remove, Value::Object(members)) => drop(members.remove(last)),
        (Break::Remove, Value::Array(list)) => drop(list.remove(last.parse().unwrap())),
        (Break::Replace(value), _) => *json.pointer_mut(pointer).unwrap() = value.clone(),
        _ => match json.pointer_mut(pointer).unwrap() {
            Value::Array(list) => *list = std::iter::repeat_n(list.clone(), 30).flatten().collect(),
            Value::String(text) => *text = text.repeat(1 + 2000 / text.len().max(1)),
            Value::Object(members) => drop(members.insert("another".into(), json!({}))),
            Value::Number(number) => *number = number.as_i64().unwrap().saturating_mul(1000).saturating_add(7).into(),
            Value::Bool(value) => *value = !*value,
            Value::Null => {}
        },
    }
}

/// A spec that was taken as it is answered: without nulls and what is unknown, and with the lists of a virtual node.
fn as_answered(place: &Place, mut sent: Value) -> Value {
    without_nulls(&mut sent);
    if place.kind == mesh_core::Kind::VirtualNode {
        for list in ["backends", "listeners"] {
            sent.as_object_mut().unwrap().entry(list).or_insert(json!([]));
        }
    }
    sent
}

fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|name, value| !value.is_null() && name != "another");
            members.values_mut().for_each(without_nulls);
        }
        Value::Array(list) => list.iter_mut().for_each(without_nulls),
        _ => {}
    }
}

/// Every place that a message names is in what was sent, or is a member that something sent lacks.
fn check_message(message: &str, sent: &Value) {
    let whole =
        message.strip_suffix('…').map_or(message, |cut| cut.rsplit_once("; spec").map_or(cut, |(told, _)| told));
    for (index, part) in whole.split("; spec").enumerate() {
        let part = if index == 0 { part.to_owned() } else { format!("spec{part}") };
        let (path, why) = part.split_once(": ").unwrap_or_else(|| panic!("no place in {message}"));
        assert!(!why.is_empty() && path.starts_with("spec"), "{message}");
        assert!(is_in(sent, path), "{path} is not in {sent}: {message}");
    }
}

fn is_in(sent: &Value, path: &str) -> bool {
    let mut value = sent;
    for step in path.split('.') {
        let (name, indices) = step.split_once('[').map_or((step, ""), |(name, rest)| (name, rest));
        let Some(members) = value.as_object() else { return false };
        match members.get(name) {
            // What is under a member that is not there is not there either.
            None | Some(Value::Null) => return true,
            Some(member) => value = member,
        }
        for index in indices.split('[').filter(|index| !index.is_empty()) {
            let index = index.strip_suffix(']').and_then(|index| index.parse::<usize>().ok());
            match index.and_then(|index| value.get(index)) {
                Some(item) => value = item,
                None => return false,
            }
        }
    }
    true
}
