//! Load assignments: the endpoints of a cluster, inline or over EDS (§5.6).

use super::proto::address;
use envoy_types::pb::envoy::config::endpoint::v3::lb_endpoint::HostIdentifier;
use envoy_types::pb::envoy::config::endpoint::v3::{ClusterLoadAssignment, Endpoint, LbEndpoint, LocalityLbEndpoints};

/// No endpoints: requests get 503, connections are closed.
pub fn none(cluster: &str) -> ClusterLoadAssignment {
    ClusterLoadAssignment { cluster_name: cluster.to_owned(), ..ClusterLoadAssignment::default() }
}

/// One endpoint, by address or by a name that Envoy resolves. A trailing dot of a name stays (§5.6).
pub fn one(cluster: &str, host: &str, port: i64) -> ClusterLoadAssignment {
    let endpoint = Endpoint { address: Some(address(host, port)), ..Endpoint::default() };
    let endpoint = LbEndpoint { host_identifier: Some(HostIdentifier::Endpoint(endpoint)), ..LbEndpoint::default() };
    let locality = LocalityLbEndpoints { lb_endpoints: vec![endpoint], ..LocalityLbEndpoints::default() };
    ClusterLoadAssignment { endpoints: vec![locality], ..none(cluster) }
}
