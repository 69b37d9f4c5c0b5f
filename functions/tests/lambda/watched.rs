//! A log that notes what is asked of it, and can be made to fail.

use async_trait::async_trait;
use mesh_core::{Entry, MeshKey, Record, Seq};
use mesh_log::sqlite::SqliteLog;
use mesh_log::{AppendError, Checkpoint, EventLog, LogError};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

#[derive(Clone)]
pub struct Watched {
    log: SqliteLog,
    asked: Arc<Mutex<Vec<String>>>,
    failing: Arc<Mutex<Option<String>>>,
}

impl Watched {
    pub fn new() -> Self {
        let log = SqliteLog::in_memory().expect("a log in memory");
        Self { log, asked: Arc::default(), failing: Arc::default() }
    }

    /// What was asked since the last time: `read m after 3`, `checkpoint of m`, `save m at 7`, …
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().expect("nobody panics"))
    }

    /// Fails whatever is asked about a mesh, or about none any more.
    pub fn fail(&self, mesh: Option<&str>) {
        *self.failing.lock().expect("nobody panics") = mesh.map(str::to_owned);
    }

    fn note(&self, mesh: &MeshKey, what: String) -> Result<(), LogError> {
        self.asked.lock().expect("nobody panics").push(what);
        match &*self.failing.lock().expect("nobody panics") {
            Some(failing) if failing == mesh.name.as_str() => Err(LogError::Unavailable("told to fail".into())),
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl EventLog for Watched {
    async fn read(&self, mesh: &MeshKey, after: Seq) -> Result<Vec<Record>, LogError> {
        self.note(mesh, format!("read {} after {after}", mesh.name))?;
        self.log.read(mesh, after).await
    }

    async fn append(&self, mesh: &MeshKey, expected: Seq, entries: Vec<Entry>) -> Result<Seq, AppendError> {
        self.note(mesh, format!("append to {} at {expected}", mesh.name))?;
        self.log.append(mesh, expected, entries).await
    }

    async fn heads(&self) -> Result<BTreeMap<MeshKey, Seq>, LogError> {
        self.asked.lock().expect("nobody panics").push("heads".into());
        self.log.heads().await
    }

    async fn checkpoint(&self, mesh: &MeshKey) -> Result<Option<Checkpoint>, LogError> {
        self.note(mesh, format!("checkpoint of {}", mesh.name))?;
        self.log.checkpoint(mesh).await
    }

    async fn save_checkpoint(&self, checkpoint: Checkpoint) -> Result<(), LogError> {
        self.note(&checkpoint.mesh, format!("save {} at {}", checkpoint.mesh.name, checkpoint.seq))?;
        self.log.save_checkpoint(checkpoint).await
    }
}
