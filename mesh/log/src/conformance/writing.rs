//! Laws 1 to 5: order, durability, all or nothing, conditions, consistency.

use super::{Harness, append, append_anywhere, entries, entry, mesh, numbers, read, restart, seqs};
use crate::{AppendError, Log};
use mesh_core::{Caller, Entry, Event, MeshKey, Seq};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Law 1: 1, 2, 3 … in the order of the appends, whatever their sizes.
pub async fn records_are_numbered_from_one_and_read_in_order(harness: &dyn Harness) {
    let (log, shop) = (harness.open("order").await, mesh("shop"));
    assert!(read(&*log, &shop, 0).await.is_empty(), "a mesh nobody wrote to is empty");
    assert_eq!(append(&*log, &shop, 0, entries(1..=1)).await, 1);
    assert_eq!(append(&*log, &shop, 1, entries(2..=4)).await, 4);
    assert_eq!(append(&*log, &shop, 4, entries(5..=5)).await, 5);
    let records = read(&*log, &shop, 0).await;
    assert_eq!(seqs(&records), [1, 2, 3, 4, 5]);
    assert_eq!(numbers(&records), [1, 2, 3, 4, 5]);
    assert_eq!(log.heads().await.expect("heads"), BTreeMap::from([(shop, 5)]));
}

/// Law 1: a read begins behind the number it is given, and beyond the end there is nothing.
pub async fn a_read_answers_only_what_comes_after(harness: &dyn Harness) {
    let (log, shop) = (harness.open("after").await, mesh("shop"));
    append(&*log, &shop, 0, entries(1..=9)).await;
    for after in 0..=9 {
        assert_eq!(seqs(&read(&*log, &shop, after).await), (after + 1..=9).collect::<Vec<Seq>>());
    }
    for after in [10, u64::from(u32::MAX), i64::MAX as u64, u64::MAX] {
        assert!(read(&*log, &shop, after).await.is_empty());
    }
}

/// Law 2: nothing is lost or changed by being kept, be it long or odd.
pub async fn what_is_written_is_read_again_word_for_word(harness: &dyn Harness) {
    let (log, shop) = (harness.open("words").await, MeshKey::new("", "Größe\u{0}'\"; DROP TABLE events; --"));
    let long: Entry = marked("x".repeat(1 << 20));
    let odd = marked("\u{0}\u{1f}\u{fffd}\u{10ffff} ' \" \\ % ü 漢 🦀".into());
    let nameless = Entry { caller: Caller { principal: None, ..entry(3).caller }, ..entry(3) };
    let written = vec![entry(0), long, odd, nameless];
    append(&*log, &shop, 0, written.clone()).await;
    let records = read(&*log, &shop, 0).await;
    assert!(records.iter().all(|record| record.mesh == shop));
    assert_eq!(records.into_iter().map(|record| record.entry).collect::<Vec<_>>(), written);
}

fn marked(text: String) -> Entry {
    let Event::Created { resource, .. } = entry(7).event else { unreachable!("entries are creations") };
    Entry { event: Event::Tagged { resource, tags: [(text.clone(), text)].into() }, ..entry(7) }
}

/// Law 2: acknowledged is durable.
pub async fn what_was_acknowledged_is_there_after_a_restart(harness: &dyn Harness) {
    if !harness.keeps() {
        return;
    }
    let (shop, depot) = (mesh("shop"), mesh("depot"));
    let log = harness.open("durable").await;
    append(&*log, &shop, 0, entries(1..=3)).await;
    append(&*log, &depot, 0, entries(4..=4)).await;
    let before = (read(&*log, &shop, 0).await, log.heads().await.expect("heads"));
    let log = restart(harness, "durable", log).await;
    assert_eq!((read(&*log, &shop, 0).await, log.heads().await.expect("heads")), before);
    assert_eq!(append(&*log, &shop, 3, entries(5..=5)).await, 4, "a log goes on where it was");
    let log = restart(harness, "durable", log).await;
    assert_eq!(numbers(&read(&*log, &shop, 0).await), [1, 2, 3, 5]);
}

