//! Routes (§7, §8). All weights 0 is accepted, as App Mesh did: weight 0 on every side is how some roll-outs begin.

use super::matching::{headers, one_route, path, query_parameters};
use super::place::Place;
use super::{duration, limits, listener, text};
use crate::resource::Kind;
use crate::spec::{
    GrpcRetryPolicy, GrpcRoute, GrpcRouteMatch, HttpRetryPolicy, HttpRoute, RouteAction, RouteSpec, TcpRoute,
    WeightedTarget,
};

/// What may be retried by HTTP; strings in the model (§8.3).
const HTTP_EVENTS: [&str; 4] = ["server-error", "gateway-error", "client-error", "stream-error"];

pub(super) fn check(at: &Place, spec: &RouteSpec) {
    let RouteSpec { grpc_route, http2_route, http_route, priority, tcp_route } = spec;
    one_route(
        at,
        &[
            ("grpcRoute", grpc_route.is_some()),
            ("http2Route", http2_route.is_some()),
            ("httpRoute", http_route.is_some()),
            ("tcpRoute", tcp_route.is_some()),
        ],
    );
    grpc_route.iter().for_each(|route| check_grpc(&at.member("grpcRoute"), route));
    http2_route.iter().for_each(|route| check_http(&at.member("http2Route"), route));
    http_route.iter().for_each(|route| check_http(&at.member("httpRoute"), route));
    at.member("priority").maybe_between(*priority, limits::PRIORITY);
    tcp_route.iter().for_each(|route| check_tcp(&at.member("tcpRoute"), route));
}

fn check_http(at: &Place, route: &HttpRoute) {
    check_action(&at.member("action"), &route.action);
    let matched = &at.member("match");
    headers(&matched.member("headers"), route.r#match.headers.as_ref());
    path(matched, route.r#match.prefix.as_deref(), route.r#match.path.as_ref());
    matched.member("port").maybe_between(route.r#match.port, limits::PORT);
    query_parameters(&matched.member("queryParameters"), route.r#match.query_parameters.as_ref());
    check_http_retries(&at.member("retryPolicy"), route.retry_policy.as_ref());
    listener::check_http_timeout(&at.member("timeout"), route.timeout.as_ref());
}

fn check_grpc(at: &Place, route: &GrpcRoute) {
    check_action(&at.member("action"), &route.action);
    check_grpc_match(&at.member("match"), &route.r#match);
    check_grpc_retries(&at.member("retryPolicy"), route.retry_policy.as_ref());
    listener::check_http_timeout(&at.member("timeout"), route.timeout.as_ref());
}

fn check_grpc_match(at: &Place, matched: &GrpcRouteMatch) {
    headers(&at.member("metadata"), matched.metadata.as_ref());
    if let Some(method) = &matched.method_name {
        let at = &at.member("methodName");
        at.length(method, limits::METHOD_NAME);
        text::grpc_name(at, method);
        if matched.service_name.is_none() {
            at.refuse(format!("is `{}`, needs a serviceName as well", method.escape_debug()));
        }
    }
    at.member("port").maybe_between(matched.port, limits::PORT);
    if let Some(service) = &matched.service_name {
        text::grpc_name(&at.member("serviceName"), service);
    }
}

fn check_tcp(at: &Place, route: &TcpRoute) {
    check_action(&at.member("action"), &route.action);
    let port = route.r#match.as_ref().and_then(|matched| matched.port);
    at.member("match").member("port").maybe_between(port, limits::PORT);
    listener::check_tcp_timeout(&at.member("timeout"), route.timeout.as_ref());
}

fn check_action(at: &Place, action: &RouteAction) {
    let at = &at.member("weightedTargets");
    at.count(&action.weighted_targets, limits::WEIGHTED_TARGETS);
    at.each(&action.weighted_targets, check_target);
}

fn check_target(at: &Place, target: &WeightedTarget) {
    at.member("port").maybe_between(target.port, limits::PORT);
    text::resource_name(&at.member("virtualNode"), Kind::VirtualNode, &target.virtual_node);
    at.member("weight").between(target.weight, limits::WEIGHT);
}

fn check_http_retries(at: &Place, policy: Option<&HttpRetryPolicy>) {
    let Some(policy) = policy else { return };
    http_events(&at.member("httpRetryEvents"), policy.http_retry_events.as_ref());
    at.member("maxRetries").between(policy.max_retries, limits::MAX_RETRIES);
    duration::check(&at.member("perRetryTimeout"), Some(&policy.per_retry_timeout));
    tcp_events(&at.member("tcpRetryEvents"), policy.tcp_retry_events.as_ref());
    if policy.http_retry_events.is_none() && policy.tcp_retry_events.is_none() {
        at.refuse("has no events, must have httpRetryEvents or tcpRetryEvents");
    }
}

fn check_grpc_retries(at: &Place, policy: Option<&GrpcRetryPolicy>) {
    let Some(policy) = policy else { return };
    if let Some(events) = &policy.grpc_retry_events {
        at.member("grpcRetryEvents").count(events, limits::GRPC_RETRY_EVENTS);
    }
    http_events(&at.member("httpRetryEvents"), policy.http_retry_events.as_ref());
    at.member("maxRetries").between(policy.max_retries, limits::MAX_RETRIES);
    duration::check(&at.member("perRetryTimeout"), Some(&policy.per_retry_timeout));
    tcp_events(&at.member("tcpRetryEvents"), policy.tcp_retry_events.as_ref());
    if policy.grpc_retry_events.is_none() && policy.http_retry_events.is_none() && policy.tcp_retry_events.is_none() {
        at.refuse("has no events, must have grpcRetryEvents, httpRetryEvents or tcpRetryEvents");
    }
}

fn http_events(at: &Place, events: Option<&Vec<String>>) {
    let Some(events) = events else { return };
    at.count(events, limits::HTTP_RETRY_EVENTS);
    at.each(events, |at, event| {
        if !HTTP_EVENTS.contains(&event.as_str()) {
            at.refuse(format!("is `{}`, must be one of {}", event.escape_debug(), HTTP_EVENTS.join(", ")));
        }
    });
}

fn tcp_events<T>(at: &Place, events: Option<&Vec<T>>) {
    if let Some(events) = events {
        at.count(events, limits::TCP_RETRY_EVENTS);
    }
}
