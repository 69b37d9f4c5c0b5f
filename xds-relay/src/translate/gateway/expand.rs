//! The first hop: gateway routes as Envoy routes. One gateway route may become two, and the order in which they are tried
//! is known only then (§6.4, §6.6, §6.8).

use super::super::timeout::Timeouts;
use super::super::{matching, name, route};
use super::second_hop::{Destination, keeps_host, protocol};
use envoy_types::pb::envoy::config::core::v3::header_value_option::HeaderAppendAction;
use envoy_types::pb::envoy::config::core::v3::{HeaderValue, HeaderValueOption};
use envoy_types::pb::envoy::config::route::v3::route_action::{ClusterSpecifier, HostRewriteSpecifier};
use envoy_types::pb::envoy::config::route::v3::route_match::PathSpecifier;
use envoy_types::pb::envoy::config::route::v3::{Route, RouteAction, RouteMatch, VirtualHost};
use mesh_core::Name;
use mesh_core::spec::{
    DefaultGatewayRouteRewrite, GatewayRouteHostnameMatch, GatewayRouteSpec, HttpGatewayRoute, HttpGatewayRouteRewrite,
    PortMapping,
};
use mesh_core::view::{GatewayRouteView, GatewayView};
use std::cmp::Reverse;
use std::collections::BTreeMap;

const ANY_HOST: &str = "*";

/// The virtual hosts of a listener's first hop. Envoy chooses the host first, so a gateway route without a hostname does
/// not apply to a host that another one names (§6.6).
pub fn virtual_hosts(view: &GatewayView, mapping: PortMapping, itself: &str) -> Vec<VirtualHost> {
    let mut hosts: BTreeMap<String, Vec<Expanded>> = BTreeMap::from([(ANY_HOST.to_owned(), Vec::new())]);
    for route in view.routes.iter().filter(|route| belongs(&route.spec, mapping)) {
        let (domain, expanded) = expand(view, route, itself);
        hosts.entry(domain).or_default().extend(expanded);
    }
    hosts.into_iter().map(|(domain, routes)| virtual_host(domain, routes)).collect()
}

/// An Envoy route and what decides its place.
struct Expanded {
    place: Place,
    route: Route,
}

/// Priority first; then exact paths, longer prefixes before shorter, regular expressions; equals by path, then by name.
type Place = (i64, u8, Reverse<usize>, String, Name);

fn virtual_host(domain: String, mut routes: Vec<Expanded>) -> VirtualHost {
    routes.sort_by(|one, other| one.place.cmp(&other.place));
    let name = if domain == ANY_HOST { name::SELF_REDIRECT_HOST.to_owned() } else { domain.clone() };
    let routes = routes.into_iter().map(|expanded| expanded.route).collect();
    VirtualHost { name, domains: vec![domain], routes, ..VirtualHost::default() }
}

/// Whether a gateway route is for this listener: of its protocol, and of its port where the route names one (§6.9).
fn belongs(spec: &GatewayRouteSpec, mapping: PortMapping) -> bool {
    protocol(spec) == mapping.protocol && spec.match_port().is_none_or(|port| port == mapping.port)
}

fn expand(view: &GatewayView, gateway_route: &GatewayRouteView, itself: &str) -> (String, Vec<Expanded>) {
    let spec = &*gateway_route.spec;
    let Some(destination) = Destination::of(view, spec) else { return (ANY_HOST.to_owned(), Vec::new()) };
    let hostname = hostname(spec);
    let place = |path: &PathSpecifier| place(spec, path, &gateway_route.name);
    let expanded = paths(spec).into_iter().map(|Path { mut matches, rewrite }| {
        matches.headers.extend(hostname.and_then(with_port));
        let place = place(matches.path_specifier.as_ref().unwrap_or(&PathSpecifier::Prefix(String::new())));
        Expanded { place, route: hop(spec, &destination, itself, matches, rewrite) }
    });
    (hostname.map_or_else(|| ANY_HOST.to_owned(), domain), expanded.collect())
}

/// Keeps to the timeouts of the service, and tries nothing again: the second hop does that (§6.4).
fn hop(
    spec: &GatewayRouteSpec,
    destination: &Destination<'_>,
    itself: &str,
    matches: RouteMatch,
    rewrite: Option<String>,
) -> Route {
    let timeouts = Timeouts::of_service(destination.service_port());
    let service = destination.authority();
    let action = RouteAction {
        prefix_rewrite: rewrite.unwrap_or_default(),
        timeout: timeouts.request(),
        idle_timeout: timeouts.idle(),
        cluster_specifier: Some(ClusterSpecifier::Cluster(itself.to_owned())),
        ..RouteAction::default()
    };
    if keeps_host(spec) {
        return Route { request_headers_to_add: vec![label(service)], ..route::route(matches, action) };
    }
    let host_rewrite_specifier = Some(HostRewriteSpecifier::HostRewriteLiteral(service));
    route::route(matches, RouteAction { host_rewrite_specifier, ..action })
}

