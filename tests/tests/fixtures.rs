//! Real App Mesh definitions, which their authors once ran, through the whole system.
//!
//! They are third-party data and no part of this repository: the suite reads them from `../shared/fixtures` where that
//! folder stands beside the checkout, and says loudly where it does not.
//!
//! Each scenario is a list of API calls in the order in which they worked. It is performed, described back, and deleted
//! in reverse order.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what fails in a helper fails the test that uses it, with a message"
)]

#[path = "fixtures/scenario.rs"]
mod scenario;

use mesh_tests::{Api, ControlPlane};
use scenario::{Scenario, Step};
use serde_json::Value;

#[tokio::test(flavor = "multi_thread")]
async fn every_scenario_is_created_described_as_sent_and_deleted() {
    let Some(scenarios) = scenario::all() else { return };
    let control_plane = ControlPlane::start().await;
    let mut resources = 0;
    for scenario in &scenarios {
        perform(control_plane.api(), scenario).await;
        resources += describe(control_plane.api(), scenario).await;
        delete(control_plane.api(), scenario).await;
    }
    assert_eq!(control_plane.api().get("/meshes").await["meshes"], serde_json::json!([]), "something was left");
    println!("{} scenarios, {resources} resources", scenarios.len());
    control_plane.stop().await;
}

/// Performs the scenario's own calls.
async fn perform(api: &Api, scenario: &Scenario) {
    for step in &scenario.steps {
        let answer = match step.method().as_str() {
            "DELETE" => api.try_delete(&step.path()).await,
            _ => api.try_put(&step.path(), step.body()).await,
        };
        if let Err(refusal) = answer {
            panic!("{}: {} {} was refused: {refusal:?}", scenario.id, step.op, step.path());
        }
    }
}

/// Describes what the calls left, which must be as it was sent last; answers how many resources that is.
async fn describe(api: &Api, scenario: &Scenario) -> usize {
    let left = scenario.left();
    for step in &left {
        let described = api.get(&step.item()).await;
        let what = format!("{}: {}", scenario.id, step.item());
        assert_eq!(described["spec"], with_lists(step, step.spec()), "{what}");
        assert_eq!(described["status"]["status"], "ACTIVE", "{what}");
        assert_eq!(&described[functions::routes::name_member(step.kind())], step.name(), "{what}");
    }
    left.len()
}

/// Deletes what the calls left, last first.
async fn delete(api: &Api, scenario: &Scenario) {
    for step in scenario.left().iter().rev() {
        let deleted = api.try_delete(&step.item()).await;
        let deleted = deleted.unwrap_or_else(|refusal| panic!("{}: {}: {refusal:?}", scenario.id, step.item()));
        assert_eq!(deleted["status"]["status"], "DELETED");
    }
}

/// The only thing that is filled in: the two lists of a virtual node, empty where they were not given.
fn with_lists(step: &Step, mut spec: Value) -> Value {
    if step.op.ends_with("VirtualNode") {
        let spec = spec.as_object_mut().expect("a spec is an object");
        for list in ["backends", "listeners"] {
            spec.entry(list).or_insert_with(|| Value::Array(Vec::new()));
        }
    }
    spec
}
