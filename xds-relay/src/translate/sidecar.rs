//! The Envoy beside an instance of a virtual node: a way in to the application, a way out to its backends (§5).

use super::draft::{Draft, asks_for_tls};
use super::egress::{self, EgressPort};
use super::host::{Form, Table};
use super::listener::{self, PortFilter, Site};
use super::timeout::{self, Timeouts};
use super::{cluster, gap, hcm, name, route, tcp};
use crate::proxy::Placement;
use crate::snapshot::ResourceType;
use envoy_types::pb::envoy::config::core::v3::TrafficDirection;
use envoy_types::pb::envoy::config::listener::v3::{Filter, FilterChain, ListenerFilter};
use envoy_types::pb::envoy::config::route::v3::RouteConfiguration;
use mesh_core::spec::{Listener, PortProtocol};
use mesh_core::view::SidecarView;
use std::collections::BTreeSet;

/// The application listens on loopback or everywhere (§5.2).
const LOCAL_HOST: &str = "127.0.0.1";
const HTTPS: i64 = 443;
const AWS_NAMES: [&str; 1] = ["*.amazonaws.com"];

/// The resources of a sidecar.
pub fn translate(draft: &mut Draft<'_>, view: &SidecarView, placement: Placement) {
    gap::of_sidecar(draft, view);
    let ingress = ingress(draft, view);
    let taken: BTreeSet<i64> = ingress.iter().map(|port| port.port).collect();
    let egress = egress(draft, view, placement);
    match placement {
        Placement::Captured => {
            captured_ingress(draft, ingress);
            captured_egress(draft, view, egress);
        }
        Placement::Explicit { bind } => {
            let bind = bind.to_string();
            if placement.meets_applications() {
                draft.warn(endless(view, &bind));
            } else {
                explicit(draft, &bind, TrafficDirection::Inbound, ingress);
            }
            let (free, lost): (Vec<_>, Vec<_>) = egress.into_iter().partition(|port| !taken.contains(&port.port));
            lost.iter().for_each(|port| draft.warn(occupied(&bind, port.port)));
            explicit(draft, &bind, TrafficDirection::Outbound, free);
        }
    }
}

/// A port for each listener of the virtual node. One that asks for TLS gets none: its connections are refused.
fn ingress(draft: &mut Draft<'_>, view: &SidecarView) -> Vec<PortFilter> {
    let (mut ports, mut taken) = (Vec::new(), BTreeSet::new());
    for listener in view.spec.listeners.iter().filter(|listener| !asks_for_tls(listener.tls.as_ref())) {
        let port = listener.port_mapping.port;
        if taken.insert(port) {
            ports.push(PortFilter { port, filter: Some(to_application(draft, view, listener)) });
        } else {
            draft.warn(format!(
                "port {port} of virtual node {} is listened on twice: the first listener counts",
                view.node
            ));
        }
    }
    ports
}

fn to_application(draft: &mut Draft<'_>, view: &SidecarView, listener: &Listener) -> Filter {
    let mapping = listener.port_mapping;
    let cluster = name::local_cluster(&view.mesh, &view.node, mapping);
    let local = cluster::local(cluster.clone(), LOCAL_HOST, mapping.port, mapping.protocol);
    draft.put(ResourceType::Cluster, cluster.clone(), &local);
    let stats = name::ingress_stats(mapping, view.spec.listeners.len() > 1);
    if mapping.protocol == PortProtocol::Tcp {
        return tcp::to_cluster(stats, cluster, timeout::tcp_listener_idle(listener));
    }
    let host = route::host_to_cluster(name::INGRESS_HOST, cluster, Timeouts::of_listener(listener));
    let name = name::ingress_routes(mapping);
    let routes = RouteConfiguration { name: name.clone(), virtual_hosts: vec![host], ..RouteConfiguration::default() };
    draft.put(ResourceType::Route, name.clone(), &routes);
    hcm::filter(stats, name)
}

/// A port for each port on which a backend is called (§5.4).
fn egress(draft: &mut Draft<'_>, view: &SidecarView, placement: Placement) -> Vec<PortFilter> {
    let ports = egress::ports(draft, &view.backends);
    let to_backends = |port: EgressPort<'_>| {
        call_targets(draft, view, &port);
        let filter = match port.mapping.protocol {
            PortProtocol::Tcp => connections(draft, view, &port),
            _ => Some(requests(draft, view, &port, placement)),
        };
        PortFilter { port: port.mapping.port, filter }
    };
    ports.into_iter().map(to_backends).collect()
}

fn call_targets(draft: &mut Draft<'_>, view: &SidecarView, port: &EgressPort<'_>) {
    for offer in &port.offers {
        for target in offer.port.routes.iter().flat_map(|route| &route.targets) {
            draft.call(&view.mesh, target, port.mapping, offer.backend.client_policy.as_ref());
        }
    }
}

