//! Streams: who is let in, what comes, and how they end.

use crate::bed::{Bed, WEB, assert_refused, clusters, names, node, soon};
use envoy_types::pb::envoy::config::core::v3::Node;
use envoy_types::pb::envoy::service::discovery::v3::{DeltaDiscoveryRequest, DiscoveryRequest};
use envoy_types::pb::google::protobuf::value::Kind;
use envoy_types::pb::google::protobuf::{Struct, Value};
use tonic::Code;
use xds_relay::snapshot::ResourceType;

const OLD: &str = "cds_egress_shop_cart_http_8080";
const NEW: &str = "cds_egress_shop_cart_http_9090";

#[tokio::test]
async fn a_node_by_any_of_its_names_is_served_its_clusters_by_delta() {
    let bed = Bed::start().await;
    for id in [
        WEB,
        "mesh/shop@000000000000/virtualNode/web",
        "arn:aws:appmesh:eu-west-1:000000000000:mesh/shop/virtualNode/web",
    ] {
        let response = bed.delta_of(id).await.next().await;
        assert!(names(&response).0.contains(&OLD), "{id}: {response:?}");
    }
}

#[tokio::test]
async fn a_node_is_served_its_clusters_by_state_of_the_world() {
    let bed = Bed::start().await;
    let response = bed.sotw_of(WEB).await.next().await;
    assert_eq!(response.type_url, ResourceType::Cluster.url());
    assert!(!response.resources.is_empty());
}

