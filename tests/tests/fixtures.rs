//! Real App Mesh definitions, which their authors once ran, through the whole system.
//!
//! They are third-party data and no part of this repository: the suite reads them from `../shared/fixtures` where that
//! folder stands beside the checkout, and says loudly where it does not.
//!
//! Each scenario is a list of API calls in the order in which they worked. It is performed and described back, real
//! Envoys are started for every virtual node and virtual gateway in it, and it is deleted in reverse order.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what fails in a helper fails the test that uses it, with a message"
)]

#[path = "fixtures/fleet.rs"]
mod fleet;
#[path = "fixtures/left_out.rs"]
mod left_out;
#[path = "fixtures/scenario.rs"]
mod scenario;

use fleet::Fleet;
use mesh_tests::{Api, ControlPlane, bed};
use scenario::{Scenario, Step, say};
use serde_json::Value;

#[test]
fn every_scenario_is_created_described_as_sent_served_to_real_envoys_and_deleted() {
    let Some(scenarios) = scenario::all() else { return };
    bed::run(async |bed| {
        let fleet = Fleet::new(bed);
        let (mut resources, mut envoys) = (0, 0);
        for scenario in &scenarios {
            let (described, served) = run(bed.plane(), &fleet, scenario).await;
            resources += described;
            envoys += served;
        }
        assert_eq!(bed.plane().api().get("/meshes").await["meshes"], serde_json::json!([]), "something was left");
        say(&format!("{} scenarios, {resources} resources, {envoys} Envoys", scenarios.len()));
    });
}

/// Takes a scenario from its first call to its last deletion; answers how many resources and Envoys that were.
async fn run(plane: &ControlPlane, fleet: &Fleet, scenario: &Scenario) -> (usize, usize) {
    let (making, unmaking) = scenario.halves();
    let made = scenario::left(making);
    perform(plane.api(), scenario, making).await;
    describe(plane.api(), scenario, &made).await;
    let served = fleet.serve(plane, scenario, &made).await;
    perform(plane.api(), scenario, unmaking).await;
    delete(plane.api(), scenario).await;
    (made.len(), served)
}

/// Performs calls of the scenario.
async fn perform(api: &Api, scenario: &Scenario, steps: &[Step]) {
    for step in steps {
        let answer = match step.method().as_str() {
            "DELETE" => api.try_delete(&step.path()).await,
            _ => api.try_put(&step.path(), step.body()).await,
        };
        if let Err(refusal) = answer {
            panic!("{}: {} {} was refused: {refusal:?}", scenario.id, step.op, step.path());
        }
    }
}

/// Describes what the calls made, which must be as it was sent last.
async fn describe(api: &Api, scenario: &Scenario, made: &[Step]) {
    for step in made {
        let described = api.get(&step.item()).await;
        let what = format!("{}: {}", scenario.id, step.item());
        assert_eq!(described["spec"], with_lists(step, step.spec()), "{what}");
        assert_eq!(described["status"]["status"], "ACTIVE", "{what}");
        assert_eq!(&described[functions::routes::name_member(step.kind())], step.name(), "{what}");
    }
}

/// Deletes what all the calls left, last first.
async fn delete(api: &Api, scenario: &Scenario) {
    for step in scenario::left(&scenario.steps).iter().rev() {
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
