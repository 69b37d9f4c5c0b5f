//! The shape Remesh has in AWS while everything between its parts goes wrong: two writers that race, a table behind a
//! network that delays, resets, refuses, throttles and loses answers, relays that are killed again and again, and real
//! Envoys that carry traffic all the while.
//!
//! ```text
//!   writer ─► API ─┐                               ┌─► relay ─┐
//!                  ├─► faults ─► DynamoDB Local ◄─ faults     ├─ balancer ◄─ Envoys ◄─ requests without end
//!   writer ─► API ─┘        (table and stream)     └─► relay ─┘
//! ```
//!
//! What must hold: no gap in the log, nothing acknowledged that is lost, nothing that happened twice, and not one request
//! of the traffic that fails.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what fails in a test's set-up fails the test"
)]

#[path = "dynamo_faults/balancer.rs"]
mod balancer;
#[path = "dynamo_faults/blackout.rs"]
mod blackout;
#[path = "dynamo_faults/cloud.rs"]
mod cloud;
#[path = "dynamo_faults/history.rs"]
mod history;
#[path = "dynamo_faults/kills.rs"]
mod kills;
#[path = "dynamo_faults/relay.rs"]
mod relay;
#[path = "dynamo_faults/writer.rs"]
mod writer;

use mesh_tests::api::Mesh;
use mesh_tests::bed::{Load, Workload};
use mesh_tests::{Bed, Plan, eventually, spec};
use serde_json::{Value, json};

/// The virtual service that everybody calls.
const SERVICE: &str = "http://colour.test:8080/";

/// The App Mesh route behind it: a share of a hundred goes to `blue`, the rest to `green`.
fn colours(blue: u32) -> Value {
    spec::route("http", json!({ "prefix": "/" }), &[("blue", blue), ("green", 100 - blue)])
}

/// A mesh with a virtual service that leads to two virtual nodes, and clients of it, with nothing running yet.
async fn mesh_of_colours(bed: &mut Bed) -> Mesh {
    let mesh = bed.mesh("shop", json!({})).await;
    for name in ["blue", "green", "writer-1", "writer-2"] {
        mesh.node(name, spec::node(name, "http", 8080)).await;
    }
    mesh.router("colour", spec::router("http", 8080)).await;
    mesh.route("colour", "all", colours(50)).await;
    mesh.service("colour.test", spec::routed("colour")).await;
    mesh.node("client", spec::client(&["colour.test"])).await;
    bed.resolve_service("colour.test");
    mesh
}

/// Its pods: two that answer, a client that follows by delta and one that is told the state of the world.
fn pods() -> Vec<Workload> {
    let servers = ["blue", "green"].map(|node| Workload::node(node).http(8080));
    let clients = [Workload::node("client"), Workload::node("client").in_pod("second").state_of_the_world()];
    servers.into_iter().chain(clients).collect()
}

/// Requests without end from both clients.
fn traffic(bed: &Bed) -> [Load; 2] {
    ["client", "second"].map(|pod| bed.pod(pod).start_load(&Plan::get(SERVICE).without_end()))
}

/// Ends the traffic: not one request of it may have failed.
async fn assert_nothing_failed(traffic: [Load; 2]) {
    for load in traffic {
        let report = load.end().await;
        report.assert_all_ok();
        println!("{} requests, all answered, the slowest after {} ms", report.sent, report.slowest_ms);
    }
}

/// Waits until both clients' requests all go to one node: what was written last has reached them.
async fn all_to(bed: &Bed, node: &str) {
    for pod in ["client", "second"] {
        eventually(&format!("everything of `{pod}` goes to {node}"), async || {
            let report = bed.pod(pod).load(&Plan::get(SERVICE).times(8)).await;
            (report.by(node) == 8).then_some(()).ok_or_else(|| format!("{report:#?}"))
        })
        .await;
    }
}
