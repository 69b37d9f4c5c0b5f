//! Steps 4 and 5: where events are kept, and how they reach those who follow.
//!
//! ```text
//!   mesh m:   1 ── 2 ── 3 ── 4 ── 5            append(m, expected = 5, [e, f]) → 7
//!   mesh n:   1 ── 2                           append(n, expected = 1, [g])    → conflict, nothing written
//!                       ▲
//!                       └ follower: everything after its cursor, per mesh in order, without gaps
//! ```
//!
//! The laws every log keeps, and [`conformance`] asks of each:
//!
//! 1. **Order.** The records of a mesh are numbered 1, 2, 3 …; they are read in the order in which they were appended.
//! 2. **Durable.** What `append` acknowledged is read again after a crash. What it refused is never read.
//! 3. **All or nothing.** The entries of one append are read together or not at all.
//! 4. **Conditional.** An append whose expected sequence is not the last one writes nothing and says so. Of appends that
//!    race for one place, exactly one wins.
//! 5. **Strongly consistent.** A read that begins after an append was acknowledged sees it.
//! 6. **Followed.** A follower gets everything after its cursor, each mesh in order, at least once, never with a gap;
//!    one that resumes from its cursor gets nothing twice but what it can recognise by its sequence number.
//! 7. **Checkpoints are a convenience.** One that is lost, old or unreadable costs time, never an event.
//!
//! What is deliberately absent: what an event means. The log keeps records and counts them.

#[cfg(feature = "conformance")]
pub mod conformance;
#[cfg(feature = "dynamodb")]
pub mod dynamo;
#[cfg(feature = "sqlite")]
pub mod sqlite;

mod checkpoint;

pub use checkpoint::{Checkpoint, Checkpointer, keep_checkpoints, load};

use async_trait::async_trait;
use mesh_core::{Entry, MeshKey, Record, Seq};
use std::collections::BTreeMap;

/// What a command needs: to read a mesh, and to append to it if nothing else has happened.
#[async_trait]
pub trait EventLog: Send + Sync {
    /// The records of a mesh after a sequence number, in order; empty where there are none, or no such mesh.
    async fn read(&self, mesh: &MeshKey, after: Seq) -> Result<Vec<Record>, LogError>;

    /// Appends all entries as the records `expected + 1 …`, if `expected` is the mesh's last sequence number, and
    /// answers the new last one. Acknowledged means durable. Appending nothing only checks the expectation.
    ///
    /// A log may refuse what is too large for it, before anything is written; fifty small entries are not.
    async fn append(&self, mesh: &MeshKey, expected: Seq, entries: Vec<Entry>) -> Result<Seq, AppendError>;

    /// Every mesh that has ever had a record, with its last sequence number.
    async fn heads(&self) -> Result<BTreeMap<MeshKey, Seq>, LogError>;

    /// The newest checkpoint of a mesh, where there is a readable one.
    async fn checkpoint(&self, mesh: &MeshKey) -> Result<Option<Checkpoint>, LogError>;

    /// Keeps a checkpoint, in place of any older one of its mesh; an older one than the kept is ignored.
    async fn save_checkpoint(&self, checkpoint: Checkpoint) -> Result<(), LogError>;
}

/// What a relay needs: to follow everything.
pub trait EventFeed: Send + Sync {
    /// Follows every mesh from where the cursor says; meshes that it does not name from their beginning.
    fn follow(&self, from: Cursor) -> Box<dyn Follower>;
}

/// One follower of a feed.
#[async_trait]
pub trait Follower: Send {
    /// Waits for records after the cursor and answers them, per mesh in order. Never answers nothing. Cancelling loses
    /// nothing: what was not answered is answered by the next call.
    ///
    /// An error is not the end: calling again tries again.
    async fn next(&mut self) -> Result<Vec<Record>, LogError>;
}

/// A log that can be read, appended to and followed.
pub trait Log: EventLog + EventFeed {}

impl<T: EventLog + EventFeed> Log for T {}

/// How far a follower has got: the last sequence number it has, per mesh.
pub type Cursor = BTreeMap<MeshKey, Seq>;

/// Why the log could not be read.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// It cannot be reached, or does not answer just now; trying again may help.
    #[error("the event log is unavailable: {0}")]
    Unavailable(String),
    /// What it holds is not what was written.
    #[error("the event log is damaged: {0}")]
    Damaged(String),
}

/// Why nothing was appended.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Something else was appended first; read it and decide again.
    #[error("mesh {mesh} is at {actual}, not at {expected}")]
    Conflict {
        /// The mesh.
        mesh: MeshKey,
        /// Where it was thought to be.
        expected: Seq,
        /// Where it is.
        actual: Seq,
    },
    /// It is more than this log can hold; nothing was written, and trying again does not help.
    #[error("too large for the event log: {0}")]
    TooLarge(String),
    /// The log failed. Whether the entries were written is not known to the caller; reading tells.
    #[error(transparent)]
    Log(#[from] LogError),
}
