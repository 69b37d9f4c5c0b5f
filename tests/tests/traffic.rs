//! Traffic through real Envoys, captured by iptables in network namespaces, as on ECS: what App Mesh definitions say is
//! what requests do.
//!
//! Each test has a bed of its own (namespaces, control plane, Envoys), and ends with every Envoy having refused nothing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what fails in a test's set-up fails the test"
)]

#[path = "traffic/changes.rs"]
mod changes;
#[path = "traffic/cloud_map.rs"]
mod cloud_map;
#[path = "traffic/discovery.rs"]
mod discovery;
#[path = "traffic/egress.rs"]
mod egress;
#[path = "traffic/gateway.rs"]
mod gateway;
#[path = "traffic/identity.rs"]
mod identity;
#[path = "traffic/matching.rs"]
mod matching;
#[path = "traffic/protocols.rs"]
mod protocols;
#[path = "traffic/retries.rs"]
mod retries;
#[path = "traffic/timeouts.rs"]
mod timeouts;
#[path = "traffic/tls.rs"]
mod tls;
#[path = "traffic/weights.rs"]
mod weights;

use mesh_tests::api::Mesh;
use mesh_tests::bed::Workload;
use mesh_tests::{Bed, spec};
use serde_json::json;

/// The virtual service of most tests, behind a router of the name `colour`.
const SERVICE: &str = "colour.test";

/// Where the client calls it.
const URL: &str = "http://colour.test:8080";

/// A mesh with a virtual service behind a router without routes, these virtual nodes, and `client`, which may call it.
async fn one_service(bed: &mut Bed, protocol: &str, nodes: &[&str]) -> Mesh {
    let mesh = bed.mesh("paint", json!({})).await;
    for node in nodes {
        mesh.node(node, spec::node(node, protocol, 8080)).await;
    }
    mesh.router("colour", spec::router(protocol, 8080)).await;
    mesh.service(SERVICE, spec::routed("colour")).await;
    mesh.node("client", spec::client(&[SERVICE])).await;
    bed.resolve_service(SERVICE);
    mesh
}

/// Pods with HTTP applications for these nodes, and one for `client`.
async fn start(bed: &mut Bed, mesh: &Mesh, nodes: &[&str]) {
    let pods = nodes.iter().map(|node| Workload::node(node).http(8080));
    bed.start(mesh, pods.chain([Workload::node("client")])).await;
}
