//! What one Envoy asked for of one type, what it has of it, and what it must still be told.
//!
//! This is the one model behind both protocols. State of the world replaces the names, delta adds and takes away; after
//! that they are the same: names that must be looked at are *dirty*, and looking at one compares what is wanted with
//! what is held. Changes that arrive while a response is under way only make names dirty, so a client that answers
//! slowly costs memory for its resources and never for the events it missed.
//!
//! What is deliberately absent: order between types and time; those are [`super::session`]'s.

mod flight;
mod names;

pub use flight::Verdict;
pub(super) use flight::{Flight, Piece};

use super::codec::Protocol;
use crate::snapshot::{ResourceType, Resources, Snapshot, Version, XdsResource};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

/// A type's state on one stream.
#[derive(Debug)]
pub(super) struct Subscription {
    pub of: ResourceType,
    protocol: Protocol,
    /// Whether a request for the type has come.
    pub started: bool,
    wildcard: bool,
    /// State of the world: whether names were ever given; then no names means none rather than all.
    named: bool,
    names: BTreeSet<Arc<str>>,
    /// What the Envoy has, or was sent.
    held: BTreeMap<Arc<str>, Held>,
    /// The sum of [`fingerprint`] over what is held and not refused.
    content: u128,
    /// Names to look at.
    dirty: BTreeSet<Arc<str>>,
    /// Names to send even if the Envoy has them.
    due: BTreeSet<Arc<str>>,
    /// Names to send one by one, because a response with all of them was refused without saying which is at fault.
    alone: BTreeSet<Arc<str>>,
    /// Whether a response must be sent even with nothing in it: the first answer to a wildcard (§12.4).
    answer_due: bool,
    pub flight: Option<Flight>,
    pub last_nonce: Option<u64>,
    pub acknowledged: Option<Version>,
    refused: BTreeMap<Arc<str>, Version>,
    pub refusal: Option<Refusal>,
}

/// What an Envoy has under a name.
#[derive(Debug, Clone)]
enum Held {
    /// What we sent.
    Sent(Arc<XdsResource>),
    /// Something else, from an earlier stream, or nobody knows what.
    Other,
    /// The knowledge that there is nothing.
    Missing,
}

/// What to do about a name.
enum Step {
    Nothing,
    Send(Arc<XdsResource>),
    Remove,
    /// It was asked for by name and is not there.
    Deny,
}

/// The last refusal of something that is still wanted.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// Envoy's words.
    pub message: String,
    /// The version of the type that was refused.
    pub version: Version,
    /// When.
    pub at: Instant,
}

/// What a response may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Everything.
    All,
    /// Everything but removals: what is being replaced stays until nothing uses it.
    Additions,
}

/// The contents of a response to be.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// What the response lists.
    pub resources: Vec<Arc<XdsResource>>,
    /// What of it is news.
    pub news: Vec<Arc<XdsResource>>,
    pub removed: Vec<Arc<str>>,
    /// Whether anything in it was due for another reason than its content.
    pub due: bool,
}

impl Subscription {
    pub fn new(of: ResourceType, protocol: Protocol) -> Self {
        Self {
            of,
            protocol,
            started: false,
            wildcard: false,
            named: false,
            names: BTreeSet::new(),
            held: BTreeMap::new(),
            content: 0,
            dirty: BTreeSet::new(),
            due: BTreeSet::new(),
            alone: BTreeSet::new(),
            answer_due: false,
            flight: None,
            last_nonce: None,
            acknowledged: None,
            refused: BTreeMap::new(),
            refusal: None,
        }
    }

    /// Marks what differs between two snapshots.
    pub fn on_snapshot(&mut self, before: &Snapshot, after: &Snapshot) {
        let changed = changed(before.of(self.of), after.of(self.of));
        self.dirty.extend(changed.into_iter().filter(|name| self.wildcard || self.names.contains(name)));
    }

    /// Has a name sent whether or not the Envoy has it; kept in mind for a subscription that is still to come.
    pub fn make_due(&mut self, name: &Arc<str>) {
        self.due.insert(name.clone());
        if self.wants(name) {
            self.dirty.insert(name.clone());
        }
    }

