//! The TCP proxy: connections handed on without a look inside (§5.3, §7.6).

use super::{name, timeout};
use envoy_types::pb::envoy::config::listener::v3::{Filter, filter};
use envoy_types::pb::envoy::extensions::filters::network::tcp_proxy::v3::TcpProxy;
use envoy_types::pb::envoy::extensions::filters::network::tcp_proxy::v3::tcp_proxy::weighted_cluster::ClusterWeight;
use envoy_types::pb::envoy::extensions::filters::network::tcp_proxy::v3::tcp_proxy::{
    ClusterSpecifier, WeightedCluster,
};
use envoy_types::pb::google::protobuf::Duration;
use envoy_types::util::pack_any;
use mesh_core::Name;
use mesh_core::spec::PortMapping;
use mesh_core::view::{RouteRule, RouteView, Target};

/// The network filter that hands connections to one cluster.
pub fn to_cluster(stat_prefix: String, cluster: String, idle_timeout: Option<Duration>) -> Filter {
    filter(stat_prefix, ClusterSpecifier::Cluster(cluster), idle_timeout)
}

/// The network filter that shares connections among a route's targets; nothing where no target has a share.
pub fn to_targets(mesh: &Name, route: &RouteView, router: PortMapping) -> Option<Filter> {
    let idle = match &route.rule {
        RouteRule::Tcp(route) => timeout::tcp_idle(route.timeout.as_ref()),
        _ => None,
    };
    let cluster = |target: &Target| name::target_cluster(mesh, target, router);
    // Unlike an HTTP route, the TCP proxy takes no weight of zero.
    let shares = route.targets.iter().filter(|target| target.weight > 0);
    let shares: Vec<_> = shares
        .map(|target| ClusterWeight { name: cluster(target), weight: target.weight, metadata_match: None })
        .collect();
    let to = match shares.as_slice() {
        [] => return None,
        [only] => ClusterSpecifier::Cluster(only.name.clone()),
        _ => ClusterSpecifier::WeightedClusters(WeightedCluster { clusters: shares }),
    };
    Some(filter(name::EGRESS_STATS.into(), to, idle))
}

fn filter(stat_prefix: String, to: ClusterSpecifier, idle_timeout: Option<Duration>) -> Filter {
    let proxy = TcpProxy { stat_prefix, idle_timeout, cluster_specifier: Some(to), ..TcpProxy::default() };
    Filter {
        name: "envoy.filters.network.tcp_proxy".into(),
        config_type: Some(filter::ConfigType::TypedConfig(pack_any(proxy))),
    }
}
