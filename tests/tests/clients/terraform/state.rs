//! What Terraform remembers of the resources it made, imported or read.

use super::arguments::{Argument, is_given};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// By address.
pub struct State(BTreeMap<String, Remembered>);

/// One resource, or what a data source told of one.
#[derive(Debug, PartialEq)]
struct Remembered {
    resource: String,
    is_data: bool,
    attributes: Value,
}

impl State {
    /// From a state file.
    pub fn from_file(file: &Value) -> Self {
        let resources = file["resources"].as_array().expect("resources");
        Self(resources.iter().flat_map(instances).collect())
    }

    /// Whether some resource has a value there.
    pub fn gives(&self, argument: &Argument) -> bool {
        let mut alike = self.0.values().filter(|remembered| remembered.resource == argument.resource);
        alike.any(|remembered| argument.values(&remembered.attributes).into_iter().any(is_given))
    }

    /// The resources with their addresses, without what was read by data sources.
    pub fn managed(&self) -> impl Iterator<Item = (&String, &Value)> {
        let managed = self.0.iter().filter(|(_, remembered)| !remembered.is_data);
        managed.map(|(address, remembered)| (address, &remembered.attributes))
    }

    /// Blocks that import all of it.
    pub fn imports(&self) -> String {
        let block = |(address, attributes)| format!("import {{\n  to = {address}\n  id = {:?}\n}}\n", name(attributes));
        self.managed().map(block).collect()
    }

    /// That another state has the same of the same resources.
    pub fn is_as(&self, other: &Self) {
        for (address, attributes) in self.managed() {
            assert_eq!(*attributes, other.0[address].attributes, "{address}");
        }
    }

    /// That there is a data source for every resource, and that both say the same.
    pub fn data_sources_tell_what_the_resources_do(&self) {
        for (address, resource) in self.managed() {
            let same = |told: &&Remembered| told.is_data && told.attributes["arn"] == resource["arn"];
            let told = self.0.values().find(same).unwrap_or_else(|| panic!("nothing reads {address}"));
            for (name, value) in
                told.attributes.as_object().expect("attributes").iter().filter(|(name, _)| is_told(name))
            {
                assert_eq!(without_nothings(value), without_nothings(&resource[name]), "{name} of {address}");
            }
        }
    }
}

fn instances(resource: &Value) -> Vec<(String, Remembered)> {
    let text = |name: &str| resource[name].as_str().expect("a text").to_owned();
    let (kind, name, is_data) = (text("type"), text("name"), resource["mode"] == "data");
    let address = |instance: &Value| match &instance["index_key"] {
        Value::Null => format!("{kind}.{name}"),
        key => format!("{kind}.{name}[{key}]"),
    };
    let remembered = |instance: &Value| {
        let address = if is_data { format!("data.{}", address(instance)) } else { address(instance) };
        (address, Remembered { resource: kind.clone(), is_data, attributes: instance["attributes"].clone() })
    };
    resource["instances"].as_array().into_iter().flatten().map(remembered).collect()
}

/// What a resource is imported by: the names on the way to it.
fn name(attributes: &Value) -> String {
    let names = ["mesh_name", "virtual_router_name", "virtual_gateway_name", "name"];
    names.iter().filter_map(|name| attributes[*name].as_str()).collect::<Vec<_>>().join("/")
}

/// A data source's identifier is a name. Its tags it asks for only where it knows the account to be the mesh's, which it
/// would ask STS for, and there is none here: that tags can be read, the resources show.
fn is_told(name: &str) -> bool {
    !["id", "tags"].contains(&name)
}

/// A data source has a null where a resource has an empty list.
fn without_nothings(value: &Value) -> Value {
    match value {
        Value::Null => json!([]),
        Value::Array(values) => values.iter().map(without_nothings).collect(),
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), without_nothings(value))).collect(),
        other => other.clone(),
    }
}
