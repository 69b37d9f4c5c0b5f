//! The control plane restarts under connected Envoys.

use crate::{all_to, nodes, pods, service, to, updates};
use mesh_tests::bed::Workload;
use mesh_tests::{Plan, bed, eventually};
use serde_json::json;

#[test]
fn a_restart_fails_no_request_and_sends_no_resource_again() {
    bed::run_with_program(async |bed| {
        let mesh = bed.mesh("shop", json!({})).await;
        nodes(&mesh, &["blue", "green"]).await;
        service(bed, &mesh, "colour", "blue").await;
        bed.start(&mesh, pods(&["blue", "green"], &["colour-client"])).await;
        all_to(bed, "colour", "blue").await;
        let load = bed.pod("colour-client").start_load(&Plan::get("http://colour.test:8080/").without_end());

        for round in ["green", "blue"] {
            let before = updates(bed.pod("colour-client").envoy()).await;
            bed.restart_plane().await;
            for node in ["blue", "green", "colour-client"] {
                bed.plane().admin().wait_until_in_sync(&format!("mesh/shop/virtualNode/{node}")).await;
            }
            let after = updates(bed.pod("colour-client").envoy()).await;
            assert_eq!(before, after, "whoever reconnects with what it has is sent nothing");
            // And the new process steers.
            mesh.change("virtualRouter/colour/routes/all", to(&[(round, 1)])).await;
            all_to(bed, "colour", round).await;
        }

        load.end().await.assert_all_ok();
    });
}

#[test]
fn proxies_serve_without_a_control_plane_and_catch_up_with_what_they_missed() {
    bed::run_with_program(async |bed| {
        let mesh = bed.mesh("shop", json!({})).await;
        nodes(&mesh, &["blue", "green"]).await;
        service(bed, &mesh, "colour", "blue").await;
        let mut all = pods(&["blue", "green"], &["colour-client"]);
        all.push(Workload::node("colour-client").in_pod("second-client").state_of_the_world());
        bed.start(&mesh, all).await;
        let load = bed.pod("colour-client").start_load(&Plan::get("http://colour.test:8080/").without_end());
        let plan = Plan::get("http://colour.test:8080/").times(200);

        bed.stop_plane().await;
        bed.pod("colour-client").load(&plan).await.assert_all_ok();
        bed.pod("second-client").load(&plan).await.assert_all_ok();
        bed.start_plane().await;
        mesh.change("virtualRouter/colour/routes/all", to(&[("green", 1)])).await;

        all_to(bed, "colour", "green").await;
        eventually("the state of the world follows as well", async || {
            let report = bed.pod("second-client").load(&Plan::get("http://colour.test:8080/").times(8)).await;
            (report.by("green") == 8).then_some(()).ok_or_else(|| format!("{report:#?}"))
        })
        .await;
        load.end().await.assert_all_ok();
    });
}
