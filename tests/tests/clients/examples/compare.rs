//! How a documented output and an answer differ, beyond what no two answers share.

use super::ACCOUNT;
use serde_json::{Map, Value};
use std::fmt;

/// One place where they differ; null is nothing at all.
#[derive(Debug)]
pub struct Difference {
    /// `/mesh/metadata/version`.
    pub at: String,
    pub documented: Value,
    pub answered: Value,
}

impl fmt::Display for Difference {
    fn fmt(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(text, "{} is {}, documented as {}", self.at, self.answered, self.documented)
    }
}

/// Every place where they differ and need not.
pub fn differences(documented: &Value, answered: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    compare(String::new(), documented, answered, &mut found);
    found
}

fn compare(at: String, documented: &Value, answered: &Value, found: &mut Vec<Difference>) {
    match (documented, answered) {
        (Value::Object(documented), Value::Object(answered)) => members(&at, documented, answered, found),
        (Value::Array(documented), Value::Array(answered)) if documented.len() == answered.len() => {
            for (index, (documented, answered)) in documented.iter().zip(answered).enumerate() {
                compare(format!("{at}/{index}"), documented, answered, found);
            }
        }
        _ if documented == answered || is_free(&at, documented, answered) => {}
        _ => found.push(Difference { at, documented: documented.clone(), answered: answered.clone() }),
    }
}

fn members(at: &str, documented: &Map<String, Value>, answered: &Map<String, Value>, found: &mut Vec<Difference>) {
    let one_more = answered.keys().filter(|name| !documented.contains_key(*name));
    for name in documented.keys().chain(one_more) {
        let of = |members: &Map<String, Value>| members.get(name).cloned().unwrap_or_default();
        compare(format!("{at}/{name}"), &of(documented), &of(answered), found);
    }
    if let (Some(documented), Some(answered)) = (was_touched(documented), was_touched(answered))
        && !documented
        && answered
    {
        found.push(Difference { at: format!("{at}/lastUpdatedAt"), documented: false.into(), answered: true.into() });
    }
}

/// Whether metadata is of something that was changed after its creation.
fn was_touched(metadata: &Map<String, Value>) -> Option<bool> {
    Some(metadata.get("createdAt")? != metadata.get("lastUpdatedAt")?)
}

/// Whether a member must be there and cannot be the same: times and unique names. Owners, and most of a list's members,
/// came later than most examples; where they are printed they are compared.
fn is_free(at: &str, documented: &Value, answered: &Value) -> bool {
    let (place, member) = at.rsplit_once('/').unwrap_or_default();
    let in_list = !place.ends_with("/metadata");
    match member {
        "createdAt" | "lastUpdatedAt" => answered.is_number() && (in_list || !documented.is_null()),
        "uid" => answered.as_str().is_some_and(|uid| uid.len() == 36) && documented.is_string(),
        "meshOwner" | "resourceOwner" => answered == ACCOUNT && documented.is_null(),
        "version" => answered == 1 && in_list && documented.is_null(),
        _ => false,
    }
}
