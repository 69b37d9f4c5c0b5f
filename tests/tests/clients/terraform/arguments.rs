//! What the provider's schema says there is to give.

use serde_json::Value;
use std::fmt;

/// The provider's name in the schema.
const PROVIDER: &str = "registry.terraform.io/hashicorp/aws";

/// How many arguments the provider has in its version 5.100: later ones may have more.
const ARGUMENTS: usize = 290;

/// One argument of a resource: of what, and where in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Argument {
    pub resource: String,
    pub path: Vec<String>,
}

/// All arguments of all App Mesh resources.
pub struct Arguments(Vec<Argument>);

impl Arguments {
    /// From what `terraform providers schema` prints.
    pub fn from_schemas(schemas: &Value) -> Self {
        let resources = schemas["provider_schemas"][PROVIDER]["resource_schemas"].as_object().expect("resources");
        let mut all = Vec::new();
        for (resource, schema) in resources.iter().filter(|(name, _)| name.starts_with("aws_appmesh_")) {
            collect(resource, &[], &schema["block"], &mut all);
        }
        all.sort();
        assert!(all.len() >= ARGUMENTS, "of {ARGUMENTS} arguments {} were found", all.len());
        Self(all)
    }

    /// Those that are not so.
    pub fn without(&self, so: impl Fn(&Argument) -> bool) -> impl Iterator<Item = Argument> {
        self.0.iter().filter(move |argument| !so(argument)).cloned()
    }
}

fn collect(resource: &str, path: &[String], block: &Value, into: &mut Vec<Argument>) {
    let below = |name: &str| [path, &[name.to_owned()]].concat();
    for (name, attribute) in block["attributes"].as_object().into_iter().flatten() {
        if attribute["required"] == true || attribute["optional"] == true {
            into.push(Argument { resource: resource.to_owned(), path: below(name) });
        }
    }
    for (name, nested) in block["block_types"].as_object().into_iter().flatten() {
        collect(resource, &below(name), &nested["block"], into);
    }
}

impl Argument {
    /// Every value it has in a resource: a block may be there several times.
    pub fn values<'v>(&self, resource: &'v Value) -> Vec<&'v Value> {
        let mut found = vec![resource];
        for name in &self.path {
            found = found.into_iter().flat_map(one_or_many).filter_map(|value| value.get(name)).collect();
        }
        found
    }
}

fn one_or_many(value: &Value) -> Vec<&Value> {
    value.as_array().map_or_else(|| vec![value], |many| many.iter().collect())
}

impl fmt::Display for Argument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.resource, self.path.join("."))
    }
}

/// Whether a value says something: the provider has zeros and empty strings where nothing was given.
pub fn is_given(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(yes) => *yes,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(values) => !values.is_empty(),
        Value::Object(members) => !members.is_empty(),
    }
}
