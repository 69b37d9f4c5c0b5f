//! What a snapshot's resources refer to, decoded: the checks that hold for every mesh are made of these.

use envoy_types::pb::envoy::config::cluster::v3::Cluster;
use envoy_types::pb::envoy::config::cluster::v3::cluster::{ClusterDiscoveryType, DiscoveryType};
use envoy_types::pb::envoy::config::listener::v3::{Filter, Listener, filter};
use envoy_types::pb::envoy::config::route::v3::route::Action;
use envoy_types::pb::envoy::config::route::v3::route_action::ClusterSpecifier as HttpClusters;
use envoy_types::pb::envoy::config::route::v3::{Route, RouteConfiguration};
use envoy_types::pb::envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;
use envoy_types::pb::envoy::extensions::filters::network::http_connection_manager::v3::http_connection_manager::RouteSpecifier;
use envoy_types::pb::envoy::extensions::filters::network::tcp_proxy::v3::TcpProxy;
use envoy_types::pb::envoy::extensions::filters::network::tcp_proxy::v3::tcp_proxy::ClusterSpecifier as TcpClusters;
use prost::Message;
use xds_relay::snapshot::{ResourceType, Snapshot};

/// A snapshot's resources, decoded.
#[derive(Debug)]
pub struct Decoded {
    pub listeners: Vec<Listener>,
    pub routes: Vec<RouteConfiguration>,
    pub clusters: Vec<Cluster>,
}

impl Decoded {
    pub fn of(snapshot: &Snapshot) -> Self {
        Self {
            listeners: all(snapshot, ResourceType::Listener),
            routes: all(snapshot, ResourceType::Route),
            clusters: all(snapshot, ResourceType::Cluster),
        }
    }

    /// The filters of all chains.
    pub fn filters(&self) -> impl Iterator<Item = NetworkFilter> {
        let chains = self.listeners.iter().flat_map(|listener| &listener.filter_chains);
        chains.flat_map(|chain| &chain.filters).map(NetworkFilter::of)
    }

    /// The clusters that Envoy routes and TCP proxies name.
    pub fn called(&self) -> Vec<String> {
        let by_tcp = self.filters().flat_map(|filter| match filter {
            NetworkFilter::Tcp(proxy) => tcp_clusters(&proxy),
            NetworkFilter::Http(_) => Vec::new(),
        });
        let routes = self.routes.iter().flat_map(|table| &table.virtual_hosts).flat_map(|host| &host.routes);
        by_tcp.chain(routes.flat_map(http_clusters)).collect()
    }

    /// Whether a cluster's endpoints come by EDS.
    pub fn by_eds(cluster: &Cluster) -> bool {
        cluster.cluster_discovery_type == Some(ClusterDiscoveryType::Type(DiscoveryType::Eds.into()))
    }
}

/// A network filter we send.
#[derive(Debug)]
pub enum NetworkFilter {
    Http(Box<HttpConnectionManager>),
    Tcp(Box<TcpProxy>),
}

impl NetworkFilter {
    pub fn of(filter: &Filter) -> Self {
        let Some(filter::ConfigType::TypedConfig(config)) = &filter.config_type else { panic!("no typed config") };
        match filter.name.as_str() {
            "envoy.filters.network.http_connection_manager" => {
                Self::Http(Box::new(HttpConnectionManager::decode(&*config.value).unwrap()))
            }
            "envoy.filters.network.tcp_proxy" => Self::Tcp(Box::new(TcpProxy::decode(&*config.value).unwrap())),
            other => panic!("unknown filter {other}"),
        }
    }
}

/// The route configuration that a connection manager asks for.
pub fn routes_of(manager: &HttpConnectionManager) -> &str {
    match &manager.route_specifier {
        Some(RouteSpecifier::Rds(rds)) => &rds.route_config_name,
        other => panic!("{other:?}"),
    }
}

/// The clusters an Envoy route names.
pub fn http_clusters(route: &Route) -> Vec<String> {
    let Some(Action::Route(action)) = &route.action else { panic!("{route:?}") };
    match &action.cluster_specifier {
        Some(HttpClusters::Cluster(name)) => vec![name.clone()],
        Some(HttpClusters::WeightedClusters(shares)) => shares.clusters.iter().map(|it| it.name.clone()).collect(),
        other => panic!("{other:?}"),
    }
}

fn tcp_clusters(proxy: &TcpProxy) -> Vec<String> {
    match &proxy.cluster_specifier {
        Some(TcpClusters::Cluster(name)) => vec![name.clone()],
        Some(TcpClusters::WeightedClusters(shares)) => shares.clusters.iter().map(|it| it.name.clone()).collect(),
        None => panic!("a TCP proxy to nowhere"),
    }
}

fn all<M: Message + Default>(snapshot: &Snapshot, of: ResourceType) -> Vec<M> {
    snapshot.of(of).values().map(|resource| M::decode(resource.body.clone()).unwrap()).collect()
}
