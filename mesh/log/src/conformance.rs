//! The suite every log must pass: the laws of this crate, each as a function that asks a log for it.
//!
//! An adapter gives a [`Harness`] and names no law twice: [`conformance_laws!`](crate::conformance_laws) lists them, so
//! that each becomes a test of its own, and [`run_all`] asks for all of them in a row. Nothing here knows what a log is
//! made of.

#![expect(clippy::panic, clippy::expect_used, reason = "a suite tells that a law is broken by panicking")]

mod checkpoints;
mod following;
mod writing;

pub use checkpoints::*;
pub use following::*;
pub use writing::*;

use crate::{AppendError, EventLog, Follower, Log};
use async_trait::async_trait;
use mesh_core::spec::VirtualNodeSpec;
use mesh_core::{AccountId, Caller, Entry, Event, Kind, MeshKey, Record, ResourceId, Seq, Spec, Tags, Timestamp};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// How the suite gets logs.
#[async_trait]
pub trait Harness: Send + Sync {
    /// Opens the log of this name, which is empty where the name is new. A name is opened again only when no handle to
    /// its log is left.
    async fn open(&self, name: &str) -> Arc<dyn Log>;

    /// Whether a log that was closed is there again when it is opened again.
    fn keeps(&self) -> bool;
}

/// Every law, one after the other: `conformance_laws!(callback)` becomes `callback! { law law … }`.
#[macro_export]
macro_rules! conformance_laws {
    ($callback:ident) => {
        $callback! {
            records_are_numbered_from_one_and_read_in_order
            a_read_answers_only_what_comes_after
            what_is_written_is_read_again_word_for_word
            what_was_acknowledged_is_there_after_a_restart
            what_was_refused_is_never_read
            the_entries_of_one_append_are_read_together_or_not_at_all
            an_append_that_expects_another_place_writes_nothing
            appending_nothing_only_checks_the_expectation
            of_appends_that_race_for_one_place_exactly_one_wins
            racing_writers_lose_nothing_and_number_everything_once
            meshes_do_not_hinder_each_other
            a_read_sees_every_append_acknowledged_before_it
            a_follower_gets_every_mesh_in_order_without_a_gap
            a_follower_that_starts_late_gets_what_its_cursor_lacks
            a_follower_that_stops_and_resumes_misses_nothing
            a_follower_that_waits_is_woken
            a_follower_whose_wait_is_cancelled_loses_nothing
            two_followers_get_the_same
            a_long_history_reaches_a_follower_whole
            a_follower_sees_what_was_written_before_a_restart
            the_newest_checkpoint_is_kept
            a_mesh_loaded_from_a_checkpoint_is_the_mesh_folded_from_its_log
            a_checkpoint_that_cannot_be_read_costs_no_event
            checkpoints_are_there_after_a_restart
            the_keeper_saves_a_checkpoint_now_and_then
            the_keeper_catches_up_with_what_was_written_before_it
        }
    };
}

/// Asks a log for every law.
pub async fn run_all(harness: &dyn Harness) {
    macro_rules! ask {
        ($($law:ident)*) => { $( $law(harness).await; )* };
    }
    conformance_laws!(ask);
}

/// How long a follower may take; only a broken one takes so long.
const DEADLINE: Duration = Duration::from_secs(30);

fn mesh(name: &str) -> MeshKey {
    MeshKey::new("123456789012", name)
}

/// An entry that is unlike every other by its number, and folds.
fn entry(number: u128) -> Entry {
    let event = Event::Created {
        resource: ResourceId::new(Kind::VirtualNode, format!("node-{number}")),
        uid: Uuid::from_u128(number),
        owner: AccountId::from("123456789012"),
        spec: Spec::VirtualNode(Arc::new(VirtualNodeSpec::default())),
        tags: Tags::new(),
        token: None,
    };
    let caller = Caller { account: AccountId::from("123456789012"), principal: Some("AKIAEXAMPLE".into()) };
    Entry { at: Timestamp(1_700_000_000_000), caller, request: Uuid::from_u128(number), event }
}

fn entries(numbers: impl IntoIterator<Item = u128>) -> Vec<Entry> {
    numbers.into_iter().map(entry).collect()
}

/// The numbers of the entries in records, in their order.
fn numbers<'a>(records: impl IntoIterator<Item = &'a Record>) -> Vec<u128> {
    records.into_iter().map(|record| record.entry.request.as_u128()).collect()
}

fn seqs<'a>(records: impl IntoIterator<Item = &'a Record>) -> Vec<Seq> {
    records.into_iter().map(|record| record.seq).collect()
}

async fn append(log: &(impl EventLog + ?Sized), mesh: &MeshKey, expected: Seq, entries: Vec<Entry>) -> Seq {
    log.append(mesh, expected, entries).await.expect("an append in its place is accepted")
}

async fn read(log: &(impl EventLog + ?Sized), mesh: &MeshKey, after: Seq) -> Vec<Record> {
    log.read(mesh, after).await.expect("a log can be read")
}

/// Appends wherever the mesh is by now.
async fn append_anywhere(log: &(impl EventLog + ?Sized), mesh: &MeshKey, entries: &[Entry]) -> Seq {
    let mut expected = 0;
    loop {
        match log.append(mesh, expected, entries.to_vec()).await {
            Ok(seq) => return seq,
            Err(AppendError::Conflict { actual, .. }) => expected = actual,
            Err(error) => panic!("the log failed: {error}"),
        }
    }
}

/// Closes a log and opens it again.
async fn restart(harness: &dyn Harness, name: &str, log: Arc<dyn Log>) -> Arc<dyn Log> {
    assert_eq!(Arc::strong_count(&log), 1, "a restart leaves no handle behind");
    drop(log);
    harness.open(name).await
}

/// What a follower gives until there are so many records.
async fn gather(follower: &mut dyn Follower, count: usize) -> Vec<Record> {
    let mut records = Vec::new();
    while records.len() < count {
        let page = tokio::time::timeout(DEADLINE, follower.next()).await.expect("a follower is given what there is");
        let page = page.expect("a log can be followed");
        assert!(!page.is_empty(), "a follower is never given nothing");
        records.extend(page);
    }
    records
}

/// The records of one mesh among those of all.
fn of<'a>(records: &'a [Record], mesh: &'a MeshKey) -> impl Iterator<Item = &'a Record> {
    records.iter().filter(move |record| record.mesh == *mesh)
}
