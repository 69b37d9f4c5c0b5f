//! JSON for reading: what fits into a line is on one.

use serde_json::Value;

const WIDTH: usize = 120;

/// The value as lines.
pub fn pretty(value: &Value) -> String {
    let mut text = String::new();
    write(value, 0, 0, &mut text);
    text.push('\n');
    text
}

/// `used` is what already stands in the line after its indent: the member's key.
fn write(value: &Value, indent: usize, used: usize, text: &mut String) {
    let flat = flat(value);
    if indent + used + flat.len() < WIDTH {
        text.push_str(&flat);
        return;
    }
    match value {
        Value::Object(members) => {
            let members = members.iter().map(|(key, value)| (format!("{key:?}: "), value));
            block(['{', '}'], members, indent, text);
        }
        Value::Array(items) => block(['[', ']'], items.iter().map(|item| (String::new(), item)), indent, text),
        _ => text.push_str(&flat),
    }
}

fn block<'v>(ends: [char; 2], items: impl Iterator<Item = (String, &'v Value)>, indent: usize, text: &mut String) {
    text.push(ends[0]);
    for (at, (key, value)) in items.enumerate() {
        text.push_str(if at == 0 { "\n" } else { ",\n" });
        text.push_str(&" ".repeat(indent + 2));
        text.push_str(&key);
        write(value, indent + 2, key.len(), text);
    }
    text.push('\n');
    text.push_str(&" ".repeat(indent));
    text.push(ends[1]);
}

fn flat(value: &Value) -> String {
    match value {
        Value::Object(members) if !members.is_empty() => {
            let members: Vec<_> = members.iter().map(|(key, value)| format!("{key:?}: {}", flat(value))).collect();
            format!("{{ {} }}", members.join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(flat).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}
