//! Whether an answer is what the model says it is. SDKs forgive much of this; what reads the raw answer does not.

use crate::service::{Model, Shape};
use serde_json::Value;

/// Fails the test unless the answer of an operation has every member it must have, none that the model does not know, no
/// null, and every value of its type.
pub fn check(model: &Model, operation: &str, answer: &Value) {
    let output = model.operation(operation)["output"]["shape"].as_str().unwrap();
    let output = model.shape(output);
    let shape = output.payload().map_or(output, |member| output.member(member));
    check_value(shape, answer, operation);
}

fn check_value(shape: Shape<'_>, value: &Value, at: &str) {
    let right = match shape.kind() {
        "structure" => return check_members(shape, value, at),
        "list" => {
            let list = value.as_array().unwrap_or_else(|| panic!("{at} is no list: {value}"));
            return list.iter().for_each(|item| check_value(shape.item(), item, &format!("{at}[]")));
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

fn check_members(shape: Shape<'_>, value: &Value, at: &str) {
    let members = value.as_object().unwrap_or_else(|| panic!("{at} is no object: {value}"));
    for name in shape.required() {
        assert!(members.contains_key(name), "{at} has no {name}: {value}");
    }
    for (name, value) in members {
        let known = shape.members().find(|(known, _)| *known == name);
        let (_, shape) = known.unwrap_or_else(|| panic!("{at} has {name}, which the model does not know"));
        check_value(shape, value, &format!("{at}.{name}"));
    }
}
