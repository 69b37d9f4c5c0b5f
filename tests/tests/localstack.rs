//! The shape Remesh has in AWS, on this machine: Lambda functions, a table and its stream on LocalStack, the relay.
//!
//! LocalStack runs without Docker here (`localstack/run`), in a network namespace of the test. Where it is not installed
//! nothing of this is tested, and that is said.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what fails in a test's set-up fails the test"
)]

#[path = "localstack/files.rs"]
mod files;
#[path = "localstack/laws.rs"]
mod laws;
#[path = "localstack/whole.rs"]
mod whole;

use mesh_tests::tools;
use std::io::Write;

/// Whether LocalStack can be used; said aloud where not.
fn is_here() -> bool {
    let missing = tools::localstack().err();
    if let Some(reason) = &missing {
        // Not `eprintln!`, which the test runner keeps to itself when a test passes.
        writeln!(std::io::stderr(), "SKIPPED, nothing was tested on LocalStack: {reason}").expect("stderr is there");
    }
    missing.is_none()
}
