//! A virtual service as its clients see it: ports, routes in order, targets resolved.

use crate::resource::{Kind, Name, ResourceId};
use crate::spec::{
    GrpcRoute, HttpRoute, PortMapping, PortProtocol, RouteSpec, Spec, TcpRoute, VirtualNodeSpec, VirtualServiceProvider,
};
use crate::state::MeshState;
use std::cmp::Reverse;
use std::sync::Arc;

/// A virtual service as its clients see it.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceView {
    /// The name clients call.
    pub name: Name,
    /// What clients connect to: the router's listeners, or the node's where a node provides the service (§5.4). Empty
    /// where the service or its provider does not exist, or provides nothing.
    pub ports: Vec<ServicePort>,
}

/// A port of a virtual service.
#[derive(Debug, Clone, PartialEq)]
pub struct ServicePort {
    /// The port and protocol clients use.
    pub mapping: PortMapping,
    /// The routes of this port, first match first (§7.1).
    pub routes: Vec<RouteView>,
}

/// A route of a port, targets resolved.
#[derive(Debug, Clone, PartialEq)]
pub struct RouteView {
    /// The route's name; nothing where a virtual node provides the service without a route.
    pub name: Option<Name>,
    /// What it matches, and how long and how often it tries.
    pub rule: RouteRule,
    /// Where the traffic goes.
    pub targets: Vec<Target>,
}

/// What a route matches, and how long and how often it tries.
#[derive(Debug, Clone, PartialEq)]
pub enum RouteRule {
    /// Everything on the port, as App Mesh's defaults have it: a virtual node that provides a service (§8.1).
    Everything,
    /// An http or http2 route.
    Http(HttpRoute),
    /// A grpc route.
    Grpc(GrpcRoute),
    /// A tcp route.
    Tcp(TcpRoute),
}

/// A virtual node to which a route sends a share of its traffic.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// The node's name.
    pub node: Name,
    /// Its share relative to the other targets.
    pub weight: u32,
    /// The listener that takes the traffic; nothing where the node or a fitting listener does not exist.
    pub port: Option<TargetPort>,
}

/// The listener of a virtual node that takes a route's traffic.
///
/// Two are equal where callers see no difference: they see this listener and how the node is found. What else the spec
/// says is for the node's own proxy, and a change of that changes nobody else's view.
#[derive(Debug, Clone)]
pub struct TargetPort {
    /// The node's spec, of which only the above may be looked at.
    pub spec: Arc<VirtualNodeSpec>,
    /// Which of its listeners.
    pub listener: usize,
}

impl PartialEq for TargetPort {
    fn eq(&self, other: &Self) -> bool {
        let seen = |port: &Self| (port.spec.listeners.get(port.listener).cloned(), port.spec.service_discovery.clone());
        self.listener == other.listener && (Arc::ptr_eq(&self.spec, &other.spec) || seen(self) == seen(other))
    }
}

impl TargetPort {
    /// The port and protocol of the listener.
    pub fn mapping(&self) -> PortMapping {
        self.spec.listeners[self.listener].port_mapping
    }
}

/// A virtual service as its clients see it, whether or not it exists.
pub fn service_view(state: &MeshState, name: &Name) -> ServiceView {
    let provider = match state.get(&ResourceId::new(Kind::VirtualService, name.clone())).map(|service| &service.spec) {
        Some(Spec::VirtualService(spec)) => spec.provider.as_ref(),
        _ => None,
    };
    let ports = match provider {
        Some(VirtualServiceProvider::VirtualNode(node)) => node_ports(state, &node.virtual_node_name.as_str().into()),
        Some(VirtualServiceProvider::VirtualRouter(router)) => {
            router_ports(state, &router.virtual_router_name.as_str().into())
        }
        None => Vec::new(),
    };
    ServiceView { name: name.clone(), ports }
}

fn node_ports(state: &MeshState, node: &Name) -> Vec<ServicePort> {
    let Some(spec) = state.virtual_node(node) else { return Vec::new() };
    let port = |listener: usize| {
        let port = TargetPort { spec: spec.clone(), listener };
        let mapping = port.mapping();
        let target = Target { node: node.clone(), weight: 100, port: Some(port) };
        ServicePort {
            mapping,
            routes: vec![RouteView { name: None, rule: RouteRule::Everything, targets: vec![target] }],
        }
    };
    (0..spec.listeners.len()).map(port).collect()
}