    /// Takes the names that turn out to need nothing off the list.
    pub fn settle(&mut self, snapshot: &Snapshot) {
        for name in std::mem::take(&mut self.dirty) {
            match self.step(&name, snapshot) {
                Step::Nothing if self.wants(&name) => {}
                Step::Nothing => self.let_go(&name),
                // Envoy drops a route or an endpoint set with what refers to it. Told to remove one that a draining
                // listener still uses, it ignores that and logs an error.
                Step::Remove if !self.of.wildcard() => {}
                Step::Deny if self.protocol == Protocol::Sotw => self.deny(&name),
                _ => {
                    self.dirty.insert(name);
                }
            }
        }
    }

    /// Whether something new or changed is still to be sent.
    pub fn has_additions(&self, snapshot: &Snapshot) -> bool {
        self.dirty.iter().any(|name| matches!(self.step(name, snapshot), Step::Send(_) | Step::Deny))
    }

    /// Whether something that is due in any case is still to be sent.
    pub fn has_due(&self) -> bool {
        self.dirty.iter().any(|name| self.due.contains(name))
    }

    /// Whether anything is still to be sent.
    pub fn is_pending(&self) -> bool {
        !self.dirty.is_empty() || self.answer_due
    }

    /// Whether the Envoy has accepted all there is, or never asked.
    pub fn is_settled(&self) -> bool {
        !self.is_pending() && self.flight.is_none() && self.refused.is_empty()
    }

    /// How many resources of a snapshot the Envoy has. What it keeps for a listener that drains is no longer served.
    pub fn resources(&self, snapshot: &Snapshot) -> usize {
        let served = snapshot.of(self.of);
        self.held.iter().filter(|(name, held)| matches!(held, Held::Sent(_)) && served.contains_key(*name)).count()
    }

    /// The names whose present content the Envoy refuses.
    pub fn refused(&self) -> impl Iterator<Item = &Arc<str>> {
        self.refused.keys()
    }

    /// What the Envoy has once everything sent is accepted.
    pub fn version(&self) -> Version {
        Version(self.content)
    }

    /// Collects the next response and takes its contents as sent; nothing where there is nothing to say.
    pub fn take(&mut self, part: Part, snapshot: &Snapshot) -> Option<Batch> {
        let mut batch = Batch::default();
        for name in &self.dirty {
            match self.step(name, snapshot) {
                Step::Send(resource) => batch.news.push(resource),
                Step::Deny => batch.removed.push(name.clone()),
                Step::Remove if part == Part::All => batch.removed.push(name.clone()),
                Step::Remove | Step::Nothing => {}
            }
        }
        self.isolate(&mut batch.news);
        if batch.news.is_empty() && batch.removed.is_empty() && !self.answer_due {
            return None;
        }
        self.answer_due = false;
        batch.due = batch.news.iter().any(|resource| self.due.contains(&resource.name));
        self.note_sent(&batch);
        self.list(&mut batch);
        Some(batch)
    }

    fn wants(&self, name: &str) -> bool {
        self.wildcard || self.names.contains(name)
    }

    fn step(&self, name: &str, snapshot: &Snapshot) -> Step {
        if !self.wants(name) {
            return Step::Nothing;
        }
        match (snapshot.of(self.of).get(name), self.held.get(name)) {
            (Some(wanted), Some(Held::Sent(held))) if held.version == wanted.version && !self.due.contains(name) => {
                Step::Nothing
            }
            (Some(wanted), _) => Step::Send(wanted.clone()),
            (None, held) if self.due.contains(name) => Self::step_without(held),
            (None, Some(Held::Sent(_) | Held::Other)) => Step::Remove,
            (None, None) if self.names.contains(name) => Step::Deny,
            (None, _) => Step::Nothing,
        }
    }

    /// What is due and no longer there: the endpoints of a cluster that is on its way to the Envoy and will be removed
    /// again, but warms first and waits for them.
    fn step_without(held: Option<&Held>) -> Step {
        match held {
            Some(Held::Sent(held)) => Step::Send(held.clone()),
            _ => Step::Deny,
        }
    }

