//! boto3, by a script of its own.

use super::beside;
use mesh_tests::ControlPlane;
use mesh_tests::tools::python_tool;
use serde_json::{Value, json};
use tokio::process::Command;

#[tokio::test(flavor = "multi_thread")]
async fn boto3_performs_every_operation_and_raises_app_meshs_exceptions() {
    let control_plane = ControlPlane::start().await;
    let script = Command::new(python_tool("python"))
        .arg(beside("boto3_client.py"))
        .arg(control_plane.api().url())
        .arg(beside("definitions.json"))
        .output()
        .await
        .expect("Python runs");
    assert!(script.status.success(), "{}", String::from_utf8_lossy(&script.stderr));
    let figures: Value = serde_json::from_slice(&script.stdout).expect("the script says what it did");
    assert_eq!(figures["operations"], json!(38));
    control_plane.stop().await;
}
