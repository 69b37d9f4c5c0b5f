//! Step 2 to 3: may this happen now, and what has happened then?
//!
//! A pure function of the folded mesh, the wish and the moment. The log is asked afterwards to append the events only if
//! nothing else happened meanwhile; if something did, the wish is decided again.

mod ports;

use crate::command::{Change, Command, Context};
use crate::event::Event;
use crate::rejection::Rejection;
use crate::resource::{Kind, Resource, ResourceId, Tags};
use crate::rules::{self, Violation};
use crate::spec::Spec;
use crate::state::{MeshState, changed, created, references};
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
    let Command { target, change } = command;
    match change {
        Change::Create { spec, tags, token } => create(state, target, spec, tags, token.as_deref(), context),
        Change::Update { spec, token } => update(state, target, spec, token.as_deref(), context),
        Change::Delete => delete(state, target, context),
        Change::Tag(tags) => tag(state, target, tags, context),
        Change::Untag(keys) => untag(state, target, keys, context),
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
    if target.kind != Kind::Mesh {
        existing_mesh(state)?;
    }
    if let Some(parent) = target.parent_id() {
        existing(state, &parent)?;
    }
    if let Some(existing) = state.get(target) {
        let repeated = token.is_some() && existing.token.as_deref() == token && existing.spec == *spec;
        return match repeated {
            true => Ok(Decision { events: Vec::new(), answer: existing.clone() }),
            false => Err(Rejection::AlreadyExists { id: target.clone(), mesh: state.key().clone() }),
        };
    }
    refer_to_existing(state, spec)?;
    refuse_if_any(ports::check(state, target, spec))?;
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
    let before = existing(state, target)?;
    if before.spec == *spec {
        return Ok(Decision { events: Vec::new(), answer: before.clone() });
    }
    refer_to_existing(state, spec)?;
    refuse_if_any(ports::check(state, target, spec))?;
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
        return Ok(Decision { events: Vec::new(), answer: before.clone() });
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
        return Ok(Decision { events: Vec::new(), answer: before.clone() });
    }
    Ok(one(before, Event::Untagged { resource: target.clone(), keys: gone }, context))
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
