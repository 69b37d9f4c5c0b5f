//! Listeners of virtual nodes, and what those of gateways have of them. Pool and timeout are for the listener's protocol,
//! the health check for its port.

use super::number::{between, duration, positive_duration};
use super::tls::listener_tls;
use super::{structure, text};
use crate::rules::limits;
use crate::spec::{
    ConnectionPool, HealthCheckPolicy, HttpConnectionPool, HttpTimeout, Listener, ListenerTimeout, OutlierDetection,
    PortMapping, PortProtocol, RequestPool, TcpConnectionPool, TcpTimeout,
};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

/// Every protocol.
pub(super) const PROTOCOLS: [PortProtocol; 4] =
    [PortProtocol::Http, PortProtocol::Http2, PortProtocol::Grpc, PortProtocol::Tcp];

/// A listener of a virtual node.
pub(super) fn listener(mapping: PortMapping) -> BoxedStrategy<Listener> {
    structure!(Listener {
        connection_pool: option::of(pool(mapping.protocol)),
        health_check: option::of(health_check(mapping, &PROTOCOLS)),
        outlier_detection: option::of(outlier_detection()),
        port_mapping: Just(mapping),
        timeout: option::of(timeout(mapping.protocol)),
        tls: option::of(listener_tls()),
    })
}

pub(super) fn pool(protocol: PortProtocol) -> BoxedStrategy<ConnectionPool> {
    let requests = || structure!(RequestPool { max_requests: between(limits::POOL) });
    match protocol {
        PortProtocol::Grpc => requests().prop_map(ConnectionPool::Grpc).boxed(),
        PortProtocol::Http2 => requests().prop_map(ConnectionPool::Http2).boxed(),
        PortProtocol::Http => structure!(HttpConnectionPool {
            max_connections: between(limits::POOL),
            max_pending_requests: option::of(between(limits::POOL)),
        })
        .prop_map(ConnectionPool::Http)
        .boxed(),
        PortProtocol::Tcp => structure!(TcpConnectionPool { max_connections: between(limits::POOL) })
            .prop_map(ConnectionPool::Tcp)
            .boxed(),
    }
}

fn timeout(protocol: PortProtocol) -> BoxedStrategy<ListenerTimeout> {
    match protocol {
        PortProtocol::Grpc => http_timeout().prop_map(ListenerTimeout::Grpc).boxed(),
        PortProtocol::Http => http_timeout().prop_map(ListenerTimeout::Http).boxed(),
        PortProtocol::Http2 => http_timeout().prop_map(ListenerTimeout::Http2).boxed(),
        PortProtocol::Tcp => tcp_timeout().prop_map(ListenerTimeout::Tcp).boxed(),
    }
}

pub(super) fn http_timeout() -> BoxedStrategy<HttpTimeout> {
    structure!(HttpTimeout { idle: option::of(duration()), per_request: option::of(duration()) })
}

pub(super) fn tcp_timeout() -> BoxedStrategy<TcpTimeout> {
    structure!(TcpTimeout { idle: option::of(duration()) })
}

/// A health check. One by http has a path; one by another protocol may, and ignores it (§8.6).
pub(super) fn health_check(
    mapping: PortMapping,
    protocols: &'static [PortProtocol],
) -> BoxedStrategy<HealthCheckPolicy> {
    select(protocols)
        .prop_flat_map(move |protocol| {
            let path = match protocol {
                PortProtocol::Http | PortProtocol::Http2 => text::path(text::UNBOUNDED).prop_map(Some).boxed(),
                PortProtocol::Grpc | PortProtocol::Tcp => option::of(text::plain(0..=text::UNBOUNDED)).boxed(),
            };
            structure!(HealthCheckPolicy {
                healthy_threshold: between(limits::HEALTH_CHECK_THRESHOLD),
                interval_millis: between(limits::HEALTH_CHECK_INTERVAL_MILLIS),
                path: path,
                port: option::of(Just(mapping.port)),
                protocol: Just(protocol),
                timeout_millis: between(limits::HEALTH_CHECK_TIMEOUT_MILLIS),
                unhealthy_threshold: between(limits::HEALTH_CHECK_THRESHOLD),
            })
        })
        .boxed()
}

fn outlier_detection() -> BoxedStrategy<OutlierDetection> {
    structure!(OutlierDetection {
        base_ejection_duration: positive_duration(),
        interval: positive_duration(),
        max_ejection_percent: between(limits::MAX_EJECTION_PERCENT),
        max_server_errors: between(limits::MAX_SERVER_ERRORS),
    })
}
