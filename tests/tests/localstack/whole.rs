//! AWS CLI → Lambda function → table on LocalStack → its stream → relay → Envoys → traffic, and Cloud Map beside it.

use mesh_tests::bed::{Workload, host_of};
use mesh_tests::tools::{python_tool, workspace};
use mesh_tests::{Bed, Plan, bed, eventually, spec};
use serde_json::{Value, json};
use std::env;
use std::net::Ipv4Addr;
use tokio::process::Command;

/// Where `localstack/run` has what it starts, in the test's own network namespace.
const LAMBDA: &str = "http://127.0.0.1:9000";
const LOCALSTACK: &str = "http://127.0.0.1:4566";
const CLOUD_MAP: &str = "http://127.0.0.1:5000";

/// The gateway, as clients outside the mesh know it.
const GATEWAY: &str = "http://edge.pods:8080";

/// Any credentials will do.
const CREDENTIALS: [(&str, &str); 5] = [
    ("AWS_ACCESS_KEY_ID", "any"),
    ("AWS_SECRET_ACCESS_KEY", "thing"),
    ("AWS_DEFAULT_REGION", "us-east-1"),
    ("AWS_CONFIG_FILE", "none"),
    ("AWS_SHARED_CREDENTIALS_FILE", "none"),
];

#[test]
fn what_the_aws_cli_writes_is_what_requests_do() {
    if !super::is_here() {
        return;
    }
    bed::run_on_localstack(async |bed| {
        add_pods(bed);
        write_mesh(bed).await;
        bed.ready().await;
        share_of_blue(bed, 0.5).await;

        let load = bed.pod("client").start_load(&Plan::get(GATEWAY).without_end());
        weigh(1, 9).await;
        share_of_blue(bed, 0.9).await;
        the_relay_is_killed(bed).await;
        weigh(0, 1).await;
        answered_by(bed, &["blue"]).await;
        instances_come_and_go(bed).await;
        load.end().await.assert_all_ok();

        everything_is_in_the_table(bed).await;
        checkpoints_are_saved().await;
    });
}

/// They come before their mesh, and wait for it.
fn add_pods(bed: &mut Bed) {
    let mesh = bed.plane().api().mesh("demo");
    bed.add(&mesh, Workload::gateway("edge"));
    bed.add(&mesh, Workload::node("red").http(8080));
    bed.add(&mesh, Workload::node("blue").http(8080));
    bed.add(&mesh, Workload::node("blue").in_pod("other-blue").http(8080));
    bed.add(&mesh, Workload::unmeshed("client"));
}

/// The mesh that the containers of `compose.yaml` get, by the same script and so by the AWS CLI.
async fn write_mesh(bed: &Bed) {
    let bin = python_tool("aws").parent().expect("a program lies in a folder").to_owned();
    let path = env::join_paths([bin].into_iter().chain(env::split_paths(&env::var_os("PATH").unwrap_or_default())));
    let output = Command::new(workspace().join("localstack/init/ready.d/30-mesh.sh"))
        .env("PATH", path.expect("a PATH"))
        .envs([("API_URL", LAMBDA), ("CLOUD_MAP_URL", CLOUD_MAP)])
        .envs([("RED_HOST", host_of("red")), ("BLUE_IPV4", bed.pod("blue").address().to_string())])
        .output()
        .await
        .expect("the script runs");
    assert!(output.status.success(), "30-mesh.sh: {}", String::from_utf8_lossy(&output.stderr));
}

/// UpdateRoute, by the AWS CLI.
async fn weigh(red: u32, blue: u32) {
    let spec = spec::route("http", json!({ "prefix": "/" }), &[("red", red), ("blue", blue)]);
    let route = json!({ "meshName": "demo", "virtualRouterName": "colour", "routeName": "all", "spec": spec });
    aws(LAMBDA, "appmesh", "update-route", route).await;
}

