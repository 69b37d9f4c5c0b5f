//! Text that must be a name, a host, a path or a piece of a header.

use super::limits;
use super::place::Place;
use crate::resource::Kind;
use std::ops::RangeInclusive;

/// The name of a resource, in its own request or where another refers to it.
///
/// Virtual services have the names that applications call, so they may have dots as well. A backend's service need not
/// exist (§13.7) and still becomes a domain of a virtual host: references keep the same rule.
pub(super) fn resource_name(at: &Place, kind: Kind, name: &str) {
    at.length(name, limits::NAME);
    let dotted = kind == Kind::VirtualService;
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_') || (dotted && c == '.')) {
        let dot = if dotted { ", `.`" } else { "" };
        at.refuse(format!("is `{}`, may have letters, digits, `-`, `_`{dot} only", name.escape_debug()));
    } else if !name.is_empty() && name.chars().all(|c| c == '.') {
        at.refuse(format!("is `{name}`, must have more than dots"));
    }
}

/// A host that clients name or Envoy resolves.
pub(super) fn hostname(at: &Place, host: &str) {
    at.length(host, limits::HOSTNAME);
    if !host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':')) {
        at.refuse(format!("is `{}`, must be a host name or an IP address", host.escape_debug()));
    }
}

/// A host that has a name, and a port if there is anything more. The part before the port names a virtual host of
/// Envoy's, which must be called something.
pub(super) fn host_and_port(at: &Place, host: &str) {
    let (name, port) = host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port)));
    let is_port = |port: &str| port.bytes().all(|c| c.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|it| it > 0);
    if name.is_empty() || !port.is_none_or(is_port) {
        at.refuse(format!(
            "is `{}`, must be a host name, with `:` and a port from 1 to 65535 or without",
            host.escape_debug()
        ));
    }
}

/// A tag's key or value.
pub(super) fn tag(at: &Place, text: &str, bounds: RangeInclusive<usize>) {
    at.length(text, bounds);
    if text.chars().any(char::is_control) {
        at.refuse(format!("is `{}`, must not have control characters", text.escape_debug()));
    }
}

/// A query parameter's name. Envoy's field for it is bounded in bytes.
pub(super) fn query_parameter(at: &Place, name: &str) {
    at.bytes(name, limits::QUERY_PARAMETER);
    plain(at, name);
}

/// A path or its beginning. One that begins otherwise would match nothing.
pub(super) fn path(at: &Place, path: &str) {
    if !path.starts_with('/') {
        at.refuse(format!("is `{}`, must begin with `/`", path.escape_debug()));
    }
    plain(at, path);
}

/// The full name of a gRPC service, or of one of its methods: a segment of a path.
pub(super) fn grpc_name(at: &Place, name: &str) {
    if name.is_empty() || name.chars().any(|c| c == '/' || c.is_whitespace() || c.is_control()) {
        at.refuse(format!(
            "is `{}`, must not be empty nor have `/`, white space or control characters",
            name.escape_debug()
        ));
    }
}

/// The name of a header; pseudo-headers such as `:authority` are headers here.
pub(super) fn header_name(at: &Place, name: &str) {
    at.length(name, limits::HEADER_NAME);
    let token = name.strip_prefix(':').unwrap_or(name);
    if !token.chars().all(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)) || name == ":" {
        at.refuse(format!("is `{}`, must be the name of an HTTP header", name.escape_debug()));
    }
}

/// Text that is compared with a part of a request, or goes to Envoy as it is.
pub(super) fn plain(at: &Place, text: &str) {
    if text.chars().any(|c| c.is_control() && c != '\t') {
        at.refuse(format!("is `{}`, must not have control characters", text.escape_debug()));
    }
}

/// A name that someone else gives meaning to: an ARN, a secret.
pub(super) fn given(at: &Place, text: &str) {
    if text.is_empty() {
        at.refuse("is empty");
    }
    plain(at, text);
}
