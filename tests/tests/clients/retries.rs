//! What is worth trying again is tried again, by the SDKs themselves: they go by the status and the exception's name.
//!
//! The log fails for some meshes, each in its own way, and then comes back. The clients are as they come, but for the
//! shorter pause of the Rust one.

use super::beside;
use async_trait::async_trait;
use aws_sdk_appmesh::Client;
use aws_sdk_appmesh::config::interceptors::FinalizerInterceptorContextRef;
use aws_sdk_appmesh::config::retry::RetryConfig;
use aws_sdk_appmesh::config::{BehaviorVersion, ConfigBag, Credentials, Intercept, Region, RuntimeComponents};
use aws_sdk_appmesh::error::{BoxError, ProvideErrorMetadata};
use mesh_core::{Entry, MeshKey, Record, Seq};
use mesh_log::sqlite::SqliteLog;
use mesh_log::{AppendError, Checkpoint, EventLog, LogError};
use mesh_tests::control_plane::serve_api;
use mesh_tests::tools::python_tool;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::process::Command;
use uuid::Uuid;

/// How often reading fails before it works.
const FAILURES: usize = 2;

/// A log that fails for the meshes `unreachable-…` and `damaged-…` and comes back, and in which somebody else is always
/// faster than the first request that changes `contended-…`.
struct Failing {
    log: SqliteLog,
    failures: Mutex<BTreeMap<String, usize>>,
    overtaken: Mutex<BTreeMap<String, BTreeSet<Uuid>>>,
}

impl Failing {
    fn fails(&self, mesh: &MeshKey) -> Result<(), LogError> {
        let mut failures = self.failures.lock().unwrap();
        let failed = failures.entry(mesh.name.to_string()).or_default();
        let error = match mesh.name.as_str() {
            name if name.starts_with("unreachable") => LogError::Unavailable("down".into()),
            name if name.starts_with("damaged") => LogError::Damaged("for a while".into()),
            _ => return Ok(()),
        };
        *failed += 1;
        if *failed > FAILURES { Ok(()) } else { Err(error) }
    }

    /// Whether a request is the first that changes this mesh.
    fn is_overtaken(&self, mesh: &MeshKey, request: Uuid) -> bool {
        let mut overtaken = self.overtaken.lock().unwrap();
        let met = overtaken.entry(mesh.name.to_string()).or_default();
        mesh.name.as_str().starts_with("contended")
            && (met.contains(&request) || (met.is_empty() && met.insert(request)))
    }
}

#[async_trait]
impl EventLog for Failing {
    async fn read(&self, mesh: &MeshKey, after: Seq) -> Result<Vec<Record>, LogError> {
        self.fails(mesh)?;
        self.log.read(mesh, after).await
    }

    async fn append(&self, mesh: &MeshKey, expected: Seq, entries: Vec<Entry>) -> Result<Seq, AppendError> {
        if entries.iter().any(|entry| self.is_overtaken(mesh, entry.request)) {
            return Err(AppendError::Conflict { mesh: mesh.clone(), expected, actual: expected + 1 });
        }
        self.log.append(mesh, expected, entries).await
    }

    async fn heads(&self) -> Result<BTreeMap<MeshKey, Seq>, LogError> {
        self.log.heads().await
    }

    async fn checkpoint(&self, mesh: &MeshKey) -> Result<Option<Checkpoint>, LogError> {
        self.log.checkpoint(mesh).await
    }

    async fn save_checkpoint(&self, checkpoint: Checkpoint) -> Result<(), LogError> {
        self.log.save_checkpoint(checkpoint).await
    }
}

async fn serve() -> SocketAddr {
    let log = SqliteLog::in_memory().expect("a log");
    serve_api(
        IpAddr::V4(Ipv4Addr::LOCALHOST),
        Arc::new(Failing { log, failures: Mutex::default(), overtaken: Mutex::default() }),
    )
    .await
}

/// The statuses of all attempts.
#[derive(Debug, Clone, Default)]
struct Statuses(Arc<Mutex<Vec<u16>>>);

impl Intercept for Statuses {
    fn name(&self) -> &'static str {
        "Statuses"
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let status = context.response().map(|response| response.status().as_u16());
        self.0.lock().unwrap().extend(status);
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rust_sdk_tries_again_what_is_worth_it_and_nothing_else() {
    let statuses = Statuses::default();
    let config = aws_sdk_appmesh::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(format!("http://{}", serve().await))
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("any", "thing", None, None, "tests"))
        .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(1)))
        .interceptor(statuses.clone());
    let client = Client::from_conf(config.build());
    let attempts = || std::mem::take(&mut *statuses.0.lock().unwrap());
    for (mesh, expected) in
        [("unreachable-1", vec![503, 503, 200]), ("damaged-1", vec![500, 500, 200]), ("contended-1", vec![429, 200])]
    {
        let created = client.create_mesh().mesh_name(mesh).send().await;
        let created = created.unwrap_or_else(|error| panic!("{mesh}: {error:?}"));
        assert_eq!(created.mesh().map(|it| it.mesh_name()), Some(mesh));
        assert_eq!(attempts(), expected, "{mesh}");
    }
    let missing = client.describe_mesh().mesh_name("nowhere").send().await.expect_err("it is not there");
    assert_eq!((missing.code(), attempts()), (Some("NotFoundException"), vec![404]));
    let taken = client.create_mesh().mesh_name("damaged-1").send().await.expect_err("it is there");
    assert_eq!((taken.code(), attempts()), (Some("ConflictException"), vec![409]));
}

#[tokio::test(flavor = "multi_thread")]
async fn boto3_tries_again_what_is_worth_it_and_nothing_else() {
    let script = Command::new(python_tool("python"))
        .arg(beside("boto3_retries.py"))
        .arg(format!("http://{}", serve().await))
        .output()
        .await
        .expect("Python runs");
    assert!(script.status.success(), "{}", String::from_utf8_lossy(&script.stderr));
    let statuses: Value = serde_json::from_slice(&script.stdout).expect("the script says what it saw");
    let expected = json!({
        "unreachable-2": [503, 503, 200], "damaged-2": [500, 500, 200], "contended-2": [429, 200], "nowhere": [404],
    });
    assert_eq!(statuses, expected);
}
