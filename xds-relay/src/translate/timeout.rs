//! Timeouts (§8.1). Unset stays unset: Envoy's defaults of 15 s for a request and five minutes of silence are App Mesh's.
//! Zero switches a timeout off, for Envoy as well.

use super::proto::millis;
use envoy_types::pb::google::protobuf::Duration;
use mesh_core::spec::{HttpTimeout, Listener, ListenerTimeout, TcpTimeout};
use mesh_core::view::{RouteRule, ServicePort};

const DEFAULT_REQUEST_MS: u64 = 15_000;
const DEFAULT_IDLE_MS: u64 = 300_000;

/// How long a request may take and how long it may be silent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timeouts {
    /// The whole request.
    pub request_ms: Option<u64>,
    /// Silence on its stream.
    pub idle_ms: Option<u64>,
}

impl Timeouts {
    /// What was asked for.
    pub fn of(timeout: Option<&HttpTimeout>) -> Self {
        let Some(timeout) = timeout else { return Self::default() };
        Self {
            request_ms: timeout.per_request.as_ref().and_then(|it| it.millis()),
            idle_ms: timeout.idle.as_ref().and_then(|it| it.millis()),
        }
    }

    /// What a listener's HTTP requests get.
    pub fn of_listener(listener: &Listener) -> Self {
        match &listener.timeout {
            Some(ListenerTimeout::Http(it) | ListenerTimeout::Http2(it) | ListenerTimeout::Grpc(it)) => {
                Self::of(Some(it))
            }
            Some(ListenerTimeout::Tcp(_)) | None => Self::default(),
        }
    }

    /// What a gateway's first hop must allow so that it cuts none of a service's routes short: the longest of theirs,
    /// none at all where one has none (§6.4).
    pub fn of_service(port: Option<&ServicePort>) -> Self {
        let routes: Vec<_> =
            port.iter().flat_map(|port| &port.routes).map(|route| Self::of_rule(&route.rule)).collect();
        Self {
            request_ms: longest(routes.iter().map(|route| route.request_ms), DEFAULT_REQUEST_MS),
            idle_ms: longest(routes.iter().map(|route| route.idle_ms), DEFAULT_IDLE_MS),
        }
    }

    /// What a route asks for.
    pub fn of_rule(rule: &RouteRule) -> Self {
        match rule {
            RouteRule::Http(route) => Self::of(route.timeout.as_ref()),
            RouteRule::Grpc(route) => Self::of(route.timeout.as_ref()),
            RouteRule::Everything | RouteRule::Tcp(_) => Self::default(),
        }
    }

    /// As an Envoy route has it.
    pub fn request(&self) -> Option<Duration> {
        self.request_ms.map(millis)
    }

    /// As an Envoy route has it.
    pub fn idle(&self) -> Option<Duration> {
        self.idle_ms.map(millis)
    }
}

/// How long a connection of a TCP route may be silent.
pub fn tcp_idle(timeout: Option<&TcpTimeout>) -> Option<Duration> {
    timeout?.idle.as_ref()?.millis().map(millis)
}

/// How long a connection to a TCP listener may be silent.
pub fn tcp_listener_idle(listener: &Listener) -> Option<Duration> {
    match &listener.timeout {
        Some(ListenerTimeout::Tcp(timeout)) => tcp_idle(Some(timeout)),
        _ => None,
    }
}

/// The longest of several timeouts. Where all are unset the answer is too; zero, no timeout, is longer than all.
fn longest(all: impl Iterator<Item = Option<u64>>, default: u64) -> Option<u64> {
    let all: Vec<Option<u64>> = all.collect();
    if all.iter().all(Option::is_none) {
        return None;
    }
    let set = |one: &Option<u64>| one.unwrap_or(default);
    if all.contains(&Some(0)) { Some(0) } else { all.iter().map(set).max() }
}

#[cfg(test)]
mod tests {
    use super::longest;

    #[test]
    fn the_longest_timeout_counts_an_unset_one_as_the_default() {
        assert_eq!(longest([None, None].into_iter(), 15), None);
        assert_eq!(longest([Some(3), None].into_iter(), 15), Some(15));
        assert_eq!(longest([Some(30), None].into_iter(), 15), Some(30));
        assert_eq!(longest([Some(30), Some(0)].into_iter(), 15), Some(0));
        assert_eq!(longest([].into_iter(), 15), None);
    }
}
