//! Law 6: what followers get.

use super::{DEADLINE, Harness, append, append_anywhere, entries, gather, mesh, numbers, of, read, restart, seqs};
use crate::{Cursor, Follower, Log};
use mesh_core::{MeshKey, Record, Seq};
use std::sync::Arc;
use std::time::Duration;

/// What was there before and what comes while it follows, of several meshes.
pub async fn a_follower_gets_every_mesh_in_order_without_a_gap(harness: &dyn Harness) {
    const EACH: u128 = 30;
    let log = harness.open("follow").await;
    let meshes: Vec<_> = (0..4).map(|n| mesh(&format!("mesh-{n}"))).collect();
    for mesh in &meshes {
        append(&*log, mesh, 0, entries(0..5)).await;
    }
    let mut follower = log.follow(Cursor::new());
    let writers: Vec<_> = meshes.iter().map(|mesh| spawn_writer(&log, mesh, 5..EACH)).collect();
    let records = gather(&mut *follower, meshes.len() * EACH as usize).await;
    for writer in writers {
        writer.await.expect("a writer ends");
    }
    for mesh in &meshes {
        assert_eq!(seqs(of(&records, mesh)), (1..=EACH as Seq).collect::<Vec<_>>());
        assert_eq!(numbers(of(&records, mesh)), (0..EACH).collect::<Vec<_>>());
    }
}

fn spawn_writer(log: &Arc<dyn Log>, mesh: &MeshKey, numbers: std::ops::Range<u128>) -> tokio::task::JoinHandle<()> {
    let (log, mesh) = (log.clone(), mesh.clone());
    tokio::spawn(async move {
        for number in numbers {
            append_anywhere(&*log, &mesh, &entries([number])).await;
        }
    })
}

/// A cursor names some meshes, at different places; meshes it does not name come from their beginning.
pub async fn a_follower_that_starts_late_gets_what_its_cursor_lacks(harness: &dyn Harness) {
    let log = harness.open("late").await;
    let (shop, depot, yard) = (mesh("shop"), mesh("depot"), mesh("yard"));
    for turn in 0..6 {
        append(&*log, &shop, turn, entries([u128::from(turn)])).await;
        append(&*log, &depot, turn, entries([u128::from(turn)])).await;
        append(&*log, &yard, turn, entries([u128::from(turn)])).await;
    }
    let mut follower = log.follow(Cursor::from([(shop.clone(), 4), (depot.clone(), 6), (mesh("unborn"), 0)]));
    append(&*log, &depot, 6, entries([6])).await;
    append(&*log, &mesh("unborn"), 0, entries([0])).await;
    let records = gather(&mut *follower, 2 + 1 + 6 + 1).await;
    assert_eq!(seqs(of(&records, &shop)), [5, 6]);
    assert_eq!(seqs(of(&records, &depot)), [7]);
    assert_eq!(seqs(of(&records, &yard)), [1, 2, 3, 4, 5, 6]);
    assert_eq!(seqs(of(&records, &mesh("unborn"))), [1]);
}

/// One that is dropped after every page, and comes back with its cursor.
pub async fn a_follower_that_stops_and_resumes_misses_nothing(harness: &dyn Harness) {
    const EACH: u128 = 60;
    let log = harness.open("resume").await;
    let meshes = [mesh("shop"), mesh("depot")];
    let writers: Vec<_> = meshes.iter().map(|mesh| spawn_writer(&log, mesh, 0..EACH)).collect();
    let (mut cursor, mut records) = (Cursor::new(), Vec::new());
    while records.len() < meshes.len() * EACH as usize {
        let mut follower = log.follow(cursor.clone());
        let page = gather(&mut *follower, 1).await;
        cursor.extend(page.iter().map(|record| (record.mesh.clone(), record.seq)));
        records.extend(page);
    }
    for writer in writers {
        writer.await.expect("a writer ends");
    }
    for mesh in &meshes {
        assert_eq!(numbers(of(&records, mesh)), (0..EACH).collect::<Vec<_>>());
    }
}