/// Law 2: refused is refused for ever.
pub async fn what_was_refused_is_never_read(harness: &dyn Harness) {
    let (log, shop) = (harness.open("refused").await, mesh("shop"));
    append(&*log, &shop, 0, entries(1..=2)).await;
    conflict(&*log, &shop, 1, entries(3..=9), 2).await;
    let log = if harness.keeps() { restart(harness, "refused", log).await } else { log };
    assert_eq!(numbers(&read(&*log, &shop, 0).await), [1, 2]);
    append(&*log, &shop, 2, entries(10..=10)).await;
    assert_eq!(numbers(&read(&*log, &shop, 0).await), [1, 2, 10]);
}

/// Law 3: who reads while several entries are appended sees none of them or all.
pub async fn the_entries_of_one_append_are_read_together_or_not_at_all(harness: &dyn Harness) {
    const APPENDS: u64 = 40;
    const SIZE: u64 = 7;
    let (log, shop) = (harness.open("whole").await, mesh("shop"));
    let writer = tokio::spawn({
        let (log, shop) = (log.clone(), shop.clone());
        async move {
            for turn in 0..APPENDS {
                append(&*log, &shop, turn * SIZE, entries(0..u128::from(SIZE))).await;
            }
        }
    });
    loop {
        let seen = read(&*log, &shop, 0).await.len() as u64;
        assert_eq!(seen % SIZE, 0, "an append was seen in part");
        if seen == APPENDS * SIZE {
            break;
        }
        tokio::task::yield_now().await;
    }
    writer.await.expect("the writer ends");
}

/// Law 4: too early, too late, or about a mesh that has nothing: nothing is written, and where the mesh is is said.
pub async fn an_append_that_expects_another_place_writes_nothing(harness: &dyn Harness) {
    let (log, shop) = (harness.open("place").await, mesh("shop"));
    append(&*log, &shop, 0, entries(1..=3)).await;
    for expected in [0, 1, 2, 4, 100, u64::MAX] {
        conflict(&*log, &shop, expected, entries(9..=9), 3).await;
    }
    conflict(&*log, &mesh("depot"), 1, entries(9..=9), 0).await;
    assert_eq!(numbers(&read(&*log, &shop, 0).await), [1, 2, 3]);
    assert_eq!(log.heads().await.expect("heads"), BTreeMap::from([(shop, 3)]), "a refusal makes no mesh");
}

/// Law 4, without entries.
pub async fn appending_nothing_only_checks_the_expectation(harness: &dyn Harness) {
    let (log, shop) = (harness.open("nothing").await, mesh("shop"));
    assert_eq!(append(&*log, &shop, 0, Vec::new()).await, 0);
    assert!(log.heads().await.expect("heads").is_empty(), "nothing appended makes no mesh");
    append(&*log, &shop, 0, entries(1..=2)).await;
    assert_eq!(append(&*log, &shop, 2, Vec::new()).await, 2);
    conflict(&*log, &shop, 1, Vec::new(), 2).await;
    conflict(&*log, &shop, 3, Vec::new(), 2).await;
    assert_eq!(numbers(&read(&*log, &shop, 0).await), [1, 2]);
}

/// Law 4: one winner for each place, and every loser is told.
pub async fn of_appends_that_race_for_one_place_exactly_one_wins(harness: &dyn Harness) {
    let (log, shop) = (harness.open("race").await, mesh("shop"));
    for place in 0..20 {
        let racers: Vec<_> = (0..8).map(|racer| spawn_append(&log, &shop, place, racer)).collect();
        let mut won = Vec::new();
        for (racer, task) in racers.into_iter().enumerate() {
            match task.await.expect("a racer ends") {
                Ok(seq) => won.push((racer as u128, seq)),
                Err(AppendError::Conflict { actual, .. }) => assert_eq!(actual, place + 1),
                Err(error) => panic!("the log failed: {error}"),
            }
        }
        let [(winner, seq)] = won[..] else { panic!("place {place} was won by {won:?}") };
        assert_eq!(seq, place + 1);
        assert_eq!(numbers(&read(&*log, &shop, place).await), [winner]);
    }
}

