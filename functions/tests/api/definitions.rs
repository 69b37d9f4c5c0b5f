//! Real App Mesh definitions, which their authors once ran: no rule may refuse one of them.
//!
//! They are third-party data and no part of this repository. The whole-system suite serves them to real Envoys; here only
//! the API is asked, which takes a second and so is asked with every change of a rule. Each is asked for again as an update,
//! as controllers do that compare what they want with what is described: it must come to rest.

use crate::api::Api;
use functions::routes::{BASE, Operation};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

#[tokio::test]
async fn no_rule_refuses_a_definition_that_worked_and_asking_for_it_again_changes_nothing() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/fixtures/scenarios");
    let Ok(files) = std::fs::read_dir(&folder) else {
        println!("SKIPPED, real definitions were not tested: no ../shared/fixtures beside the checkout");
        return;
    };
    let files: Vec<PathBuf> = files.map(|file| file.expect("a file").path()).collect();
    assert!(!files.is_empty(), "no scenario in {}", folder.display());
    for file in files {
        let scenario: Value = serde_json::from_slice(&std::fs::read(&file).expect("a scenario")).expect("JSON");
        let api = Api::new();
        for step in scenario["steps"].as_array().expect("steps") {
            perform(&api, step).await;
        }
    }
}

async fn perform(api: &Api, step: &Value) {
    let name = step["op"].as_str().expect("an operation");
    let done = call(api, name, &step["params"]).await;
    if let Some(kind) = name.strip_prefix("Create") {
        let described = call(api, &format!("Describe{kind}"), &step["params"]).await;
        assert_eq!(described, done, "{name}");
        let again = call(api, &format!("Update{kind}"), &step["params"]).await;
        assert_eq!(again, done, "{name} again");
    }
}

/// Performs an operation with these members, as far as it has them.
async fn call(api: &Api, name: &str, params: &Value) -> Value {
    let operation = Operation::all().find(|it| it.name() == name).unwrap_or_else(|| panic!("{name} is no operation"));
    let (mut path, mut body) = (operation.path(), Map::new());
    for (member, value) in params.as_object().expect("an input") {
        let part = format!("{{{member}}}");
        match value.as_str().filter(|_| path.contains(&part)) {
            Some(text) => path = path.replace(&part, text),
            None => drop(body.insert(member.clone(), value.clone())),
        }
    }
    let body = axum::body::Body::from(Value::Object(body).to_string());
    api.send(operation.method(), path.trim_start_matches(BASE), body).await.ok()
}
