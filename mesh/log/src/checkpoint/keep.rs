//! Who makes checkpoints: whoever is told how far meshes have got, and saves a fold now and then.
//!
//! It keeps no fold itself. When a mesh has moved far enough it is loaded, from its last checkpoint and the tail after
//! it, and saved: that costs a moment per thousand changes and no memory between them.

use super::{Checkpoint, load};
use crate::{EventLog, Log, LogError};
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
        let Err(error) = keep(&log, every, &mut patience).await;
        tracing::warn!(%error, "checkpoints wait for the event log");
        tokio::time::sleep(patience).await;
        patience = (patience * 2).min(PATIENCE.1);
    }
}

async fn keep(log: &Arc<dyn Log>, every: u64, patience: &mut Duration) -> Result<std::convert::Infallible, LogError> {
    let mut checkpointer = Checkpointer::new(log.clone(), every);
    let heads = log.heads().await?;
    for (mesh, head) in &heads {
        checkpointer.reached(mesh, *head).await?;
    }
    let mut feed = log.follow(heads);
    loop {
        let records = feed.next().await?;
        *patience = PATIENCE.0;
        for (mesh, head) in last(&records) {
            checkpointer.reached(mesh, head).await?;
        }
    }
}

/// The last of each mesh's records.
fn last(records: &[Record]) -> BTreeMap<&MeshKey, Seq> {
    records.iter().map(|record| (&record.mesh, record.seq)).collect()
}

/// Saves checkpoints of meshes that are far enough ahead of their last ones.
pub struct Checkpointer {
    log: Arc<dyn EventLog>,
    every: u64,
    saved: BTreeMap<MeshKey, Seq>,
}

impl Checkpointer {
    /// One that saves a mesh when it is `every` records ahead.
    pub fn new(log: Arc<dyn EventLog>, every: u64) -> Self {
        Self { log, every: every.max(1), saved: BTreeMap::new() }
    }

    /// Notes how far a mesh has got, and saves it if that is far enough.
    ///
    /// # Errors
    ///
    /// When the log fails. Noting it again tries again.
    pub async fn reached(&mut self, mesh: &MeshKey, head: Seq) -> Result<(), LogError> {
        if head.saturating_sub(self.saved(mesh).await?) < self.every {
            return Ok(());
        }
        let state = load(&*self.log, mesh).await?;
        let seq = state.seq();
        let made = tokio::task::spawn_blocking(move || Checkpoint::of(&state)).await;
        let checkpoint = made.map_err(|error| LogError::Unavailable(error.to_string()))??;
        self.log.save_checkpoint(checkpoint).await?;
        self.saved.insert(mesh.clone(), seq);
        tracing::debug!(mesh.name = %mesh.name, seq, "checkpoint saved");
        Ok(())
    }

    /// Where the mesh's checkpoint is; 0 where there is none. One that cannot be read is none. Asked of the log once: a
    /// newer one that somebody else saves meanwhile costs one that was not needed.
    async fn saved(&mut self, mesh: &MeshKey) -> Result<Seq, LogError> {
        if let Some(seq) = self.saved.get(mesh) {
            return Ok(*seq);
        }
        let readable = self.log.checkpoint(mesh).await?.and_then(|checkpoint| checkpoint.state());
        let seq = readable.map_or(0, |state| state.seq());
        self.saved.insert(mesh.clone(), seq);
        Ok(seq)
    }
}
