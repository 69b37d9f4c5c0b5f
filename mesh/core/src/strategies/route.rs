//! Routes.

use super::listener::{http_timeout, tcp_timeout};
use super::matching::{headers, method, paths, query_parameters, scheme};
use super::number::{between, duration};
use super::{Surroundings, list, structure, text};
use crate::rules::limits;
use crate::spec::{
    GrpcRetryPolicy, GrpcRetryPolicyEvent, GrpcRoute, GrpcRouteMatch, HttpRetryPolicy, HttpRoute, HttpRouteMatch,
    RouteAction, RouteSpec, TcpRetryPolicyEvent, TcpRoute, TcpRouteMatch, WeightedTarget,
};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

pub(super) fn spec(around: &Surroundings) -> BoxedStrategy<RouteSpec> {
    let empty = RouteSpec::default;
    let protocol = prop_oneof![
        http(around).prop_map(move |route| RouteSpec { http_route: Some(route), ..empty() }),
        http(around).prop_map(move |route| RouteSpec { http2_route: Some(route), ..empty() }),
        grpc(around).prop_map(move |route| RouteSpec { grpc_route: Some(route), ..empty() }),
        tcp(around).prop_map(move |route| RouteSpec { tcp_route: Some(route), ..empty() }),
    ];
    let priority = option::of(between(limits::PRIORITY));
    (protocol, priority).prop_map(|(spec, priority)| RouteSpec { priority, ..spec }).boxed()
}

fn http(around: &Surroundings) -> BoxedStrategy<HttpRoute> {
    structure!(HttpRoute {
        action: action(around),
        r#match: http_match(around),
        retry_policy: option::of(http_retries()),
        timeout: option::of(http_timeout()),
    })
}

fn http_match(around: &Surroundings) -> BoxedStrategy<HttpRouteMatch> {
    let paths = paths(text::path(text::UNBOUNDED));
    let rest = structure!(HttpRouteMatch {
        headers: headers(),
        method: option::of(method()),
        path: Just(None),
        port: around.parent_port(),
        prefix: Just(None),
        query_parameters: query_parameters(),
        scheme: option::of(scheme()),
    });
    (paths, rest).prop_map(|((prefix, path), rest)| HttpRouteMatch { prefix, path, ..rest }).boxed()
}

fn grpc(around: &Surroundings) -> BoxedStrategy<GrpcRoute> {
    structure!(GrpcRoute {
        action: action(around),
        r#match: grpc_match(around),
        retry_policy: option::of(grpc_retries()),
        timeout: option::of(http_timeout()),
    })
}

/// A method is called of a service.
fn grpc_match(around: &Surroundings) -> BoxedStrategy<GrpcRouteMatch> {
    let called = structure!(GrpcRouteMatch {
        metadata: headers(),
        method_name: option::of(text::grpc_name(*limits::METHOD_NAME.end())),
        port: around.parent_port(),
        service_name: option::of(text::grpc_name(text::UNBOUNDED)),
    });
    called
        .prop_map(|called| match called.service_name {
            None => GrpcRouteMatch { method_name: None, ..called },
            Some(_) => called,
        })
        .boxed()
}

fn tcp(around: &Surroundings) -> BoxedStrategy<TcpRoute> {
    // Where the router has several listeners a port must be named, and nothing to name it in is none.
    let matched = structure!(TcpRouteMatch { port: around.parent_port() });
    let matched = match around.parent_ports.len() {
        0 | 1 => option::of(matched).boxed(),
        _ => matched.prop_map(Some).boxed(),
    };
    structure!(TcpRoute { action: action(around), r#match: matched, timeout: option::of(tcp_timeout()) })
}

fn action(around: &Surroundings) -> BoxedStrategy<RouteAction> {
    let target = (around.virtual_node(), between(limits::WEIGHT));
    let target = target.prop_map(|((virtual_node, port), weight)| WeightedTarget { port, virtual_node, weight });
    structure!(RouteAction { weighted_targets: list(target.boxed(), limits::WEIGHTED_TARGETS) })
}

fn http_events() -> BoxedStrategy<Option<Vec<String>>> {
    let event = select(vec!["server-error", "gateway-error", "client-error", "stream-error"]).prop_map(str::to_owned);
    option::of(list(event.boxed(), limits::HTTP_RETRY_EVENTS)).boxed()
}

fn tcp_events() -> BoxedStrategy<Option<Vec<TcpRetryPolicyEvent>>> {
    option::of(list(Just(TcpRetryPolicyEvent::ConnectionError).boxed(), limits::TCP_RETRY_EVENTS)).boxed()
}

fn grpc_events() -> BoxedStrategy<Option<Vec<GrpcRetryPolicyEvent>>> {
    use GrpcRetryPolicyEvent::{Cancelled, DeadlineExceeded, Internal, ResourceExhausted, Unavailable};
    let event = select(&[Cancelled, DeadlineExceeded, Internal, ResourceExhausted, Unavailable]);
    option::of(list(event.boxed(), limits::GRPC_RETRY_EVENTS)).boxed()
}

/// What is tried again is tried again upon something.
fn http_retries() -> BoxedStrategy<HttpRetryPolicy> {
    let policy = structure!(HttpRetryPolicy {
        http_retry_events: http_events(),
        max_retries: between(limits::MAX_RETRIES),
        per_retry_timeout: duration(),
        tcp_retry_events: tcp_events(),
    });
    policy
        .prop_map(|mut policy| {
            if policy.http_retry_events.is_none() && policy.tcp_retry_events.is_none() {
                policy.tcp_retry_events = Some(vec![TcpRetryPolicyEvent::ConnectionError]);
            }
            policy
        })
        .boxed()
}

fn grpc_retries() -> BoxedStrategy<GrpcRetryPolicy> {
    let events = (grpc_events(), http_events(), tcp_events());
    let events = events.prop_map(|(grpc, http, tcp)| match (&grpc, &http, &tcp) {
        (None, None, None) => (Some(vec![GrpcRetryPolicyEvent::Unavailable]), http, tcp),
        _ => (grpc, http, tcp),
    });
    (events, between(limits::MAX_RETRIES), duration())
        .prop_map(|((grpc_retry_events, http_retry_events, tcp_retry_events), max_retries, per_retry_timeout)| {
            GrpcRetryPolicy { grpc_retry_events, http_retry_events, max_retries, per_retry_timeout, tcp_retry_events }
        })
        .boxed()
}
