//! The file's layout. `docs/event-log.md` shows it to people; a change here is a new [`VERSION`] and a way from the old.

use rusqlite::{Connection, Transaction};

/// Marks a SQLite file as ours (`PRAGMA application_id`): "RMSH".
pub(super) const APPLICATION_ID: i32 = 0x524D_5348;

/// The layout written today (`PRAGMA user_version`).
pub(super) const VERSION: i32 = 1;

const TABLES: &str = "
    CREATE TABLE events (
        position   INTEGER PRIMARY KEY AUTOINCREMENT, -- over all meshes, in the order of commits
        mesh_owner TEXT    NOT NULL,
        mesh_name  TEXT    NOT NULL,
        seq        INTEGER NOT NULL,                  -- 1, 2, 3 … in its mesh
        type       TEXT    NOT NULL,                  -- what happened, for people: VirtualNodeUpdated
        schema     INTEGER NOT NULL,                  -- the shape of the event
        at_ms      INTEGER NOT NULL,                  -- milliseconds since 1970
        account    TEXT    NOT NULL,                  -- who asked
        principal  TEXT,
        request    TEXT    NOT NULL,                  -- the request id the caller was given
        event      TEXT    NOT NULL,                  -- what happened, JSON
        UNIQUE (mesh_owner, mesh_name, seq)
    );
    CREATE TABLE checkpoints (
        mesh_owner TEXT    NOT NULL,
        mesh_name  TEXT    NOT NULL,
        seq        INTEGER NOT NULL,                  -- the last record folded into it
        form       INTEGER NOT NULL,
        data       BLOB    NOT NULL,                  -- the fold, JSON compressed by zstd
        PRIMARY KEY (mesh_owner, mesh_name)
    );
";

/// What a database says of itself.
pub(super) struct Marks {
    /// Whose it is.
    pub(super) application_id: i32,
    /// Its layout.
    pub(super) version: i32,
    /// How much it holds.
    pub(super) tables: u64,
}

impl Marks {
    /// Reads them, and with them the first page.
    pub(super) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            application_id: connection.pragma_query_value(None, "application_id", |row| row.get(0))?,
            version: connection.pragma_query_value(None, "user_version", |row| row.get(0))?,
            tables: connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| {
                row.get::<_, i64>(0).map(i64::unsigned_abs)
            })?,
        })
    }

    /// Whether nothing has ever been in it.
    pub(super) fn blank(&self) -> bool {
        self.application_id == 0 && self.version == 0 && self.tables == 0
    }
}

/// Lays out a blank database, all or nothing.
pub(super) fn create(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction: Transaction<'_> = connection.transaction()?;
    transaction.execute_batch(TABLES)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}
