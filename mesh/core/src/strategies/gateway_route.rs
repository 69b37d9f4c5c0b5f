//! Gateway routes. What is rewritten is what was matched, and what App Mesh kept for itself is not matched.

use super::matching::{headers, method, paths, query_parameters};
use super::number::between;
use super::{Surroundings, structure, text};
use crate::rules::limits;
use crate::spec::{
    DefaultGatewayRouteRewrite, GatewayRouteHostnameMatch, GatewayRouteHostnameRewrite, GatewayRouteSpec,
    GatewayRouteTarget, GatewayRouteVirtualService, GrpcGatewayRoute, GrpcGatewayRouteAction, GrpcGatewayRouteMatch,
    GrpcGatewayRouteRewrite, HttpGatewayRoute, HttpGatewayRouteAction, HttpGatewayRouteMatch,
    HttpGatewayRoutePathRewrite, HttpGatewayRoutePrefixRewrite, HttpGatewayRouteRewrite,
};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

pub(super) fn spec(around: &Surroundings) -> BoxedStrategy<GatewayRouteSpec> {
    let empty = GatewayRouteSpec::default;
    let protocol = prop_oneof![
        http(around).prop_map(move |route| GatewayRouteSpec { http_route: Some(route), ..empty() }),
        http(around).prop_map(move |route| GatewayRouteSpec { http2_route: Some(route), ..empty() }),
        grpc(around).prop_map(move |route| GatewayRouteSpec { grpc_route: Some(route), ..empty() }),
    ];
    let priority = option::of(between(limits::PRIORITY));
    (protocol, priority).prop_map(|(spec, priority)| GatewayRouteSpec { priority, ..spec }).boxed()
}

fn http(around: &Surroundings) -> BoxedStrategy<HttpGatewayRoute> {
    let target = target(around);
    http_match(around)
        .prop_flat_map(move |matched| {
            let rewrite = rewrite(matched.path.is_some());
            let action = structure!(HttpGatewayRouteAction { rewrite: option::of(rewrite), target: target.clone() });
            structure!(HttpGatewayRoute { action: action, r#match: Just(matched) })
        })
        .boxed()
}

fn http_match(around: &Surroundings) -> BoxedStrategy<HttpGatewayRouteMatch> {
    let prefix = text::path(text::UNBOUNDED).prop_map(|prefix| match prefix.starts_with("/aws-app") {
        true => "/".to_owned(),
        false => prefix,
    });
    let rest = structure!(HttpGatewayRouteMatch {
        headers: headers(),
        hostname: option::of(hostname()),
        method: option::of(method()),
        path: Just(None),
        port: around.parent_port(),
        prefix: Just(None),
        query_parameters: query_parameters(),
    });
    (paths(prefix.boxed()), rest)
        .prop_map(|((prefix, path), rest)| HttpGatewayRouteMatch { prefix, path, ..rest })
        .boxed()
}

fn hostname() -> BoxedStrategy<GatewayRouteHostnameMatch> {
    let exact = structure!(GatewayRouteHostnameMatch { exact: text::exact_host().prop_map(Some), suffix: Just(None) });
    let suffix =
        structure!(GatewayRouteHostnameMatch { exact: Just(None), suffix: text::host_suffix().prop_map(Some) });
    prop_oneof![exact, suffix].boxed()
}

fn grpc(around: &Surroundings) -> BoxedStrategy<GrpcGatewayRoute> {
    let rewrite = structure!(GrpcGatewayRouteRewrite { hostname: option::of(hostname_rewrite()) });
    let action = structure!(GrpcGatewayRouteAction { rewrite: option::of(rewrite), target: target(around) });
    let service = text::grpc_name(text::UNBOUNDED).prop_map(|name| match name.starts_with("aws.app") {
        true => "shop.Cart".to_owned(),
        false => name,
    });
    let matched = structure!(GrpcGatewayRouteMatch {
        hostname: option::of(hostname()),
        metadata: headers(),
        port: around.parent_port(),
        service_name: option::of(service),
    });
    structure!(GrpcGatewayRoute { action: action, r#match: matched })
}

fn target(around: &Surroundings) -> BoxedStrategy<GatewayRouteTarget> {
    let target = |(virtual_service_name, port)| GatewayRouteTarget {
        port,
        virtual_service: GatewayRouteVirtualService { virtual_service_name },
    };
    around.virtual_service().prop_map(target).boxed()
}

/// The path as a whole where it is matched as a whole, otherwise its beginning; the host either way.
fn rewrite(whole: bool) -> BoxedStrategy<HttpGatewayRouteRewrite> {
    let exact = text::path(*limits::PATH.end());
    let path = structure!(HttpGatewayRoutePathRewrite { exact: option::of(exact) });
    let (path, prefix) = match whole {
        true => (option::of(path).boxed(), Just(None).boxed()),
        false => (Just(None).boxed(), option::of(prefix_rewrite()).boxed()),
    };
    structure!(HttpGatewayRouteRewrite { hostname: option::of(hostname_rewrite()), path: path, prefix: prefix })
}

fn prefix_rewrite() -> BoxedStrategy<HttpGatewayRoutePrefixRewrite> {
    let default = structure!(HttpGatewayRoutePrefixRewrite {
        default_prefix: option::of(enabled_or_disabled()),
        value: Just(None),
    });
    let value = structure!(HttpGatewayRoutePrefixRewrite {
        default_prefix: Just(None),
        value: text::closed_path(*limits::PATH.end()).prop_map(Some),
    });
    prop_oneof![default, value].boxed()
}

fn hostname_rewrite() -> BoxedStrategy<GatewayRouteHostnameRewrite> {
    structure!(GatewayRouteHostnameRewrite { default_target_hostname: option::of(enabled_or_disabled()) })
}

fn enabled_or_disabled() -> impl Strategy<Value = DefaultGatewayRouteRewrite> {
    select(&[DefaultGatewayRouteRewrite::Enabled, DefaultGatewayRouteRewrite::Disabled])
}
