//! An Envoy of a virtual gateway: it calls itself (§6). The first hop applies gateway routes and says which virtual
//! service is meant, by host or by header; the second hop is an ordinary client of that service.

mod expand;
mod second_hop;

use super::draft::{Draft, asks_for_tls};
use super::listener::{self, PortFilter, Site};
use super::{cluster, gap, hcm, name};
use crate::proxy::Placement;
use crate::snapshot::ResourceType;
use envoy_types::pb::envoy::config::core::v3::TrafficDirection;
use envoy_types::pb::envoy::config::route::v3::RouteConfiguration;
use mesh_core::spec::VirtualGatewayListener;
use mesh_core::view::GatewayView;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const LOOPBACK: &str = "127.0.0.1";

/// Where a gateway listens.
#[derive(Debug)]
struct Addresses {
    /// The address in the names of its listeners.
    named: String,
    /// Where the world calls it.
    outside: String,
    /// Where it calls itself. App Mesh bound every address here, which let the world skip the first hop.
    inside: String,
}

impl Addresses {
    fn of(placement: Placement) -> Self {
        let all = |named: &str, inside: &str| Self {
            named: named.to_owned(),
            outside: named.to_owned(),
            inside: inside.to_owned(),
        };
        match placement {
            Placement::Captured => all(name::ANY_ADDRESS, LOOPBACK),
            Placement::Explicit { bind } => all(&bind.to_string(), &own(bind).to_string()),
        }
    }
}

/// Where one calls oneself: every address is where the world calls.
fn own(bind: IpAddr) -> IpAddr {
    match bind {
        IpAddr::V4(every) if every.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(every) if every.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        one => one,
    }
}

/// The resources of a gateway.
pub fn translate(draft: &mut Draft<'_>, view: &GatewayView, placement: Placement) {
    gap::of_gateway(draft, view);
    let addresses = Addresses::of(placement);
    let mut taken = BTreeSet::from([name::EGRESS_PORT]);
    for listener in view.spec.listeners.iter().filter(|listener| !asks_for_tls(listener.tls.as_ref())) {
        let port = listener.port_mapping.port;
        if taken.insert(port) {
            first_hop(draft, view, listener, &addresses, placement);
        } else {
            draft.warn(format!("port {port} of virtual gateway {} is taken twice: the first one counts", view.gateway));
        }
    }
    let routes = second_hop::routes(draft, view);
    let site = Site {
        named: &addresses.named,
        bind: &addresses.inside,
        port: name::EGRESS_PORT,
        direction: TrafficDirection::Outbound,
    };
    put_listener(draft, site, name::EGRESS_STATS.into(), routes, placement);
}

fn first_hop(
    draft: &mut Draft<'_>,
    view: &GatewayView,
    listener: &VirtualGatewayListener,
    addresses: &Addresses,
    placement: Placement,
) {
    let mapping = listener.port_mapping;
    let several = view.spec.listeners.len() > 1;
    let itself = name::self_redirect_cluster(&view.mesh, &view.gateway, mapping, several);
    let cluster = cluster::local(itself.clone(), &addresses.inside, name::EGRESS_PORT, mapping.protocol);
    draft.put(ResourceType::Cluster, itself.clone(), &cluster);
    let name = name::ingress_routes(mapping);
    let routes = RouteConfiguration {
        name: name.clone(),
        virtual_hosts: expand::virtual_hosts(view, mapping, &itself),
        // A host with any port is the same host (§6.6).
        ignore_port_in_host_matching: true,
        ..RouteConfiguration::default()
    };
    draft.put(ResourceType::Route, name.clone(), &routes);
    let site = Site {
        named: &addresses.named,
        bind: &addresses.outside,
        port: mapping.port,
        direction: TrafficDirection::Inbound,
    };
    put_listener(draft, site, name::ingress_stats(mapping, several), name, placement);
}

fn put_listener(draft: &mut Draft<'_>, site: Site<'_>, stats: String, routes: String, placement: Placement) {
    let port = PortFilter { port: site.port, filter: Some(hcm::filter(stats, routes)) };
    let chain = if placement == Placement::Captured { port.by_port() } else { port.alone() };
    let listener = listener::listener(site, vec![listener::tls_inspector()], vec![chain]);
    draft.put(ResourceType::Listener, listener.name.clone(), &listener);
}
