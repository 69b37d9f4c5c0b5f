//! Streams to a real Envoy, with snapshots made for the purpose.
//!
//! `REMESH_ENVOY` names the binary; without it the tests say that they were left out. Envoy answers a change of clusters
//! only when they are warm, so how soon everything is accepted tells whether it was kept waiting.

use super::*;
use crate::proxies::lock;
use crate::snapshot::{ResourceType, Snapshot, XdsResource};
use crate::world::World;
use envoy_types::pb::envoy::config::cluster::v3::Cluster;
use envoy_types::pb::envoy::config::cluster::v3::cluster::{ClusterDiscoveryType, DiscoveryType, EdsClusterConfig};
use envoy_types::pb::envoy::config::core::v3::{
    Address, AggregatedConfigSource, ApiVersion, ConfigSource, SocketAddress, address, config_source, socket_address,
};
use envoy_types::pb::envoy::config::endpoint::v3::{
    ClusterLoadAssignment, Endpoint, LbEndpoint, LocalityLbEndpoints, lb_endpoint,
};
use envoy_types::pb::google::protobuf::Duration as Period;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

/// Far below the 15 s after which Envoy stops waiting for endpoints, far above what it needs.
const SOON: Duration = Duration::from_secs(20);

#[tokio::test]
async fn by_delta_a_real_envoy_never_waits_for_endpoints() {
    never_waits("DELTA_GRPC").await;
}

#[tokio::test]
async fn by_state_of_the_world_a_real_envoy_never_waits_for_endpoints() {
    never_waits("GRPC").await;
}

async fn never_waits(api: &str) {
    let Some(binary) = std::env::var_os("REMESH_ENVOY").map(PathBuf::from) else {
        return eprintln!("LEFT OUT: REMESH_ENVOY names no Envoy to serve");
    };
    let bed = Bed::start(&binary, api).await;
    bed.accepts("the first state", &[("a", 1, 8001), ("b", 1, 8001)]).await;
    bed.accepts("other endpoints", &[("a", 1, 8002), ("b", 1, 8001)]).await;
    bed.accepts("a changed cluster with the same endpoints", &[("a", 2, 8002), ("b", 1, 8001)]).await;
    bed.accepts("both", &[("a", 3, 8003), ("b", 1, 8001)]).await;
    bed.accepts("a new cluster, an old one gone", &[("a", 3, 8003), ("c", 1, 8001)]).await;
    bed.accepts("a cluster back as it was", &[("a", 3, 8003), ("b", 1, 8001)]).await;
    for n in 10..30 {
        bed.send(&[("a", n, 8003), ("b", n, u32::from(n % 2 == 0) + 8001)]);
    }
    bed.accepts("the last of many", &[("a", 30, 8003), ("b", 30, 8001)]).await;
}

/// A server of one snapshot, and the Envoy that is served it.
struct Bed {
    snapshots: watch::Sender<Option<Arc<Snapshot>>>,
    proxies: Proxies,
    _stop: watch::Sender<bool>,
    _envoy: Process,
}

struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Bed {
    async fn start(binary: &std::path::Path, api: &str) -> Self {
        let (snapshots, watched) = watch::channel(Some(Arc::new(Snapshot::default())));
        let (stop, stopping) = watch::channel(false);
        let proxies = Proxies::default();
        let ads = Ads {
            world: World::of(watched),
            proxies: proxies.clone(),
            account: "1".into(),
            stopping,
            drain: Duration::ZERO,
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(Server::builder().add_service(ads).serve_with_incoming(TcpIncoming::from(listener)));
        let mut envoy = Command::new(binary);
        envoy.args([
            "--config-yaml",
            &bootstrap(api, port),
            "--disable-hot-restart",
            "--concurrency",
            "1",
            "-l",
            "error",
        ]);
        let envoy = Process(envoy.stdout(Stdio::null()).spawn().unwrap());
        Self { snapshots, proxies, _stop: stop, _envoy: envoy }
    }

    fn send(&self, clusters: &[(&str, u32, u32)]) {
        let mut snapshot = Snapshot::default();
        snapshot.seq = self.snapshots.borrow().as_ref().unwrap().seq + 1;
        for (name, seconds, port) in clusters {
            snapshot.insert(XdsResource::new(ResourceType::Cluster, *name, &cluster(name, *seconds)));
            snapshot.insert(XdsResource::new(ResourceType::Endpoint, *name, &endpoints(name, *port)));
        }
        self.snapshots.send_replace(Some(Arc::new(snapshot)));
    }

    async fn accepts(&self, what: &str, clusters: &[(&str, u32, u32)]) {
        self.send(clusters);
        let seq = self.snapshots.borrow().as_ref().unwrap().seq;
        let begun = Instant::now();
        let patience = if seq == 1 { Duration::from_secs(20) } else { SOON };
        while !self.has_accepted(seq, clusters.len()) {
            assert!(begun.elapsed() < patience, "{what} was not accepted in time: {:#}", self.proxies.json());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        println!("{what}: {:?}", begun.elapsed());
    }

    fn has_accepted(&self, seq: u64, clusters: usize) -> bool {
        let Some(proxy) = self.proxies.connected().into_iter().next() else { return false };
        let session = lock(&proxy.session);
        let held =
            |of| session.report().find(|report| report.of == of).is_some_and(|report| report.resources == clusters);
        session.seq() == Some(seq) && held(ResourceType::Cluster) && held(ResourceType::Endpoint)
    }
}

fn bootstrap(api: &str, port: u16) -> String {
    format!(
        r#"{{
        node: {{ id: mesh/shop/virtualNode/web, cluster: web }},
        dynamic_resources: {{
          ads_config: {{
            api_type: {api}, transport_api_version: V3, set_node_on_first_message_only: true,
            grpc_services: [{{ envoy_grpc: {{ cluster_name: relay }} }}] }},
          cds_config: {{ ads: {{}}, resource_api_version: V3, initial_fetch_timeout: 0s }},
          lds_config: {{ ads: {{}}, resource_api_version: V3, initial_fetch_timeout: 0s }} }},
        static_resources: {{ clusters: [{{
          name: relay, type: STATIC, connect_timeout: 5s,
          load_assignment: {{ cluster_name: relay, endpoints: [{{ lb_endpoints: [{{ endpoint: {{
            address: {{ socket_address: {{ address: 127.0.0.1, port_value: {port} }} }} }} }}] }}] }},
          typed_extension_protocol_options: {{ envoy.extensions.upstreams.http.v3.HttpProtocolOptions: {{
            "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions,
            explicit_http_config: {{ http2_protocol_options: {{}} }} }} }} }}] }} }}"#
    )
}

/// A cluster that finds its endpoints by ADS; a different timeout makes it a different cluster.
fn cluster(name: &str, seconds: u32) -> Cluster {
    let ads = config_source::ConfigSourceSpecifier::Ads(AggregatedConfigSource::default());
    let eds_config = ConfigSource {
        resource_api_version: ApiVersion::V3 as i32,
        config_source_specifier: Some(ads),
        ..ConfigSource::default()
    };
    Cluster {
        name: name.into(),
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(DiscoveryType::Eds as i32)),
        eds_cluster_config: Some(EdsClusterConfig { eds_config: Some(eds_config), ..EdsClusterConfig::default() }),
        connect_timeout: Some(Period { seconds: i64::from(seconds), nanos: 0 }),
        ..Cluster::default()
    }
}

fn endpoints(name: &str, port: u32) -> ClusterLoadAssignment {
    let socket = SocketAddress {
        address: "127.0.0.1".into(),
        port_specifier: Some(socket_address::PortSpecifier::PortValue(port)),
        ..SocketAddress::default()
    };
    let address = Some(Address { address: Some(address::Address::SocketAddress(socket)) });
    let endpoint = lb_endpoint::HostIdentifier::Endpoint(Endpoint { address, ..Endpoint::default() });
    let lb_endpoints = vec![LbEndpoint { host_identifier: Some(endpoint), ..LbEndpoint::default() }];
    let locality = LocalityLbEndpoints { lb_endpoints, ..LocalityLbEndpoints::default() };
    ClusterLoadAssignment { cluster_name: name.into(), endpoints: vec![locality], ..ClusterLoadAssignment::default() }
}
