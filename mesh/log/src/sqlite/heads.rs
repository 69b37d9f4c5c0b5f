//! The last sequence number of every mesh, in memory, and the last position, which wakes followers.
//!
//! They move after a commit and before its appends are answered; so whoever knows of a record sees it here.

use super::row;
use mesh_core::{MeshKey, Seq};
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use tokio::sync::watch;

/// Where every mesh is, as far as it is certain.
pub(super) struct Heads {
    known: RwLock<Known>,
    position: watch::Sender<i64>,
}

/// The heads; `None` when a commit failed and it could not be read what has become of it.
type Known = Option<BTreeMap<MeshKey, Seq>>;

impl Heads {
    /// The heads in a database.
    pub(super) fn load(connection: &Connection) -> rusqlite::Result<Self> {
        let (heads, position) = (row::heads(connection)?, row::last_position(connection)?);
        Ok(Self { known: RwLock::new(Some(heads)), position: watch::Sender::new(position) })
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

    /// What a commit has moved.
    pub(super) fn advance(&self, moved: BTreeMap<MeshKey, Seq>, position: i64) {
        if let Some(heads) = self.write().as_mut() {
            heads.extend(moved);
        }
        self.position.send_replace(position);
    }

    /// Nothing is certain until the database was asked again.
    pub(super) fn doubt(&self) {
        *self.write() = None;
    }

    /// Asks the database again if anything is in doubt.
    pub(super) fn settle(&self, connection: &Connection) -> rusqlite::Result<()> {
        if self.read().is_some() {
            return Ok(());
        }
        let (heads, position) = (row::heads(connection)?, row::last_position(connection)?);
        *self.write() = Some(heads);
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
