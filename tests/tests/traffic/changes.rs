//! Changes while requests are running: not one of them may fail.

use crate::{SERVICE, URL, one_service, start};
use mesh_tests::bed::Workload;
use mesh_tests::{Bed, Plan, bed, eventually, spec};
use serde_json::{Value, json};

const ROUTE: &str = "virtualRouter/colour/routes/all";

fn to(targets: &[(&str, u32)]) -> Value {
    spec::route("http", json!({ "prefix": "/" }), targets)
}

/// Waits until every request is answered by this node.
async fn all_to(bed: &Bed, node: &str) {
    eventually(&format!("all traffic goes to {node}"), async || {
        let report = bed.pod("client").load(&Plan::get(URL).times(8)).await;
        (report.by(node) == 8).then_some(()).ok_or_else(|| format!("{report:#?}"))
    })
    .await;
}

/// Waits until a request is answered with this status.
async fn status(bed: &Bed, url: &str, expected: u16) {
    eventually(&format!("{url} answers {expected}"), async || {
        let report = bed.pod("client").get(url).await;
        (report.status() == Some(expected)).then_some(()).ok_or_else(|| format!("{report:#?}"))
    })
    .await;
}

#[test]
fn weights_change_under_load_without_a_failed_request() {
    bed::run(async |bed| {
        let mesh = one_service(bed, "http", &["blue", "green"]).await;
        mesh.route("colour", "all", to(&[("blue", 100), ("green", 0)])).await;
        start(bed, &mesh, &["blue", "green"]).await;

        let load = bed.pod("client").start_load(&Plan::get(URL).without_end());
        for _ in 0..5 {
            mesh.change(ROUTE, to(&[("blue", 0), ("green", 100)])).await;
            all_to(bed, "green").await;
            mesh.change(ROUTE, to(&[("blue", 50), ("green", 50)])).await;
            mesh.change(ROUTE, to(&[("blue", 100), ("green", 0)])).await;
            all_to(bed, "blue").await;
        }
        let report = load.end().await;

        report.assert_all_ok();
        assert!(report.by("blue") > 0 && report.by("green") > 0, "{report:#?}");
    });
}

#[test]
fn a_node_joins_and_another_leaves_under_load_without_a_failed_request() {
    bed::run(async |bed| {
        let mesh = one_service(bed, "http", &["old"]).await;
        mesh.route("colour", "all", to(&[("old", 1)])).await;
        start(bed, &mesh, &["old"]).await;

        let load = bed.pod("client").start_load(&Plan::get(URL).without_end());
        mesh.node("new", spec::node("new", "http", 8080)).await;
        bed.start(&mesh, [Workload::node("new").http(8080)]).await;
        mesh.change(ROUTE, to(&[("old", 50), ("new", 50)])).await;
        mesh.change(ROUTE, to(&[("new", 100)])).await;
        all_to(bed, "new").await;
        mesh.delete("virtualNodes/old").await;
        eventually("the client forgets the old node's cluster", async || {
            let left = bed.pod("client").envoy().stats("^cluster.cds_egress_paint_old_").await;
            left.is_empty().then_some(()).ok_or_else(|| format!("{left:?}"))
        })
        .await;
        bed.remove("old");
        all_to(bed, "new").await;

        load.end().await.assert_all_ok();
    });
}

#[test]
fn routes_and_services_that_come_and_go_are_followed() {
    bed::run(async |bed| {
        let mesh = one_service(bed, "http", &["blue"]).await;
        start(bed, &mesh, &["blue"]).await;
        let path = |path: &str| spec::route("http", json!({ "prefix": path }), &[("blue", 1)]);

        // A router without routes, then its first route.
        status(bed, URL, 404).await;
        mesh.route("colour", "first", path("/first")).await;
        status(bed, &format!("{URL}/first"), 200).await;
        // The older of two routes goes.
        mesh.route("colour", "second", path("/second")).await;
        status(bed, &format!("{URL}/second"), 200).await;
        mesh.delete("virtualRouter/colour/routes/first").await;
        status(bed, &format!("{URL}/first"), 404).await;
        status(bed, &format!("{URL}/second"), 200).await;
        // The service goes and comes back, with the backend that names it staying.
        mesh.delete(&format!("virtualServices/{SERVICE}")).await;
        eventually("the service is gone", async || {
            let report = bed.pod("client").get(&format!("{URL}/second")).await;
            (report.status() != Some(200)).then_some(()).ok_or_else(|| format!("{report:#?}"))
        })
        .await;
        mesh.service(SERVICE, spec::served_by("blue")).await;
        status(bed, &format!("{URL}/first"), 200).await;
    });
}

#[test]
fn a_backend_added_later_is_reachable_and_one_removed_is_not() {
    bed::run(async |bed| {
        let mesh = one_service(bed, "http", &["blue"]).await;
        mesh.route("colour", "all", to(&[("blue", 1)])).await;
        mesh.change("virtualNodes/client", spec::client(&[])).await;
        start(bed, &mesh, &["blue"]).await;

        let closed = async |bed: &Bed| {
            eventually("no backend, no way", async || {
                let report = bed.pod("client").get(URL).await;
                (report.failed == 1).then_some(()).ok_or_else(|| format!("{report:#?}"))
            })
            .await;
        };
        closed(bed).await;
        mesh.change("virtualNodes/client", spec::client(&[SERVICE])).await;
        all_to(bed, "blue").await;
        mesh.change("virtualNodes/client", spec::client(&[])).await;
        closed(bed).await;
    });
}
