//! Clusters: the application beside the proxy, the virtual nodes it calls, what is outside the mesh (§5.2, §5.3, §5.6).

use super::proto::{ads, millis, number};
use super::{endpoint, metadata};
use crate::discovery::Selection;
use envoy_types::pb::envoy::config::cluster::v3::circuit_breakers::Thresholds;
use envoy_types::pb::envoy::config::cluster::v3::cluster::{
    ClusterDiscoveryType, DiscoveryType, EdsClusterConfig, LbPolicy,
};
use envoy_types::pb::envoy::config::cluster::v3::{CircuitBreakers, Cluster};
use envoy_types::pb::envoy::config::core::v3::{Http1ProtocolOptions, Http2ProtocolOptions};
use envoy_types::pb::envoy::extensions::upstreams::http::v3::HttpProtocolOptions;
use envoy_types::pb::envoy::extensions::upstreams::http::v3::http_protocol_options::{
    ExplicitHttpConfig, UpstreamProtocolOptions, UseDownstreamHttpConfig, explicit_http_config::ProtocolConfig,
};
use envoy_types::util::pack_any;
use mesh_core::Name;
use mesh_core::spec::{DnsResponseType, PortMapping, PortProtocol, ServiceDiscovery, VirtualNodeSpec};

const LOCAL_CONNECT_MS: u64 = 250;
const REMOTE_CONNECT_MS: u64 = 1000;
const NO_LIMIT: u32 = 2_147_483_647;
const HTTP_OPTIONS: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/// One fixed endpoint on this machine: the application, or a gateway's own second hop.
pub fn local(name: String, host: &str, port: i64, protocol: PortProtocol) -> Cluster {
    Cluster {
        connect_timeout: Some(millis(LOCAL_CONNECT_MS)),
        load_assignment: Some(endpoint::one(&name, host, port)),
        ..speaking(protocol, cluster(name, DiscoveryType::Static))
    }
}

/// A listener of a virtual node that is called, found as its spec says.
pub fn of_node(name: String, node: &Name, spec: &VirtualNodeSpec, mapping: PortMapping) -> Cluster {
    let cluster = match &spec.service_discovery {
        Some(ServiceDiscovery::Dns(dns)) => {
            let found = endpoint::one(&name, &dns.hostname, mapping.port);
            let of = match dns.response_type {
                Some(DnsResponseType::Endpoints) => DiscoveryType::StrictDns,
                Some(DnsResponseType::LoadBalancer) | None => DiscoveryType::LogicalDns,
            };
            Cluster { load_assignment: Some(found), ..cluster(name, of) }
        }
        Some(ServiceDiscovery::AwsCloudMap(_)) => by_eds(name),
        None => return nowhere(name, node),
    };
    speaking(mapping.protocol, Cluster { metadata: metadata::of_node(node.as_str()), ..cluster })
}

/// The instances that a cluster made by [`of_node`] awaits.
pub fn awaited(name: &str, node: &Name, spec: &VirtualNodeSpec, mapping: PortMapping) -> Option<Selection> {
    match &spec.service_discovery {
        Some(ServiceDiscovery::AwsCloudMap(found)) => Some(Selection::new(name.into(), node, found, mapping.port)),
        Some(ServiceDiscovery::Dns(_)) | None => None,
    }
}

/// A virtual node that cannot or must not be reached: requests get 503, connections are closed.
pub fn nowhere(name: String, node: &Name) -> Cluster {
    let assignment = endpoint::none(&name);
    Cluster {
        load_assignment: Some(assignment),
        metadata: metadata::of_node(node.as_str()),
        ..cluster(name, DiscoveryType::Static)
    }
}

/// Wherever the connection was going before it was captured. HTTP stays in the version it came in.
pub fn passthrough(name: String) -> Cluster {
    let downstream = UseDownstreamHttpConfig {
        http_protocol_options: Some(Http1ProtocolOptions::default()),
        http2_protocol_options: Some(Http2ProtocolOptions::default()),
        http3_protocol_options: None,
    };
    let cluster = Cluster { lb_policy: LbPolicy::ClusterProvided.into(), ..cluster(name, DiscoveryType::OriginalDst) };
    with_http(cluster, UpstreamProtocolOptions::UseDownstreamProtocolConfig(downstream))
}

/// Endpoints come over ADS; one that is gone leaves at once, whatever its health (§9.5).
fn by_eds(name: String) -> Cluster {
    let source = EdsClusterConfig { eds_config: Some(ads()), ..EdsClusterConfig::default() };
    Cluster {
        eds_cluster_config: Some(source),
        ignore_health_on_host_removal: true,
        ..cluster(name, DiscoveryType::Eds)
    }
}

fn cluster(name: String, of: DiscoveryType) -> Cluster {
    Cluster {
        name,
        connect_timeout: Some(millis(REMOTE_CONNECT_MS)),
        circuit_breakers: Some(unlimited()),
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(of.into())),
        ..Cluster::default()
    }
}

/// App Mesh's default, for the default priority alone (§8.4).
fn unlimited() -> CircuitBreakers {
    let thresholds = Thresholds {
        max_connections: number(NO_LIMIT),
        max_pending_requests: number(NO_LIMIT),
        max_requests: number(NO_LIMIT),
        max_retries: number(NO_LIMIT),
        ..Thresholds::default()
    };
    CircuitBreakers { thresholds: vec![thresholds], ..CircuitBreakers::default() }
}

/// HTTP/1.1 and plain TCP need no options.
fn speaking(protocol: PortProtocol, cluster: Cluster) -> Cluster {
    match protocol {
        PortProtocol::Http | PortProtocol::Tcp => cluster,
        PortProtocol::Http2 | PortProtocol::Grpc => {
            let http2 = ProtocolConfig::Http2ProtocolOptions(Http2ProtocolOptions::default());
            let explicit = ExplicitHttpConfig { protocol_config: Some(http2) };
            with_http(cluster, UpstreamProtocolOptions::ExplicitHttpConfig(explicit))
        }
    }
}

/// A map of one entry: see [`crate::snapshot::XdsResource::new`].
fn with_http(cluster: Cluster, upstream: UpstreamProtocolOptions) -> Cluster {
    let options = HttpProtocolOptions { upstream_protocol_options: Some(upstream), ..HttpProtocolOptions::default() };
    let options = [(HTTP_OPTIONS.to_owned(), pack_any(options))].into_iter().collect();
    Cluster { typed_extension_protocol_options: options, ..cluster }
}
