//! Virtual gateways.

use super::place::Place;
use super::{listener, logging, tls};
use crate::spec::{PortProtocol, VirtualGatewayListener, VirtualGatewaySpec};

/// Where a gateway's proxy talks to itself (§6.2).
const OWN_PORT: i64 = 15001;

pub(super) fn check(at: &Place, spec: &VirtualGatewaySpec) {
    tls::check_defaults(&at.member("backendDefaults"), spec.backend_defaults.as_ref());
    let listeners = &at.member("listeners");
    listeners.each(&spec.listeners, check_listener);
    listener::check_distinct(listeners, spec.listeners.iter().map(|listener| listener.port_mapping));
    logging::check(&at.member("logging"), spec.logging.as_ref());
}

fn check_listener(at: &Place, listener: &VirtualGatewayListener) {
    let mapping = listener.port_mapping;
    listener::check_pool(&at.member("connectionPool"), listener.connection_pool.as_ref(), mapping);
    listener::check_health(&at.member("healthCheck"), listener.health_check.as_ref(), mapping);
    if let Some(health) = &listener.health_check {
        not_tcp(&at.member("healthCheck"), health.protocol);
    }
    let ports = &at.member("portMapping");
    listener::check_mapping(ports, mapping);
    not_tcp(ports, mapping.protocol);
    if mapping.port == OWN_PORT {
        ports.member("port").refuse(format!("is {OWN_PORT}, which the gateway's proxy needs for itself"));
    }
    tls::check_listener(&at.member("tls"), listener.tls.as_ref());
}

fn not_tcp(at: &Place, protocol: PortProtocol) {
    if protocol == PortProtocol::Tcp {
        at.member("protocol").refuse("is tcp, must be http, http2 or grpc for a gateway");
    }
}
