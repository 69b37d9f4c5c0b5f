//! Step 2 to 3: may this happen now, and what has happened then?
//!
//! A pure function of the folded mesh, the wish and the moment. The log is asked afterwards to append the events only if
//! nothing else happened meanwhile; if something did, the wish is decided again.

mod access;
mod ports;

pub use access::may_see;

use crate::command::{Change, Command, Context};
use crate::event::Event;
use crate::rejection::Rejection;
use crate::resource::{AccountId, Kind, Resource, ResourceId, Tags};
use crate::rules::{self, Violation};
use crate::spec::Spec;
use crate::state::{MeshState, Recalled, Wish, changed, created, references};
use std::sync::Arc;

/// How many tags a resource has at most (§13.5).
pub const MAX_TAGS: usize = 50;

/// What follows from a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What has happened; nothing where the mesh is already as wished.
    pub events: Vec<Event>,
    /// The resource as the answer shows it.
    pub answer: Arc<Resource>,
}

/// Decides a command against the mesh as it is.
///
/// # Errors
///
/// The reason why it may not happen. All broken rules of a spec are reported at once; of several missing or blocking
/// resources the first is.
pub fn decide(state: &MeshState, command: &Command, context: &Context) -> Result<Decision, Rejection> {
    access::may_change(state, command, &context.caller.account)?;
    let Command { target, change } = command;
    match change {
        Change::Create { spec, tags, token } => create(state, target, spec, tags, token.as_deref(), context),
        Change::Update { spec, token } => update(state, target, spec, token.as_deref(), context),
        Change::Delete => delete(state, target, context),
        Change::Tag(tags) => tag(state, target, tags, context),
        Change::Untag(keys) => untag(state, target, keys, context),
        Change::Share(with) => share(state, target, with),
        Change::Unshare(with) => unshare(state, target, with),
    }
}

fn create(
    state: &MeshState,
    target: &ResourceId,
    spec: &Spec,
    tags: &Tags,
    token: Option<&str>,
    context: &Context,
) -> Result<Decision, Rejection> {
    let mut violations = rules::check_name(target);
    violations.extend(rules::check(spec));
    violations.extend(rules::check_tags(tags));
    refuse_with_all(violations, state, target, spec)?;
    if let Some(answered) = repeated(state, Wish::Create(target, spec, tags), token, context)? {
        return Ok(answered);
    }
    if target.kind != Kind::Mesh {
        existing_mesh(state)?;
    }
    if let Some(parent) = target.parent_id() {
        existing(state, &parent)?;
    }
    if state.get(target).is_some() {
        return Err(Rejection::AlreadyExists { id: target.clone(), mesh: state.key().clone() });
    }
    refer_to_existing(state, spec)?;
    refuse_if_any(ports::check(state, target, spec))?;
    context.quotas.allow(state, target, context.meshes)?;
    context.quotas.allow_spec(state, target, spec)?;
    if tags.len() > MAX_TAGS {
        return Err(Rejection::TooManyTags { id: target.clone(), count: tags.len(), limit: MAX_TAGS });
    }
    let event = Event::Created {
        resource: target.clone(),
        uid: context.uid,
        owner: context.caller.account.clone(),
        spec: spec.clone(),
        tags: tags.clone(),
        token: token.map(str::to_owned),
    };
    let answer = created(&event, context.now).into_iter().map(Arc::new).next();
    match answer {
        Some(answer) => Ok(Decision { events: vec![event], answer }),
        // `created` answers every `Created` event; a refusal is still better than a panic.
        None => Err(Rejection::Missing(target.clone())),
    }
}

fn update(
    state: &MeshState,
    target: &ResourceId,
    spec: &Spec,
    token: Option<&str>,
    context: &Context,
) -> Result<Decision, Rejection> {
    refuse_with_all(rules::check(spec), state, target, spec)?;
    if let Some(answered) = repeated(state, Wish::Update(target, spec), token, context)? {
        return Ok(answered);
    }
    let before = existing(state, target)?;
    if before.spec == *spec {
        return Ok(unchanged(before));
    }
    refer_to_existing(state, spec)?;
    refuse_if_any(ports::check(state, target, spec))?;
    context.quotas.allow_spec(state, target, spec)?;
    let event = Event::Updated { resource: target.clone(), spec: spec.clone(), token: token.map(str::to_owned) };
    Ok(one(before, event, context))
}

fn delete(state: &MeshState, target: &ResourceId, context: &Context) -> Result<Decision, Rejection> {
    let before = existing(state, target)?;
    if target.kind == Kind::Mesh
        && let Some(child) = state.resources().find(|resource| resource.id.kind != Kind::Mesh)
    {
        return Err(Rejection::MeshNotEmpty { mesh: state.key().clone(), child: child.id.clone() });
    }
    if let Some(child) = target.kind.child().and_then(|kind| state.list(kind, Some(&target.name), None).next()) {
        return Err(Rejection::NotEmpty { id: target.clone(), child: child.id.clone() });
    }
    // A backend does not hold its service (§13.7): only the other references do.
    let by: Vec<_> = state.referrers(target).filter(|user| user.kind != Kind::VirtualNode).cloned().collect();
    if !by.is_empty() {
        return Err(Rejection::InUse { id: target.clone(), by });
    }
    Ok(one(before, Event::Deleted { resource: target.clone() }, context))
}