    /// Leaves what must be sent alone for later, or one of it if there is nothing else.
    fn isolate(&mut self, news: &mut Vec<Arc<XdsResource>>) {
        if self.alone.is_empty() || self.sends_all() {
            return;
        }
        let (mut alone, rest): (Vec<_>, Vec<_>) = news.drain(..).partition(|one| self.alone.contains(&one.name));
        if rest.is_empty() {
            alone.truncate(1);
            *news = alone;
        } else {
            *news = rest;
        }
    }

    fn note_sent(&mut self, batch: &Batch) {
        for resource in &batch.news {
            self.hold(&resource.name, Held::Sent(resource.clone()));
            self.alone.remove(&resource.name);
            self.due.remove(&resource.name);
            self.dirty.remove(&resource.name);
        }
        for name in &batch.removed {
            self.dirty.remove(name);
            match self.names.contains(name) {
                true => self.deny(name),
                false => self.let_go(name),
            }
        }
    }

    fn deny(&mut self, name: &Arc<str>) {
        self.hold(name, Held::Missing);
        self.due.remove(name);
    }

    /// State of the world lists clusters and listeners whole: what a response leaves out is removed. That is also how
    /// it keeps a cluster that is on its way out.
    fn list(&self, batch: &mut Batch) {
        if !self.sends_all() {
            batch.resources = batch.news.clone();
            return;
        }
        batch.removed.clear();
        let sent = self.held.values().filter_map(|held| match held {
            Held::Sent(resource) => Some(resource.clone()),
            Held::Other | Held::Missing => None,
        });
        batch.resources = sent.collect();
    }

    fn sends_all(&self) -> bool {
        self.protocol == Protocol::Sotw && self.of.wildcard()
    }

    /// The one place where what is held changes, and with it the version and what is known to be refused.
    fn hold(&mut self, name: &Arc<str>, held: Held) {
        self.let_go_of_content(name);
        if let Held::Sent(resource) = &held {
            self.content = self.content.wrapping_add(fingerprint(resource));
        }
        self.held.insert(name.clone(), held);
    }

    fn let_go(&mut self, name: &str) {
        self.let_go_of_content(name);
        self.held.remove(name);
        self.due.remove(name);
        self.alone.remove(name);
    }

    fn let_go_of_content(&mut self, name: &str) {
        let refused = self.refused.remove(name).is_some();
        if self.refused.is_empty() {
            self.refusal = None;
        }
        if let (Some(Held::Sent(resource)), false) = (self.held.get(name), refused) {
            self.content = self.content.wrapping_sub(fingerprint(resource));
        }
    }
}

/// The names whose resources differ: both sides are in order, and most are the very same shared resource. Where only
/// endpoints changed, all of the other types are.
fn changed(before: &Resources, after: &Resources) -> Vec<Arc<str>> {
    let mut names = Vec::new();
    if std::ptr::eq(before, after) {
        return names;
    }
    let mut old = before.iter().peekable();
    for (name, resource) in after {
        while let Some((gone, _)) = old.next_if(|(gone, _)| *gone < name) {
            names.push(gone.clone());
        }
        match old.next_if(|(known, _)| *known == name) {
            Some((_, known)) if Arc::ptr_eq(known, resource) || known.version == resource.version => {}
            _ => names.push(name.clone()),
        }
    }
    names.extend(old.map(|(gone, _)| gone.clone()));
    names
}

/// The version of a type of which an Envoy has these.
pub(super) fn version_of<'a>(resources: impl Iterator<Item = &'a Arc<XdsResource>>) -> Version {
    Version(resources.map(|resource| fingerprint(resource)).fold(0, u128::wrapping_add))
}

/// A resource's part of a type's version. Parts are added, so a version follows a change without looking at the rest.
fn fingerprint(resource: &XdsResource) -> u128 {
    let mut hash = xxhash_rust::xxh3::Xxh3::new();
    hash.update(resource.name.as_bytes());
    hash.update(&resource.version.0.to_le_bytes());
    hash.digest128()
}
