//! Who a proxy says it is, and in which protocol it asks (§1.3, §1.5, §2.1).

use crate::{SERVICE, URL, one_service};
use envoy_types::pb::envoy::config::core::v3::Node;
use envoy_types::pb::envoy::service::discovery::v3::DeltaDiscoveryRequest;
use envoy_types::pb::envoy::service::discovery::v3::aggregated_discovery_service_client::AggregatedDiscoveryServiceClient;
use mesh_tests::bed::Workload;
use mesh_tests::{ControlPlane, Plan, bed, eventually, spec};
use serde_json::json;
use tonic::Code;

#[test]
fn an_unknown_identity_is_refused_until_the_resource_exists() {
    bed::run(async |bed| {
        let mesh = one_service(bed, "http", &["blue"]).await;
        mesh.route("colour", "all", spec::route("http", json!({ "prefix": "/" }), &[("blue", 1)])).await;
        bed.start(&mesh, [Workload::node("blue").http(8080)]).await;
        bed.add(&mesh, Workload::node("nobody"));
        let envoy = bed.pod("nobody").envoy();
        eventually("Envoy is refused with status 3", async || {
            envoy.log().contains("closed: 3").then_some(()).ok_or_else(|| envoy.log())
        })
        .await;
        assert!(!envoy.is_ready().await, "an Envoy without configuration is not ready");

        mesh.node("nobody", spec::client(&[SERVICE])).await;
        envoy.ready().await;
        assert_eq!(bed.pod("nobody").get(URL).await.node(), Some("blue"));
    });
}

#[test]
fn a_proxy_whose_resource_is_deleted_is_refused_from_then_on() {
    bed::run(async |bed| {
        let mesh = one_service(bed, "http", &["blue"]).await;
        bed.start(&mesh, [Workload::node("client")]).await;
        mesh.delete("virtualNodes/client").await;

        let envoy = bed.pod("client").envoy();
        eventually("Envoy is refused with status 3", async || {
            envoy.log().contains("closed: 3").then_some(()).ok_or_else(|| envoy.log())
        })
        .await;
        assert_eq!(bed.plane().admin().proxies_of("mesh/paint/virtualNode/client").await.len(), 0);
        mesh.node("client", spec::client(&[SERVICE])).await;
        bed.plane().admin().wait_until_in_sync("mesh/paint/virtualNode/client").await;
    });
}

#[tokio::test]
async fn the_refusal_names_the_identity() {
    let plane = ControlPlane::start().await;
    let mut client = AggregatedDiscoveryServiceClient::connect(format!("http://{}", plane.xds_addr())).await.unwrap();
    for id in ["mesh/none/virtualNode/nobody", "nonsense", ""] {
        let node = Node { id: id.into(), ..Node::default() };
        let first = DeltaDiscoveryRequest {
            node: Some(node),
            type_url: "type.googleapis.com/envoy.config.cluster.v3.Cluster".into(),
            ..DeltaDiscoveryRequest::default()
        };
        let requests = tokio_stream::StreamExt::chain(tokio_stream::once(first), tokio_stream::pending());
        let refusal = match client.delta_aggregated_resources(requests).await {
            Ok(answers) => answers.into_inner().message().await.expect_err("an unknown identity gets nothing"),
            Err(status) => status,
        };
        assert_eq!(refusal.code(), Code::InvalidArgument, "{refusal:?}");
        assert!(refusal.message().contains(id), "{refusal:?}");
    }
    plane.stop().await;
}

#[test]
fn a_proxy_that_asks_for_the_state_of_the_world_is_served_as_well() {
    bed::run(async |bed| {
        let mesh = one_service(bed, "http", &["blue", "green"]).await;
        let to = |targets: &[(&str, u32)]| spec::route("http", json!({ "prefix": "/" }), targets);
        mesh.route("colour", "all", to(&[("blue", 80), ("green", 20)])).await;
        let pods = [
            Workload::node("blue").http(8080).state_of_the_world(),
            Workload::node("green").http(8080).state_of_the_world(),
            Workload::node("client").state_of_the_world(),
        ];
        bed.start(&mesh, pods).await;
        let client = bed.pod("client");

        let report = client.load(&Plan::get(URL).times(2000)).await;
        report.assert_all_ok();
        report.assert_share("green", 0.2);

        let load = client.start_load(&Plan::get(URL).without_end());
        for target in ["green", "blue", "green", "blue"] {
            mesh.change("virtualRouter/colour/routes/all", to(&[(target, 1)])).await;
            eventually("the route changes", async || {
                let report = client.load(&Plan::get(URL).times(8)).await;
                (report.by(target) == 8).then_some(()).ok_or_else(|| format!("{report:#?}"))
            })
            .await;
        }
        load.end().await.assert_all_ok();
        let proxies = bed.plane().admin().proxies_of("mesh/paint/virtualNode/client").await;
        assert_eq!(proxies[0]["protocol"], "sotw", "{proxies:#?}");
    });
}
