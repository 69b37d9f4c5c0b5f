//! Records as rows and back, and every question asked of the tables.

use super::log_error;
use crate::{Checkpoint, LogError};
use mesh_core::{AccountId, Caller, Entry, Event, MeshKey, Record, Seq, Timestamp};
use rusqlite::{Connection, OptionalExtension, named_params, params};
use std::collections::BTreeMap;
use std::fmt::Display;
use uuid::Uuid;

/// The shape of events written today.
const EVENT_SCHEMA: i64 = 1;

/// What a follower is given at most at a time: records, and bytes of events.
const PAGE: (usize, usize) = (1000, 8 << 20);

/// An entry ready to be written; made by whoever appends, so that the writer only writes.
pub(super) struct Row {
    name: String,
    at_ms: i64,
    account: String,
    principal: Option<String>,
    request: String,
    event: String,
}

impl Row {
    /// Writes out an entry.
    pub(super) fn of(entry: &Entry) -> Result<Self, LogError> {
        let unwritable = |error: &dyn Display| LogError::Damaged(format!("event not written: {error}"));
        Ok(Self {
            name: entry.event.name(),
            at_ms: i64::try_from(entry.at.0).map_err(|error| unwritable(&error))?,
            account: entry.caller.account.to_string(),
            principal: entry.caller.principal.clone(),
            request: entry.request.to_string(),
            event: serde_json::to_string(&entry.event).map_err(|error| unwritable(&error))?,
        })
    }

    /// The length of the event's text.
    pub(super) fn bytes(&self) -> usize {
        self.event.len()
    }

    /// Puts it in its place.
    pub(super) fn insert(&self, to: &Connection, mesh: &MeshKey, seq: Seq) -> rusqlite::Result<()> {
        let mut insert = to.prepare_cached(
            "INSERT INTO events
                 (mesh_owner, mesh_name, seq, type, schema, at_ms, account, principal, request, event)
             VALUES (:owner, :mesh, :seq, :type, :schema, :at_ms, :account, :principal, :request, :event)",
        )?;
        insert.execute(named_params! {
            ":owner": mesh.owner.as_str(),
            ":mesh": mesh.name.as_str(),
            ":seq": integer(seq),
            ":type": self.name,
            ":schema": EVENT_SCHEMA,
            ":at_ms": self.at_ms,
            ":account": self.account,
            ":principal": self.principal,
            ":request": self.request,
            ":event": self.event,
        })?;
        Ok(())
    }
}

const COLUMNS: &str = "position, mesh_owner, mesh_name, seq, schema, at_ms, account, principal, request, event";

/// The records of a mesh after a sequence number, none missing.
pub(super) fn of_mesh(connection: &Connection, mesh: &MeshKey, after: Seq) -> Result<Vec<Record>, LogError> {
    let asked = || {
        let mut select = connection.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM events WHERE mesh_owner = ? AND mesh_name = ? AND seq > ? ORDER BY seq"
        ))?;
        let rows = select.query_map(params![mesh.owner.as_str(), mesh.name.as_str(), integer(after)], stored)?;
        rows.collect::<rusqlite::Result<Vec<_>>>()
    };
    let mut records = Vec::new();
    for (stored, seq) in asked().map_err(|error| log_error(&error))?.into_iter().zip(after.saturating_add(1)..) {
        let (_, record) = stored?;
        if record.seq != seq {
            return Err(LogError::Damaged(format!("record {seq} of mesh {mesh} is missing")));
        }
        records.push(record);
    }
    Ok(records)
}

/// The next page of records of all meshes after a position, in order, each with its position. What comes before a
/// damaged one is answered, and the damaged one when nothing is before it.
pub(super) fn page(connection: &Connection, after: i64) -> Result<Vec<(i64, Record)>, LogError> {
    let mut records = Vec::new();
    for stored in stored_page(connection, after).map_err(|error| log_error(&error))? {
        match stored {
            Ok(record) => records.push(record),
            Err(error) if records.is_empty() => return Err(error),
            Err(_) => break,
        }
    }
    Ok(records)
}

fn stored_page(connection: &Connection, after: i64) -> rusqlite::Result<Vec<Stored>> {
    let (limit, max_bytes) = PAGE;
    let mut select = connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM events WHERE position > ? ORDER BY position LIMIT {limit}"))?;
    let mut rows = select.query([after])?;
    let (mut page, mut bytes) = (Vec::new(), 0);
    while let (true, Some(row)) = (bytes < max_bytes, rows.next()?) {
        bytes += row.get_ref("event")?.as_bytes_or_null().ok().flatten().map_or(0, <[u8]>::len);
        page.push(stored(row)?);
    }
    Ok(page)
}

