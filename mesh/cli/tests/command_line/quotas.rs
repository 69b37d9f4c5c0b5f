//! `remesh up --quota`.

use super::{Up, output, put, stderr, stdout};
use serde_json::json;

#[test]
fn a_quota_holds_and_its_refusal_names_it() {
    let up = Up::start(&["--quota", "meshes-per-account=2", "--quota", "virtual-nodes-per-mesh=1"]);
    let meshes = format!("{}/v20190125/meshes", up.url("api"));
    for name in ["a", "b"] {
        assert_eq!(put(&meshes, json!({ "meshName": name }))["meshName"], name);
    }
    let refused = put(&meshes, json!({ "meshName": "c" }));
    assert_eq!(
        refused["message"],
        "The quota meshes-per-account is 2, and mesh c for account 000000000000 would be number 3"
    );
    let nodes = format!("{meshes}/a/virtualNodes");
    assert_eq!(put(&nodes, json!({ "virtualNodeName": "x", "spec": {} }))["virtualNodeName"], "x");
    let refused = put(&nodes, json!({ "virtualNodeName": "y", "spec": {} }));
    assert!(refused["message"].as_str().unwrap().starts_with("The quota virtual-nodes-per-mesh is 1"), "{refused}");
}

#[test]
fn a_quota_is_raised_by_starting_again_and_what_is_there_stays_when_it_is_lowered() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mesh.db");
    let start =
        |limit: &str| Up::start(&["--data", file.to_str().unwrap(), "--quota", &format!("meshes-per-account={limit}")]);
    let create = |up: &Up, name: &str| put(&format!("{}/v20190125/meshes", up.url("api")), json!({ "meshName": name }));
    let up = start("1");
    assert_eq!(create(&up, "a")["meshName"], "a");
    assert!(create(&up, "b")["message"].is_string());
    up.end("-TERM");
    let up = start("2");
    assert_eq!(create(&up, "b")["meshName"], "b");
    up.end("-TERM");
    let up = start("0");
    assert!(create(&up, "c")["message"].is_string());
    let spec = json!({ "spec": { "egressFilter": { "type": "ALLOW_ALL" } } });
    assert_eq!(put(&format!("{}/v20190125/meshes/a", up.url("api")), spec)["metadata"]["version"], 2);
}

#[test]
fn a_quota_that_is_none_is_refused_with_those_there_are() {
    for quota in
        ["meshes-per-account", "meshes=3", "meshes-per-account=", "meshes-per-account=-1", "meshes-per-account=1.5", ""]
    {
        let refused = output(&["up", "--quota", quota]);
        assert_eq!(refused.status.code(), Some(2), "{quota}");
        let said = stderr(&refused);
        assert!(stdout(&refused).is_empty() && said.contains("NAME=NUMBER"), "{said}");
        for name in ["virtual-nodes-per-mesh", "backends-per-virtual-node"] {
            assert!(said.contains(name), "{said}");
        }
    }
}