#[tokio::test]
async fn an_unknown_identity_is_refused_by_name() {
    let bed = Bed::start().await;
    let nobody = "mesh/shop/virtualNode/nobody";
    assert_refused(&bed.delta_of(nobody).await.end().await, Code::InvalidArgument, nobody);
    let elsewhere = "mesh/elsewhere/virtualNode/web";
    assert_refused(&bed.delta_of(elsewhere).await.end().await, Code::InvalidArgument, elsewhere);
    let status = soon(bed.sotw_of(nobody).await.responses.message()).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn an_identity_of_no_known_form_is_refused_with_the_forms() {
    let bed = Bed::start().await;
    let ended = bed.delta_of("sidecar~10.0.0.1~web").await.end().await;
    assert_refused(&ended, Code::InvalidArgument, "mesh/MESH/virtualNode/NAME");
}

#[tokio::test]
async fn a_stream_that_does_not_say_who_it_is_is_refused() {
    let bed = Bed::start().await;
    let stream = bed.delta().await;
    stream.send.send(clusters()).await.unwrap();
    assert_refused(&stream.end().await, Code::InvalidArgument, "node");
}

#[tokio::test]
async fn a_change_arrives_additions_first_and_removals_once_accepted() {
    let bed = Bed::start().await;
    let mut stream = bed.delta_of(WEB).await;
    let first = stream.next().await;
    stream.accept(&first).await;
    bed.move_cart(9090).await;
    let added = stream.next().await;
    assert_eq!(names(&added), (vec![NEW], vec![]));
    stream.accept(&added).await;
    let removed = stream.next().await;
    assert_eq!(names(&removed), (vec![], vec![OLD]));
}

#[tokio::test]
async fn one_who_comes_back_with_everything_gets_nothing() {
    let bed = Bed::start().await;
    let mut stream = bed.delta_of(WEB).await;
    let first = stream.next().await;
    drop(stream);
    let versions = first.resources.iter().map(|resource| (resource.name.clone(), resource.version.clone())).collect();
    let mut stream = bed.delta().await;
    let resumed = DeltaDiscoveryRequest { node: Some(node(WEB)), initial_resource_versions: versions, ..clusters() };
    stream.send.send(resumed).await.unwrap();
    bed.proxies_when(|proxies| proxies.len() == 1 && proxies[0]["inSync"] == true).await;
    bed.move_cart(9090).await;
    assert_eq!(names(&stream.next().await).0, [NEW], "the first thing it hears is what is new");
}

#[tokio::test]
async fn a_stream_ends_with_the_resource_it_stands_for() {
    let bed = Bed::start().await;
    let mut stream = bed.delta_of(WEB).await;
    stream.next().await;
    bed.delete_web().await;
    assert_refused(&stream.end().await, Code::InvalidArgument, WEB);
}

#[tokio::test]
async fn types_nobody_knows_break_nothing() {
    let bed = Bed::start().await;
    let mut stream = bed.delta_of(WEB).await;
    stream.next().await;
    let type_url = "type.googleapis.com/envoy.service.runtime.v3.Runtime".to_owned();
    let unknown = DeltaDiscoveryRequest { type_url, resource_names_subscribe: vec!["r".into()], ..Default::default() };
    stream.send.send(unknown).await.unwrap();
    assert_eq!(names(&stream.next().await), (vec![], vec!["r"]));
    let listeners = DeltaDiscoveryRequest { type_url: ResourceType::Listener.url().into(), ..Default::default() };
    stream.send.send(listeners).await.unwrap();
    // Listeners wait for the clusters to be accepted, here as everywhere.
    bed.proxies_when(|proxies| proxies[0]["types"]["lds"].is_object()).await;
}

#[tokio::test]
async fn an_agent_that_asks_for_its_local_cluster_is_not_disturbed() {
    let bed = Bed::start().await;
    let mut stream = bed.sotw_of(WEB).await;
    let first = stream.next().await;
    let (names, type_url) = (vec!["local_cluster".to_owned()], ResourceType::Endpoint.url().to_owned());
    stream.send.send(DiscoveryRequest { type_url, resource_names: names, ..Default::default() }).await.unwrap();
    let (type_url, response_nonce, version_info) = (first.type_url, first.nonce, first.version_info);
    let accepted = DiscoveryRequest { type_url, response_nonce, version_info, ..Default::default() };
    stream.send.send(accepted).await.unwrap();
    bed.proxies_when(|proxies| proxies[0]["types"]["eds"].is_object() && proxies[0]["inSync"] == true).await;
}

#[tokio::test]
async fn a_proxy_without_interception_is_served_listeners_on_its_address() {
    let bed = Bed::start().await;
    let mut stream = bed.delta().await;
    let object = |name: &str, kind| Struct { fields: [(name.to_owned(), Value { kind: Some(kind) })].into() };
    let bind = object("bind", Kind::StringValue("127.0.0.11".into()));
    let metadata = Some(object("remesh", Kind::StructValue(bind)));
    let request = DeltaDiscoveryRequest {
        node: Some(Node { metadata, ..node(WEB) }),
        type_url: ResourceType::Listener.url().into(),
        ..Default::default()
    };
    stream.send.send(request).await.unwrap();
    let response = stream.next().await;
    assert!(names(&response).0.iter().all(|name| name.contains("127.0.0.11")), "{response:?}");
    let (_, shown) = bed.get_json(&format!("/snapshot?node={WEB}")).await;
    assert!(shown["listeners"].to_string().contains("127.0.0.11"), "the dump shows the connected proxy: {shown}");
}

/// A client that takes nothing from its connection, while many resources come and go.
#[tokio::test]
async fn one_who_does_not_read_holds_up_nobody() {
    let bed = Bed::start().await;
    let stuck = bed.delta_of(WEB).await;
    let mut other = bed.delta_of(WEB).await;
    let first = other.next().await;
    other.accept(&first).await;
    for port in 9000..9050 {
        bed.move_cart(port).await;
        let name = format!("cds_egress_shop_cart_http_{port}");
        loop {
            let response = other.next().await;
            other.accept(&response).await;
            if names(&response).0.contains(&name.as_str()) {
                break;
            }
        }
    }
    drop(stuck);
}

#[tokio::test]
async fn a_relay_that_stops_ends_its_streams_gracefully_even_those_who_do_not_read() {
    let bed = Bed::start().await;
    let mut stream = bed.delta_of(WEB).await;
    stream.next().await;
    let silent = bed.delta().await;
    let Bed { relay, .. } = bed;
    soon(relay.stop()).await;
    assert!(stream.end().await.is_ok());
    assert!(silent.end().await.is_ok());
}
