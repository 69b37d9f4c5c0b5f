//! What is acceptable in one spec seen alone.
//!
//! Every number, pattern and cross-field rule that needs no other resource lives here, and each breach is reported with
//! the JSON path of its field, so that one answer tells everything there is to mend. Rules are of today: they are asked
//! when a command is decided, never when an event is read back.
//!
//! The files below mirror those of [`crate::spec`]. Where the service model is silent, a rule is stricter than it for one
//! of two reasons only: Envoy would refuse the configuration, and with it every other change for that proxy; or the spec
//! would mean something other than it says.

mod discovery;
mod duration;
mod gateway_route;
pub mod limits;
mod listener;
mod logging;
mod matching;
mod pattern;
mod place;
mod route;
mod text;
mod tls;
mod virtual_gateway;
mod virtual_node;
mod virtual_router;
mod virtual_service;

use crate::resource::{ResourceId, Tags};
use crate::spec::Spec;
use place::Place;
use std::cell::RefCell;
use std::fmt;

/// A broken rule: where, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The field's path in the request body, `spec.listeners[0].portMapping.port`.
    pub path: String,
    /// What was given and what is allowed.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

/// The broken rules of a spec; none where it is acceptable.
pub fn check(spec: &Spec) -> Vec<Violation> {
    collect("spec", |at| match spec {
        // Egress filter and IP preference are enumerations: what can be read is right.
        Spec::Mesh(_) => {}
        Spec::VirtualGateway(spec) => virtual_gateway::check(at, spec),
        Spec::GatewayRoute(spec) => gateway_route::check(at, spec),
        Spec::VirtualNode(spec) => virtual_node::check(at, spec),
        Spec::VirtualRouter(spec) => virtual_router::check(at, spec),
        Spec::Route(spec) => route::check(at, spec),
        Spec::VirtualService(spec) => virtual_service::check(at, spec),
    })
}

/// The broken rules of a new resource's name. It becomes part of ARNs, URLs and the names of xDS resources.
pub fn check_name(id: &ResourceId) -> Vec<Violation> {
    collect(&format!("{}Name", id.kind), |at| text::resource_name(at, id.kind, id.name.as_str()))
}

/// The broken rules of tags, but for their number, which depends on the tags that are there already.
pub fn check_tags(tags: &Tags) -> Vec<Violation> {
    let tags = tags.iter();
    tags.flat_map(|(key, value)| collect(&format!("tags[{key}]"), |at| one_tag(at, key, value))).collect()
}

/// The broken rules of one tag of a request's list.
pub fn check_tag(index: usize, key: &str, value: &str) -> Vec<Violation> {
    collect("tags", |at| one_tag(&at.item(index), key, value))
}

fn one_tag(at: &Place, key: &str, value: &str) {
    text::tag(&at.member("key"), key, limits::TAG_KEY);
    text::tag(&at.member("value"), value, limits::TAG_VALUE);
    // AWS keeps these for itself, in any spelling.
    if key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:")) {
        at.member("key").refuse("begins with `aws:`, which is reserved");
    }
}

/// The broken rules of the keys of tags that are to go. One that no tag can have is a mistake; one that is not there is not.
pub fn check_tag_keys(keys: &[String]) -> Vec<Violation> {
    collect("tagKeys", |at| {
        if at.count(keys, limits::TAG_KEYS) {
            at.each(keys, |at, key| text::tag(at, key, limits::TAG_KEY));
        }
    })
}

fn collect(root: &str, check: impl FnOnce(&Place)) -> Vec<Violation> {
    let found = RefCell::default();
    check(&Place::root(root, &found));
    found.into_inner()
}

#[cfg(test)]
mod tests;