/// As if its machine were lost; it is started again, as it would be in AWS.
async fn the_relay_is_killed(bed: &Bed) {
    assert_eq!(bed.kill("xds-relay"), 1);
    eventually("another relay has caught up", async || bed.plane().admin().snapshot("mesh/demo/virtualNode/red").await)
        .await;
}

async fn instances_come_and_go(bed: &Bed) {
    let services = cloud_map("list-services", json!({})).await;
    let blue = &services["Services"][0]["Id"];
    register(blue, "other-blue", bed.pod("other-blue").address()).await;
    answered_by(bed, &["blue", "other-blue"]).await;
    cloud_map("deregister-instance", json!({ "ServiceId": blue, "InstanceId": "blue" })).await;
    answered_by(bed, &["other-blue"]).await;
}

async fn register(service: &Value, id: &str, address: Ipv4Addr) {
    let attributes = json!({ "AWS_INSTANCE_IPV4": address.to_string() });
    let instance = json!({ "ServiceId": service, "InstanceId": id, "Attributes": attributes });
    cloud_map("register-instance", instance).await;
}

/// Every acknowledged change is a record, once, and the stream of the table was read, not the table polled.
async fn everything_is_in_the_table(bed: &Bed) {
    let records = partition("mesh#000000000000#demo").await;
    // Eight resources, two updates.
    assert_eq!(records.len(), 10, "{records:#?}");
    let relay = bed.log_of("relay");
    assert!(relay.contains("starting") && !relay.contains("stream cannot be read"), "{relay}");
    assert_eq!(bed.plane().admin().metric("remesh_nacks_total").await, 0.0);
}

/// By the checkpoint function: `localstack/run` brings it the stream, as Lambda's event source mapping does in AWS.
async fn checkpoints_are_saved() {
    eventually("the function saves a checkpoint", async || {
        let checkpoints = partition("checkpoint#000000000000#demo").await;
        (!checkpoints.is_empty()).then_some(()).ok_or_else(|| "none is there".into())
    })
    .await;
}

/// What is in the table under a partition key.
async fn partition(key: &str) -> Vec<Value> {
    let query = json!({
        "TableName": "remesh",
        "ConsistentRead": true,
        "KeyConditionExpression": "pk = :key",
        "ExpressionAttributeValues": { ":key": { "S": key } },
    });
    aws(LOCALSTACK, "dynamodb", "query", query).await["Items"].as_array().cloned().unwrap_or_default()
}

/// Waits until blue has this share of the requests.
async fn share_of_blue(bed: &Bed, expected: f64) {
    eventually(&format!("blue answers {expected} of the requests"), async || {
        let report = bed.pod("client").load(&Plan::get(GATEWAY).times(400)).await;
        report.assert_all_ok();
        // Three standard deviations and more: chance alone is soon over, another weight is not.
        let off = (report.by("blue") as f64 / report.sent as f64 - expected).abs();
        (off < 0.08).then_some(()).ok_or_else(|| format!("{:?} answered", report.nodes))
    })
    .await;
}

/// Waits until exactly these pods answer.
async fn answered_by(bed: &Bed, pods: &[&str]) {
    eventually(&format!("{pods:?} answer"), async || {
        let report = bed.pod("client").load(&Plan::get(GATEWAY).times(40)).await;
        report.assert_all_ok();
        report.nodes.keys().eq(pods).then_some(()).ok_or_else(|| format!("{:?} answered", report.nodes))
    })
    .await;
}

async fn cloud_map(operation: &str, input: Value) -> Value {
    aws(CLOUD_MAP, "servicediscovery", operation, input).await
}

/// `aws SERVICE OPERATION …`; fails the test when refused.
async fn aws(endpoint: &str, service: &str, operation: &str, input: Value) -> Value {
    let output = Command::new(python_tool("aws"))
        .args([service, operation, "--output", "json", "--cli-input-json", &input.to_string()])
        .args(["--endpoint-url", endpoint])
        .envs(CREDENTIALS)
        .output()
        .await
        .expect("the AWS CLI runs");
    assert!(output.status.success(), "{service} {operation}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
}
