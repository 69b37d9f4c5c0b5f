//! The two functions as programs, over the real Runtime API protocol (`cargo lambda watch`) and DynamoDB Local.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what fails in a helper fails the test that uses it, with a message"
)]

mod emulator;
mod stream;
mod wire;

use emulator::{Emulator, Function};
use mesh_core::{Caller, Entry, Event, Kind, MeshKey, ResourceId, Seq, Spec, Timestamp};
use mesh_log::EventLog;
use mesh_log::dynamo::DynamoLog;
use mesh_log::dynamo::local::DynamoDbLocal;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::process::Command;
use tokio::sync::{Mutex, MutexGuard};
use wire::Wire;

const TABLE: &str = "remesh";

/// One test at a time: each has a Java machine of its own, and several at once take longer to start than is waited.
static TURN: Mutex<()> = Mutex::const_new(());

/// A database with the table in it, and the emulator; `None`, and loudly, where they are not installed.
async fn parts() -> Option<(DynamoDbLocal, Emulator, MutexGuard<'static, ()>)> {
    let turn = TURN.lock().await;
    let database = DynamoDbLocal::start().await?;
    database.table(TABLE).await;
    Some((database, Emulator::start().await?, turn))
}

/// `aws appmesh …`; the answer, or what it says instead.
async fn aws(endpoint: &str, operation: &str, input: Value) -> Result<Value, String> {
    let output = Command::new(aws_cli())
        .args(["appmesh", operation, "--output", "json", "--cli-input-json", &input.to_string()])
        .args(["--endpoint-url", endpoint, "--region", "eu-west-1"])
        .envs([("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "secret"), ("AWS_MAX_ATTEMPTS", "1")])
        .envs([("AWS_CONFIG_FILE", "none"), ("AWS_SHARED_CREDENTIALS_FILE", "none")])
        .output()
        .await
        .expect("the AWS CLI runs");
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(serde_json::from_slice(&output.stdout).unwrap_or(Value::Null))
}

fn aws_cli() -> PathBuf {
    let path = emulator::tools().join("venv/bin/aws");
    assert!(path.exists(), "{} is missing: run `tests/run --tools`", path.display());
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn the_aws_cli_reaches_the_api_through_lambda() {
    let Some((database, emulator, _turn)) = parts().await else { return };
    let function =
        Function::start(env!("CARGO_BIN_EXE_appmesh-api"), &emulator.runtime_api("appmesh-api"), &database.url());
    let url = emulator.function_url("appmesh-api");
    let created = aws(&url, "create-mesh", json!({ "meshName": "shop" })).await.expect("created");
    assert_eq!(created["mesh"]["metadata"]["arn"], "arn:aws:appmesh:eu-west-1:123456789012:mesh/shop");
    let node = json!({ "meshName": "shop", "virtualNodeName": "cart", "spec": {} });
    aws(&url, "create-virtual-node", node).await.expect("created");
    let arn = "arn:aws:appmesh:eu-west-1:123456789012:mesh/shop/virtualNode/cart";
    let tags = json!([{ "key": "team", "value": "a & b" }]);
    aws(&url, "tag-resource", json!({ "resourceArn": arn, "tags": tags })).await.expect("tagged");
    let listed = aws(&url, "list-tags-for-resource", json!({ "resourceArn": arn })).await.expect("listed");
    assert_eq!(listed, json!({ "tags": tags }));
    let refused = aws(&url, "describe-mesh", json!({ "meshName": "nowhere" })).await.expect_err("a refusal");
    assert!(refused.contains("(NotFoundException)"), "{refused}");
    let refused = aws(&url, "delete-mesh", json!({ "meshName": "shop" })).await.expect_err("a refusal");
    assert!(refused.contains("(ResourceInUseException)"), "{refused}");
    assert_recorded(&database).await;
    drop(function);
}

/// Everything is in the table, by the key that signed it.
async fn assert_recorded(database: &DynamoDbLocal) {
    let log = DynamoLog::new(database.client(), TABLE);
    let records = log.read(&MeshKey::new("123456789012", "shop"), 0).await.expect("records");
    let names: Vec<_> = records.iter().map(|record| record.entry.event.name()).collect();
    assert_eq!(names, ["MeshCreated", "VirtualNodeCreated", "VirtualNodeTagged"]);
    assert!(records.iter().all(|record| record.entry.caller.principal.as_deref() == Some("AKIDEXAMPLE")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_is_gone_is_followed_by_one_that_knows_everything() {
    let Some((database, emulator, _turn)) = parts().await else { return };
    let start = || {
        let program = env!("CARGO_BIN_EXE_appmesh-api");
        Function::start(program, &emulator.runtime_api("appmesh-api"), &database.url())
    };
    let first = start();
    let mesh = json!({ "meshName": "m", "spec": {} });
    let (_, created) = emulator.ask("appmesh-api", "PUT", "/v20190125/meshes", Some(&mesh)).await;
    first.kill().await;
    let _second = start();
    assert_eq!(emulator.ask("appmesh-api", "GET", "/v20190125/meshes/m", None).await, (200, created));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_tables_stream_tells_becomes_checkpoints() {
    let Some((database, emulator, _turn)) = parts().await else { return };
    let api = emulator.runtime_api("checkpoint");
    let _function = Function::start(env!("CARGO_BIN_EXE_checkpoint"), &api, &database.url());
    let log = DynamoLog::new(database.client(), TABLE);
    let (far, near) = (MeshKey::new("123456789012", "far"), MeshKey::new("123456789012", "near"));
    grow(&log, &far, emulator::CHECKPOINT_EVERY).await;
    grow(&log, &near, emulator::CHECKPOINT_EVERY - 1).await;
    let batch = stream::batch(&database, TABLE).await;
    assert!(batch["Records"].as_array().is_some_and(|records| records.len() > 20), "{batch}");
    for _ in 0..2 {
        assert_eq!(emulator.invoke("checkpoint", &batch).await, json!({ "batchItemFailures": [] }));
    }
    let saved = log.checkpoint(&far).await.expect("an answer").and_then(|checkpoint| checkpoint.state());
    assert_eq!(saved.map(|state| state.seq()), Some(emulator::CHECKPOINT_EVERY));
    assert!(log.checkpoint(&near).await.expect("an answer").is_none());
}

/// Gives a mesh its first records.
async fn grow(log: &DynamoLog, mesh: &MeshKey, to: Seq) {
    for seq in 1..=to {
        let resource = ResourceId::new(Kind::Mesh, mesh.name.clone());
        let (owner, spec) = (mesh.owner.clone(), Spec::Mesh(Arc::default()));
        let event = match seq {
            1 => {
                let uid = uuid::Uuid::nil();
                Event::Created { resource, uid, owner: owner.clone(), spec, tags: Default::default(), token: None }
            }
            _ => Event::Updated { resource, spec, token: None },
        };
        let caller = Caller { account: owner, principal: None };
        let entry = Entry { at: Timestamp(seq), caller, request: uuid::Uuid::new_v4(), event };
        log.append(mesh, seq - 1, vec![entry]).await.expect("appended");
    }
}

/// Prints what a cold start and a warm invocation take. The bounds only catch what is badly wrong: how busy the machine
/// is, and whether the build is optimised, makes more of a difference than the code. `docs/performance.md` has figures.
#[tokio::test(flavor = "multi_thread")]
async fn starting_is_quick_and_a_warm_invocation_quicker() {
    let Some((database, emulator, _turn)) = parts().await else { return };
    let (runtime, table) = (Wire::to(emulator.addr()).await, Wire::to(database.addr()).await);
    let api = format!("http://{}/.rt/appmesh-api", runtime.addr());
    let program = env!("CARGO_BIN_EXE_appmesh-api");
    let started = std::time::Instant::now();
    let _function = Function::start(program, &api, &format!("http://{}", table.addr()));
    let mesh = json!({ "meshName": "m", "spec": {} });
    emulator.ask("appmesh-api", "PUT", "/v20190125/meshes", Some(&mesh)).await;
    for _ in 0..50 {
        assert_eq!(emulator.ask("appmesh-api", "GET", "/v20190125/meshes/m", None).await.0, 200);
    }
    let init = runtime.first().expect("the function asked for work").duration_since(started);
    let mut invocations = runtime.spans();
    let first = invocations.remove(0);
    let own = |span: &wire::Span| span.length().saturating_sub(table.busy_within(span));
    let mut warm: Vec<Duration> = invocations.iter().map(own).collect();
    warm.sort_unstable();
    let p50 = warm[warm.len() / 2];
    eprintln!(
        "init {init:?}; first invocation {:?}, of it ours {:?}; warm, of it ours: p50 {p50:?}, max {:?}",
        first.length(),
        own(&first),
        warm[warm.len() - 1]
    );
    assert!(init < Duration::from_secs(5) && p50 < Duration::from_millis(100), "init {init:?}, warm p50 {p50:?}");
}
