//! The second hop: an ordinary client of the services that gateway routes lead to (§6.5).

use super::super::draft::Draft;
use super::super::host::{self, Form, Table};
use super::super::name;
use mesh_core::Name;
use mesh_core::spec::{
    DefaultGatewayRouteRewrite, GatewayRouteHostnameRewrite, GatewayRouteSpec, GatewayRouteTarget, PortMapping,
    PortProtocol,
};
use mesh_core::view::{BackendView, GatewayView, ServicePort};
use std::collections::BTreeMap;

/// Where a gateway route leads.
#[derive(Debug, Clone, Copy)]
pub struct Destination<'v> {
    backend: &'v BackendView,
    port: Option<usize>,
}

impl<'v> Destination<'v> {
    /// The service a route names and the port of it that is meant: the one named, else one that speaks the route's
    /// protocol, else the first that speaks HTTP at all (§6.9).
    pub fn of(view: &'v GatewayView, spec: &GatewayRouteSpec) -> Option<Self> {
        let target = spec.target()?;
        let wanted = target.virtual_service.virtual_service_name.as_str();
        let backend = view.backends.iter().find(|backend| backend.service.name.as_str() == wanted)?;
        Some(Self { backend, port: choose(&backend.service.ports, target, protocol(spec)) })
    }

    /// The port that is meant, where there is one.
    pub fn service_port(&self) -> Option<&'v ServicePort> {
        self.backend.service.ports.get(self.port?)
    }

    /// The host or header by which the second hop knows it.
    pub fn authority(&self) -> String {
        host::authority(&self.backend.service, self.port, Form::SecondHop)
    }

    fn key(&self) -> (Name, Option<usize>) {
        (self.backend.service.name.clone(), self.port)
    }
}

/// Whether a gateway route leaves the host alone.
pub fn keeps_host(spec: &GatewayRouteSpec) -> bool {
    let rewrite = match spec {
        GatewayRouteSpec { http_route: Some(route), .. } | GatewayRouteSpec { http2_route: Some(route), .. } => {
            route.action.rewrite.as_ref().and_then(|rewrite| rewrite.hostname.as_ref())
        }
        GatewayRouteSpec { grpc_route: Some(route), .. } => {
            route.action.rewrite.as_ref().and_then(|rewrite| rewrite.hostname.as_ref())
        }
        _ => None,
    };
    let default = |rewrite: &GatewayRouteHostnameRewrite| rewrite.default_target_hostname;
    rewrite.and_then(default) == Some(DefaultGatewayRouteRewrite::Disabled)
}

/// Puts the routes of the second hop into the snapshot, with everything they lead to. Returns their name.
pub fn routes(draft: &mut Draft<'_>, view: &GatewayView) -> String {
    let (mut by_host, mut by_header) = (BTreeMap::new(), BTreeMap::new());
    for route in &view.routes {
        let Some(destination) = Destination::of(view, &route.spec) else { continue };
        let found = if keeps_host(&route.spec) { &mut by_header } else { &mut by_host };
        found.insert(destination.key(), destination);
    }
    by_host.values().chain(by_header.values()).for_each(|destination| call(draft, view, destination));
    let name = name::egress_routes(PortMapping { port: name::EGRESS_PORT, protocol: spoken(view) });
    let mut table = Table::new(name.clone());
    for destination in by_host.values() {
        let host = draft.memo.host(&view.mesh, &destination.backend.service, destination.port, Form::SecondHop);
        table.add(&destination.backend.service.name, host);
    }
    if !by_header.is_empty() {
        let labelled =
            |it: &Destination<'_>| draft.memo.host(&view.mesh, &it.backend.service, it.port, Form::DefaultBackend);
        let hosts: Vec<_> = by_header.values().map(labelled).collect();
        table.add_default_backend(draft, &hosts);
    }
    table.put(draft);
    name
}

fn call(draft: &mut Draft<'_>, view: &GatewayView, destination: &Destination<'_>) {
    let service = &destination.backend.service.name;
    let Some(port) = destination.service_port() else {
        draft.warn(format!(
            "virtual service {service} has no such port that speaks HTTP: what the gateway sends it gets 404"
        ));
        return;
    };
    for target in port.routes.iter().flat_map(|route| &route.targets) {
        draft.call(&view.mesh, target, port.mapping, destination.backend.client_policy.as_ref());
    }
}

fn choose(ports: &[ServicePort], target: &GatewayRouteTarget, protocol: PortProtocol) -> Option<usize> {
    let find = |fits: &dyn Fn(PortMapping) -> bool| {
        ports.iter().position(|port| port.mapping.protocol != PortProtocol::Tcp && fits(port.mapping))
    };
    match target.port {
        Some(wanted) => find(&|mapping| mapping.port == wanted),
        None => find(&|mapping| mapping.protocol == protocol).or_else(|| find(&|_| true)),
    }
}

/// The protocol of a gateway route.
pub fn protocol(spec: &GatewayRouteSpec) -> PortProtocol {
    match spec {
        GatewayRouteSpec { http2_route: Some(_), .. } => PortProtocol::Http2,
        GatewayRouteSpec { grpc_route: Some(_), .. } => PortProtocol::Grpc,
        _ => PortProtocol::Http,
    }
}

/// The one hop serves all listeners and is named for the first (§6.2).
fn spoken(view: &GatewayView) -> PortProtocol {
    view.spec.listeners.first().map_or(PortProtocol::Http, |listener| listener.port_mapping.protocol)
}
