//! A mesh of two accounts, whole: the clients people have, `remesh share`, and the Envoys of both.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what fails in a test's set-up fails the test"
)]

use aws_sdk_appmesh::Client;
use aws_sdk_appmesh::config::{BehaviorVersion, Credentials, Region, retry::RetryConfig};
use aws_sdk_appmesh::error::ProvideErrorMetadata;
use aws_sdk_appmesh::types::VirtualNodeSpec;
use mesh_tests::api::{GUEST, GUEST_KEY, OWNER};
use mesh_tests::bed::Workload;
use mesh_tests::tools::python_tool;
use mesh_tests::{Bed, ControlPlane, Plan, bed, eventually, remesh_binary, spec};
use serde_json::{Value, json};
use std::process::Output;
use tokio::process::Command;

const CART: &str = "mesh/shop/virtualNode/cart";

fn share() -> String {
    format!("/meshes/shop/shares/{GUEST}")
}

/// Waits until the Envoy of a pod was turned away because of its account (§1.5).
async fn turned_away(bed: &Bed, pod: &str) {
    let envoy = bed.pod(pod).envoy();
    eventually("Envoy is refused with status 7", async || {
        envoy.log().contains("closed: 7").then_some(()).ok_or_else(|| envoy.log())
    })
    .await;
}

/// Waits until the owner's client has taken a change of the whole mesh.
async fn client_has(bed: &Bed, name: &str) {
    eventually(&format!("the client has {name}"), async || {
        let there = bed.pod("client").envoy().config_dump().await.to_string().contains(name);
        there.then_some(()).ok_or_else(|| "not yet".to_owned())
    })
    .await;
}

async fn both_carts_are_served(bed: &Bed) {
    eventually("both carts are served", async || {
        let proxies = bed.plane().admin().proxies_of(CART).await;
        (proxies.len() == 2).then_some(()).ok_or_else(|| format!("{proxies:#?}"))
    })
    .await;
    bed.plane().admin().wait_until_in_sync(CART).await;
}

#[test]
fn the_envoys_of_another_account_are_served_for_as_long_as_the_mesh_is_shared() {
    bed::run_with_program(async |bed| {
        let mesh = bed.mesh("shop", json!({})).await;
        bed.plane().api().put(&share(), json!({})).await;
        let guests = bed.plane().api().as_guest().mesh_of(OWNER, "shop");
        guests.node("cart", spec::node("cart", "http", 8080)).await;
        // The owner's service is the guest's node, and the owner's client calls it.
        mesh.service("cart.test", spec::served_by("cart")).await;
        mesh.node("client", spec::client(&["cart.test"])).await;
        bed.resolve_service("cart.test");
        bed.start(&guests, [Workload::node("cart").http(8080)]).await;
        bed.start(&mesh, [Workload::node("client")]).await;
        let calls = Plan::get("http://cart.test:8080/").times(50);
        bed.pod("client").load(&calls).await.assert_all_ok();
        let load = bed.pod("client").start_load(&Plan::get("http://cart.test:8080/").without_end());

        bed.plane().api().delete(&share()).await;
        turned_away(bed, "cart").await;
        assert_eq!(bed.plane().admin().proxies_of(CART).await.len(), 0);
        // What it has it keeps, and traffic with it; what changes it is not told.
        let before = bed.pod("cart").envoy().stats("update_success$").await;
        mesh.update(json!({ "egressFilter": { "type": "ALLOW_ALL" } })).await;
        client_has(bed, "mesh-allow-all").await;
        assert_eq!(bed.pod("cart").envoy().stats("update_success$").await, before);
        assert!(!bed.pod("cart").envoy().config_dump().await.to_string().contains("mesh-allow-all"));
        // A new one gets nothing at all.
        bed.add(&guests, Workload::node("cart").in_pod("late-cart").http(8080));
        turned_away(bed, "late-cart").await;
        assert!(!bed.pod("late-cart").envoy().is_ready().await);

        let refused = bed.plane().admin().snapshot(CART).await.expect_err("not for its account");
        assert!(refused.contains(GUEST) && refused.contains("not shared any more"), "{refused}");

        // Shared again, both go on by themselves, with what has changed meanwhile; and so it is after a restart.
        bed.plane().api().put(&share(), json!({})).await;
        bed.pod("late-cart").envoy().ready().await;
        both_carts_are_served(bed).await;
        assert!(bed.pod("cart").envoy().config_dump().await.to_string().contains("mesh-allow-all"));
        bed.restart_plane().await;
        both_carts_are_served(bed).await;
        load.end().await.assert_all_ok();
    });
}

