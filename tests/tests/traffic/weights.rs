//! Weighted targets (§7.4).

use crate::{URL, one_service, start};
use mesh_tests::{Plan, bed, spec};
use serde_json::json;

#[test]
fn each_target_gets_its_share() {
    bed::run(async |bed| {
        let nodes = ["most", "some", "few", "none"];
        let mesh = one_service(bed, "http", &nodes).await;
        let weights = [("most", 70), ("some", 25), ("few", 5), ("none", 0)];
        mesh.route("colour", "all", spec::route("http", json!({ "prefix": "/" }), &weights)).await;
        start(bed, &mesh, &nodes).await;

        let report = bed.pod("client").load(&Plan::get(URL).times(3000)).await;

        report.assert_all_ok();
        for (node, weight) in weights {
            report.assert_share(node, f64::from(weight) / 100.0);
        }
    });
}

#[test]
fn weights_are_relative_to_their_sum() {
    bed::run(async |bed| {
        let mesh = one_service(bed, "http", &["one", "two"]).await;
        let route = spec::route("http", json!({ "prefix": "/" }), &[("one", 1), ("two", 3)]);
        mesh.route("colour", "all", route).await;
        start(bed, &mesh, &["one", "two"]).await;

        let report = bed.pod("client").load(&Plan::get(URL).times(2000)).await;

        report.assert_all_ok();
        report.assert_share("two", 0.75);
    });
}
