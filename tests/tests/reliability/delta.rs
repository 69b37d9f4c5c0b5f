//! A raw delta client: what is sent to whom reconnects, message by message.

use envoy_types::pb::envoy::config::core::v3::Node;
use envoy_types::pb::envoy::service::discovery::v3::aggregated_discovery_service_client::AggregatedDiscoveryServiceClient;
use envoy_types::pb::envoy::service::discovery::v3::{DeltaDiscoveryRequest, DeltaDiscoveryResponse};
use mesh_tests::{ControlPlane, spec};
use serde_json::json;
use std::collections::HashMap;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::Streaming;

const CLUSTERS: &str = "type.googleapis.com/envoy.config.cluster.v3.Cluster";

/// One delta stream that asks for all clusters.
struct Stream {
    requests: mpsc::UnboundedSender<DeltaDiscoveryRequest>,
    answers: Streaming<DeltaDiscoveryResponse>,
}

impl Stream {
    async fn open(plane: &ControlPlane, node: &str, have: &HashMap<String, String>) -> Self {
        let url = format!("http://{}", plane.xds_addr());
        let mut client = AggregatedDiscoveryServiceClient::connect(url).await.expect("the relay listens");
        let (requests, outgoing) = mpsc::unbounded_channel();
        let first = DeltaDiscoveryRequest {
            node: Some(Node { id: node.into(), ..Node::default() }),
            type_url: CLUSTERS.into(),
            initial_resource_versions: have.clone(),
            ..DeltaDiscoveryRequest::default()
        };
        requests.send(first).expect("the stream is open");
        let stream = client.delta_aggregated_resources(UnboundedReceiverStream::new(outgoing)).await;
        Self { requests, answers: stream.expect("the identity is known").into_inner() }
    }

    /// The next answer, acknowledged: names and versions sent, and names removed.
    async fn next(&mut self) -> (HashMap<String, String>, Vec<String>) {
        let answer = tokio::time::timeout(Duration::from_secs(30), self.answers.message()).await;
        let answer = answer.expect("an answer comes").expect("the stream goes on").expect("the stream is open");
        let acknowledgement = DeltaDiscoveryRequest {
            type_url: answer.type_url.clone(),
            response_nonce: answer.nonce.clone(),
            ..DeltaDiscoveryRequest::default()
        };
        self.requests.send(acknowledgement).expect("the stream is open");
        let sent = answer.resources.into_iter().map(|resource| (resource.name, resource.version)).collect();
        (sent, answer.removed_resources)
    }
}

#[tokio::test]
async fn whoever_reconnects_with_matching_versions_gets_only_what_changed() {
    let plane = ControlPlane::start().await;
    let mesh = plane.api().create_mesh("shop", json!({})).await;
    for name in ["blue", "green"] {
        mesh.node(name, spec::node(name, "http", 8080)).await;
        mesh.service(&format!("{name}.test"), spec::served_by(name)).await;
    }
    mesh.node("client", spec::client(&["blue.test"])).await;
    plane.caught_up("shop").await;

    let node = "mesh/shop/virtualNode/client";
    let (have, _) = Stream::open(&plane, node, &HashMap::new()).await.next().await;
    assert!(have.contains_key("cds_egress_shop_blue_http_8080"), "{have:?}");

    // Nothing comes for what it has, so the first thing that is sent is the change.
    let mut again = Stream::open(&plane, node, &have).await;
    plane.api().get("/meshes/shop").await;
    mesh.change("virtualNodes/client", spec::client(&["blue.test", "green.test"])).await;
    let mut news = again.next().await;
    if news.0.is_empty() {
        // An answer without resources, to say that there is nothing to send, is allowed.
        news = again.next().await;
    }
    let names: Vec<&str> = news.0.keys().map(String::as_str).collect();
    assert_eq!(names, ["cds_egress_shop_green_http_8080"], "only what is new");

    // What it has and nobody needs any more is taken from it.
    let mut stale = have.clone();
    stale.insert("cds_egress_shop_gone_http_8080".into(), "1".into());
    let mut third = Stream::open(&plane, node, &stale).await;
    let mut removed = Vec::new();
    while !removed.contains(&"cds_egress_shop_gone_http_8080".to_owned()) {
        removed.extend(third.next().await.1);
    }
    plane.stop().await;
}
