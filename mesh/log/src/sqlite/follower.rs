//! A follower of the embedded log: pages of records in the order of commits, from memory as long as it keeps up, else from
//! the file; woken when the last position moves.

use super::{SqliteLog, log_error, row};
use crate::{Cursor, Follower, LogError};
use async_trait::async_trait;
use mesh_core::Record;
use rusqlite::Connection;
use tokio::sync::watch;

/// Follows a [`SqliteLog`]. It holds a handle: the log stays open as long as somebody follows it.
pub(super) struct SqliteFollower {
    log: SqliteLog,
    wake: watch::Receiver<i64>,
    cursor: Cursor,
    /// Everything up to here was answered, or was not asked for; `None` until the database was asked.
    position: Option<i64>,
    /// Whether it has had everything once. What it starts with is read from the file, which may have been spoilt.
    kept_up: bool,
}

impl SqliteFollower {
    pub(super) fn new(log: SqliteLog, cursor: Cursor) -> Self {
        let wake = log.inner.heads.watch();
        Self { log, wake, cursor, position: None, kept_up: false }
    }

    /// The page after a position. Nothing of the follower changes before the page is here, so a call that is
    /// cancelled while it waits has answered nothing and lost nothing.
    async fn page(&mut self, after: i64) -> Result<Vec<Record>, LogError> {
        let recent = self.kept_up.then(|| self.log.inner.heads.recent(after));
        let page = match recent.flatten() {
            Some(page) => page,
            None => self.log.query(move |connection| row::page(connection, after)).await?,
        };
        let mut records = Vec::with_capacity(page.len());
        for (position, record) in page {
            match self.is_next(&record) {
                Ok(true) => {
                    self.cursor.insert(record.mesh.clone(), record.seq);
                    records.push(record);
                }
                Ok(false) => {}
                Err(error) if records.is_empty() => return Err(error),
                // What is good is answered first; the next call stands before the gap.
                Err(_) => break,
            }
            self.position = Some(position);
        }
        Ok(records)
    }

    /// Whether a record was not answered yet. One that does not follow the last one is an error, never skipped.
    fn is_next(&self, record: &Record) -> Result<bool, LogError> {
        let had = self.cursor.get(&record.mesh).copied().unwrap_or(0);
        match record.seq {
            seq if seq <= had => Ok(false),
            seq if seq == had + 1 => Ok(true),
            _ => Err(LogError::Damaged(format!("record {} of mesh {} is missing", had + 1, record.mesh))),
        }
    }
}

#[async_trait]
impl Follower for SqliteFollower {
    async fn next(&mut self) -> Result<Vec<Record>, LogError> {
        loop {
            let last = *self.wake.borrow_and_update();
            let position = match self.position {
                Some(position) => position,
                None => {
                    let cursor = self.cursor.clone();
                    let start = self.log.query(move |connection| start(connection, &cursor)).await?;
                    *self.position.insert(start)
                }
            };
            if position < last {
                let records = self.page(position).await?;
                if !records.is_empty() {
                    return Ok(records);
                }
            } else {
                self.kept_up = true;
                self.wake.changed().await.map_err(|_| super::stopped())?;
            }
        }
    }
}

/// The position before the first record that the cursor does not have.
fn start(connection: &Connection, cursor: &Cursor) -> Result<i64, LogError> {
    // First of all: what is appended from now on comes after it.
    let last = row::last_position(connection).map_err(|error| log_error(&error))?;
    let heads = row::heads(connection).map_err(|error| log_error(&error))?;
    for (mesh, had) in cursor {
        let head = heads.get(mesh).copied().unwrap_or(0);
        if head < *had {
            let other =
                format!("mesh {mesh} is at {head}, a follower had it at {had}: this is not the log it followed");
            return Err(LogError::Damaged(other));
        }
    }
    let mut start = last;
    for (mesh, head) in &heads {
        let had = cursor.get(mesh).copied().unwrap_or(0);
        if had < *head {
            let first = row::position_after(connection, mesh, had).map_err(|error| log_error(&error))?;
            start = start.min(first.map_or(last, |position| position - 1));
        }
    }
    Ok(start)
}
