//! What the API traces. In a program of its own: whether anything is traced is decided once for all threads of one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what fails in a helper fails the test that uses it, with a message"
)]

use axum::body::Body;
use axum::http::Request;
use functions::{App, AppConfig, router};
use mesh_log::sqlite::SqliteLog;
use serde_json::{Value, json};
use std::io::Write;
use std::sync::{Arc, Mutex};
use tower::ServiceExt;

/// A place to trace to.
#[derive(Clone, Default)]
struct Traced(Arc<Mutex<Vec<u8>>>);

impl Write for Traced {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("nobody panics").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Creates a mesh with a secret wherever there is room for one, and asks for a node it does not have.
async fn two_requests() {
    let log = Arc::new(SqliteLog::in_memory().expect("a log"));
    let router = router(App::new(log, AppConfig::new("123456789012", "eu-west-1")));
    let tags = json!([{ "key": "k", "value": "tag-5ec7e7" }]);
    let create = Request::put("/v20190125/meshes")
        .header("authorization", "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/x, SignedHeaders=host, Signature=5ec7e7")
        .header("x-amz-security-token", "session-5ec7e7")
        .body(json!({ "meshName": "m", "clientToken": "token-5ec7e7", "tags": tags }).to_string().into());
    let describe = Request::get("/v20190125/meshes/m/virtualNodes/n?nextToken=page-5ec7e7").body(Body::empty());
    for (request, status) in [(create, 200), (describe, 404)] {
        let answer = router.clone().oneshot(request.expect("a request")).await.expect("an answer");
        assert_eq!(answer.status(), status);
    }
}

#[tokio::test]
async fn a_request_is_traced_in_one_line_without_anything_secret() {
    let traced = Traced::default();
    let writer = traced.clone();
    let subscriber = tracing_subscriber::fmt().json().with_writer(move || writer.clone()).finish();
    let guard = tracing::subscriber::set_default(subscriber);
    two_requests().await;
    drop(guard);
    let text = String::from_utf8(traced.0.lock().expect("nobody panics").clone()).expect("text");
    assert!(!text.contains("5ec7e7") && !text.contains("AKIDEXAMPLE"), "{text}");
    let mut lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    lines.retain(|line| line["target"].as_str().is_some_and(|target| target.starts_with("functions")));
    assert_eq!(lines.len(), 2, "{text}");
    check(&lines[0], "CreateMesh", "mesh m", 200);
    check(&lines[1], "DescribeVirtualNode", "virtualNode n", 404);
}

#[track_caller]
fn check(line: &Value, operation: &str, resource: &str, status: u16) {
    let (span, fields) = (&line["span"], &line["fields"]);
    assert_eq!((&span["operation"], &span["mesh.name"]), (&json!(operation), &json!("m")));
    assert_eq!(span["resource"], resource);
    assert_eq!((&line["level"], &fields["status"]), (&json!("INFO"), &json!(status)));
    assert!(fields["duration_ms"].is_f64());
}
