//! Who makes checkpoints: a task beside the feed that counts records and saves a fold now and then.
//!
//! It keeps no fold itself. When a mesh has moved far enough it is loaded, from its last checkpoint and the tail after
//! it, and saved: that costs a moment per thousand changes and no memory between them.

use super::{Checkpoint, load};
use crate::{Cursor, EventLog, Log, LogError};
use mesh_core::{MeshKey, Record, Seq};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How long a log that fails is left alone: first, and at most.
const PATIENCE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// Saves a checkpoint of a mesh whenever `every` records have been appended to it since the last one. Runs until it is
/// dropped; whatever fails costs a warning and a later checkpoint, nothing else.
pub async fn keep_checkpoints(log: Arc<dyn Log>, every: u64) {
    let mut patience = PATIENCE.0;
    loop {
        let Err(error) = keep(&log, every.max(1), &mut patience).await;
        tracing::warn!(%error, "checkpoints wait for the event log");
        tokio::time::sleep(patience).await;
        patience = (patience * 2).min(PATIENCE.1);
    }
}

async fn keep(log: &Arc<dyn Log>, every: u64, patience: &mut Duration) -> Result<std::convert::Infallible, LogError> {
    let heads = log.heads().await?;
    let mut saved = saved(log.as_ref(), &heads).await?;
    for (mesh, head) in &heads {
        keep_one(log.as_ref(), every, &mut saved, mesh, *head).await?;
    }
    let mut feed = log.follow(heads);
    loop {
        let records = feed.next().await?;
        *patience = PATIENCE.0;
        for (mesh, head) in last(&records) {
            keep_one(log.as_ref(), every, &mut saved, mesh, head).await?;
        }
    }
}

/// Where the checkpoints are. One that cannot be read is none.
async fn saved(log: &(impl EventLog + ?Sized), heads: &Cursor) -> Result<BTreeMap<MeshKey, Seq>, LogError> {
    let mut saved = BTreeMap::new();
    for mesh in heads.keys() {
        if let Some(state) = log.checkpoint(mesh).await?.and_then(|checkpoint| checkpoint.state()) {
            saved.insert(mesh.clone(), state.seq());
        }
    }
    Ok(saved)
}

/// The last of each mesh's records.
fn last(records: &[Record]) -> BTreeMap<&MeshKey, Seq> {
    records.iter().map(|record| (&record.mesh, record.seq)).collect()
}

async fn keep_one(
    log: &(impl EventLog + ?Sized),
    every: u64,
    saved: &mut BTreeMap<MeshKey, Seq>,
    mesh: &MeshKey,
    head: Seq,
) -> Result<(), LogError> {
    if head.saturating_sub(saved.get(mesh).copied().unwrap_or(0)) < every {
        return Ok(());
    }
    let state = load(log, mesh).await?;
    let seq = state.seq();
    let made = tokio::task::spawn_blocking(move || Checkpoint::of(&state)).await;
    let checkpoint = made.map_err(|error| LogError::Unavailable(error.to_string()))??;
    log.save_checkpoint(checkpoint).await?;
    saved.insert(mesh.clone(), seq);
    tracing::debug!(mesh.name = %mesh.name, seq, "checkpoint saved");
    Ok(())
}
