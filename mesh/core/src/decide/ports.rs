//! Ports where there are several listeners (§13.10): a route says which listener of its router it is for and which
//! listener of each virtual node it goes to; a gateway route says the same of its gateway and its virtual service.
//!
//! The rule has two sides. Who writes a route must choose among the listeners that are there. Who changes listeners must
//! leave every route a choice that still holds; there a change is refused only for what it breaks itself, so that a mesh
//! whose routes never fitted, written before the rule was, can be changed and mended piece by piece.
//!
//! Where there is no listener at all nothing can be chosen wrongly: what is to be called may be made later. Protocols are
//! not compared: App Mesh took an http2 route on an http listener, and if it had not, neither could have been changed first.

use crate::resource::{Kind, ResourceId};
use crate::rules::Violation;
use crate::spec::{GatewayRouteSpec, RouteSpec, Spec, VirtualServiceProvider};
use crate::state::MeshState;
use std::collections::BTreeSet;

/// How many routes a message names, as App Mesh's did.
const NAMED: usize = 5;

/// The rules of ports that a resource would break in the mesh as it is.
pub(super) fn check(state: &MeshState, target: &ResourceId, spec: &Spec) -> Vec<Violation> {
    match spec {
        Spec::Route(_) | Spec::GatewayRoute(_) => {
            let mesh = Mesh { state, instead: None };
            choices(mesh, target, spec).iter().filter_map(Choice::violation).collect()
        }
        _ => check_holder(state, target, spec),
    }
}

/// A mesh as it is, or as it would be with another spec for one resource.
#[derive(Clone, Copy)]
struct Mesh<'a> {
    state: &'a MeshState,
    instead: Option<(&'a ResourceId, &'a Spec)>,
}

impl<'a> Mesh<'a> {
    fn spec(self, id: &ResourceId) -> Option<&'a Spec> {
        match self.instead {
            Some((other, spec)) if other == id => Some(spec),
            _ => self.state.get(id).map(|resource| &resource.spec),
        }
    }

    /// The ports that a resource offers to choose from.
    fn ports(self, id: &ResourceId) -> Vec<i64> {
        match self.spec(id) {
            Some(Spec::VirtualRouter(spec)) => spec.ports().map(|mapping| mapping.port).collect(),
            Some(Spec::VirtualNode(spec)) => spec.listeners.iter().map(|it| it.port_mapping.port).collect(),
            Some(Spec::VirtualGateway(spec)) => spec.listeners.iter().map(|it| it.port_mapping.port).collect(),
            Some(Spec::VirtualService(spec)) => {
                spec.provider.as_ref().map_or_else(Vec::new, |it| self.ports(&provider(it)))
            }
            _ => Vec::new(),
        }
    }
}

fn provider(provider: &VirtualServiceProvider) -> ResourceId {
    match provider {
        VirtualServiceProvider::VirtualNode(it) => ResourceId::new(Kind::VirtualNode, it.virtual_node_name.as_str()),
        VirtualServiceProvider::VirtualRouter(it) => {
            ResourceId::new(Kind::VirtualRouter, it.virtual_router_name.as_str())
        }
    }
}

/// A port that a route chooses, or leaves open.
struct Choice {
    path: String,
    given: Option<i64>,
    /// Whose ports there are to choose from, and which those are.
    of: ResourceId,
    ports: Vec<i64>,
    /// What must be defined where there are several.
    rule: &'static str,
}

impl Choice {
    fn missing(&self) -> bool {
        self.given.is_none() && self.ports.len() > 1
    }

    fn stranded(&self) -> bool {
        self.given.is_some_and(|port| !self.ports.is_empty() && !self.ports.contains(&port))
    }

    fn violation(&self) -> Option<Violation> {
        let allowed = self.ports.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let one_of = if self.ports.len() > 1 { "one of " } else { "" };
        let of = &self.of;
        let message = match self.given {
            None if self.missing() => {
                let holder = words(of.kind);
                format!("is missing, must be one of {allowed}: {} if the {holder} has multiple listeners", self.rule)
            }
            Some(port) if self.stranded() => format!("is {port}, must be {one_of}{allowed}, as {of} listens"),
            _ => return None,
        };
        Some(Violation { path: self.path.clone(), message })
    }
}

/// What a route or gateway route chooses.
fn choices(mesh: Mesh<'_>, id: &ResourceId, spec: &Spec) -> Vec<Choice> {
    match spec {
        Spec::Route(spec) => choices_of_route(mesh, id, spec),
        Spec::GatewayRoute(spec) => choices_of_gateway_route(mesh, id, spec),
        _ => Vec::new(),
    }
}

fn choices_of_route(mesh: Mesh<'_>, id: &ResourceId, spec: &RouteSpec) -> Vec<Choice> {
    let member = spec.member();
    let choice = |path: String, given: Option<i64>, of: ResourceId, rule| Choice {
        ports: mesh.ports(&of),
        path,
        given,
        of,
        rule,
    };
    let matched = id.parent_id().map(|router| {
        let path = format!("spec.{member}.match.port");
        choice(path, spec.match_port(), router, "Route must define a port match criteria")
    });
    let targets = spec.targets().iter().enumerate().map(|(index, target)| {
        let path = format!("spec.{member}.action.weightedTargets[{index}].port");
        let node = ResourceId::new(Kind::VirtualNode, target.virtual_node.as_str());
        choice(path, target.port, node, "Weighted Target must define a port")
    });
    matched.into_iter().chain(targets).collect()
}