/// Every mesh with its last sequence number.
pub(super) fn heads(connection: &Connection) -> rusqlite::Result<BTreeMap<MeshKey, Seq>> {
    let mut select =
        connection.prepare("SELECT mesh_owner, mesh_name, max(seq) FROM events GROUP BY mesh_owner, mesh_name")?;
    let rows = select.query_map([], |row| {
        Ok((MeshKey::new(row.get::<_, String>(0)?, row.get::<_, String>(1)?), row.get::<_, i64>(2)?.unsigned_abs()))
    })?;
    rows.collect()
}

/// The position of the last record; 0 before the first.
pub(super) fn last_position(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("SELECT coalesce(max(position), 0) FROM events", [], |row| row.get(0))
}

/// The position of the first record of a mesh after a sequence number.
pub(super) fn position_after(connection: &Connection, mesh: &MeshKey, seq: Seq) -> rusqlite::Result<Option<i64>> {
    let mut select = connection.prepare_cached(
        "SELECT position FROM events WHERE mesh_owner = ? AND mesh_name = ? AND seq > ? ORDER BY seq LIMIT 1",
    )?;
    select.query_row(params![mesh.owner.as_str(), mesh.name.as_str(), integer(seq)], |row| row.get(0)).optional()
}

/// The kept checkpoint of a mesh.
pub(super) fn checkpoint(connection: &Connection, mesh: &MeshKey) -> rusqlite::Result<Option<Checkpoint>> {
    let mut select =
        connection.prepare_cached("SELECT seq, form, data FROM checkpoints WHERE mesh_owner = ? AND mesh_name = ?")?;
    let found = select.query_row(params![mesh.owner.as_str(), mesh.name.as_str()], |row| {
        let seq = row.get::<_, i64>(0)?.unsigned_abs();
        Ok(Checkpoint { mesh: mesh.clone(), seq, form: row.get(1)?, data: row.get(2)? })
    });
    match found.optional() {
        // One that somebody has spoilt is none: it can be made again (law 7).
        Err(
            rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..),
        ) => Ok(None),
        found => found,
    }
}

/// Keeps a checkpoint, unless a later one is kept.
pub(super) fn save_checkpoint(connection: &Connection, checkpoint: &Checkpoint) -> rusqlite::Result<()> {
    let mut upsert = connection.prepare_cached(
        "INSERT INTO checkpoints (mesh_owner, mesh_name, seq, form, data) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET seq = excluded.seq, form = excluded.form, data = excluded.data
         WHERE excluded.seq >= seq",
    )?;
    let (owner, name) = (checkpoint.mesh.owner.as_str(), checkpoint.mesh.name.as_str());
    upsert.execute(params![owner, name, integer(checkpoint.seq), checkpoint.form, checkpoint.data])?;
    Ok(())
}

/// What one row says: a record and its position, or what is wrong with it.
type Stored = Result<(i64, Record), LogError>;

/// Reads a row. Only a database that fails is a failure here; a row that makes no sense is a [`Stored`] of its own.
fn stored(row: &rusqlite::Row<'_>) -> rusqlite::Result<Stored> {
    let position = row.get("position")?;
    let damaged = |what: String| LogError::Damaged(format!("the record at position {position} {what}"));
    Ok(record(row).map(|record| (position, record)).map_err(damaged))
}

fn record(row: &rusqlite::Row<'_>) -> Result<Record, String> {
    let schema: i64 = column(row, "schema")?;
    if schema > EVENT_SCHEMA {
        return Err(format!("has shape {schema}, and this Remesh knows shapes up to {EVENT_SCHEMA}"));
    }
    let caller = Caller { account: AccountId::from(text(row, "account")?), principal: column(row, "principal")? };
    let entry = Entry { at: Timestamp(natural(row, "at_ms")?), caller, request: request(row)?, event: event(row)? };
    let mesh = MeshKey::new(text(row, "mesh_owner")?, text(row, "mesh_name")?);
    Ok(Record { mesh, seq: natural(row, "seq")?, entry })
}

fn event(row: &rusqlite::Row<'_>) -> Result<Event, String> {
    serde_json::from_str(&text(row, "event")?).map_err(|error| format!("holds no event: {error}"))
}

fn request(row: &rusqlite::Row<'_>) -> Result<Uuid, String> {
    Uuid::parse_str(&text(row, "request")?).map_err(|error| format!("holds no request id: {error}"))
}

fn natural(row: &rusqlite::Row<'_>, name: &str) -> Result<u64, String> {
    u64::try_from(column::<i64>(row, name)?).map_err(|_| format!("has a negative {name}"))
}

fn text(row: &rusqlite::Row<'_>, name: &str) -> Result<String, String> {
    column(row, name)
}

fn column<T: rusqlite::types::FromSql>(row: &rusqlite::Row<'_>, name: &str) -> Result<T, String> {
    row.get(name).map_err(|error| format!("has an unreadable {name}: {error}"))
}

/// A sequence number as SQLite keeps it. None is ever so high that it would not fit; a cursor may claim to be.
fn integer(seq: Seq) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}