/// One virtual host for each service, and with ALLOW_ALL one more, for what is outside the mesh (§5.5).
fn requests(draft: &mut Draft<'_>, view: &SidecarView, port: &EgressPort<'_>, placement: Placement) -> Filter {
    let name = name::egress_routes(port.mapping);
    let mut table = Table::new(name.clone());
    for offer in &port.offers {
        let service = &offer.backend.service;
        let host = draft.memo.host(&view.mesh, service, Some(offer.index), Form::Sidecar);
        table.add(&service.name, host);
    }
    for offer in &port.lost {
        let service = &offer.backend.service;
        let host = draft.memo.host(&view.mesh, service, None, Form::Lost { port: port.mapping.port });
        table.add(&service.name, host);
    }
    if view.mesh_spec.allows_all_egress() && placement == Placement::Captured {
        let outside = name::allow_all_cluster(&view.mesh);
        table.add_rest(&route::host_to_cluster(name::ALLOW_ALL_HOST, outside, Timeouts::default()));
    }
    table.put(draft);
    hcm::filter(name::EGRESS_STATS.into(), name)
}

/// TCP routes match nothing but the port, so the first one takes everything (§7.6).
fn connections(draft: &mut Draft<'_>, view: &SidecarView, port: &EgressPort<'_>) -> Option<Filter> {
    let offer = port.offers.first()?;
    let service = &offer.backend.service;
    let [first, others @ ..] = offer.port.routes.as_slice() else {
        draft.warn(format!("virtual service {} has no route on tcp port {}", service.name, port.mapping.port));
        return None;
    };
    for route in others.iter().filter_map(|route| route.name.as_ref()) {
        draft.warn(format!(
            "route {route} of virtual service {} is never reached: an earlier one takes all",
            service.name
        ));
    }
    let filter = tcp::to_targets(&view.mesh, first, port.mapping);
    if filter.is_none() {
        draft.warn(route::without_weight(service, first));
    }
    filter
}

/// Only where the node has something to take in (§5.1).
fn captured_ingress(draft: &mut Draft<'_>, ports: Vec<PortFilter>) {
    if ports.is_empty() {
        return;
    }
    let chains = ports.into_iter().map(PortFilter::by_port).collect();
    put_captured(draft, TrafficDirection::Inbound, vec![listener::original_dst()], chains);
}

/// Backends by port; AWS by name whatever the egress filter says; everything else where that allows it (§5.3).
fn captured_egress(draft: &mut Draft<'_>, view: &SidecarView, ports: Vec<PortFilter>) {
    let https_is_a_backend = ports.iter().any(|port| port.port == HTTPS);
    let mut chains: Vec<_> = ports.into_iter().map(PortFilter::by_port).collect();
    let aws = passthrough(draft, name::amazonaws_cluster(&view.mesh));
    chains.push(listener::by_server_name(HTTPS, &AWS_NAMES, aws));
    if view.mesh_spec.allows_all_egress() {
        let anything = passthrough(draft, name::allow_all_cluster(&view.mesh));
        // Envoy settles on the port first: without this chain, TLS to a host that is not AWS's would find none.
        if !https_is_a_backend {
            chains.push(PortFilter { port: HTTPS, filter: Some(anything.clone()) }.by_port());
        }
        chains.push(listener::otherwise(anything));
    }
    let https = i32::try_from(HTTPS).unwrap_or_default();
    let filters = vec![listener::original_dst(), listener::tls_inspector_on(https)];
    put_captured(draft, TrafficDirection::Outbound, filters, chains);
}

fn passthrough(draft: &mut Draft<'_>, cluster: String) -> Filter {
    draft.put(ResourceType::Cluster, cluster.clone(), &cluster::passthrough(cluster.clone()));
    tcp::to_cluster(name::EGRESS_STATS.into(), cluster, None)
}

fn put_captured(
    draft: &mut Draft<'_>,
    direction: TrafficDirection,
    filters: Vec<ListenerFilter>,
    chains: Vec<FilterChain>,
) {
    let port = if direction == TrafficDirection::Inbound { name::INGRESS_PORT } else { name::EGRESS_PORT };
    let site = Site { named: name::ANY_ADDRESS, bind: name::ANY_ADDRESS, port, direction };
    let listener = listener::listener(site, filters, chains);
    draft.put(ResourceType::Listener, listener.name.clone(), &listener);
}

/// A listener for each port. What is outside the mesh is not sent to the proxy, so there is nothing to pass through.
fn explicit(draft: &mut Draft<'_>, bind: &str, direction: TrafficDirection, ports: Vec<PortFilter>) {
    for filter in ports {
        let site = Site { named: bind, bind, port: filter.port, direction };
        let listener = listener::listener(site, Vec::new(), vec![filter.alone()]);
        draft.put(ResourceType::Listener, listener.name.clone(), &listener);
    }
}

fn endless(view: &SidecarView, bind: &str) -> String {
    format!(
        "virtual node {} cannot be called: its proxy would listen on {bind}, where its application does ({LOCAL_HOST}), and \
         would call itself; give the proxy another address, such as 127.0.0.11",
        view.node
    )
}

fn occupied(bind: &str, port: i64) -> String {
    format!("backends on port {port} cannot be called: {bind}:{port} is where the node itself is called")
}
