//! Envoy routes: what a port of a virtual service does with a request (§7), and the plain ones.

use super::proto::number;
use super::timeout::Timeouts;
use super::{matching, metadata, name, retry};
use envoy_types::pb::envoy::config::route::v3::route::Action;
use envoy_types::pb::envoy::config::route::v3::route_action::ClusterSpecifier;
use envoy_types::pb::envoy::config::route::v3::weighted_cluster::ClusterWeight;
use envoy_types::pb::envoy::config::route::v3::{Route, RouteAction, RouteMatch, VirtualHost, WeightedCluster};
use mesh_core::Name;
use mesh_core::spec::{PortMapping, PortProtocol};
use mesh_core::view::{RouteRule, RouteView, ServicePort, ServiceView, Target};

/// The sum that older Envoys expect where none is given. Newer ones add up themselves, and warn of one that is given.
const OLD_TOTAL: u32 = 100;

/// The Envoy routes of a port of a service, first match first, and what is wrong with those left out.
pub fn of_service(mesh: &Name, service: &ServiceView, port: &ServicePort) -> (Vec<Route>, Vec<String>) {
    let (mut routes, mut warnings) = (Vec::new(), Vec::new());
    for route in port.routes.iter().filter(|route| is_http(route, port.mapping)) {
        match of_route(mesh, service, route, port.mapping) {
            Some(route) => routes.push(route),
            None => warnings.push(without_weight(service, route)),
        }
    }
    (routes, warnings)
}

/// Why a route does nothing.
pub fn without_weight(service: &ServiceView, route: &RouteView) -> String {
    let route = route.name.as_ref().map_or("the provider", Name::as_str);
    format!(
        "route {route} of virtual service {} has no target with a weight above 0: it takes no traffic",
        service.name
    )
}

/// The virtual host of everything that takes everything to one cluster.
pub fn host_to_cluster(host: &str, cluster: String, timeouts: Timeouts) -> VirtualHost {
    let action = RouteAction {
        timeout: timeouts.request(),
        idle_timeout: timeouts.idle(),
        cluster_specifier: Some(ClusterSpecifier::Cluster(cluster)),
        ..RouteAction::default()
    };
    VirtualHost {
        name: host.to_owned(),
        domains: vec!["*".into()],
        routes: vec![route(matching::everything(), action)],
        ..VirtualHost::default()
    }
}

/// An Envoy route.
pub fn route(matches: RouteMatch, action: RouteAction) -> Route {
    Route { r#match: Some(matches), action: Some(Action::Route(action)), ..Route::default() }
}

fn is_http(route: &RouteView, mapping: PortMapping) -> bool {
    mapping.protocol != PortProtocol::Tcp && !matches!(route.rule, RouteRule::Tcp(_))
}

fn of_route(mesh: &Name, service: &ServiceView, view: &RouteView, router: PortMapping) -> Option<Route> {
    let timeouts = Timeouts::of_rule(&view.rule);
    let action = RouteAction {
        timeout: timeouts.request(),
        idle_timeout: timeouts.idle(),
        retry_policy: retry::of_rule(&view.rule),
        cluster_specifier: Some(shared_among(mesh, &view.targets, router)?),
        ..RouteAction::default()
    };
    let metadata = metadata::of_service(service.name.as_str());
    Some(Route { metadata, ..route(matching::of_rule(&view.rule), action) })
}

/// Shares are relative; targets without one stay in the list (§7.4). Envoy refuses a list that adds up to nothing.
fn shared_among(mesh: &Name, targets: &[Target], router: PortMapping) -> Option<ClusterSpecifier> {
    let total = targets.iter().fold(0u32, |sum, target| sum.saturating_add(target.weight));
    match targets {
        _ if total == 0 => None,
        [only] => Some(ClusterSpecifier::Cluster(name::target_cluster(mesh, only, router))),
        several => Some(ClusterSpecifier::WeightedClusters(WeightedCluster {
            clusters: several.iter().map(|target| share(mesh, target, router)).collect(),
            #[expect(deprecated, reason = "older Envoys of App Mesh refuse shares of another sum without it")]
            total_weight: number(total).filter(|_| total != OLD_TOTAL),
            ..WeightedCluster::default()
        })),
    }
}

fn share(mesh: &Name, target: &Target, router: PortMapping) -> ClusterWeight {
    ClusterWeight {
        name: name::target_cluster(mesh, target, router),
        weight: number(target.weight),
        ..ClusterWeight::default()
    }
}
