//! The last sequence number of every mesh, in memory, the last records, and the last position, which wakes followers.
//!
//! They move after a commit and before its appends are answered; so whoever knows of a record sees it here.

use super::recent::{Committed, Recent};
use super::row;
use mesh_core::{MeshKey, Record, Seq};
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use tokio::sync::watch;

/// Where every mesh is, as far as it is certain.
pub(super) struct Heads {
    known: RwLock<Known>,
    recent: Recent,
    position: watch::Sender<i64>,
}

/// The heads; `None` when a commit failed and it could not be read what has become of it.
type Known = Option<BTreeMap<MeshKey, Seq>>;

impl Heads {
    /// The heads in a database.
    pub(super) fn load(connection: &Connection) -> rusqlite::Result<Self> {
        let (heads, position) = (row::heads(connection)?, row::last_position(connection)?);
        let recent = Recent::after(position);
        Ok(Self { known: RwLock::new(Some(heads)), recent, position: watch::Sender::new(position) })
    }

    /// The head of a mesh, 0 before its first record; `None` where only the database knows.
    pub(super) fn of(&self, mesh: &MeshKey) -> Option<Seq> {
        self.read().as_ref().map(|heads| heads.get(mesh).copied().unwrap_or(0))
    }

    /// Every head; `None` where only the database knows.
    pub(super) fn all(&self) -> Option<BTreeMap<MeshKey, Seq>> {
        self.read().clone()
    }

    /// Wakes when anything was appended.
    pub(super) fn watch(&self) -> watch::Receiver<i64> {
        self.position.subscribe()
    }

    /// Every record after a position, where all of them are in memory.
    pub(super) fn recent(&self, after: i64) -> Option<Vec<(i64, Record)>> {
        self.recent.page(after)
    }

    /// What a commit has moved and brought.
    pub(super) fn advance(&self, moved: BTreeMap<MeshKey, Seq>, committed: Vec<Committed>) {
        if let Some(heads) = self.write().as_mut() {
            heads.extend(moved);
        }
        let last = committed.last().map(|last| last.position);
        self.recent.push(committed);
        if let Some(position) = last {
            self.position.send_replace(position);
        }
    }

    /// Nothing is certain until the database was asked again.
    pub(super) fn doubt(&self) {
        *self.write() = None;
        // Nobody is at the end of time, so nobody is given anything from memory.
        self.recent.restart(i64::MAX);
    }

    /// Asks the database again if anything is in doubt.
    pub(super) fn settle(&self, connection: &Connection) -> rusqlite::Result<()> {
        if self.read().is_some() {
            return Ok(());
        }
        let (heads, position) = (row::heads(connection)?, row::last_position(connection)?);
        *self.write() = Some(heads);
        self.recent.restart(position);
        self.position.send_replace(position);
        Ok(())
    }

    fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Known> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }
}
