//! Terraform with the AWS provider, where both are on the machine: a strict client, whose second plan is empty only if
//! every member of every answer is what it was when it was sent.
//!
//! The provider's own schema says what arguments there are. Each of them is given, changed and, where it may be, taken
//! away again, and Terraform says itself that it changes in place what need not be replaced.

#[path = "terraform/arguments.rs"]
mod arguments;
#[path = "terraform/command.rs"]
mod command;
#[path = "terraform/left_out.rs"]
mod left_out;
#[path = "terraform/plan.rs"]
mod plan;
#[path = "terraform/state.rs"]
mod state;

use arguments::{Argument, Arguments};
use command::Terraform;
use left_out::{LEFT_OUT, Step};
use mesh_tests::ControlPlane;
use plan::Plan;
use serde_json::json;
use state::State;
use std::io::Write;

/// The first value of every pair in the configuration, the second, and neither.
const FIRST: &[&str] = &["-var=round=0"];
const SECOND: &[&str] = &["-var=round=1"];
const BARE: &[&str] = &["-var=round=2"];

/// What is fixed when a resource is made, and other values for all of it.
const FIXED: [&str; 5] = ["name", "mesh_name", "mesh_owner", "virtual_router_name", "virtual_gateway_name"];
const ELSEWHERE: &[&str] = &["-var=round=1", "-var=suffix=-2", "-var=owner=111111111111"];

#[tokio::test(flavor = "multi_thread")]
async fn every_argument_is_given_changed_in_place_imported_read_and_taken_away_and_no_second_plan_has_anything_to_do() {
    let provider = match command::provider().await {
        Ok(provider) => provider,
        Err(reason) => return say(&format!("SKIPPED, Terraform was not tested: {reason}")),
    };
    let control_plane = ControlPlane::start().await;
    let terraform = Terraform::new(&control_plane, &provider);
    terraform.configure("main.tf").configure("whole");
    let arguments = terraform.arguments().await;

    everything_is_made(&terraform, &arguments).await;
    everything_changes_in_place(&terraform, &arguments).await;
    another_name_or_owner_is_another_resource(&terraform, &arguments).await;
    everything_is_imported_and_read(&terraform).await;
    everything_is_taken_away(&terraform, &arguments).await;
    terraform.with_endpoint_in_configuration().destroy(BARE).await;

    assert_eq!(control_plane.api().get("/meshes").await["meshes"], json!([]));
    control_plane.stop().await;
}

async fn everything_is_made(terraform: &Terraform, arguments: &Arguments) {
    terraform.apply(FIRST).await;
    let made = terraform.state();
    compare_with_what_is_left_out(arguments.without(|argument| made.gives(argument)), Step::Given);
    terraform.changes_nothing(FIRST).await;
}

async fn everything_changes_in_place(terraform: &Terraform, arguments: &Arguments) {
    let plan = terraform.plan(SECOND).await;
    plan.updates_in_place();
    let unchanged = arguments.without(|argument| is_fixed(argument) || plan.changes(argument));
    compare_with_what_is_left_out(unchanged, Step::Changed);
    terraform.apply_planned().await;
    terraform.changes_nothing(SECOND).await;
}

async fn another_name_or_owner_is_another_resource(terraform: &Terraform, arguments: &Arguments) {
    let plan = terraform.plan(ELSEWHERE).await;
    plan.replaces();
    let fixed: Vec<_> = arguments.without(|argument| !is_fixed(argument)).collect();
    assert_eq!(plan.why_replaced(), fixed, "what a resource is replaced for");
}

/// What is read of a mesh made by others is what was known of it when Terraform had made it itself.
async fn everything_is_imported_and_read(terraform: &Terraform) {
    let made = terraform.forget();
    terraform.write("import.tf", &made.imports()).configure("read.tf");
    let imported = terraform.apply(SECOND).await;
    let told = format!("Resources: {} imported, 0 added, 0 changed, 0 destroyed.", made.managed().count());
    assert!(imported.contains(&told), "{told} {imported}");
    let read = terraform.state();
    made.is_as(&read);
    read.data_sources_tell_what_the_resources_do();
    terraform.changes_nothing(SECOND).await;
}

/// The same resources with hardly anything in them, in place still.
async fn everything_is_taken_away(terraform: &Terraform, arguments: &Arguments) {
    terraform.remove("import.tf").remove("read.tf").remove("whole").configure("bare");
    let plan = terraform.plan(BARE).await;
    plan.updates_in_place();
    let kept = arguments.without(|argument| is_fixed(argument) || plan.takes_away(argument));
    compare_with_what_is_left_out(kept, Step::TakenAway);
    terraform.apply_planned().await;
    terraform.changes_nothing(BARE).await;
}

fn is_fixed(argument: &Argument) -> bool {
    FIXED.contains(&argument.path.join(".").as_str())
}

/// That nothing is missing but what has a reason, and that no reason is given for what is not missing.
fn compare_with_what_is_left_out(missing: impl Iterator<Item = Argument>, step: Step) {
    let left_out: Vec<_> = LEFT_OUT.iter().filter(|left_out| left_out.concerns(step)).collect();
    let (excused, without_reason): (Vec<_>, Vec<_>) =
        missing.partition(|argument| left_out.iter().any(|left_out| left_out.is(argument)));
    assert!(without_reason.is_empty(), "these are not {step:?}: {}", list(&without_reason));
    for left_out in left_out {
        assert!(excused.iter().any(|argument| left_out.is(argument)), "it is {step:?} all the same: {left_out}");
        if left_out.begins_with(step) {
            say(&format!("LEFT OUT, not {step:?}: {left_out}"));
        }
    }
}

fn list(arguments: &[Argument]) -> String {
    arguments.iter().map(|argument| format!("\n  {argument}")).collect()
}

/// Not `eprintln!`, which the test runner keeps to itself when a test passes.
fn say(line: &str) {
    drop(writeln!(std::io::stderr(), "{line}"));
}
