//! What the API traces. In a program of its own: whether anything is traced is decided once for all threads of one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what fails in a helper fails the test that uses it, with a message"
)]

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::response::Response;
use functions::{App, AppConfig, router};
use mesh_core::{Entry, MeshKey, Record, Seq};
use mesh_log::sqlite::SqliteLog;
use mesh_log::{AppendError, Checkpoint, EventLog, LogError};
use serde_json::{Value, json};
use std::collections::BTreeMap;
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

/// A log that is out of reach for one mesh, and has a bug with another.
struct Troubled(SqliteLog);

#[async_trait]
impl EventLog for Troubled {
    async fn read(&self, mesh: &MeshKey, after: Seq) -> Result<Vec<Record>, LogError> {
        match mesh.name.as_str() {
            "away" => Err(LogError::Unavailable("down".into())),
            "bug" => panic!("a bug"),
            _ => self.0.read(mesh, after).await,
        }
    }

    async fn append(&self, mesh: &MeshKey, expected: Seq, entries: Vec<Entry>) -> Result<Seq, AppendError> {
        self.0.append(mesh, expected, entries).await
    }

    async fn heads(&self) -> Result<BTreeMap<MeshKey, Seq>, LogError> {
        self.0.heads().await
    }

    async fn checkpoint(&self, mesh: &MeshKey) -> Result<Option<Checkpoint>, LogError> {
        self.0.checkpoint(mesh).await
    }

    async fn save_checkpoint(&self, checkpoint: Checkpoint) -> Result<(), LogError> {
        self.0.save_checkpoint(checkpoint).await
    }
}

/// What a request must be traced as: operation, mesh, resource, exception.
type Line = (&'static str, Option<&'static str>, Option<&'static str>, Option<&'static str>);

/// Requests of every outcome, with a secret wherever there is room for one.
fn requests() -> Vec<(Request<Body>, Line)> {
    let tags = json!([{ "key": "k", "value": "tag-5ec7e7" }]);
    let create = Request::put("/v20190125/meshes")
        .header("authorization", "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/x, SignedHeaders=host, Signature=5ec7e7")
        .header("x-amz-security-token", "session-5ec7e7")
        .body(json!({ "meshName": "m", "clientToken": "token-5ec7e7", "tags": tags }).to_string().into());
    let get = |path: &str| Request::get(format!("/v20190125{path}")).body(Body::empty()).expect("a request");
    let put = |path: &str, body: &'static str| {
        Request::put(format!("/v20190125{path}")).body(Body::from(body)).expect("a request")
    };
    let post = Request::post("/v20190125/meshes/m?x=5ec7e7").body(Body::from("5ec7e7")).expect("a request");
    let node = (Some("m"), Some("virtualNode n"));
    vec![
        (create.expect("a request"), ("CreateMesh", Some("m"), Some("mesh m"), None)),
        (
            get("/meshes/m/virtualNodes/n?nextToken=page-5ec7e7"),
            ("DescribeVirtualNode", node.0, node.1, Some("NotFoundException")),
        ),
        (
            put("/meshes/m/virtualNodes/n", r#"{"spec":"5ec7e7"}"#),
            ("UpdateVirtualNode", node.0, node.1, Some("BadRequestException")),
        ),
        (put("/meshes", "{"), ("CreateMesh", None, None, Some("BadRequestException"))),
        (get("/meshes/%zz"), ("DescribeMesh", None, None, Some("BadRequestException"))),
        (get("/pods?x=5ec7e7"), ("unknown", None, None, Some("NotFoundException"))),
        (post, ("unknown", None, None, Some("BadRequestException"))),
        (get("/meshes/away"), ("DescribeMesh", Some("away"), Some("mesh away"), Some("ServiceUnavailableException"))),
        (get("/meshes/bug"), ("DescribeMesh", Some("bug"), Some("mesh bug"), Some("InternalServerErrorException"))),
    ]
}

#[tokio::test]
async fn a_request_is_traced_in_one_line_with_the_answers_id_and_nothing_secret() {
    let traced = Traced::default();
    let writer = traced.clone();
    let subscriber = tracing_subscriber::fmt().json().with_writer(move || writer.clone()).finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let log = Arc::new(Troubled(SqliteLog::in_memory().expect("a log")));
    let router = router(App::new(log, AppConfig::new("123456789012", "eu-west-1")));
    let (mut answers, mut expected) = (Vec::new(), Vec::new());
    for (request, line) in requests() {
        answers.push(router.clone().oneshot(request).await.expect("an answer"));
        expected.push(line);
    }
    answers.push(functions::unreadable("no request".into()).await);
    expected.push(("unknown", None, None, Some("BadRequestException")));
    leave(router).await;
    drop(guard);
    let text = String::from_utf8(traced.0.lock().expect("nobody panics").clone()).expect("text");
    assert!(!text.contains("5ec7e7") && !text.contains("AKIDEXAMPLE"), "{text}");
    let mut lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    lines.retain(|line| line["fields"]["message"] == "answered");
    assert_eq!(lines.len(), expected.len(), "{text}");
    for ((line, answer), expected) in lines.iter().zip(&answers).zip(expected) {
        check(line, answer, expected);
    }
    let left = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let left: Vec<Value> = left.filter(|line| line["fields"]["message"] == "left before the answer").collect();
    assert_eq!(left.len(), 1, "{text}");
    assert_eq!((&left[0]["span"]["operation"], &left[0]["level"]), (&json!("CreateMesh"), &json!("INFO")));
    // What failed for a reason of ours has a line more, with the reason and the same id.
    for (exception, cause, at) in
        [("ServiceUnavailableException", "down", 7), ("InternalServerErrorException", "a bug", 8)]
    {
        let of_it = |line: &Value| line["level"] == "ERROR" && line["fields"]["exception"] == exception;
        let line: Value =
            text.lines().map(|line| serde_json::from_str(line).expect("JSON")).find(of_it).expect("a line");
        assert!(line["fields"]["cause"].as_str().is_some_and(|text| text.contains(cause)), "{line}");
        assert_eq!(line["span"]["request.id"], *id(&answers[at]));
    }
}

/// Asks for something, and leaves in the middle of the body.
async fn leave(router: Router) {
    let never = futures::stream::pending::<Result<Vec<u8>, std::io::Error>>();
    let request = Request::put("/v20190125/meshes").body(Body::from_stream(never)).expect("a request");
    let mut asked = Box::pin(router.oneshot(request));
    assert!(futures::poll!(&mut asked).is_pending());
}

fn id(answer: &Response) -> &str {
    answer.headers()["x-amzn-requestid"].to_str().expect("text")
}

#[track_caller]
fn check(line: &Value, answer: &Response, (operation, mesh, resource, exception): Line) {
    let (span, fields) = (&line["span"], &line["fields"]);
    assert_eq!(span["operation"], operation);
    assert_eq!((span["mesh.name"].as_str(), span["resource"].as_str()), (mesh, resource), "{line}");
    assert_eq!((&line["level"], &fields["status"]), (&json!("INFO"), &json!(answer.status().as_u16())));
    assert_eq!(fields["exception"].as_str(), exception, "{line}");
    assert_eq!(answer.headers().get("x-amzn-errortype").map(|name| name.to_str().expect("text")), exception);
    assert_eq!(span["request.id"], *id(answer));
    assert!(fields["duration_ms"].is_f64());
}
