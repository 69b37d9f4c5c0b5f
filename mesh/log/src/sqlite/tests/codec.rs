//! A record that becomes a row is the same record when it is read.

use crate::sqlite::row::{Row, of_mesh, page};
use crate::sqlite::schema;
use mesh_core::spec::{
    Backend, DnsServiceDiscovery, MeshSpec, ServiceDiscovery, VirtualNodeSpec, VirtualRouterSpec, VirtualServiceBackend,
};
use mesh_core::{AccountId, Caller, Entry, Event, Kind, MeshKey, Record, ResourceId, Spec, Tags, Timestamp};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use rusqlite::Connection;
use std::sync::Arc;
use uuid::Uuid;

proptest! {
    #[test]
    fn a_record_is_the_same_after_it_was_a_row(record in record()) {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::create(&mut connection).unwrap();
        Row::of(&record.entry).unwrap().insert(&connection, &record.mesh, record.seq).unwrap();
        prop_assert_eq!(of_mesh(&connection, &record.mesh, record.seq - 1).unwrap(), vec![record.clone()]);
        prop_assert_eq!(page(&connection, 0).unwrap(), vec![(1, record)]);
    }
}

#[test]
fn a_moment_that_no_row_can_hold_is_refused() {
    let entry = Entry { at: Timestamp(u64::MAX), ..super::entry(1) };
    assert!(Row::of(&entry).is_err());
}

fn record() -> impl Strategy<Value = Record> {
    (text(), text(), 1..=i64::MAX as u64, entry()).prop_map(|(owner, name, seq, entry)| Record {
        mesh: MeshKey::new(owner, name),
        seq,
        entry,
    })
}

fn entry() -> impl Strategy<Value = Entry> {
    (0..=i64::MAX as u64, text(), option::of(text()), any::<u128>(), event()).prop_map(
        |(at, account, principal, request, event)| Entry {
            at: Timestamp(at),
            caller: Caller { account: AccountId::from(account), principal },
            request: Uuid::from_u128(request),
            event,
        },
    )
}

fn event() -> impl Strategy<Value = Event> {
    let created = (resource(), any::<u128>(), text(), spec(), tags(), option::of(text())).prop_map(
        |(resource, uid, owner, spec, tags, token)| Event::Created {
            resource,
            uid: Uuid::from_u128(uid),
            owner: AccountId::from(owner),
            spec,
            tags,
            token,
        },
    );
    prop_oneof![
        created,
        (resource(), spec(), option::of(text())).prop_map(|(resource, spec, token)| Event::Updated {
            resource,
            spec,
            token
        }),
        resource().prop_map(|resource| Event::Deleted { resource }),
        (resource(), tags()).prop_map(|(resource, tags)| Event::Tagged { resource, tags }),
        (resource(), vec(text(), 0..4)).prop_map(|(resource, keys)| Event::Untagged { resource, keys }),
    ]
}

fn resource() -> impl Strategy<Value = ResourceId> {
    (proptest::sample::select(&Kind::ALL), text(), text()).prop_map(|(kind, parent, name)| match kind.parent() {
        Some(_) => ResourceId::child(kind, parent, name),
        None => ResourceId::new(kind, name),
    })
}

fn spec() -> impl Strategy<Value = Spec> {
    prop_oneof![
        Just(Spec::Mesh(Arc::new(MeshSpec::default()))),
        Just(Spec::VirtualRouter(Arc::new(VirtualRouterSpec::default()))),
        (option::of(text()), vec(text(), 0..4)).prop_map(|(hostname, backends)| virtual_node(hostname, backends)),
    ]
}

fn virtual_node(hostname: Option<String>, backends: Vec<String>) -> Spec {
    let backend =
        |name| Backend::VirtualService(VirtualServiceBackend { client_policy: None, virtual_service_name: name });
    let dns =
        |hostname| ServiceDiscovery::Dns(DnsServiceDiscovery { hostname, ip_preference: None, response_type: None });
    Spec::VirtualNode(Arc::new(VirtualNodeSpec {
        backends: backends.into_iter().map(backend).collect(),
        service_discovery: hostname.map(dns),
        ..VirtualNodeSpec::default()
    }))
}

fn tags() -> impl Strategy<Value = Tags> {
    btree_map(text(), text(), 0..4)
}

/// Any text: control characters, quotes, and what lies outside the Basic Multilingual Plane.
fn text() -> impl Strategy<Value = String> {
    vec(any::<char>(), 0..16).prop_map(|characters| characters.into_iter().collect())
}
