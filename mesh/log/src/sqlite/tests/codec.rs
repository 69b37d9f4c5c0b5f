//! A record that becomes a row is the same record when it is read, whatever its event says, and in whatever script.

use crate::sqlite::row::{Row, of_mesh, page};
use crate::sqlite::schema;
use mesh_core::{Entry, MeshKey, Record, Timestamp, strategies};
use proptest::collection::vec;
use proptest::prelude::*;
use rusqlite::Connection;

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

/// Any record, of a mesh of any name: the store keeps text, and does not ask what a name may be.
fn record() -> impl Strategy<Value = Record> {
    let mesh = (text(), text()).prop_map(|(owner, name)| MeshKey::new(owner, name));
    (strategies::record(), mesh).prop_map(|(record, mesh)| Record { mesh, ..record })
}

/// Any text: control characters, quotes, and what lies outside the Basic Multilingual Plane.
fn text() -> impl Strategy<Value = String> {
    vec(any::<char>(), 0..16).prop_map(|characters| characters.into_iter().collect())
}
