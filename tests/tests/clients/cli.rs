//! The AWS CLI.

use super::Definition;
use mesh_tests::ControlPlane;
use mesh_tests::tools::python_tool;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use tokio::process::Command;

/// `aws appmesh … --endpoint-url …`, with any credentials.
struct Aws {
    endpoint: String,
    called: BTreeSet<String>,
}

impl Aws {
    async fn run(&mut self, operation: &str, input: &Value) -> Result<Value, String> {
        self.called.insert(operation.to_owned());
        let output = Command::new(python_tool("aws"))
            .args(["appmesh", operation, "--output", "json", "--cli-input-json", &input.to_string()])
            .args(["--endpoint-url", &self.endpoint, "--region", "us-east-1"])
            .env("AWS_ACCESS_KEY_ID", "any")
            .env("AWS_SECRET_ACCESS_KEY", "thing")
            .env("AWS_MAX_ATTEMPTS", "1")
            .env("AWS_CONFIG_FILE", "none")
            .env("AWS_SHARED_CREDENTIALS_FILE", "none")
            .output()
            .await
            .expect("the AWS CLI runs");
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        Ok(serde_json::from_slice(&output.stdout).unwrap_or(Value::Null))
    }

    async fn ok(&mut self, operation: &str, input: Value) -> Value {
        self.run(operation, &input).await.unwrap_or_else(|error| panic!("{operation}: {error}"))
    }

    async fn refused(&mut self, operation: &str, input: Value, exception: &str) {
        let error = self.run(operation, &input).await.expect_err("a refusal");
        assert!(error.contains(&format!("({exception})")), "{operation}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_aws_cli_performs_every_operation() {
    let control_plane = ControlPlane::start().await;
    let mut aws = Aws { endpoint: control_plane.api().url().to_owned(), called: BTreeSet::new() };
    let definitions = definitions();
    for definition in &definitions {
        create_and_describe(&mut aws, definition).await;
    }
    list_everything(&mut aws).await;
    tag_and_untag(&mut aws).await;
    aws.refused("create-mesh", json!({ "meshName": "shop" }), "ConflictException").await;
    aws.refused("delete-mesh", json!({ "meshName": "shop" }), "ResourceInUseException").await;
    aws.refused("describe-mesh", json!({ "meshName": "nowhere" }), "NotFoundException").await;
    for definition in definitions.iter().rev() {
        update_and_delete(&mut aws, definition).await;
    }
    assert_eq!(aws.called.len(), 38, "{:?}", aws.called);
    control_plane.stop().await;
}

/// The part of the definitions that has every kind: a program per call takes its second, and boto3, which the CLI stands
/// on, has been through all of them.
fn definitions() -> Vec<Definition> {
    let mut definitions = super::definitions();
    definitions.retain(|definition| definition.names.values().all(|name| !name.to_string().contains("ledger")));
    definitions
}

async fn create_and_describe(aws: &mut Aws, definition: &Definition) {
    let Definition { kind, names, spec, .. } = definition;
    let created = aws.ok(&operation("create", kind), with_spec(names, spec)).await;
    assert_eq!((&created[kind]["spec"], &created[kind]["metadata"]["version"]), (spec, &json!(1)));
    assert_eq!(aws.ok(&operation("describe", kind), names.clone().into()).await, created);
}

async fn update_and_delete(aws: &mut Aws, definition: &Definition) {
    let Definition { kind, names, changed, .. } = definition;
    let updated = aws.ok(&operation("update", kind), with_spec(names, changed)).await;
    assert_eq!((&updated[kind]["spec"], &updated[kind]["metadata"]["version"]), (changed, &json!(2)));
    let deleted = aws.ok(&operation("delete", kind), names.clone().into()).await;
    assert_eq!((&deleted[kind]["spec"], &deleted[kind]["status"]), (changed, &json!({ "status": "DELETED" })));
}

async fn list_everything(aws: &mut Aws) {
    for (operation, list, names, count) in [
        ("list-meshes", "meshes", json!({}), 1),
        ("list-virtual-nodes", "virtualNodes", json!({ "meshName": "shop" }), 2),
        ("list-virtual-routers", "virtualRouters", json!({ "meshName": "shop" }), 1),
        ("list-routes", "routes", json!({ "meshName": "shop", "virtualRouterName": "cart" }), 1),
        ("list-virtual-services", "virtualServices", json!({ "meshName": "shop" }), 1),
        ("list-virtual-gateways", "virtualGateways", json!({ "meshName": "shop" }), 1),
        ("list-gateway-routes", "gatewayRoutes", json!({ "meshName": "shop", "virtualGatewayName": "edge" }), 1),
    ] {
        let lines = aws.ok(operation, names).await;
        assert_eq!(lines[list].as_array().map(Vec::len), Some(count), "{operation}: {lines}");
    }
}

async fn tag_and_untag(aws: &mut Aws) {
    let arn = "arn:aws:appmesh:us-east-1:000000000000:mesh/shop/virtualRouter/cart/route/checkout";
    let tags = json!([{ "key": "team", "value": "cart" }]);
    aws.ok("tag-resource", json!({ "resourceArn": arn, "tags": tags })).await;
    assert_eq!(aws.ok("list-tags-for-resource", json!({ "resourceArn": arn })).await, json!({ "tags": tags }));
    aws.ok("untag-resource", json!({ "resourceArn": arn, "tagKeys": ["team"] })).await;
    assert_eq!(aws.ok("list-tags-for-resource", json!({ "resourceArn": arn })).await, json!({ "tags": [] }));
}

/// `create-virtual-node`.
fn operation(verb: &str, kind: &str) -> String {
    let dashed = kind.chars().flat_map(|letter| {
        let dash = letter.is_ascii_uppercase().then_some('-');
        dash.into_iter().chain([letter.to_ascii_lowercase()])
    });
    format!("{verb}-{}", dashed.collect::<String>())
}

fn with_spec(names: &Map<String, Value>, spec: &Value) -> Value {
    let mut input = names.clone();
    input.insert("spec".into(), spec.clone());
    input.into()
}
