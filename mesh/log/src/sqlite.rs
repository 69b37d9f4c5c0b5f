//! The embedded log: one SQLite file, open in one process, readable with the `sqlite3` shell while it is in use.
//!
//! ```text
//!   append ──┐
//!   append ──┼─▶ writer: one thread, one connection ── BEGIN … COMMIT (fsync) ──▶ heads move, all are answered
//!   append ──┘                                                                       │
//!   read  ── at the head? ── yes ─▶ nothing, without touching the file               ▼
//!              └ no ─▶ readers: a few threads, read-only connections           followers wake
//! ```
//!
//! Whatever waits while a commit is under way shares the next one, so the disk's patience bounds the delay and not the
//! number of appends. The heads (last sequence number of each mesh) are kept in memory and are authoritative: nobody
//! else writes the file, and a lock on it sees to that.
//!
//! What is deliberately absent: an event's meaning, and any index over it. `docs/event-log.md` documents the file.

mod follower;
mod heads;
mod lock;
mod open;
mod reader;
mod recent;
mod row;
mod schema;
mod writer;

#[cfg(test)]
mod tests;

pub use open::OpenError;

use crate::{AppendError, Checkpoint, Cursor, EventFeed, EventLog, Follower, LogError};
use async_trait::async_trait;
use follower::SqliteFollower;
use heads::Heads;
use lock::Lock;
use mesh_core::{Entry, MeshKey, Record, Seq};
use reader::Readers;
use row::Row;
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::oneshot;
use writer::{Append, Writer};

/// Work for a connection, done on the thread that owns it.
type Job = Box<dyn FnOnce(&Connection) + Send>;

/// The embedded log. A clone is another handle to the same one; the file is closed with the last handle or follower.
#[derive(Clone)]
pub struct SqliteLog {
    inner: Arc<Inner>,
}

struct Inner {
    heads: Arc<Heads>,
    /// None once it was closed.
    threads: RwLock<Option<Threads>>,
}

/// Dropped from top to bottom: readers first, so that the writer's connection is the last and folds the WAL into the
/// file; the lock when nobody has the file open any more.
struct Threads {
    /// None for a log in memory: there the writer's connection is the only one that sees anything.
    readers: Option<Readers>,
    writer: Writer,
    _lock: Option<Lock>,
}

impl SqliteLog {
    /// Opens the log in a file; a file that does not exist is created.
    ///
    /// # Errors
    ///
    /// When the file cannot be a log of ours, or cannot be had for this process alone. It is left as it was then.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        open::file(path).map(|inner| Self { inner: Arc::new(inner) })
    }

    /// A log in memory, gone with its last handle.
    ///
    /// # Errors
    ///
    /// When there is no memory, or no thread to be had.
    pub fn in_memory() -> Result<Self, OpenError> {
        open::memory().map(|inner| Self { inner: Arc::new(inner) })
    }

    /// Closes the file, whoever still holds a handle: what was handed over is written and answered, what needs the
    /// file later is told that the log is unavailable, and a follower that waits goes on waiting. When this returns the file is one
    /// file again, and free for another process.
    pub async fn close(&self) {
        let threads = self.inner.threads.write().unwrap_or_else(PoisonError::into_inner).take();
        // The threads are waited for, and they may wait for a disk.
        let _ = tokio::task::spawn_blocking(move || drop(threads)).await;
    }

    /// Asks the database, on a thread that may wait for a disk.
    async fn query<T, Q>(&self, query: Q) -> Result<T, LogError>
    where
        T: Send + 'static,
        Q: FnOnce(&Connection) -> Result<T, LogError> + Send + 'static,
    {
        self.ask(query, |job, threads| match &threads.readers {
            Some(readers) => readers.run(job),
            None => threads.writer.run(job),
        })
        .await
    }

    /// Does something on the writing connection, between two commits.
    async fn write<T, Q>(&self, query: Q) -> Result<T, LogError>
    where
        T: Send + 'static,
        Q: FnOnce(&Connection) -> Result<T, LogError> + Send + 'static,
    {
        self.ask(query, |job, threads| threads.writer.run(job)).await
    }

    async fn ask<T, Q>(&self, query: Q, run: impl FnOnce(Job, &Threads) -> Result<(), LogError>) -> Result<T, LogError>
    where
        T: Send + 'static,
        Q: FnOnce(&Connection) -> Result<T, LogError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job = move |connection: &Connection| {
            // Whoever was cancelled meanwhile needs no answer.
            if !answer.is_closed() {
                let _ = answer.send(query(connection));
            }
        };
        self.threads(|threads| run(Box::new(job), threads))?;
        answered.await.map_err(|_| stopped())?
    }

    /// Hands something over to the threads, if they are still there.
    fn threads(&self, hand_over: impl FnOnce(&Threads) -> Result<(), LogError>) -> Result<(), LogError> {
        let threads = self.inner.threads.read().unwrap_or_else(PoisonError::into_inner);
        threads.as_ref().map_or_else(|| Err(stopped()), hand_over)
    }
}