/// One that has everything waits, and gets the next record when there is one; what it gets can be read.
pub async fn a_follower_that_waits_is_woken(harness: &dyn Harness) {
    let (log, shop) = (harness.open("woken").await, mesh("shop"));
    append(&*log, &shop, 0, entries(0..3)).await;
    let mut follower = log.follow(log.heads().await.expect("heads"));
    for turn in 3..20_u64 {
        let (given, _) =
            tokio::join!(gather(&mut *follower, 1), append(&*log, &shop, turn, entries([u128::from(turn)])));
        assert_eq!(seqs(&given), [turn + 1]);
        assert_eq!(read(&*log, &shop, turn).await, given);
    }
    let waits = tokio::time::timeout(Duration::from_millis(50), follower.next()).await;
    assert!(waits.is_err(), "a follower that has everything was given {waits:?}");
}

/// Cancelling a wait, at whatever moment, drops nothing on the floor.
pub async fn a_follower_whose_wait_is_cancelled_loses_nothing(harness: &dyn Harness) {
    const COUNT: u128 = 100;
    let (log, shop) = (harness.open("cancel").await, mesh("shop"));
    let writer = spawn_writer(&log, &shop, 0..COUNT);
    let mut follower = log.follow(Cursor::new());
    let mut records: Vec<Record> = Vec::new();
    for patience_us in (0..400).step_by(13).cycle() {
        let wait = tokio::time::timeout(Duration::from_micros(patience_us), follower.next()).await;
        records.extend(wait.into_iter().flat_map(|page| page.expect("a log can be followed")));
        if records.len() as u128 >= COUNT {
            break;
        }
    }
    tokio::time::timeout(DEADLINE, writer).await.expect("the writer ends in time").expect("the writer ends");
    assert_eq!(numbers(&records), (0..COUNT).collect::<Vec<_>>());
}

/// Each has a cursor of its own.
pub async fn two_followers_get_the_same(harness: &dyn Harness) {
    const EACH: u128 = 40;
    let log = harness.open("two").await;
    let meshes = [mesh("shop"), mesh("depot")];
    let (mut one, mut other) = (log.follow(Cursor::new()), log.follow(Cursor::new()));
    let writers: Vec<_> = meshes.iter().map(|mesh| spawn_writer(&log, mesh, 0..EACH)).collect();
    let count = meshes.len() * EACH as usize;
    let (by_one, by_other) = tokio::join!(gather(&mut *one, count), gather(&mut *other, count));
    for writer in writers {
        writer.await.expect("a writer ends");
    }
    for mesh in &meshes {
        assert!(of(&by_one, mesh).eq(of(&by_other, mesh)));
        assert_eq!(seqs(of(&by_one, mesh)), (1..=EACH as Seq).collect::<Vec<_>>());
    }
}

/// More than fits into one answer, in number and in bytes.
pub async fn a_long_history_reaches_a_follower_whole(harness: &dyn Harness) {
    let (log, shop) = (harness.open("history").await, mesh("shop"));
    for turn in 0..50_u64 {
        append(&*log, &shop, turn * 50, entries((0..50).map(|n| u128::from(turn) * 50 + n))).await;
    }
    let records = gather(&mut *log.follow(Cursor::new()), 2500).await;
    assert_eq!(seqs(&records), (1..=2500).collect::<Vec<Seq>>());
    assert_eq!(read(&*log, &shop, 0).await, records);
}

/// The feed of yesterday's log.
pub async fn a_follower_sees_what_was_written_before_a_restart(harness: &dyn Harness) {
    if !harness.keeps() {
        return;
    }
    let (log, shop) = (harness.open("yesterday").await, mesh("shop"));
    append(&*log, &shop, 0, entries(0..5)).await;
    let log = restart(harness, "yesterday", log).await;
    let mut follower: Box<dyn Follower> = log.follow(Cursor::from([(shop.clone(), 2)]));
    append(&*log, &shop, 5, entries(5..6)).await;
    assert_eq!(numbers(&gather(&mut *follower, 4).await), [2, 3, 4, 5]);
}