/// The AWS SDK with the credentials of somebody.
fn sdk(plane: &ControlPlane, access_key: &str) -> Client {
    let config = aws_sdk_appmesh::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(plane.api().url())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new(access_key, "thing", None, None, "tests"))
        .retry_config(RetryConfig::disabled())
        .build();
    Client::from_conf(config)
}

/// `aws appmesh …` as the guest.
async fn aws(plane: &ControlPlane, arguments: &[&str]) -> Output {
    let mut command = Command::new(python_tool("aws"));
    command.arg("appmesh").args(arguments).args(["--output", "json", "--region", "us-east-1"]);
    command.args(["--endpoint-url", plane.api().url()]).env("AWS_ACCESS_KEY_ID", GUEST_KEY);
    command.env("AWS_SECRET_ACCESS_KEY", "thing").env("AWS_MAX_ATTEMPTS", "1");
    command.env("AWS_CONFIG_FILE", "none").env("AWS_SHARED_CREDENTIALS_FILE", "none");
    command.output().await.expect("the AWS CLI runs")
}

async fn remesh(plane: &ControlPlane, command: &str) {
    let mut program = Command::new(remesh_binary());
    program.args([command, "shop", GUEST, "--api", plane.api().url(), "--access-key", "AKIDOWNER"]);
    let output = program.output().await.expect("remesh runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn sdk_and_cli_work_in_the_mesh_of_another_account() {
    let plane = ControlPlane::start().await;
    let (owner, guest) = (sdk(&plane, "AKIDOWNER"), sdk(&plane, GUEST_KEY));
    owner.create_mesh().mesh_name("shop").send().await.expect("a mesh");
    let describe = ["describe-mesh", "--mesh-name", "shop", "--mesh-owner", OWNER];
    let refused = aws(&plane, &describe).await;
    let says = format!("(ForbiddenException) when calling the DescribeMesh operation: Mesh shop of account {OWNER}");
    assert!(text(&refused.stderr).contains(&says), "{}", text(&refused.stderr));

    remesh(&plane, "share").await;
    let shown: Value = serde_json::from_slice(&aws(&plane, &describe).await.stdout).expect("a mesh in JSON");
    assert_eq!(shown["mesh"]["metadata"]["meshOwner"], OWNER);
    let listed: Value = serde_json::from_slice(&aws(&plane, &["list-meshes"]).await.stdout).expect("meshes in JSON");
    assert_eq!(listed["meshes"][0]["meshOwner"], OWNER, "{listed}");
    let made = guest.create_virtual_node().mesh_name("shop").mesh_owner(OWNER).virtual_node_name("cart");
    let made = made.spec(VirtualNodeSpec::builder().build()).send().await.expect("a node of the guest's");
    let metadata = made.virtual_node().and_then(|node| node.metadata()).expect("metadata");
    assert_eq!((metadata.mesh_owner(), metadata.resource_owner()), (OWNER, GUEST));
    assert_eq!(metadata.arn(), format!("arn:aws:appmesh:us-east-1:{OWNER}:mesh/shop/virtualNode/cart"));
    let listed = owner.list_virtual_nodes().mesh_name("shop").send().await.expect("nodes");
    assert_eq!(listed.virtual_nodes()[0].resource_owner(), GUEST);
    let update = owner.update_virtual_node().mesh_name("shop").virtual_node_name("cart");
    let refused = update.spec(VirtualNodeSpec::builder().build()).send().await.expect_err("not the owner's");
    assert_eq!(refused.code(), Some("ForbiddenException"));

    remesh(&plane, "unshare").await;
    let delete = guest.delete_virtual_node().mesh_name("shop").mesh_owner(OWNER).virtual_node_name("cart").send().await;
    assert!(delete.expect_err("the guest has no access").into_service_error().is_forbidden_exception());
    owner
        .delete_virtual_node()
        .mesh_name("shop")
        .virtual_node_name("cart")
        .send()
        .await
        .expect("the owner's to delete");
    plane.stop().await;
}
