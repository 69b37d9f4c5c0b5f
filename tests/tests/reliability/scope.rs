//! A change goes to whom it concerns, in an order that breaks nothing.

use crate::{all_to, nodes, pods, service, to, updates};
use mesh_tests::{Plan, bed};
use serde_json::json;

#[test]
fn a_change_reaches_only_the_proxies_it_concerns() {
    bed::run(async |bed| {
        let mesh = bed.mesh("shop", json!({})).await;
        nodes(&mesh, &["blue", "green"]).await;
        service(bed, &mesh, "colour", "blue").await;
        service(bed, &mesh, "shape", "blue").await;
        bed.start(&mesh, pods(&["blue", "green"], &["colour-client", "shape-client"])).await;
        let other = bed.pod("shape-client").envoy();
        let before = updates(other).await;

        for target in ["green", "blue", "green"] {
            mesh.change("virtualRouter/colour/routes/all", to(&[(target, 1)])).await;
            all_to(bed, "colour", target).await;
        }
        mesh.node("unused", json!({})).await;
        // The relay works in order: once this change is there, everything before it would be as well.
        mesh.change("virtualRouter/shape/routes/all", to(&[("blue", 2)])).await;
        mesh.change("virtualRouter/shape/routes/all", to(&[("green", 1)])).await;
        all_to(bed, "shape", "green").await;

        let after = updates(other).await;
        let routes = "http.egress.rds.rds_egress_http_8080.update_success";
        let of = |name: &str| after.get(name).unwrap_or(&0) - before.get(name).unwrap_or(&0);
        assert!((1..=2).contains(&of(routes)), "its own two changes and no other: {before:#?} {after:#?}");
        assert_eq!(of("listener_manager.lds.update_success"), 0, "no listener changed: {before:#?} {after:#?}");
        let node = updates(bed.pod("blue").envoy()).await;
        assert_eq!(node.get("cluster_manager.cds.update_success"), Some(&1), "nothing of its own changed: {node:#?}");
    });
}

#[test]
fn clusters_are_there_before_routes_use_them_and_go_after() {
    bed::run(async |bed| {
        let mesh = bed.mesh("shop", json!({})).await;
        nodes(&mesh, &["blue", "green"]).await;
        service(bed, &mesh, "colour", "blue").await;
        bed.start(&mesh, pods(&["blue", "green"], &["colour-client"])).await;
        let client = bed.pod("colour-client");
        let load = client.start_load(&Plan::get("http://colour.test:8080/").without_end());

        // The cluster of whichever node is no target does not exist, so each change makes one and removes one.
        for _ in 0..8 {
            for target in ["green", "blue"] {
                mesh.change("virtualRouter/colour/routes/all", to(&[(target, 1)])).await;
                all_to(bed, "colour", target).await;
            }
        }
        // And as fast as the API takes them.
        for _ in 0..50 {
            for target in ["green", "blue"] {
                mesh.change("virtualRouter/colour/routes/all", to(&[(target, 1)])).await;
            }
        }
        mesh.change("virtualRouter/colour/routes/all", to(&[("green", 1)])).await;
        all_to(bed, "colour", "green").await;

        load.end().await.assert_all_ok();
        assert!(client.envoy().stat("cluster_manager.cluster_removed").await >= 8);
    });
}
