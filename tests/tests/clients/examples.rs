//! The examples of the AWS CLI's own documentation, run as they are printed, and compared with the outputs printed there.
//!
//! They are read from the installed package, so none is copied here and none is left out: each example has a control
//! plane to itself, which is of the account and the region that its ARNs name and holds what it presupposes. What an
//! answer has otherwise than its example is either what no two answers share, or stands in [`DEVIATIONS`] with its reason.

#[path = "examples/compare.rs"]
mod compare;
#[path = "examples/deviations.rs"]
mod deviations;
#[path = "examples/given.rs"]
mod given;
#[path = "examples/package.rs"]
mod package;

use compare::differences;
use deviations::DEVIATIONS;
use futures::StreamExt;
use given::Given;
use mesh_tests::api::Api;
use mesh_tests::tools::python_tool;
use package::Example;
use serde_json::{Value, json};
use std::ffi::OsString;
use tokio::process::Command;

/// The account that the examples are of.
const ACCOUNT: &str = "123456789012";

/// How many files of examples awscli 1.46.3 has: later ones may have more.
const FILES: usize = 29;

/// The AWS CLI takes a second of a processor for each.
const AT_A_TIME: usize = 2;

#[tokio::test(flavor = "multi_thread")]
async fn every_example_of_the_aws_clis_documentation_answers_as_it_is_documented() {
    let package = package::examples();
    let files: Vec<_> = package.iter().filter(|example| example.nth == 1).map(|example| &example.file).collect();
    assert!(files.len() >= FILES, "examples are missing from the package: {files:?}");
    let runs = futures::stream::iter(&package).map(|example| complaints_of(example, &package));
    let complaints: Vec<String> = runs.buffer_unordered(AT_A_TIME).map(futures::stream::iter).flatten().collect().await;
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn the_service_models_file_of_examples_is_empty() {
    // Were there examples for an SDK one day, they would have to be run here beside those of the CLI.
    let model = package::model_examples();
    assert_eq!(model["examples"], json!({}), "botocore has examples for App Mesh now: run them");
}

/// What is wrong with the answer to an example.
async fn complaints_of(example: &Example, package: &[Example]) -> Vec<String> {
    let config =
        mesh_local::Config { account: ACCOUNT.into(), region: example.region(), ..mesh_local::Config::on_free_ports() };
    let running = mesh_local::start(config).await.expect("a control plane");
    let api = Api::at(running.api_addr());
    let given = Given { api: &api, package };
    given.what_is_presupposed_by(example).await;
    let mut complaints = match run(example, &api).await {
        Ok(answered) => unexplained(example, &answered),
        Err(error) => vec![error],
    };
    complaints.extend(given.left_undone_by(example).await);
    running.stop().await;
    complaints.into_iter().map(|complaint| format!("{} example {}: {complaint}", example.file, example.nth)).collect()
}

/// The command as it is printed, by a shell, in a folder that holds the files it names. Only the environment says where.
async fn run(example: &Example, api: &Api) -> Result<Value, String> {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, contents) in &example.files {
        std::fs::write(folder.path().join(name), contents).expect("the example's file is written");
    }
    let output = Command::new("sh")
        .args(["-c", &example.command])
        .current_dir(folder.path())
        .env("PATH", path_with_the_cli())
        .env("AWS_ENDPOINT_URL", api.url())
        .env("AWS_DEFAULT_REGION", example.region())
        .env("AWS_DEFAULT_OUTPUT", "json")
        .env("AWS_ACCESS_KEY_ID", "any")
        .env("AWS_SECRET_ACCESS_KEY", "thing")
        .env("AWS_MAX_ATTEMPTS", "1")
        .env("AWS_CONFIG_FILE", "none")
        .env("AWS_SHARED_CREDENTIALS_FILE", "none")
        .output()
        .await
        .expect("a shell runs");
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    if output.stdout.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("{error}: {}", String::from_utf8_lossy(&output.stdout)))
}

/// The installed CLI before any other.
fn path_with_the_cli() -> OsString {
    let aws = python_tool("aws");
    let folder = aws.parent().expect("a program lies in a folder").to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths(std::iter::once(folder).chain(std::env::split_paths(&path))).expect("folders make a path")
}

/// The differences that are not listed, and the listed ones that are none any more.
fn unexplained(example: &Example, answered: &Value) -> Vec<String> {
    let found = differences(&example.output, answered);
    let listed: Vec<_> =
        DEVIATIONS.iter().filter(|listed| listed.file == example.file && listed.nth == example.nth).collect();
    let unlisted = found.iter().filter(|difference| !listed.iter().any(|listed| listed.explains(difference)));
    let stale = listed.iter().filter(|listed| !found.iter().any(|difference| listed.explains(difference)));
    let stale = stale.map(|listed| format!("{} is no longer as listed ({})", listed.at, listed.reason));
    unlisted.map(ToString::to_string).chain(stale).collect()
}
