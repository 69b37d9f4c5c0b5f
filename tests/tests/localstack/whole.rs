//! AWS CLI → Lambda function → table on LocalStack → its stream → relay → Envoys → traffic.

use mesh_tests::api::Mesh;
use mesh_tests::bed::Workload;
use mesh_tests::tools::python_tool;
use mesh_tests::{Bed, Plan, bed, eventually, spec};
use serde_json::{Value, json};
use tokio::process::Command;

/// Where `localstack/run` has what it starts, in the test's own network namespace.
const LAMBDA: &str = "http://127.0.0.1:9000";
const LOCALSTACK: &str = "http://127.0.0.1:4566";
const CLOUD_MAP: &str = "http://127.0.0.1:5000";

/// The virtual service.
const SERVICE: &str = "colour.test";
const URL: &str = "http://colour.test:8080";

#[test]
fn what_the_aws_cli_writes_is_what_requests_do() {
    if !super::is_here() {
        return;
    }
    bed::run_on_localstack(async |bed| {
        let mesh = write_mesh(bed).await;
        let blue = cloud_map_service().await;
        let workloads = [
            Workload::node("red").http(8080),
            Workload::node("blue").http(8080),
            Workload::node("blue").in_pod("other-blue").http(8080),
            Workload::node("client"),
        ];
        bed.start(&mesh, workloads).await;

        assert_eq!(answering(bed).await, ["red"]);
        a_change_reaches_the_envoys(bed, &blue).await;
        instances_come_and_go(bed, &blue).await;
        everything_is_in_the_table(bed).await;
    });
}

/// A mesh as a user of App Mesh writes it: the client calls a service that is red. Blue is found by Cloud Map.
async fn write_mesh(bed: &Bed) -> Mesh {
    appmesh("create-mesh", json!({ "meshName": "paint" })).await;
    let mut blue = spec::node("blue", "http", 8080);
    blue["serviceDiscovery"] = json!({ "awsCloudMap": { "namespaceName": "shop.local", "serviceName": "blue" } });
    for (name, spec) in [("red", spec::node("red", "http", 8080)), ("blue", blue), ("client", spec::client(&[SERVICE]))]
    {
        appmesh("create-virtual-node", json!({ "meshName": "paint", "virtualNodeName": name, "spec": spec })).await;
    }
    let router = json!({ "meshName": "paint", "virtualRouterName": "colour", "spec": spec::router("http", 8080) });
    appmesh("create-virtual-router", router).await;
    appmesh("create-route", route_to("red")).await;
    let service = json!({ "meshName": "paint", "virtualServiceName": SERVICE, "spec": spec::routed("colour") });
    appmesh("create-virtual-service", service).await;
    bed.resolve_service(SERVICE);
    bed.plane().api().mesh("paint")
}

fn route_to(node: &str) -> Value {
    let spec = spec::route("http", json!({ "prefix": "/" }), &[(node, 1)]);
    json!({ "meshName": "paint", "virtualRouterName": "colour", "routeName": "all", "spec": spec })
}

/// The Cloud Map service of blue, without an instance; its id.
async fn cloud_map_service() -> String {
    cloud_map("create-http-namespace", json!({ "Name": "shop.local" })).await;
    let namespaces = cloud_map("list-namespaces", json!({})).await;
    let namespace = &namespaces["Namespaces"][0]["Id"];
    let service = cloud_map("create-service", json!({ "Name": "blue", "NamespaceId": namespace })).await;
    service["Service"]["Id"].as_str().expect("a service has an id").to_owned()
}

async fn a_change_reaches_the_envoys(bed: &Bed, blue: &str) {
    register(bed, blue, "blue").await;
    appmesh("update-route", route_to("blue")).await;
    answered_by(bed, &["blue"]).await;
}

async fn instances_come_and_go(bed: &Bed, blue: &str) {
    register(bed, blue, "other-blue").await;
    answered_by(bed, &["blue", "other-blue"]).await;
    cloud_map("deregister-instance", json!({ "ServiceId": blue, "InstanceId": "blue" })).await;
    answered_by(bed, &["other-blue"]).await;
}

async fn register(bed: &Bed, service: &str, pod: &str) {
    let attributes = json!({ "AWS_INSTANCE_IPV4": bed.pod(pod).address().to_string() });
    let instance = json!({ "ServiceId": service, "InstanceId": pod, "Attributes": attributes });
    cloud_map("register-instance", instance).await;
}

/// Every acknowledged change is a record, and the table has the stream that the relay was woken by.
async fn everything_is_in_the_table(bed: &Bed) {
    let query = json!({
        "TableName": "remesh",
        "ConsistentRead": true,
        "KeyConditionExpression": "pk = :mesh",
        "ExpressionAttributeValues": { ":mesh": { "S": "mesh#000000000000#paint" } },
    });
    let records = aws(LOCALSTACK, "dynamodb", "query", query).await;
    // Eight by the CLI; two more by the test bed, which asks whether the relay has caught up.
    assert_eq!(records["Count"], 10, "{records:#}");
    let streams = aws(LOCALSTACK, "dynamodbstreams", "list-streams", json!({ "TableName": "remesh" })).await;
    assert_eq!(streams["Streams"].as_array().map(Vec::len), Some(1), "{streams:#}");
    assert_eq!(bed.plane().admin().metric("remesh_nacks_total").await, 0.0);
}

/// Waits until exactly these pods answer the client.
async fn answered_by(bed: &Bed, pods: &[&str]) {
    eventually(&format!("{pods:?} answer"), async || {
        let answering = answering(bed).await;
        (answering == pods).then_some(()).ok_or_else(|| format!("{answering:?} answered"))
    })
    .await;
}

/// Who answers a few requests of the client, in alphabetical order; `?` stands for anything but a 200.
async fn answering(bed: &Bed) -> Vec<String> {
    let report = bed.pod("client").load(&Plan::get(URL).times(20)).await;
    let failed = report.statuses.keys().any(|status| *status != 200) || report.failed > 0;
    report.nodes.keys().cloned().chain(failed.then(|| "?".to_owned())).collect()
}

async fn appmesh(operation: &str, input: Value) -> Value {
    aws(LAMBDA, "appmesh", operation, input).await
}

async fn cloud_map(operation: &str, input: Value) -> Value {
    aws(CLOUD_MAP, "servicediscovery", operation, input).await
}

/// `aws SERVICE OPERATION …`, with any credentials; fails the test when refused.
async fn aws(endpoint: &str, service: &str, operation: &str, input: Value) -> Value {
    let output = Command::new(python_tool("aws"))
        .args([service, operation, "--output", "json", "--cli-input-json", &input.to_string()])
        .args(["--endpoint-url", endpoint, "--region", "us-east-1"])
        .env("AWS_ACCESS_KEY_ID", "any")
        .env("AWS_SECRET_ACCESS_KEY", "thing")
        .env("AWS_CONFIG_FILE", "none")
        .env("AWS_SHARED_CREDENTIALS_FILE", "none")
        .output()
        .await
        .expect("the AWS CLI runs");
    assert!(output.status.success(), "{service} {operation}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
}
