//! What an Envoy route looks at (§7.2, §7.3, §6.4).

use envoy_types::pb::envoy::config::route::v3::header_matcher::HeaderMatchSpecifier;
use envoy_types::pb::envoy::config::route::v3::query_parameter_matcher::QueryParameterMatchSpecifier;
use envoy_types::pb::envoy::config::route::v3::route_match::PathSpecifier;
use envoy_types::pb::envoy::config::route::v3::{HeaderMatcher, QueryParameterMatcher, RouteMatch};
use envoy_types::pb::envoy::r#type::matcher::v3::string_matcher::MatchPattern;
use envoy_types::pb::envoy::r#type::matcher::v3::{RegexMatcher, StringMatcher};
use envoy_types::pb::envoy::r#type::v3::Int64Range;
use mesh_core::spec::{
    GrpcGatewayRouteMatch, GrpcRouteMatch, HeaderMatch, HeaderMatchMethod, HttpGatewayRouteMatch, HttpMethod,
    HttpPathMatch, HttpQueryParameter, HttpRouteMatch,
};
use mesh_core::view::RouteRule;

/// What a route of a virtual router takes.
pub fn of_rule(rule: &RouteRule) -> RouteMatch {
    match rule {
        RouteRule::Http(route) => of_http(&route.r#match),
        RouteRule::Grpc(route) => of_grpc(&route.r#match),
        RouteRule::Everything | RouteRule::Tcp(_) => everything(),
    }
}

/// Any request.
pub fn everything() -> RouteMatch {
    path(PathSpecifier::Prefix("/".into()))
}

/// Requests with this path, whatever else.
pub fn path(specifier: PathSpecifier) -> RouteMatch {
    RouteMatch { path_specifier: Some(specifier), ..RouteMatch::default() }
}

/// What a gateway route takes, but for its path: one gateway route becomes several Envoy routes that differ in it.
pub fn of_gateway_http(at: PathSpecifier, spec: &HttpGatewayRouteMatch) -> RouteMatch {
    RouteMatch {
        headers: spec.method.map(method).into_iter().chain(headers(spec.headers.as_deref())).collect(),
        query_parameters: query_parameters(spec.query_parameters.as_deref()),
        ..path(at)
    }
}

/// What a gateway route for gRPC takes.
pub fn of_gateway_grpc(spec: &GrpcGatewayRouteMatch) -> RouteMatch {
    let at = grpc_path(spec.service_name.as_deref(), None);
    RouteMatch { headers: headers(spec.metadata.as_deref()).collect(), ..path(at) }
}

/// A header with exactly this value.
pub fn exact_header(name: &str, value: &str) -> HeaderMatcher {
    header(name, HeaderMatchSpecifier::StringMatch(string(MatchPattern::Exact(value.to_owned()))))
}

/// How a path is matched where the API names an exact one or an expression.
pub fn path_of(spec: &HttpPathMatch) -> Option<PathSpecifier> {
    match (&spec.exact, &spec.regex) {
        (Some(exact), _) => Some(PathSpecifier::Path(exact.clone())),
        (None, Some(expression)) => Some(PathSpecifier::SafeRegex(regex(expression))),
        (None, None) => None,
    }
}

fn of_http(spec: &HttpRouteMatch) -> RouteMatch {
    let prefix = || PathSpecifier::Prefix(spec.prefix.clone().unwrap_or_else(|| "/".into()));
    let scheme = spec.scheme.map(|scheme| exact_header(":scheme", scheme.as_str()));
    let pseudo = spec.method.map(method).into_iter().chain(scheme);
    RouteMatch {
        headers: pseudo.chain(headers(spec.headers.as_deref())).collect(),
        query_parameters: query_parameters(spec.query_parameters.as_deref()),
        ..path(spec.path.as_ref().and_then(path_of).unwrap_or_else(prefix))
    }
}

fn of_grpc(spec: &GrpcRouteMatch) -> RouteMatch {
    let at = grpc_path(spec.service_name.as_deref(), spec.method_name.as_deref());
    RouteMatch { headers: headers(spec.metadata.as_deref()).collect(), ..path(at) }
}

/// gRPC's own mapping: the path of a call is `/service/method`.
fn grpc_path(service: Option<&str>, method: Option<&str>) -> PathSpecifier {
    match (service, method) {
        (Some(service), Some(method)) => PathSpecifier::Path(format!("/{service}/{method}")),
        (Some(service), None) => PathSpecifier::Prefix(format!("/{service}/")),
        (None, _) => PathSpecifier::Prefix("/".into()),
    }
}

fn method(method: HttpMethod) -> HeaderMatcher {
    exact_header(":method", method.as_str())
}

fn headers(specs: Option<&[HeaderMatch]>) -> impl Iterator<Item = HeaderMatcher> {
    specs.into_iter().flatten().map(|spec| HeaderMatcher {
        invert_match: spec.invert.unwrap_or(false),
        ..header(&spec.name.to_ascii_lowercase(), header_value(spec.r#match.as_ref()))
    })
}

fn header(name: &str, value: HeaderMatchSpecifier) -> HeaderMatcher {
    HeaderMatcher { name: name.to_owned(), header_match_specifier: Some(value), ..HeaderMatcher::default() }
}

fn header_value(spec: Option<&HeaderMatchMethod>) -> HeaderMatchSpecifier {
    let pattern = match spec {
        None => return HeaderMatchSpecifier::PresentMatch(true),
        Some(HeaderMatchMethod::Range(range)) => {
            return HeaderMatchSpecifier::RangeMatch(Int64Range { start: range.start, end: range.end });
        }
        Some(HeaderMatchMethod::Exact(text)) => MatchPattern::Exact(text.clone()),
        Some(HeaderMatchMethod::Prefix(text)) => MatchPattern::Prefix(text.clone()),
        Some(HeaderMatchMethod::Suffix(text)) => MatchPattern::Suffix(text.clone()),
        Some(HeaderMatchMethod::Regex(text)) => MatchPattern::SafeRegex(regex(text)),
    };
    HeaderMatchSpecifier::StringMatch(string(pattern))
}

fn query_parameters(specs: Option<&[HttpQueryParameter]>) -> Vec<QueryParameterMatcher> {
    let matcher = |spec: &HttpQueryParameter| {
        let exact = spec.r#match.as_ref().and_then(|value| value.exact.clone());
        let value = exact.map_or(QueryParameterMatchSpecifier::PresentMatch(true), |exact| {
            QueryParameterMatchSpecifier::StringMatch(string(MatchPattern::Exact(exact)))
        });
        QueryParameterMatcher { name: spec.name.clone(), query_parameter_match_specifier: Some(value) }
    };
    specs.into_iter().flatten().map(matcher).collect()
}

fn string(pattern: MatchPattern) -> StringMatcher {
    StringMatcher { match_pattern: Some(pattern), ..StringMatcher::default() }
}

fn regex(expression: &str) -> RegexMatcher {
    RegexMatcher { regex: expression.to_owned(), ..RegexMatcher::default() }
}