/// Says which service is meant; a header of that name from outside counts for nothing.
fn label(service: String) -> HeaderValueOption {
    let header = HeaderValue { key: name::SERVICE_HEADER.into(), value: service, ..HeaderValue::default() };
    HeaderValueOption {
        header: Some(header),
        append_action: HeaderAppendAction::OverwriteIfExistsOrAdd.into(),
        ..HeaderValueOption::default()
    }
}

/// What an Envoy route takes, and what becomes of the path it matched.
struct Path {
    matches: RouteMatch,
    rewrite: Option<String>,
}

fn paths(spec: &GatewayRouteSpec) -> Vec<Path> {
    match spec {
        GatewayRouteSpec { http_route: Some(route), .. } | GatewayRouteSpec { http2_route: Some(route), .. } => {
            http_paths(route)
        }
        GatewayRouteSpec { grpc_route: Some(route), .. } => {
            vec![Path { matches: matching::of_gateway_grpc(&route.r#match), rewrite: None }]
        }
        _ => Vec::new(),
    }
}

/// `/x` that becomes `/` is two Envoy routes, so that `/x/page` becomes `/page` and not `//page` (§6.4).
fn http_paths(route: &HttpGatewayRoute) -> Vec<Path> {
    let spec = &route.r#match;
    let rewrite = route.action.rewrite.as_ref();
    let path = |at, rewrite| Path { matches: matching::of_gateway_http(at, spec), rewrite };
    if let Some(at) = spec.path.as_ref().and_then(matching::path_of) {
        return vec![path(at, rewrite.and_then(|rewrite| rewrite.path.as_ref()?.exact.clone()))];
    }
    let prefix = spec.prefix.clone().unwrap_or_else(|| "/".into());
    let to = prefix_becomes(rewrite);
    if to.as_ref().is_some_and(|to| to.ends_with('/')) && !prefix.ends_with('/') {
        return vec![
            path(PathSpecifier::Prefix(format!("{prefix}/")), to.clone()),
            path(PathSpecifier::Prefix(prefix), to),
        ];
    }
    vec![path(PathSpecifier::Prefix(prefix), to)]
}

/// `/`, unless the route says otherwise.
fn prefix_becomes(rewrite: Option<&HttpGatewayRouteRewrite>) -> Option<String> {
    let prefix = rewrite.and_then(|rewrite| rewrite.prefix.as_ref());
    let disabled = Some(DefaultGatewayRouteRewrite::Disabled);
    match prefix.and_then(|prefix| prefix.value.clone()) {
        None if prefix.is_some_and(|prefix| prefix.default_prefix == disabled) => None,
        value => Some(value.unwrap_or_else(|| "/".into())),
    }
}

fn place(spec: &GatewayRouteSpec, path: &PathSpecifier, name: &Name) -> Place {
    let (class, length, text) = match path {
        PathSpecifier::Path(text) => (0, 0, text.clone()),
        PathSpecifier::Prefix(text) => (1, text.len(), text.clone()),
        PathSpecifier::SafeRegex(matcher) => (2, 0, matcher.regex.clone()),
        _ => (3, 0, String::new()),
    };
    (spec.priority.unwrap_or(i64::MAX), class, Reverse(length), text, name.clone())
}

fn hostname(spec: &GatewayRouteSpec) -> Option<&GatewayRouteHostnameMatch> {
    match spec {
        GatewayRouteSpec { http_route: Some(route), .. } | GatewayRouteSpec { http2_route: Some(route), .. } => {
            route.r#match.hostname.as_ref()
        }
        GatewayRouteSpec { grpc_route: Some(route), .. } => route.r#match.hostname.as_ref(),
        _ => None,
    }
}

/// The domain of a hostname, without a port: Envoy leaves the port out when it looks for the host.
fn domain(hostname: &GatewayRouteHostnameMatch) -> String {
    let domain = match (&hostname.exact, &hostname.suffix) {
        (Some(exact), _) => port_of(exact).map_or(exact.as_str(), |(host, _)| host).to_owned(),
        (None, Some(suffix)) => format!("*{suffix}"),
        (None, None) => ANY_HOST.to_owned(),
    };
    domain.to_ascii_lowercase()
}

/// A hostname with a port is for that port alone.
fn with_port(hostname: &GatewayRouteHostnameMatch) -> Option<envoy_types::pb::envoy::config::route::v3::HeaderMatcher> {
    let exact = hostname.exact.as_ref()?;
    port_of(exact).map(|_| matching::exact_header(":authority", exact))
}

fn port_of(host: &str) -> Option<(&str, u16)> {
    let (host, port) = host.rsplit_once(':')?;
    Some((host, port.parse().ok()?))
}
