//! Whether an answer is what the model says it is. SDKs forgive much of this; what reads the raw answer does not.

use crate::service::{Model, Shape};
use serde_json::Value;
use std::collections::BTreeSet;

/// Fails the test unless the answer of an operation has every member it must have, none that the model does not know, no
/// null, and every value of its type. Gives the places of the members it has, as [`members`] does.
pub fn check(model: &Model, operation: &str, answer: &Value) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    check_value(output(model, operation), answer, operation, &mut seen);
    seen
}

/// The places of all members that an answer of an operation can have.
pub fn members(model: &Model, operation: &str) -> BTreeSet<String> {
    let mut known = BTreeSet::new();
    walk(output(model, operation), operation, &mut known);
    known
}

fn output<'m>(model: &'m Model, operation: &str) -> Shape<'m> {
    let output = model.shape(model.operation(operation)["output"]["shape"].as_str().unwrap());
    output.payload().map_or(output, |member| output.member(member))
}

fn walk(shape: Shape<'_>, at: &str, known: &mut BTreeSet<String>) {
    match shape.kind() {
        "structure" => {
            for (name, member) in shape.members() {
                let place = format!("{at}.{name}");
                walk(member, &place, known);
                known.insert(place);
            }
        }
        "list" => walk(shape.item(), &format!("{at}[]"), known),
        _ => {}
    }
}

fn check_value(shape: Shape<'_>, value: &Value, at: &str, seen: &mut BTreeSet<String>) {
    let right = match shape.kind() {
        "structure" => return check_members(shape, value, at, seen),
        "list" => {
            let list = value.as_array().unwrap_or_else(|| panic!("{at} is no list: {value}"));
            return list.iter().for_each(|item| check_value(shape.item(), item, &format!("{at}[]"), seen));
        }
        "string" => value.is_string() && shape.values().is_none_or(|values| values.contains(value)),
        "integer" | "long" => value.is_i64() || value.is_u64(),
        // Seconds since 1970, not milliseconds, and not text.
        "timestamp" => value.as_f64().is_some_and(|seconds| (1.6e9..1e11).contains(&seconds)),
        "boolean" => value.is_boolean(),
        kind => panic!("{at}: a kind that this test does not know: {kind}"),
    };
    assert!(right, "{at} is no {}: {value}", shape.name());
}

fn check_members(shape: Shape<'_>, value: &Value, at: &str, seen: &mut BTreeSet<String>) {
    let members = value.as_object().unwrap_or_else(|| panic!("{at} is no object: {value}"));
    for name in shape.required() {
        assert!(members.contains_key(name), "{at} has no {name}: {value}");
    }
    for (name, value) in members {
        let known = shape.members().find(|(known, _)| *known == name);
        let (_, shape) = known.unwrap_or_else(|| panic!("{at} has {name}, which the model does not know"));
        let place = format!("{at}.{name}");
        check_value(shape, value, &place, seen);
        seen.insert(place);
    }
}
