//! Events and their records: of any resource, with any spec of its kind.

use super::{Surroundings, resource_name, spec, text};
use crate::event::{Caller, Entry, Event, Record, Timestamp};
use crate::resource::{AccountId, Kind, MeshKey, ResourceId, Tags};
use crate::rules::limits;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::strategy::Union;
use uuid::Uuid;

/// A record at any place of any mesh.
pub fn record() -> BoxedStrategy<Record> {
    (account(), resource_name(Kind::Mesh), 1..=i64::MAX as u64, entry())
        .prop_map(|(owner, name, seq, entry)| Record { mesh: MeshKey::new(owner, name), seq, entry })
        .boxed()
}

/// What is handed to the log.
pub fn entry() -> BoxedStrategy<Entry> {
    (0..=i64::MAX as u64, account(), option::of(text::anything(0..=40)), uuid(), event())
        .prop_map(|(at, account, principal, request, event)| Entry {
            at: Timestamp(at),
            caller: Caller { account, principal },
            request,
            event,
        })
        .boxed()
}

/// Something that happened.
pub fn event() -> BoxedStrategy<Event> {
    let token = || option::of(text::anything(0..=36));
    prop_oneof![
        (with_spec(), uuid(), account(), tags(), token()).prop_map(|((resource, spec), uid, owner, tags, token)| {
            Event::Created { resource, uid, owner, spec, tags, token }
        }),
        (with_spec(), token()).prop_map(|((resource, spec), token)| Event::Updated { resource, spec, token }),
        any_resource().prop_map(|resource| Event::Deleted { resource }),
        (any_resource(), tags()).prop_map(|(resource, tags)| Event::Tagged { resource, tags }),
        (any_resource(), vec(text::plain(limits::TAG_KEY), 0..4))
            .prop_map(|(resource, keys)| Event::Untagged { resource, keys }),
        (resource_id(Kind::Mesh), account()).prop_map(|(resource, with)| Event::Shared { resource, with }),
        (resource_id(Kind::Mesh), account()).prop_map(|(resource, with)| Event::Unshared { resource, with }),
    ]
    .boxed()
}

fn with_spec() -> impl Strategy<Value = (ResourceId, crate::Spec)> {
    Union::new(Kind::ALL.map(|kind| (resource_id(kind), spec(kind, &Surroundings::default())).boxed()))
}

fn any_resource() -> impl Strategy<Value = ResourceId> {
    Union::new(Kind::ALL.map(resource_id))
}

/// A resource of a kind.
pub fn resource_id(kind: Kind) -> BoxedStrategy<ResourceId> {
    match kind.parent() {
        None => resource_name(kind).prop_map(move |name| ResourceId::new(kind, name)).boxed(),
        Some(parent) => (resource_name(parent), resource_name(kind))
            .prop_map(move |(parent, name)| ResourceId::child(kind, parent, name))
            .boxed(),
    }
}

/// Tags that a resource may have.
pub fn tags() -> BoxedStrategy<Tags> {
    let no_tabs = |text: String| text.replace('\t', " ");
    // None of AWS's own begins so. The number makes each another one.
    let pair = (text::plain(0..=limits::TAG_KEY.end() - 3), text::plain(limits::TAG_VALUE));
    super::list(pair.boxed(), 0..=50)
        .prop_map(move |pairs| {
            let tag = |(n, (key, value))| (format!("{n:02}{}", no_tabs(key)), no_tabs(value));
            pairs.into_iter().enumerate().map(tag).collect()
        })
        .boxed()
}

fn account() -> BoxedStrategy<AccountId> {
    text::account().prop_map(AccountId::from).boxed()
}

fn uuid() -> impl Strategy<Value = Uuid> {
    any::<u128>().prop_map(Uuid::from_u128)
}