fn spawn_append(
    log: &Arc<dyn Log>,
    mesh: &MeshKey,
    expected: Seq,
    number: u128,
) -> tokio::task::JoinHandle<Result<Seq, AppendError>> {
    let (log, mesh) = (log.clone(), mesh.clone());
    tokio::spawn(async move { log.append(&mesh, expected, entries([number])).await })
}

/// Laws 1, 2 and 4 together: many who append to one mesh and try again.
pub async fn racing_writers_lose_nothing_and_number_everything_once(harness: &dyn Harness) {
    const WRITERS: u128 = 8;
    const APPENDS: u128 = 40;
    let (log, shop) = (harness.open("storm").await, mesh("shop"));
    let writers: Vec<_> = (0..WRITERS).map(|writer| spawn_writer(&log, &shop, writer * APPENDS, APPENDS)).collect();
    let mut acknowledged = BTreeMap::new();
    for writer in writers {
        acknowledged.extend(writer.await.expect("a writer ends"));
    }
    let log = if harness.keeps() { restart(harness, "storm", log).await } else { log };
    let records = read(&*log, &shop, 0).await;
    assert_eq!(records.len() as u128, WRITERS * APPENDS);
    let stored: BTreeMap<Seq, u128> = seqs(&records).into_iter().zip(numbers(&records)).collect();
    assert_eq!(stored, acknowledged);
}

/// Appends numbers one by one and tells where each came to stand.
fn spawn_writer(
    log: &Arc<dyn Log>,
    mesh: &MeshKey,
    from: u128,
    count: u128,
) -> tokio::task::JoinHandle<Vec<(Seq, u128)>> {
    let (log, mesh) = (log.clone(), mesh.clone());
    tokio::spawn(async move {
        let mut places = Vec::new();
        for number in from..from + count {
            places.push((append_anywhere(&*log, &mesh, &entries([number])).await, number));
        }
        places
    })
}

/// Law 1, over meshes: also of the same name and another owner.
pub async fn meshes_do_not_hinder_each_other(harness: &dyn Harness) {
    let log = harness.open("meshes").await;
    let meshes: Vec<_> =
        (0..12).map(|n| MeshKey::new(format!("account-{}", n % 3), format!("mesh-{}", n / 3))).collect();
    let writers: Vec<_> = (0..).zip(&meshes).map(|(n, mesh)| spawn_writer(&log, mesh, n * 100, 10)).collect();
    for writer in writers {
        writer.await.expect("a writer ends");
    }
    for (n, mesh) in (0..).zip(&meshes) {
        let records = read(&*log, mesh, 0).await;
        assert_eq!(seqs(&records), (1..=10).collect::<Vec<Seq>>());
        assert_eq!(numbers(&records), (n * 100..n * 100 + 10).collect::<Vec<_>>());
    }
    assert_eq!(log.heads().await.expect("heads"), meshes.into_iter().map(|mesh| (mesh, 10)).collect());
}

/// Law 5: also from another task, and also when the answer was a conflict.
pub async fn a_read_sees_every_append_acknowledged_before_it(harness: &dyn Harness) {
    let (log, shop) = (harness.open("consistent").await, mesh("shop"));
    let writers: Vec<_> = (0..6)
        .map(|writer| {
            let (log, shop) = (log.clone(), shop.clone());
            tokio::spawn(async move {
                let mut expected = 0;
                for _ in 0..30 {
                    let at_least = match log.append(&shop, expected, entries([writer])).await {
                        Ok(seq) => seq,
                        Err(AppendError::Conflict { actual, .. }) => actual,
                        Err(error) => panic!("the log failed: {error}"),
                    };
                    let tail = read(&*log, &shop, expected).await;
                    expected += tail.len() as u64;
                    assert!(expected >= at_least, "told of record {at_least}, read up to {expected}");
                    assert!(log.heads().await.expect("heads")[&shop] >= expected);
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.expect("a writer ends");
    }
}

async fn conflict(log: &dyn Log, mesh: &MeshKey, expected: Seq, entries: Vec<Entry>, at: Seq) {
    match log.append(mesh, expected, entries).await {
        Err(AppendError::Conflict { mesh: named, expected: asked, actual }) => {
            assert_eq!((&named, asked, actual), (mesh, expected, at));
        }
        other => panic!("an append at {expected} to a mesh at {at} gave {other:?}"),
    }
}
