//! The names of all xDS resources and of what is in them: one place, since users' dashboards and alarms hold them (§3).
//!
//! The address in a listener's name stays `0.0.0.0` whatever the listener binds (§17.8); only a proxy with an explicit
//! placement, which has many listeners on one address, is named by it.

use mesh_core::Name;
use mesh_core::spec::PortMapping;
use mesh_core::view::Target;

/// The port to which a packet filter sends what comes in (§4).
pub const INGRESS_PORT: i64 = 15000;
/// The port to which it sends what goes out; a gateway's second hop as well (§6.2).
pub const EGRESS_PORT: i64 = 15001;
/// The address in the names of captured listeners.
pub const ANY_ADDRESS: &str = "0.0.0.0";
/// The header by which a gateway's second hop knows the service where the host was left alone (§6.4).
pub const SERVICE_HEADER: &str = "x-app-mesh-virtual-service";
/// The virtual host of a gateway's first hop (§6.4).
pub const SELF_REDIRECT_HOST: &str = "self_redirect";
/// The virtual host of a gateway's second hop for requests whose host was left alone (§6.5).
pub const DEFAULT_BACKEND_HOST: &str = "default_backend";
/// The virtual host of what is outside the mesh (§5.5).
pub const ALLOW_ALL_HOST: &str = "mesh_allow_all";
/// The virtual host of a sidecar's way in. App Mesh's name for it is not known.
pub const INGRESS_HOST: &str = "ingress";
/// The prefix of all egress statistics (§3.2).
pub const EGRESS_STATS: &str = "egress";

/// A listener for what comes in.
pub fn ingress_listener(address: &str, port: i64) -> String {
    format!("lds_ingress_{address}_{port}")
}

/// A listener for what goes out.
pub fn egress_listener(address: &str, port: i64) -> String {
    format!("lds_egress_{address}_{port}")
}

/// The routes of what comes in on a port.
pub fn ingress_routes(mapping: PortMapping) -> String {
    format!("rds_ingress_{}_{}", mapping.protocol, mapping.port)
}

/// The routes of what goes out on a port.
pub fn egress_routes(mapping: PortMapping) -> String {
    format!("rds_egress_{}_{}", mapping.protocol, mapping.port)
}

/// The cluster of the application beside the proxy.
pub fn local_cluster(mesh: &Name, node: &Name, mapping: PortMapping) -> String {
    format!("cds_ingress_{mesh}_{node}_{}_{}", mapping.protocol, mapping.port)
}

/// The cluster of a target of a route on `router`. One that does not exist is named as the router would call it.
pub fn target_cluster(mesh: &Name, target: &Target, router: PortMapping) -> String {
    let mapping = target.port.as_ref().map_or(router, |port| port.mapping());
    node_cluster(mesh, &target.node, mapping)
}

/// The cluster of a listener of a virtual node that is called.
pub fn node_cluster(mesh: &Name, node: &Name, mapping: PortMapping) -> String {
    format!("cds_egress_{mesh}_{node}_{}_{}", mapping.protocol, mapping.port)
}

/// The cluster of AWS's own services, reached whatever the egress filter says (§5.3).
pub fn amazonaws_cluster(mesh: &Name) -> String {
    format!("cds_egress_{mesh}_amazonaws")
}

/// The cluster of everything outside the mesh.
pub fn allow_all_cluster(mesh: &Name) -> String {
    format!("cds_egress_{mesh}_mesh-allow-all")
}

/// The cluster by which a gateway calls its own second hop; with its port where the gateway has several listeners.
pub fn self_redirect_cluster(mesh: &Name, gateway: &Name, mapping: PortMapping, several: bool) -> String {
    let port = if several { format!("{}_", mapping.port) } else { String::new() };
    format!("cds_ingress_{mesh}_{gateway}_self_redirect_{port}{}_{EGRESS_PORT}", mapping.protocol)
}

/// The prefix of a listener's ingress statistics, told apart where there are several (§3.2).
pub fn ingress_stats(mapping: PortMapping, several: bool) -> String {
    if several { format!("ingress.{}.{}", mapping.protocol, mapping.port) } else { "ingress".into() }
}
