//! Values at the edges of a shape's bounds, and just beyond them.

use crate::service::Shape;
use serde_json::{Value, json};

/// Values that must be accepted, and values that must not.
pub struct Edges {
    pub inside: Vec<Value>,
    pub outside: Vec<Value>,
}

/// The edges of a shape that has bounds. `value` is one that is accepted.
pub fn edges(shape: Shape<'_>, value: &Value) -> Option<Edges> {
    if shape.values().is_some() {
        return None;
    }
    match shape.kind() {
        "integer" | "long" => numbers(shape),
        "string" if shape.pattern().is_some() => Some(patterned(shape)),
        "string" => texts(shape, value.as_str()?),
        "list" => lists(shape, value.as_array()?.first()?),
        _ => None,
    }
}

fn numbers(shape: Shape<'_>) -> Option<Edges> {
    let (min, max) = (shape.min(), shape.max());
    min.or(max)?;
    let outside = [min.map(|min| min - 1), max.map(|max| max + 1), min.map(|_| i64::MIN)];
    Some(Edges {
        inside: [min, max].into_iter().flatten().map(Value::from).collect(),
        outside: outside.into_iter().flatten().map(Value::from).collect(),
    })
}

fn texts(shape: Shape<'_>, sample: &str) -> Option<Edges> {
    shape.max()?;
    let (min, max) = shape.length();
    Some(Edges {
        inside: vec![json!(stretched(sample, min)), json!(stretched(sample, max))],
        outside: vec![json!(stretched(sample, min - 1)), json!(stretched(sample, max + 1))],
    })
}

/// The sample at another length, beginning and ending as it does: `/` becomes `/aa/`. Characters count, not bytes.
fn stretched(sample: &str, length: usize) -> String {
    let (first, last) = (sample.chars().next().unwrap_or('a'), sample.chars().last().unwrap_or('a'));
    match length {
        0 => String::new(),
        1 => first.into(),
        _ => format!("{first}{}{last}", "a".repeat(length - 2)),
    }
}

/// The model's two patterns are Cloud Map's: printable ASCII, and in values spaces that are not the first character.
fn patterned(shape: Shape<'_>) -> Edges {
    let (_, max) = shape.length();
    let (inner, outer) = match shape.name() {
        "AwsCloudMapInstanceAttributeKey" => (vec!["~!x"], vec!["a b", "ä", "a\tb"]),
        "AwsCloudMapInstanceAttributeValue" => (vec!["~!x", "a b  c ", "a\tb"], vec![" a", "\ta", "ä", "a\nb"]),
        name => panic!("a pattern that this test does not know: {name} {:?}", shape.pattern()),
    };
    let of = |texts: Vec<&str>, length: usize| {
        texts.into_iter().map(str::to_owned).chain(["a".repeat(length)]).map(Value::from).collect::<Vec<_>>()
    };
    let mut outside = of(outer, max + 1);
    outside.push(json!(""));
    Edges { inside: of(inner, max), outside }
}

fn lists(shape: Shape<'_>, item: &Value) -> Option<Edges> {
    shape.max()?;
    let (min, max) = shape.length();
    let of = |length: usize| Value::Array(vec![item.clone(); length]);
    Some(Edges { inside: vec![of(min), of(max)], outside: vec![of(min - 1), of(max + 1)] })
}