fn choices_of_gateway_route(mesh: Mesh<'_>, id: &ResourceId, spec: &GatewayRouteSpec) -> Vec<Choice> {
    let member = spec.member();
    let matched = id.parent_id().map(|gateway| Choice {
        path: format!("spec.{member}.match.port"),
        given: spec.match_port(),
        ports: mesh.ports(&gateway),
        of: gateway,
        rule: "Gateway Route must define a port match criteria",
    });
    let target = spec.target().map(|target| {
        let service = ResourceId::new(Kind::VirtualService, target.virtual_service.virtual_service_name.as_str());
        Choice {
            path: format!("spec.{member}.action.target.port"),
            given: target.port,
            ports: mesh.ports(&service),
            of: service,
            rule: "Gateway Route must define a target port",
        }
    });
    matched.into_iter().chain(target).collect()
}

/// What a change of listeners, or of a service's provider, takes away from the routes that chose among them.
fn check_holder(state: &MeshState, target: &ResourceId, spec: &Spec) -> Vec<Violation> {
    let before = Mesh { state, instead: None };
    let after = Mesh { state, instead: Some((target, spec)) };
    if before.ports(target) == after.ports(target) {
        return Vec::new();
    }
    let mut broken = Broken::default();
    for id in users(state, target) {
        let Some(spec) = state.get(&id).map(|user| &user.spec) else { continue };
        let were = choices(before, &id, spec);
        for (choice, was) in choices(after, &id, spec).into_iter().zip(were) {
            let fitted = !was.missing() && !was.stranded();
            broken.note(&id, &choice, fitted);
        }
    }
    broken.violations(target, after.ports(target).len())
}

/// The routes and gateway routes that choose among the ports of a resource, directly or through a virtual service.
fn users(state: &MeshState, target: &ResourceId) -> Vec<ResourceId> {
    let children = target.kind.child().into_iter().flat_map(|kind| state.list(kind, Some(&target.name), None));
    let referring =
        |id: &ResourceId, kind: Kind| state.referrers(id).filter(|user| user.kind == kind).cloned().collect::<Vec<_>>();
    let mut users: Vec<_> = children.map(|child| child.id.clone()).collect();
    users.extend(referring(target, Kind::Route));
    users.extend(referring(target, Kind::GatewayRoute));
    for service in referring(target, Kind::VirtualService) {
        users.extend(referring(&service, Kind::GatewayRoute));
    }
    users
}

/// Routes that would be left without a choice that holds, by why and by kind.
#[derive(Default)]
struct Broken {
    missing: [BTreeSet<String>; 2],
    stranded: [BTreeSet<String>; 2],
}

impl Broken {
    fn note(&mut self, user: &ResourceId, choice: &Choice, fitted: bool) {
        let kind = usize::from(user.kind == Kind::GatewayRoute);
        let name = user.name.to_string();
        match choice.given {
            None if fitted && choice.missing() => self.missing[kind].insert(name),
            Some(port) if fitted && choice.stranded() => self.stranded[kind].insert(format!("{name} ({port})")),
            _ => false,
        };
    }

    fn violations(&self, target: &ResourceId, count: usize) -> Vec<Violation> {
        let member = if target.kind == Kind::VirtualService { "spec.provider" } else { "spec.listeners" };
        let mut found = Vec::new();
        for (kind, names) in [Kind::Route, Kind::GatewayRoute].into_iter().zip(&self.missing) {
            if !names.is_empty() {
                let message = format!("would be {count} listeners: {}", must_define(target, kind, names));
                found.push(Violation { path: member.into(), message });
            }
        }
        for (kind, names) in [Kind::Route, Kind::GatewayRoute].into_iter().zip(&self.stranded) {
            if !names.is_empty() {
                let kind = words(kind);
                let message = format!("would not have ports that are in use. {}", some_of(&kind, "name them", names));
                found.push(Violation { path: member.into(), message });
            }
        }
        found
    }
}

/// App Mesh's text for a router and its routes (§13.6), and the same for the rest.
fn must_define(target: &ResourceId, users: Kind, names: &BTreeSet<String>) -> String {
    let (holder, kind) = (words(target.kind), words(users));
    let (to, port) = match target.kind.child() == Some(users) {
        true => ("for", "port match"),
        false => ("to", "target port"),
    };
    let listing = some_of(&kind, "are missing port", names);
    format!(
        "All {kind}s {to} this {holder} must define a {port} before adding multiple listeners to this {holder}. {listing}"
    )
}

fn some_of(kind: &str, what: &str, names: &BTreeSet<String>) -> String {
    let listed: Vec<_> = names.iter().take(NAMED).map(String::as_str).collect();
    let (low, listed) = (kind.to_lowercase(), listed.join(", "));
    format!("{} {kind}(s) {what}. Listing up to {NAMED} {low} names: [{listed}]", names.len())
}

/// A kind as sentences have it, `Virtual Router`.
fn words(kind: Kind) -> String {
    kind.title().chars().fold(String::new(), |mut words, letter| {
        if letter.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.push(letter);
        words
    })
}

#[cfg(test)]
mod tests;
