//! What must never be noticed: a control plane that restarts, changes that concern others, clusters that come and go.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what fails in a test's set-up fails the test"
)]

#[path = "reliability/delta.rs"]
mod delta;
#[path = "reliability/restart.rs"]
mod restart;
#[path = "reliability/scope.rs"]
mod scope;

use mesh_tests::api::Mesh;
use mesh_tests::bed::Workload;
use mesh_tests::{Bed, Envoy, Plan, eventually, spec};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// An HTTP route that takes everything, with these targets.
fn to(targets: &[(&str, u32)]) -> Value {
    spec::route("http", json!({ "prefix": "/" }), targets)
}

/// A virtual service `NAME.test` behind a router `NAME` whose route `all` leads to a node, and a node `NAME-client` that
/// may call it.
async fn service(bed: &mut Bed, mesh: &Mesh, name: &str, target: &str) {
    let host = format!("{name}.test");
    mesh.router(name, spec::router("http", 8080)).await;
    mesh.route(name, "all", to(&[(target, 1)])).await;
    mesh.service(&host, spec::routed(name)).await;
    mesh.node(&format!("{name}-client"), spec::client(&[&host])).await;
    bed.resolve_service(&host);
}

async fn nodes(mesh: &Mesh, names: &[&str]) {
    for name in names {
        mesh.node(name, spec::node(name, "http", 8080)).await;
    }
}

fn pods(nodes: &[&str], clients: &[&str]) -> Vec<Workload> {
    let nodes = nodes.iter().map(|node| Workload::node(node).http(8080));
    nodes.chain(clients.iter().map(|client| Workload::node(client))).collect()
}

/// Waits until every request of a client to `NAME.test` is answered by a node.
async fn all_to(bed: &Bed, service: &str, node: &str) {
    let plan = Plan::get(format!("http://{service}.test:8080/")).times(8);
    eventually(&format!("{service} leads to {node}"), async || {
        let report = bed.pod(&format!("{service}-client")).load(&plan).await;
        (report.by(node) == 8).then_some(()).ok_or_else(|| format!("{report:#?}"))
    })
    .await;
}

/// How many updates an Envoy has taken, by type and name.
async fn updates(envoy: &Envoy) -> BTreeMap<String, u64> {
    envoy.stats("update_success$").await
}