fn router_ports(state: &MeshState, router: &Name) -> Vec<ServicePort> {
    let Some(Spec::VirtualRouter(spec)) =
        state.get(&ResourceId::new(Kind::VirtualRouter, router.clone())).map(|router| &router.spec)
    else {
        return Vec::new();
    };
    let mut routes: Vec<_> = state.routes(router).collect();
    routes.sort_by_cached_key(|(name, route)| order(route, name));
    spec.ports()
        .map(|mapping| {
            let here = routes.iter().filter(|(_, route)| belongs(route, mapping));
            let routes = here.filter_map(|(name, route)| route_view(state, name, route, mapping)).collect();
            ServicePort { mapping, routes }
        })
        .collect()
}

/// Whether a route is for this listener: of its protocol, and of its port where the route names one (§13.10).
fn belongs(route: &RouteSpec, mapping: PortMapping) -> bool {
    let protocol = match mapping.protocol {
        PortProtocol::Http => route.http_route.is_some(),
        PortProtocol::Http2 => route.http2_route.is_some(),
        PortProtocol::Grpc => route.grpc_route.is_some(),
        PortProtocol::Tcp => route.tcp_route.is_some(),
    };
    protocol && route.match_port().is_none_or(|port| port == mapping.port)
}

fn route_view(state: &MeshState, name: &Name, route: &RouteSpec, mapping: PortMapping) -> Option<RouteView> {
    let rule = match route {
        RouteSpec { http_route: Some(route), .. } | RouteSpec { http2_route: Some(route), .. } => {
            RouteRule::Http(route.clone())
        }
        RouteSpec { grpc_route: Some(route), .. } => RouteRule::Grpc(route.clone()),
        RouteSpec { tcp_route: Some(route), .. } => RouteRule::Tcp(route.clone()),
        _ => return None,
    };
    let targets = route.targets().iter().map(|target| {
        let node = Name::from(target.virtual_node.as_str());
        let port = target_port(state, &node, target.port, mapping.protocol);
        Target { node, weight: u32::try_from(target.weight).unwrap_or(0), port }
    });
    Some(RouteView { name: Some(name.clone()), rule, targets: targets.collect() })
}

/// The listener of a target: the one with the port named; where none is named the one that speaks the router's
/// protocol, else the first. A target with one listener needs no port (§13.10).
fn target_port(state: &MeshState, node: &Name, port: Option<i64>, protocol: PortProtocol) -> Option<TargetPort> {
    let spec = state.virtual_node(node)?;
    let find = |fits: &dyn Fn(PortMapping) -> bool| spec.listeners.iter().position(|it| fits(it.port_mapping));
    let listener = match port {
        Some(port) => find(&|mapping| mapping.port == port),
        None => find(&|mapping| mapping.protocol == protocol).or_else(|| find(&|_| true)),
    }?;
    Some(TargetPort { spec: spec.clone(), listener })
}

/// The key by which routes of one port are tried: those with a priority first, in its order; then exact paths, longer
/// prefixes before shorter, regular expressions; last by name (§7.1).
fn order(route: &RouteSpec, name: &Name) -> impl Ord + use<> {
    let (class, prefix) = match route {
        RouteSpec { http_route: Some(route), .. } | RouteSpec { http2_route: Some(route), .. } => {
            let path = route.r#match.path.as_ref();
            match (path.and_then(|path| path.exact.as_ref()), path.and_then(|path| path.regex.as_ref())) {
                (Some(_), _) => (0, 0),
                (None, Some(_)) => (2, 0),
                (None, None) => (1, route.r#match.prefix.as_ref().map_or(1, String::len)),
            }
        }
        RouteSpec { grpc_route: Some(route), .. } => {
            match (route.r#match.service_name.as_ref(), route.r#match.method_name.as_ref()) {
                (Some(_), Some(_)) => (0, 0),
                (service, _) => (1, service.map_or(1, |service| service.len() + 2)),
            }
        }
        _ => (1, 0),
    };
    (route.priority.unwrap_or(i64::MAX), class, Reverse(prefix), name.clone())
}
