//! Opening: a file becomes a log, or a message that names it and says what to do.
//!
//! Nothing is written before it is sure that the file is ours (or blank) and nobody else has it.

use super::heads::Heads;
use super::lock::Lock;
use super::reader::Readers;
use super::schema::{self, APPLICATION_ID, Marks, VERSION};
use super::writer::Writer;
use super::{Inner, Threads};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};

/// How every SQLite file begins.
const MAGIC: &[u8] = b"SQLite format 3\0";

/// Why a file could not be opened as a log.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It is a folder.
    #[error("`{}` is a folder; name a file, such as `{}`", path.display(), path.join("remesh.db").display())]
    Folder {
        /// The file asked for.
        path: PathBuf,
    },
    /// It is a device, a pipe, or another thing that is no plain file.
    #[error("`{}` is not a plain file; name one, or one that does not exist yet", path.display())]
    NotPlain {
        /// The file asked for.
        path: PathBuf,
    },
    /// The folder it should be in does not exist.
    #[error("the folder `{}` of the data file `{}` does not exist; create it first", folder.display(), path.display())]
    NoFolder {
        /// The file asked for.
        path: PathBuf,
        /// The missing folder.
        folder: PathBuf,
    },
    /// Another log has it open.
    #[error("`{}` is in use{}; stop that one, or name another file", path.display(), by(*process))]
    InUse {
        /// The file asked for.
        path: PathBuf,
        /// The process that has it, where that could be read.
        process: Option<u32>,
    },
    /// It is not a SQLite file.
    #[error("`{}` holds something other than a Remesh log and was left as it is; name another file", path.display())]
    NotSqlite {
        /// The file asked for.
        path: PathBuf,
    },
    /// It is a SQLite file of another program.
    #[error("`{}` is another program's SQLite file and was left as it is; name another file", path.display())]
    Foreign {
        /// The file asked for.
        path: PathBuf,
    },
    /// A later Remesh has written it.
    #[error(
        "`{}` has layout {found}, and this Remesh knows layouts up to {VERSION}; open it with the Remesh that wrote it, \
         or a later one",
        path.display()
    )]
    Newer {
        /// The file asked for.
        path: PathBuf,
        /// Its layout.
        found: i32,
    },
    /// It may not be written.
    #[error("`{}` is read-only; make it writable (`chmod u+w`), or name another file", path.display())]
    ReadOnly {
        /// The file asked for.
        path: PathBuf,
    },
    /// It may not be read.
    #[error("`{}` cannot be read; check its owner and permissions", path.display())]
    Unreadable {
        /// The file asked for.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Its folder may not be written.
    #[error("`{}` cannot be made; check its name, and its folder's owner and permissions", path.display())]
    Unwritable {
        /// The file asked for.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It has several names.
    #[error(
        "`{}` has another name (a hard link), and the newest commits may be in a file beside one of them; keep the name \
         that has a `-wal` beside it, and remove the other",
        path.display()
    )]
    Linked {
        /// The file asked for.
        path: PathBuf,
    },
    /// It is on a file system without locks.
    #[error("`{}` cannot be locked; put the file on a local disk", path.display())]
    Unlockable {
        /// The file asked for.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It was ours and is broken.
    #[error("`{}` is damaged; restore a backup, or save what can be read (docs/event-log.md says how)", path.display())]
    Damaged {
        /// The file asked for.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// It is on a file system on which a write-ahead log does not work.
    #[error("the file system of `{}` does not allow a write-ahead log; put the file on a local disk", path.display())]
    NoWriteAhead {
        /// The file asked for.
        path: PathBuf,
    },
    /// Anything else.
    #[error("`{}` cannot be opened; see that its disk is well and has room", path.display())]
    Failed {
        /// The file asked for.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// A thread could not be started.
    #[error("no thread could be started for the event log")]
    NoThread(#[source] io::Error),
}

fn by(process: Option<u32>) -> String {
    process.map(|process| format!(" by process {process}")).unwrap_or_default()
}

/// A log in a file.
pub(super) fn file(asked: &Path) -> Result<Inner, OpenError> {
    let path = resolve(asked)?;
    let lock = Lock::take(&path)?;
    let connection = own(&path, &lock)?;
    let heads = Arc::new(Heads::load(&connection).map_err(|source| broken(&path, source))?);
    let writer = Writer::start(connection, heads.clone()).map_err(OpenError::NoThread)?;
    let readers = Readers::start(|| reading(&path))?;
    tracing::info!(file = %path.display(), "event log opened");
    Ok(inner(heads, Threads { readers: Some(readers), writer, _lock: Some(lock) }))
}

/// A log in memory.
pub(super) fn memory() -> Result<Inner, OpenError> {
    let failed = |source| OpenError::Failed { path: PathBuf::from(":memory:"), source };
    let mut connection = Connection::open_in_memory().map_err(failed)?;
    schema::create(&mut connection).map_err(failed)?;
    let heads = Arc::new(Heads::load(&connection).map_err(failed)?);
    let writer = Writer::start(connection, heads.clone()).map_err(OpenError::NoThread)?;
    Ok(inner(heads, Threads { readers: None, writer, _lock: None }))
}

fn inner(heads: Arc<Heads>, threads: Threads) -> Inner {
    Inner { heads, threads: RwLock::new(Some(threads)) }
}

/// The one path of a file, whatever links lead to it: SQLite's other files are beside that.
fn resolve(asked: &Path) -> Result<PathBuf, OpenError> {
    let path = || asked.to_owned();
    match std::fs::metadata(asked) {
        Ok(found) if found.is_dir() => Err(OpenError::Folder { path: path() }),
        Ok(found) if !found.is_file() => Err(OpenError::NotPlain { path: path() }),
        Ok(found) if found.permissions().readonly() => Err(OpenError::ReadOnly { path: path() }),
        Ok(_) => asked.canonicalize().map_err(|source| OpenError::Unreadable { path: path(), source }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => in_folder(asked),
        Err(source) => Err(OpenError::Unreadable { path: path(), source }),
    }
}

fn in_folder(asked: &Path) -> Result<PathBuf, OpenError> {
    let folder = match asked.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let Some(name) = asked.file_name() else { return Err(OpenError::NotPlain { path: asked.to_owned() }) };
    let missing = || OpenError::NoFolder { path: asked.to_owned(), folder: folder.to_owned() };
    let folder = folder.canonicalize().map_err(|_| missing())?;
    if folder.is_dir() { Ok(folder.join(name)) } else { Err(missing()) }
}

/// The writing connection to a file that is ours, or has just become so.
fn own(path: &Path, lock: &Lock) -> Result<Connection, OpenError> {
    begins_like_sqlite(path, lock.file())?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(|source| unopened(path, source))?;
    let marks = Marks::read(&connection).map_err(|source| unopened(path, source))?;
    check(path, &connection, &marks)?;
    if marks.blank() {
        schema::create(&mut connection).map_err(|source| broken(path, source))?;
    }
    write_ahead(path, &connection)?;
    Ok(connection)
}

/// SQLite itself takes a file of a few bytes for an empty one, and would write over it.
fn begins_like_sqlite(path: &Path, file: &File) -> Result<(), OpenError> {
    let mut start = Vec::new();
    let read = file.take(MAGIC.len() as u64).read_to_end(&mut start);
    read.map_err(|source| OpenError::Unreadable { path: path.to_owned(), source })?;
    if start.is_empty() || start == MAGIC { Ok(()) } else { Err(OpenError::NotSqlite { path: path.to_owned() }) }
}

fn check(path: &Path, connection: &Connection, marks: &Marks) -> Result<(), OpenError> {
    let path = path.to_owned();
    if marks.application_id != APPLICATION_ID && !marks.blank() {
        return Err(OpenError::Foreign { path });
    }
    if marks.version > VERSION {
        return Err(OpenError::Newer { path, found: marks.version });
    }
    match connection.is_readonly("main") {
        Ok(false) => Ok(()),
        Ok(true) => Err(OpenError::ReadOnly { path }),
        Err(source) => Err(broken(&path, source)),
    }
}

/// A commit appends to the write-ahead log and waits for the disk; readers are not in its way.
fn write_ahead(path: &Path, connection: &Connection) -> Result<(), OpenError> {
    let mode = connection
        .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0))
        .map_err(|source| broken(path, source))?;
    if !mode.eq_ignore_ascii_case("wal") {
        return Err(OpenError::NoWriteAhead { path: path.to_owned() });
    }
    connection.pragma_update(None, "synchronous", "FULL").map_err(|source| broken(path, source))
}

fn reading(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(path, flags).map_err(|source| broken(path, source))
}

/// Before the first page was understood: whatever is wrong with it, it may be somebody else's.
fn unopened(path: &Path, source: rusqlite::Error) -> OpenError {
    match source.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => OpenError::NotSqlite { path: path.to_owned() },
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            OpenError::Unreadable { path: path.to_owned(), source: io::Error::other(source) }
        }
        _ => broken(path, source),
    }
}

fn broken(path: &Path, source: rusqlite::Error) -> OpenError {
    let path = path.to_owned();
    match source.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => OpenError::Damaged { path, source },
        Some(ErrorCode::ReadOnly) => OpenError::ReadOnly { path },
        _ => OpenError::Failed { path, source },
    }
}
