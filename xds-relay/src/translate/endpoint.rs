//! Load assignments: the endpoints of a cluster, inline or over EDS (§5.6).

use super::proto::address;
use crate::snapshot::{ResourceType, XdsResource};
use envoy_types::pb::envoy::config::endpoint::v3::lb_endpoint::HostIdentifier;
use envoy_types::pb::envoy::config::endpoint::v3::{ClusterLoadAssignment, Endpoint, LbEndpoint, LocalityLbEndpoints};
use std::net::IpAddr;
use std::sync::Arc;

/// The load assignment of a cluster whose instances have these addresses and all listen on one port.
pub fn load_assignment(cluster: &Arc<str>, addresses: &[IpAddr], port: i64) -> Arc<XdsResource> {
    let endpoints = addresses.iter().map(|host| endpoint(&host.to_string(), port)).collect();
    XdsResource::new(ResourceType::Endpoint, cluster.clone(), &of(cluster, endpoints))
}

/// No endpoints: requests get 503, connections are closed.
pub fn none(cluster: &str) -> ClusterLoadAssignment {
    ClusterLoadAssignment { cluster_name: cluster.to_owned(), ..ClusterLoadAssignment::default() }
}

/// One endpoint, by address or by a name that Envoy resolves. A trailing dot of a name stays (§5.6).
pub fn one(cluster: &str, host: &str, port: i64) -> ClusterLoadAssignment {
    of(cluster, vec![endpoint(host, port)])
}

fn of(cluster: &str, lb_endpoints: Vec<LbEndpoint>) -> ClusterLoadAssignment {
    if lb_endpoints.is_empty() {
        return none(cluster);
    }
    let locality = LocalityLbEndpoints { lb_endpoints, ..LocalityLbEndpoints::default() };
    ClusterLoadAssignment { endpoints: vec![locality], ..none(cluster) }
}

fn endpoint(host: &str, port: i64) -> LbEndpoint {
    let endpoint = Endpoint { address: Some(address(host, port)), ..Endpoint::default() };
    LbEndpoint { host_identifier: Some(HostIdentifier::Endpoint(endpoint)), ..LbEndpoint::default() }
}
