//! The operations of the model against the API's one table of them, and its exceptions against ours.

use crate::service::Model;
use functions::error::Exception;
use functions::routes::Operation;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;

#[test]
fn every_operation_has_the_models_name_method_and_path() {
    let model = Model::find();
    let theirs: BTreeSet<_> = model
        .operations()
        .map(|(name, operation)| {
            (name.clone(), text(&operation["http"]["method"]), text(&operation["http"]["requestUri"]))
        })
        .collect();
    let ours: BTreeSet<_> = Operation::all().map(|it| (it.name(), it.method().to_string(), it.path())).collect();
    assert_eq!(ours, theirs);
    assert_eq!(ours.len(), 38);
}

#[test]
fn every_operation_is_in_the_compatibility_table_with_its_request() {
    let table = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/api-compatibility.md");
    let table = std::fs::read_to_string(table).unwrap();
    for operation in Operation::all() {
        let path = operation.path().replacen("/v20190125", "", 1);
        let row = format!("| `{}` | `{} {path}` |", operation.name(), operation.method());
        assert!(table.contains(&row), "no row begins {row}");
    }
}

#[test]
fn every_operation_answers_200_where_it_succeeds() {
    for (name, operation) in Model::find().operations() {
        assert_eq!(operation["http"]["responseCode"], json!(200), "{name}");
    }
}

#[test]
fn every_exception_has_the_models_name_and_status() {
    let model = Model::find();
    let theirs: BTreeSet<_> = model
        .operations()
        .flat_map(|(_, operation)| operation["errors"].as_array().into_iter().flatten())
        .map(|error| text(&error["shape"]))
        .map(|name| (model.status(&name), name))
        .collect();
    let ours: BTreeSet<_> = Exception::ALL.map(|it| (i64::from(it.status().as_u16()), it.name().to_owned())).into();
    assert_eq!(ours, theirs);
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
