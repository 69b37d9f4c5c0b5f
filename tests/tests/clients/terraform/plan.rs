//! What Terraform says it is going to do.

use super::arguments::{Argument, is_given};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A plan, as `terraform show` tells it.
pub struct Plan(Vec<Planned>);

/// What is planned for one resource.
struct Planned {
    address: String,
    resource: String,
    change: Value,
}

impl Plan {
    pub fn from_shown(shown: &Value) -> Self {
        let changes = shown["resource_changes"].as_array().expect("changes of resources");
        Self(changes.iter().map(Planned::from_shown).collect())
    }

    /// That nothing is made, replaced or destroyed.
    pub fn updates_in_place(&self) {
        self.does(&["update"]);
    }

    /// That nothing survives.
    pub fn replaces(&self) {
        self.does(&["delete", "create"]);
    }

    fn does(&self, actions: &[&str]) {
        for Planned { address, change, .. } in &self.0 {
            assert_eq!(change["actions"], json!(actions), "{address}");
        }
    }

    /// Whether some resource will have another value there, and it is known which.
    pub fn changes(&self, argument: &Argument) -> bool {
        self.of(argument).any(|Planned { change, .. }| {
            let unknown = argument.values(&change["after_unknown"]);
            values(argument, &change["before"]) != values(argument, &change["after"])
                && !unknown.contains(&&Value::Bool(true))
        })
    }

    /// Whether some resource has a value there and will have none.
    pub fn takes_away(&self, argument: &Argument) -> bool {
        let given = |state: &Value| argument.values(state).into_iter().any(is_given);
        self.of(argument).any(|Planned { change, .. }| given(&change["before"]) && !given(&change["after"]))
    }

    /// What a change of which is a change of resource.
    pub fn why_replaced(&self) -> Vec<Argument> {
        let all: BTreeSet<_> = self.0.iter().flat_map(Planned::why_replaced).collect();
        all.into_iter().collect()
    }

    fn of(&self, argument: &Argument) -> impl Iterator<Item = &Planned> {
        self.0.iter().filter(|planned| planned.resource == argument.resource)
    }
}

/// In no order, for sets have none.
fn values(argument: &Argument, resource: &Value) -> Vec<String> {
    let mut values: Vec<_> = argument.values(resource).into_iter().map(Value::to_string).collect();
    values.sort();
    values
}

impl Planned {
    fn from_shown(shown: &Value) -> Self {
        let text = |name: &str| shown[name].as_str().expect("a text").to_owned();
        Self { address: text("address"), resource: text("type"), change: shown["change"].clone() }
    }

    fn why_replaced(&self) -> Vec<Argument> {
        let paths = self.change["replace_paths"].as_array().expect("why it is replaced");
        paths.iter().map(|path| Argument { resource: self.resource.clone(), path: names(path) }).collect()
    }
}

/// The names on a path that may have indices in it.
fn names(path: &Value) -> Vec<String> {
    path.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}
