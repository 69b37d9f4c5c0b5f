//! The clients people have: aws-sdk-appmesh, the AWS CLI, boto3 and Terraform, unmodified, against a whole system.
//!
//! Each performs all 38 operations on `clients/definitions.json`, a mesh that uses nearly every field there is; Terraform
//! keeps to what it manages, and the AWS CLI performs the examples of its own documentation besides. Nothing is replaced
//! here but the service endpoint's address.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what fails in a helper fails the test that uses it, with a message"
)]

#[path = "clients/boto3.rs"]
mod boto3;
#[path = "clients/cli.rs"]
mod cli;
#[path = "clients/examples.rs"]
mod examples;
#[path = "clients/raw.rs"]
mod raw;
#[path = "clients/retries.rs"]
mod retries;
#[path = "clients/sdk.rs"]
mod sdk;
#[path = "clients/specs.rs"]
mod specs;
#[path = "clients/terraform.rs"]
mod terraform;

use serde::Deserialize;
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// A resource as the definitions have it: what it is, what names it, and two specs it can have.
#[derive(Deserialize)]
struct Definition {
    kind: String,
    names: Map<String, Value>,
    spec: Value,
    changed: Value,
}

fn definitions() -> Vec<Definition> {
    let text = std::fs::read_to_string(beside("definitions.json")).expect("the definitions are there");
    serde_json::from_str(&text).expect("the definitions are definitions")
}

/// A file of this suite.
fn beside(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(name)
}
