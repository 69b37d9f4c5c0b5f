//! Listeners of virtual nodes, routers and gateways: ports, pools, timeouts, health checks (§8).

use super::place::Place;
use super::{duration, limits, text, tls};
use crate::spec::{
    ConnectionPool, HealthCheckPolicy, HttpTimeout, Listener, ListenerTimeout, OutlierDetection, PortMapping,
    PortProtocol, TcpTimeout,
};
use std::collections::HashSet;

/// A listener of a virtual node.
pub(super) fn check(at: &Place, listener: &Listener) {
    let mapping = listener.port_mapping;
    check_pool(&at.member("connectionPool"), listener.connection_pool.as_ref(), mapping);
    check_health(&at.member("healthCheck"), listener.health_check.as_ref(), mapping);
    check_outliers(&at.member("outlierDetection"), listener.outlier_detection.as_ref());
    check_mapping(&at.member("portMapping"), mapping);
    check_timeout(&at.member("timeout"), listener.timeout.as_ref(), mapping);
    tls::check_listener(&at.member("tls"), listener.tls.as_ref());
}

pub(super) fn check_mapping(at: &Place, mapping: PortMapping) {
    at.member("port").between(mapping.port, limits::PORT);
}

/// No two listeners of one resource may have one port: Envoy could not tell their connections apart.
pub(super) fn check_distinct(at: &Place, mappings: impl Iterator<Item = PortMapping>) {
    let mut seen = HashSet::new();
    for (index, mapping) in mappings.enumerate() {
        if !seen.insert(mapping.port) {
            let port = mapping.port;
            let at = &at.item(index);
            at.member("portMapping").member("port").refuse(format!("is {port}, which another listener has already"));
        }
    }
}

pub(super) fn check_pool(at: &Place, pool: Option<&ConnectionPool>, mapping: PortMapping) {
    let Some(pool) = pool else { return };
    let protocol = match pool {
        ConnectionPool::Grpc(pool) => {
            at.member("grpc").member("maxRequests").between(pool.max_requests, limits::POOL);
            PortProtocol::Grpc
        }
        ConnectionPool::Http(pool) => {
            let at = &at.member("http");
            at.member("maxConnections").between(pool.max_connections, limits::POOL);
            at.member("maxPendingRequests").maybe_between(pool.max_pending_requests, limits::POOL);
            PortProtocol::Http
        }
        ConnectionPool::Http2(pool) => {
            at.member("http2").member("maxRequests").between(pool.max_requests, limits::POOL);
            PortProtocol::Http2
        }
        ConnectionPool::Tcp(pool) => {
            at.member("tcp").member("maxConnections").between(pool.max_connections, limits::POOL);
            PortProtocol::Tcp
        }
    };
    same_protocol(at, protocol, mapping);
}

fn check_timeout(at: &Place, timeout: Option<&ListenerTimeout>, mapping: PortMapping) {
    let Some(timeout) = timeout else { return };
    let protocol = match timeout {
        ListenerTimeout::Grpc(timeout) => {
            check_http_timeout(&at.member("grpc"), Some(timeout));
            PortProtocol::Grpc
        }
        ListenerTimeout::Http(timeout) => {
            check_http_timeout(&at.member("http"), Some(timeout));
            PortProtocol::Http
        }
        ListenerTimeout::Http2(timeout) => {
            check_http_timeout(&at.member("http2"), Some(timeout));
            PortProtocol::Http2
        }
        ListenerTimeout::Tcp(timeout) => {
            check_tcp_timeout(&at.member("tcp"), Some(timeout));
            PortProtocol::Tcp
        }
    };
    same_protocol(at, protocol, mapping);
}

fn same_protocol(at: &Place, protocol: PortProtocol, mapping: PortMapping) {
    if protocol != mapping.protocol {
        at.refuse(format!("is for {protocol}, must be for {}, the listener's protocol", mapping.protocol));
    }
}

pub(super) fn check_http_timeout(at: &Place, timeout: Option<&HttpTimeout>) {
    let Some(timeout) = timeout else { return };
    duration::check(&at.member("idle"), timeout.idle.as_ref());
    duration::check(&at.member("perRequest"), timeout.per_request.as_ref());
}

pub(super) fn check_tcp_timeout(at: &Place, timeout: Option<&TcpTimeout>) {
    duration::check(&at.member("idle"), timeout.and_then(|timeout| timeout.idle.as_ref()));
}

pub(super) fn check_health(at: &Place, health: Option<&HealthCheckPolicy>, mapping: PortMapping) {
    let Some(health) = health else { return };
    at.member("healthyThreshold").between(health.healthy_threshold, limits::HEALTH_CHECK_THRESHOLD);
    at.member("intervalMillis").between(health.interval_millis, limits::HEALTH_CHECK_INTERVAL_MILLIS);
    check_health_path(&at.member("path"), health);
    check_health_port(&at.member("port"), health.port, mapping);
    at.member("timeoutMillis").between(health.timeout_millis, limits::HEALTH_CHECK_TIMEOUT_MILLIS);
    at.member("unhealthyThreshold").between(health.unhealthy_threshold, limits::HEALTH_CHECK_THRESHOLD);
}

/// Only http and http2 checks ask for a path; the others ignore one that is given (§8.6).
fn check_health_path(at: &Place, health: &HealthCheckPolicy) {
    match (&health.path, health.protocol) {
        (Some(path), PortProtocol::Http | PortProtocol::Http2) => text::path(at, path),
        (Some(path), _) => text::plain(at, path),
        (None, PortProtocol::Http | PortProtocol::Http2) => {
            at.refuse("is missing, an http or http2 check must have one")
        }
        (None, _) => {}
    }
}

fn check_health_port(at: &Place, port: Option<i64>, mapping: PortMapping) {
    let Some(port) = port else { return };
    at.between(port, limits::PORT);
    if port != mapping.port {
        at.refuse(format!("is {port}, must be {}, the listener's port", mapping.port));
    }
}

fn check_outliers(at: &Place, outliers: Option<&OutlierDetection>) {
    let Some(outliers) = outliers else { return };
    duration::check_positive(&at.member("baseEjectionDuration"), &outliers.base_ejection_duration);
    duration::check_positive(&at.member("interval"), &outliers.interval);
    at.member("maxEjectionPercent").between(outliers.max_ejection_percent, limits::MAX_EJECTION_PERCENT);
    at.member("maxServerErrors").between(outliers.max_server_errors, limits::MAX_SERVER_ERRORS);
}
