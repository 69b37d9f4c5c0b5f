//! A log that notes when an append was acknowledged and when its record came to a follower.

use async_trait::async_trait;
use mesh_core::{Entry, MeshKey, Record, Seq};
use mesh_log::dynamo::DynamoLog;
use mesh_log::{AppendError, Checkpoint, Cursor, EventFeed, EventLog, Follower, LogError};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// When what happened to records, by their sequence numbers.
#[derive(Clone, Default)]
pub struct Notes(Arc<Mutex<BTreeMap<Seq, Note>>>);

#[derive(Default)]
struct Note {
    acknowledged: Option<Instant>,
    arrived: Option<Instant>,
}

impl Notes {
    /// When the last record was acknowledged to whoever appended it, and when it came to the follower.
    pub fn last(&self) -> (Instant, Instant) {
        let notes = self.0.lock().unwrap();
        let (_, note) = notes.last_key_value().expect("something was appended");
        (note.acknowledged.expect("it was acknowledged"), note.arrived.expect("it was followed"))
    }

    fn acknowledged(&self, seq: Seq) {
        self.0.lock().unwrap().entry(seq).or_default().acknowledged = Some(Instant::now());
    }

    fn arrived(&self, seq: Seq) {
        self.0.lock().unwrap().entry(seq).or_default().arrived = Some(Instant::now());
    }
}

/// The log.
pub struct Watched {
    /// The real one.
    pub log: DynamoLog,
    /// What is noted.
    pub notes: Notes,
}

#[async_trait]
impl EventLog for Watched {
    async fn read(&self, mesh: &MeshKey, after: Seq) -> Result<Vec<Record>, LogError> {
        self.log.read(mesh, after).await
    }

    async fn append(&self, mesh: &MeshKey, expected: Seq, entries: Vec<Entry>) -> Result<Seq, AppendError> {
        let seq = self.log.append(mesh, expected, entries).await?;
        self.notes.acknowledged(seq);
        Ok(seq)
    }

    async fn heads(&self) -> Result<BTreeMap<MeshKey, Seq>, LogError> {
        self.log.heads().await
    }

    async fn checkpoint(&self, mesh: &MeshKey) -> Result<Option<Checkpoint>, LogError> {
        self.log.checkpoint(mesh).await
    }

    async fn save_checkpoint(&self, checkpoint: Checkpoint) -> Result<(), LogError> {
        self.log.save_checkpoint(checkpoint).await
    }
}

impl EventFeed for Watched {
    fn follow(&self, from: Cursor) -> Box<dyn Follower> {
        Box::new(WatchedFollower { follower: self.log.follow(from), notes: self.notes.clone() })
    }
}

struct WatchedFollower {
    follower: Box<dyn Follower>,
    notes: Notes,
}

#[async_trait]
impl Follower for WatchedFollower {
    async fn next(&mut self) -> Result<Vec<Record>, LogError> {
        let records = self.follower.next().await?;
        if let Some(record) = records.last() {
            self.notes.arrived(record.seq);
        }
        Ok(records)
    }
}