fn tag(state: &MeshState, target: &ResourceId, tags: &Tags, context: &Context) -> Result<Decision, Rejection> {
    refuse_if_any(rules::check_tags(tags))?;
    let before = existing(state, target)?;
    if tags.iter().all(|(key, value)| before.tags.get(key) == Some(value)) {
        return Ok(unchanged(before));
    }
    let count = before.tags.keys().chain(tags.keys()).collect::<std::collections::BTreeSet<_>>().len();
    if count > MAX_TAGS {
        return Err(Rejection::TooManyTags { id: target.clone(), count, limit: MAX_TAGS });
    }
    Ok(one(before, Event::Tagged { resource: target.clone(), tags: tags.clone() }, context))
}

fn untag(state: &MeshState, target: &ResourceId, keys: &[String], context: &Context) -> Result<Decision, Rejection> {
    refuse_if_any(rules::check_tag_keys(keys))?;
    let before = existing(state, target)?;
    let gone: Vec<String> = keys.iter().filter(|key| before.tags.contains_key(*key)).cloned().collect();
    if gone.is_empty() {
        return Ok(unchanged(before));
    }
    Ok(one(before, Event::Untagged { resource: target.clone(), keys: gone }, context))
}

/// Sharing moves no version: what the mesh is has not changed.
fn share(state: &MeshState, target: &ResourceId, with: &AccountId) -> Result<Decision, Rejection> {
    let mesh = existing(state, target)?;
    if with == state.owner() {
        let message = format!("is `{with}`, which owns the mesh and needs no share");
        return Err(Rejection::Invalid(vec![Violation { path: "account".into(), message }]));
    }
    if state.is_open_to(with) {
        return Ok(unchanged(mesh));
    }
    let event = Event::Shared { resource: target.clone(), with: with.clone() };
    Ok(Decision { events: vec![event], answer: mesh.clone() })
}

/// What the account has made stays, for the owner to keep or to delete (§13.11).
fn unshare(state: &MeshState, target: &ResourceId, with: &AccountId) -> Result<Decision, Rejection> {
    let mesh = existing(state, target)?;
    if !state.shared_with().contains(with) {
        return Ok(unchanged(mesh));
    }
    let event = Event::Unshared { resource: target.clone(), with: with.clone() };
    Ok(Decision { events: vec![event], answer: mesh.clone() })
}

/// The answer a request had, where it is a repetition of one that is remembered (§13.3). It is answered so whatever has
/// happened since: what was asked for once happens once.
fn repeated(
    state: &MeshState,
    wish: Wish<'_>,
    token: Option<&str>,
    context: &Context,
) -> Result<Option<Decision>, Rejection> {
    let Some(token) = token else { return Ok(None) };
    match state.recall(&context.caller.account, token, wish, context.now) {
        Some(Recalled::Same(answer)) => Ok(Some(Decision { events: Vec::new(), answer: Arc::new(answer) })),
        Some(Recalled::Other) => Err(Rejection::TokenUsed(token.to_owned())),
        None => Ok(None),
    }
}

fn unchanged(resource: &Arc<Resource>) -> Decision {
    Decision { events: Vec::new(), answer: resource.clone() }
}

fn one(before: &Resource, event: Event, context: &Context) -> Decision {
    let answer = Arc::new(changed(before, &event, context.now));
    Decision { events: vec![event], answer }
}

fn refuse_if_any(violations: Vec<Violation>) -> Result<(), Rejection> {
    if violations.is_empty() { Ok(()) } else { Err(Rejection::Invalid(violations)) }
}

/// Refuses where rules are broken, and then tells as well what else the mesh would refuse the spec for.
fn refuse_with_all(
    mut violations: Vec<Violation>,
    state: &MeshState,
    target: &ResourceId,
    spec: &Spec,
) -> Result<(), Rejection> {
    if !violations.is_empty() {
        let others = ports::check(state, target, spec);
        let others: Vec<_> =
            others.into_iter().filter(|it| violations.iter().all(|told| told.path != it.path)).collect();
        violations.extend(others);
    }
    refuse_if_any(violations)
}

/// A resource that must exist, and its mesh with it.
///
/// # Errors
///
/// That the mesh or the resource is not there.
pub fn existing<'a>(state: &'a MeshState, id: &ResourceId) -> Result<&'a Arc<Resource>, Rejection> {
    existing_mesh(state)?;
    state.get(id).ok_or_else(|| match id.kind {
        Kind::Mesh => Rejection::MeshNotPresent(state.key().clone()),
        _ => Rejection::NotPresent { id: id.clone(), mesh: state.key().clone() },
    })
}

/// The mesh, which must exist.
///
/// # Errors
///
/// That it is not there.
pub fn existing_mesh(state: &MeshState) -> Result<&Arc<Resource>, Rejection> {
    state.mesh().ok_or_else(|| Rejection::MeshNotPresent(state.key().clone()))
}

/// Every reference must lead somewhere when it is written, but for a backend's (§13.7).
fn refer_to_existing(state: &MeshState, spec: &Spec) -> Result<(), Rejection> {
    if spec.kind() == Kind::VirtualNode {
        return Ok(());
    }
    match references(spec).into_iter().find(|id| state.get(id).is_none()) {
        Some(missing) => Err(Rejection::Missing(missing)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
