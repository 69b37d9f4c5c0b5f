//! What the log holds in the end, beside what the writers were told.

use crate::cloud::Cloud;
use crate::writer::Told;
use mesh_core::{MeshKey, MeshState, Record};
use mesh_log::EventLog;
use std::collections::{BTreeMap, BTreeSet};

/// The records of the only mesh, by a way without faults: numbered without a gap, and they fold.
pub async fn records(cloud: &Cloud) -> Vec<Record> {
    let log = cloud.log();
    let mesh = MeshKey::new("000000000000", "shop");
    let records = log.read(&mesh, 0).await.expect("DynamoDB Local answers");
    let head = log.heads().await.expect("DynamoDB Local answers").get(&mesh).copied();
    assert!(records.iter().map(|record| record.seq).eq(1..=head.expect("the mesh is there")), "there are gaps");
    let mut state = MeshState::new(mesh);
    records.iter().for_each(|record| state.apply(record).expect("what was decided folds"));
    records
}

/// Of what was written after the first `before` records: everything acknowledged happened, nothing happened twice,
/// nothing refused happened, and nothing happened that nobody asked for.
pub async fn check(cloud: &Cloud, before: usize, told: &Told) {
    let records = records(cloud).await;
    let mut happened: BTreeMap<String, u32> = BTreeMap::new();
    for record in &records[before..] {
        *happened.entry(record.entry.request.to_string()).or_default() += 1;
    }
    let twice: Vec<_> = happened.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "happened twice: {twice:?}");
    let happened: BTreeSet<&str> = happened.keys().map(String::as_str).collect();
    let lost: Vec<_> = told.acknowledged.iter().filter(|id| !happened.contains(id.as_str())).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    let undead: Vec<_> = told.refused.iter().filter(|id| happened.contains(id.as_str())).collect();
    assert!(undead.is_empty(), "refused and done: {undead:?}");
    let asked: BTreeSet<&str> = told.acknowledged.iter().chain(&told.unknown).map(String::as_str).collect();
    let unasked: Vec<_> = happened.difference(&asked).collect();
    assert!(unasked.is_empty(), "nobody asked for {unasked:?}");
    println!(
        "{} records; {} writes acknowledged, {} refused, {} with an unknown outcome, of which {} happened",
        records.len(),
        told.acknowledged.len(),
        told.refused.len(),
        told.unknown.len(),
        told.unknown.iter().filter(|id| happened.contains(id.as_str())).count()
    );
}
