//! Gateway routes (§6).

use super::matching::{headers, one_route, path, query_parameters};
use super::place::Place;
use super::{limits, text};
use crate::resource::Kind;
use crate::spec::{
    GatewayRouteHostnameMatch, GatewayRouteSpec, GatewayRouteTarget, GrpcGatewayRoute, HttpGatewayRoute,
    HttpGatewayRouteMatch, HttpGatewayRoutePrefixRewrite,
};

/// Beginnings of paths that App Mesh kept for itself (§6.7).
const RESERVED_PREFIXES: [&str; 2] = ["/aws-appmesh", "/aws-app-mesh"];
/// Beginnings of gRPC service names that App Mesh kept for itself (§6.7).
const RESERVED_SERVICES: [&str; 2] = ["aws.appmesh", "aws.app-mesh"];

pub(super) fn check(at: &Place, spec: &GatewayRouteSpec) {
    let GatewayRouteSpec { grpc_route, http2_route, http_route, priority } = spec;
    one_route(
        at,
        &[
            ("grpcRoute", grpc_route.is_some()),
            ("http2Route", http2_route.is_some()),
            ("httpRoute", http_route.is_some()),
        ],
    );
    grpc_route.iter().for_each(|route| check_grpc(&at.member("grpcRoute"), route));
    http2_route.iter().for_each(|route| check_http(&at.member("http2Route"), route));
    http_route.iter().for_each(|route| check_http(&at.member("httpRoute"), route));
    at.member("priority").maybe_between(*priority, limits::PRIORITY);
}

fn check_http(at: &Place, route: &HttpGatewayRoute) {
    let action = &at.member("action");
    check_rewrite(&action.member("rewrite"), route);
    check_target(&action.member("target"), &route.action.target);
    check_http_match(&at.member("match"), &route.r#match);
}

fn check_http_match(at: &Place, matched: &HttpGatewayRouteMatch) {
    headers(&at.member("headers"), matched.headers.as_ref());
    check_hostname(&at.member("hostname"), matched.hostname.as_ref());
    path(at, matched.prefix.as_deref(), matched.path.as_ref());
    at.member("port").maybe_between(matched.port, limits::PORT);
    query_parameters(&at.member("queryParameters"), matched.query_parameters.as_ref());
    if let Some(reserved) = reserved(matched.prefix.as_deref(), RESERVED_PREFIXES) {
        at.member("prefix").refuse(format!("begins with `{reserved}`, which is reserved"));
    }
}

fn check_grpc(at: &Place, route: &GrpcGatewayRoute) {
    check_target(&at.member("action").member("target"), &route.action.target);
    let at = &at.member("match");
    check_hostname(&at.member("hostname"), route.r#match.hostname.as_ref());
    headers(&at.member("metadata"), route.r#match.metadata.as_ref());
    at.member("port").maybe_between(route.r#match.port, limits::PORT);
    let Some(service) = &route.r#match.service_name else { return };
    text::grpc_name(&at.member("serviceName"), service);
    if let Some(reserved) = reserved(Some(service), RESERVED_SERVICES) {
        at.member("serviceName").refuse(format!("begins with `{reserved}`, which is reserved"));
    }
}

fn reserved(given: Option<&str>, reserved: [&'static str; 2]) -> Option<&'static str> {
    reserved.into_iter().find(|reserved| given.is_some_and(|given| given.starts_with(reserved)))
}

fn check_target(at: &Place, target: &GatewayRouteTarget) {
    at.member("port").maybe_between(target.port, limits::PORT);
    let at = &at.member("virtualService");
    let name = &target.virtual_service.virtual_service_name;
    text::resource_name(&at.member("virtualServiceName"), Kind::VirtualService, name);
}

/// A host or its end. Only ends that begin with a dot were supported (§6.6): without one `example.com` would take
/// `badexample.com` as well.
fn check_hostname(at: &Place, hostname: Option<&GatewayRouteHostnameMatch>) {
    let Some(hostname) = hostname else { return };
    match (&hostname.exact, &hostname.suffix) {
        (Some(exact), None) => {
            text::hostname(&at.member("exact"), exact);
            text::host_and_port(&at.member("exact"), exact);
        }
        (None, Some(suffix)) => {
            let at = &at.member("suffix");
            text::hostname(at, suffix);
            if !suffix.starts_with('.') {
                at.refuse(format!("is `{}`, must begin with `.`", suffix.escape_debug()));
            }
        }
        (None, None) => at.refuse("has neither exact nor suffix, must have one of them"),
        (Some(_), Some(_)) => at.refuse("has both exact and suffix, must have one of them"),
    }
}

/// What is rewritten must be what was matched: the beginning of the path, or the path as a whole (§6.4).
fn check_rewrite(at: &Place, route: &HttpGatewayRoute) {
    let Some(rewrite) = &route.action.rewrite else { return };
    if rewrite.path.is_some() && rewrite.prefix.is_some() {
        at.refuse("has both path and prefix, must have one of them");
    }
    if let Some(whole) = &rewrite.path {
        let at = &at.member("path");
        if let Some(exact) = &whole.exact {
            at.member("exact").length(exact, limits::PATH);
            text::path(&at.member("exact"), exact);
        }
        if route.r#match.path.is_none() {
            at.refuse("rewrites the path as a whole, needs a match of the path as a whole");
        }
    }
    if let Some(prefix) = &rewrite.prefix {
        let at = &at.member("prefix");
        check_prefix_rewrite(at, prefix);
        if route.r#match.path.is_some() {
            at.refuse("rewrites the beginning of the path, needs a match of its beginning");
        }
    }
}

fn check_prefix_rewrite(at: &Place, rewrite: &HttpGatewayRoutePrefixRewrite) {
    if rewrite.default_prefix.is_some() && rewrite.value.is_some() {
        at.refuse("has both defaultPrefix and value, must have one of them");
    }
    let Some(value) = &rewrite.value else { return };
    let at = &at.member("value");
    at.length(value, limits::PATH);
    text::path(at, value);
    if !value.ends_with('/') {
        at.refuse(format!("is `{}`, must end with `/`", value.escape_debug()));
    }
}
