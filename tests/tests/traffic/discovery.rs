//! Virtual nodes as providers, and both ways of DNS (§5.4, §9.1).

use crate::{SERVICE, URL};
use mesh_tests::bed::Workload;
use mesh_tests::{Bed, Plan, Report, bed, spec};
use serde_json::json;

#[test]
fn a_virtual_node_provides_a_service_without_a_router() {
    bed::run(async |bed| {
        let mesh = bed.mesh("paint", json!({})).await;
        mesh.node("blue", spec::node("blue", "http", 8080)).await;
        mesh.service(SERVICE, spec::served_by("blue")).await;
        mesh.node("client", spec::client(&[SERVICE])).await;
        bed.resolve_service(SERVICE);
        bed.start(&mesh, [Workload::node("blue").http(8080), Workload::node("client")]).await;

        bed.pod("client").load(&Plan::get(URL).times(100)).await.assert_all_ok();
        let flaky =
            Plan::get(URL).header("x-app-status", "503").header("x-app-times", "1").header("x-app-key", "flaky");
        assert_eq!(bed.pod("client").load(&flaky).await.status(), Some(200), "the default retries apply here as well");
        assert_eq!(bed.pod("blue").arrived("flaky").await, 2);
    });
}

/// Two pods of one virtual node whose name resolves to both of their addresses.
async fn calls_to_two_instances(bed: &mut Bed, response_type: &str) -> Report {
    let mesh = bed.mesh("paint", json!({})).await;
    let mut pair = spec::node("pair", "http", 8080);
    pair["serviceDiscovery"]["dns"]["responseType"] = response_type.into();
    mesh.node("pair", pair).await;
    mesh.service(SERVICE, spec::served_by("pair")).await;
    mesh.node("client", spec::client(&[SERVICE])).await;
    bed.resolve_service(SERVICE);
    let pod = |name: &str| Workload::node("pair").in_pod(name).http(8080);
    bed.start(&mesh, [pod("first"), pod("second")]).await;
    bed.resolve("pair.pods", &["first", "second"]);
    bed.start(&mesh, [Workload::node("client")]).await;
    let report = bed.pod("client").load(&Plan::get(URL).times(400)).await;
    report.assert_all_ok();
    report
}

#[test]
fn endpoints_takes_every_address_of_the_name() {
    bed::run(async |bed| {
        let report = calls_to_two_instances(bed, "ENDPOINTS").await;
        for pod in ["first", "second"] {
            assert!((150..=250).contains(&report.by(pod)), "round robin over both: {:?}", report.nodes);
        }
    });
}

#[test]
fn loadbalancer_takes_the_name_for_one_endpoint() {
    bed::run(async |bed| {
        let report = calls_to_two_instances(bed, "LOADBALANCER").await;
        assert_eq!(report.nodes.len(), 1, "one logical endpoint: {:?}", report.nodes);
    });
}