#[async_trait]
impl EventLog for SqliteLog {
    async fn read(&self, mesh: &MeshKey, after: Seq) -> Result<Vec<Record>, LogError> {
        let head = self.inner.heads.of(mesh);
        if head.is_some_and(|head| after >= head) {
            return Ok(Vec::new());
        }
        let of = mesh.clone();
        let mut records = self.query(move |connection| row::of_mesh(connection, &of, after)).await?;
        // A commit is in the file a moment before the heads move. Nobody has been told of it yet, and whoever read of it
        // here could find the heads behind what he knows: it is left to the next read.
        if let Some(head) = head {
            records.retain(|record| record.seq <= head);
        }
        let last = records.last().map_or(after, |record| record.seq);
        match head {
            Some(head) if last < head => Err(LogError::Damaged(format!("record {head} of mesh {mesh} is missing"))),
            _ => Ok(records),
        }
    }

    async fn append(&self, mesh: &MeshKey, expected: Seq, entries: Vec<Entry>) -> Result<Seq, AppendError> {
        // A mesh only moves on, so what is late already needs no turn.
        if let Some(actual) = self.inner.heads.of(mesh).filter(|head| expected < *head) {
            return Err(AppendError::Conflict { mesh: mesh.clone(), expected, actual });
        }
        let rows = entries.iter().map(Row::of).collect::<Result<_, _>>()?;
        let (answer, answered) = oneshot::channel();
        let append = Append { mesh: mesh.clone(), expected, entries, rows, answer };
        self.threads(|threads| threads.writer.append(append))?;
        answered.await.map_err(|_| stopped())?
    }

    async fn heads(&self) -> Result<BTreeMap<MeshKey, Seq>, LogError> {
        match self.inner.heads.all() {
            Some(heads) => Ok(heads),
            None => self.query(|connection| row::heads(connection).map_err(|error| log_error(&error))).await,
        }
    }

    async fn checkpoint(&self, mesh: &MeshKey) -> Result<Option<Checkpoint>, LogError> {
        let mesh = mesh.clone();
        self.query(move |connection| row::checkpoint(connection, &mesh).map_err(|error| log_error(&error))).await
    }

    async fn save_checkpoint(&self, checkpoint: Checkpoint) -> Result<(), LogError> {
        self.write(move |connection| row::save_checkpoint(connection, &checkpoint).map_err(|error| log_error(&error)))
            .await
    }
}

impl EventFeed for SqliteLog {
    fn follow(&self, from: Cursor) -> Box<dyn Follower> {
        Box::new(SqliteFollower::new(self.clone(), from))
    }
}

/// What a failure of the database means to those who only know a log.
fn log_error(error: &rusqlite::Error) -> LogError {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    match error.sqlite_error_code() {
        Some(DatabaseCorrupt | NotADatabase) => LogError::Damaged(error.to_string()),
        _ => LogError::Unavailable(error.to_string()),
    }
}

/// The threads are gone: the log was closed, or something is very wrong.
fn stopped() -> LogError {
    LogError::Unavailable("it is closed".into())
}
