//! Opening a file: what becomes a log, and what is refused with words that help, left as it was.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot prepare its file has failed")]

use mesh_core::{AccountId, Caller, Entry, Event, Kind, MeshKey, ResourceId, Tags, Timestamp};
use mesh_log::sqlite::{OpenError, SqliteLog};
use mesh_log::{AppendError, EventFeed, EventLog, LogError};
use rusqlite::Connection;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::{TempDir, tempdir};

#[tokio::test]
async fn a_missing_file_is_created_and_marked_as_ours() {
    let (_folder, file) = place();
    drop(SqliteLog::open(&file).unwrap());
    let connection = Connection::open(&file).unwrap();
    assert_eq!(pragma(&connection, "application_id"), 0x524D_5348);
    assert_eq!(pragma(&connection, "user_version"), 1);
}

#[tokio::test]
async fn an_empty_file_becomes_a_log() {
    let (_folder, file) = place();
    fs::write(&file, "").unwrap();
    let log = SqliteLog::open(&file).unwrap();
    log.append(&mesh(), 0, vec![entry()]).await.unwrap();
}

#[test]
fn a_missing_folder_is_named() {
    let (folder, _) = place();
    let file = folder.path().join("not/there/remesh.db");
    let refused = refused(&file);
    assert!(matches!(refused, OpenError::NoFolder { .. }), "{refused:?}");
    says(&refused, &["not/there", "does not exist", "create it"]);
}

#[test]
fn a_folder_is_no_file() {
    let (folder, _) = place();
    let refused = refused(folder.path());
    assert!(matches!(refused, OpenError::Folder { .. }), "{refused:?}");
    says(&refused, &["is a folder", "remesh.db"]);
}

#[test]
fn a_device_is_no_file() {
    let refused = refused(Path::new("/dev/null"));
    assert!(matches!(refused, OpenError::NotPlain { .. }), "{refused:?}");
    says(&refused, &["/dev/null", "plain file"]);
}

#[test]
fn a_file_of_something_else_is_refused_and_left_as_it_is() {
    for content in ["x", "{\"meshes\": []}\n", &"no database ".repeat(1000)] {
        let (folder, file) = place();
        fs::write(&file, content).unwrap();
        let refused = refused(&file);
        assert!(matches!(refused, OpenError::NotSqlite { .. }), "{refused:?}");
        says(&refused, &["remesh.db", "other than a Remesh log", "another file"]);
        assert_eq!(fs::read_to_string(&file).unwrap(), content);
        assert_eq!(names(&folder), ["remesh.db"], "nothing is left beside it");
    }
}

#[test]
fn a_database_of_another_program_is_refused_and_left_as_it_is() {
    for script in ["CREATE TABLE notes (text)", "PRAGMA application_id = 7", "PRAGMA user_version = 1"] {
        let (folder, file) = place();
        Connection::open(&file).unwrap().execute_batch(script).unwrap();
        let before = fs::read(&file).unwrap();
        let refused = refused(&file);
        assert!(matches!(refused, OpenError::Foreign { .. }), "{refused:?}");
        says(&refused, &["remesh.db", "another program", "another file"]);
        assert_eq!(fs::read(&file).unwrap(), before);
        assert_eq!(names(&folder), ["remesh.db"], "nothing is left beside it");
    }
}

#[test]
fn a_file_of_a_newer_remesh_is_refused() {
    let (_folder, file) = place();
    drop(SqliteLog::open(&file).unwrap());
    Connection::open(&file).unwrap().execute_batch("PRAGMA user_version = 2").unwrap();
    let refused = refused(&file);
    assert!(matches!(refused, OpenError::Newer { found: 2, .. }), "{refused:?}");
    says(&refused, &["remesh.db", "layout 2", "up to 1", "the Remesh that wrote it"]);
}

#[test]
fn a_read_only_file_is_refused() {
    let (_folder, file) = place();
    drop(SqliteLog::open(&file).unwrap());
    let mut permissions = fs::metadata(&file).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&file, permissions).unwrap();
    let refused = refused(&file);
    assert!(matches!(refused, OpenError::ReadOnly { .. }), "{refused:?}");
    says(&refused, &["remesh.db", "read-only", "chmod"]);
}

#[test]
fn a_file_that_cannot_be_made_is_refused() {
    let (folder, _) = place();
    let refused = refused(&folder.path().join("x".repeat(300)));
    assert!(matches!(refused, OpenError::Unwritable { .. } | OpenError::Unreadable { .. }), "{refused:?}");
    says(&refused, &["xxx", "cannot be", "permissions"]);
    assert!(refused.source().is_some());
}

#[test]
fn a_file_of_two_names_is_refused_until_it_has_one() {
    let (folder, file) = place();
    drop(SqliteLog::open(&file).unwrap());
    let other = folder.path().join("other.db");
    fs::hard_link(&file, &other).unwrap();
    for name in [&file, &other] {
        let refused = refused(name);
        assert!(matches!(refused, OpenError::Linked { .. }), "{refused:?}");
        says(&refused, &["hard link", "remove the other"]);
    }
    fs::remove_file(&file).unwrap();
    drop(SqliteLog::open(&other).unwrap());
}

#[tokio::test]
async fn a_file_in_use_is_refused_by_a_hard_link_and_whatever_is_deleted_beside_it() {
    let (folder, file) = place();
    let log = SqliteLog::open(&file).unwrap();
    let hard = folder.path().join("hard.db");
    fs::hard_link(&file, &hard).unwrap();
    let _ = fs::remove_file(file.with_file_name("remesh.db.lock"));
    for name in [&file, &hard] {
        let refused = refused(name);
        assert!(matches!(refused, OpenError::InUse { .. }), "{refused:?}");
    }
    fs::remove_file(&hard).unwrap();
    log.append(&mesh(), 0, vec![entry()]).await.unwrap();
}

/// Closing a descriptor drops the byte ranges that SQLite has locked; another's last connection would then fold and
/// delete the write-ahead log under a running process.
#[tokio::test]
async fn a_refused_opening_leaves_sqlites_own_locks() {
    let (folder, file) = place();
    let log = SqliteLog::open(&file).unwrap();
    log.append(&mesh(), 0, vec![entry()]).await.unwrap();
    refused(&file);
    let shell = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "as_another_process_looks_into_it", "--ignored"])
        .env("LOOK_INTO", &file)
        .output()
        .unwrap();
    assert!(shell.status.success(), "{}", String::from_utf8_lossy(&shell.stdout));
    assert!(names(&folder).contains(&"remesh.db-wal".to_owned()), "the write-ahead log is still there");
    log.append(&mesh(), 1, vec![entry()]).await.unwrap();
}

#[test]
#[ignore = "a part of another test, in a process of its own"]
fn as_another_process_looks_into_it() {
    let file = PathBuf::from(std::env::var_os("LOOK_INTO").unwrap());
    let shell = Connection::open(&file).unwrap();
    assert_eq!(shell.query_row("SELECT count(*) FROM events", [], |row| row.get::<_, i64>(0)).unwrap(), 1);
    let refused = refused(&file);
    let holder = std::os::unix::process::parent_id();
    match shows_locks(holder) {
        true => says(&refused, &[&format!("in use by process {holder}")]),
        false => says(&refused, &["is in use", "stop that one"]),
    }
}

/// Whether this system lets one process see which locks another holds; not all that run in containers do.
fn shows_locks(process: u32) -> bool {
    let Ok(descriptors) = fs::read_dir(format!("/proc/{process}/fdinfo")) else { return false };
    descriptors.flatten().any(|state| fs::read_to_string(state.path()).is_ok_and(|state| state.contains("FLOCK")))
}

#[test]
fn a_path_through_a_file_cannot_be_read() {
    let (_folder, file) = place();
    fs::write(&file, "").unwrap();
    let refused = refused(&file.join("remesh.db"));
    assert!(matches!(refused, OpenError::Unreadable { .. }), "{refused:?}");
    says(&refused, &["cannot be read", "permissions"]);
}

#[tokio::test]
async fn a_file_in_use_is_refused_by_whatever_name_and_free_when_it_is_closed() {
    let (folder, file) = place();
    let log = SqliteLog::open(&file).unwrap();
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&file, &link).unwrap();
    for name in [&file, &link, &folder.path().join("../").join(folder.path().file_name().unwrap()).join("remesh.db")] {
        let refused = refused(name);
        assert!(matches!(refused, OpenError::InUse { .. }), "{refused:?}");
        says(&refused, &["in use by process", &std::process::id().to_string(), "stop that one"]);
    }
    let (other, follower) = (log.clone(), log.follow(Default::default()));
    drop(log);
    assert!(SqliteLog::open(&file).is_err(), "a clone keeps it open");
    drop(other);
    assert!(SqliteLog::open(&file).is_err(), "a follower keeps it open");
    drop(follower);
    drop(SqliteLog::open(&file).unwrap());
}

#[tokio::test]
async fn closing_folds_everything_into_the_one_file() {
    let (folder, file) = place();
    let log = SqliteLog::open(&file).unwrap();
    log.append(&mesh(), 0, vec![entry()]).await.unwrap();
    drop(log);
    assert_eq!(names(&folder), ["remesh.db"]);
}

#[tokio::test]
async fn a_closed_log_is_free_for_others_and_unavailable_to_those_who_hold_it() {
    let (folder, file) = place();
    let log = SqliteLog::open(&file).unwrap();
    let (handle, mut follower) = (log.clone(), log.follow(Default::default()));
    let shop = mesh();
    let (written, ()) = tokio::join!(biased; log.append(&shop, 0, vec![entry()]), handle.close());
    assert_eq!(written.unwrap(), 1, "what was handed over is written");
    assert_eq!(names(&folder), ["remesh.db"]);
    let unavailable = |error: &LogError| error.to_string().contains("it is closed");
    assert!(log.read(&mesh(), 0).await.is_err_and(|error| unavailable(&error)));
    assert!(matches!(log.append(&mesh(), 1, vec![entry()]).await, Err(AppendError::Log(error)) if unavailable(&error)));
    assert!(follower.next().await.is_err_and(|error| unavailable(&error)));
    log.close().await;
    let reopened = SqliteLog::open(&file).unwrap();
    assert_eq!(reopened.read(&mesh(), 0).await.unwrap().len(), 1);
}

#[tokio::test]
async fn it_can_be_read_by_others_while_it_is_in_use() {
    let (_folder, file) = place();
    let log = SqliteLog::open(&file).unwrap();
    log.append(&mesh(), 0, vec![entry(), entry()]).await.unwrap();
    let shell = Connection::open(&file).unwrap();
    let types: Vec<String> = shell
        .prepare("SELECT type FROM events ORDER BY position")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(types, ["VirtualNodeTagged", "VirtualNodeTagged"]);
    log.append(&mesh(), 2, vec![entry()]).await.unwrap();
}

/// Whatever is broken off or written over: an error that says so, at opening or at reading, and never a panic.
#[tokio::test]
async fn a_torn_file_is_damaged_and_says_so() {
    let (_folder, file) = place();
    let log = SqliteLog::open(&file).unwrap();
    log.append(&mesh(), 0, vec![entry(); 500]).await.unwrap();
    drop(log);
    let whole = fs::read(&file).unwrap();
    let (mut refused, mut damaged) = (0, 0);
    for at in (4096..whole.len()).step_by(4096 * 3) {
        let mut cut = whole[..at].to_vec();
        for spoilt in [cut.clone(), {
            cut.resize(whole.len(), 0xA5);
            cut
        }] {
            fs::write(&file, spoilt).unwrap();
            match SqliteLog::open(&file) {
                Err(OpenError::Damaged { .. }) => refused += 1,
                Err(other) => panic!("{other:?}"),
                Ok(log) => match log.read(&mesh(), 0).await {
                    Err(LogError::Damaged(_)) => damaged += 1,
                    other => panic!("cut at {at}: {:?}", other.map(|records| records.len())),
                },
            }
        }
    }
    assert!(refused > 0, "refused {refused}, damaged {damaged}");
}

fn place() -> (TempDir, PathBuf) {
    let folder = tempdir().unwrap();
    let file = folder.path().join("remesh.db");
    (folder, file)
}

fn refused(file: &Path) -> OpenError {
    match SqliteLog::open(file) {
        Err(refused) => refused,
        Ok(_) => panic!("{} was opened", file.display()),
    }
}

fn says(error: &OpenError, words: &[&str]) {
    let text = error.to_string();
    for word in words {
        assert!(text.contains(word), "`{text}` does not say `{word}`");
    }
}

fn names(folder: &TempDir) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn pragma(connection: &Connection, name: &str) -> i64 {
    connection.pragma_query_value(None, name, |row| row.get(0)).unwrap()
}

fn mesh() -> MeshKey {
    MeshKey::new("123456789012", "shop")
}

fn entry() -> Entry {
    let event = Event::Tagged { resource: ResourceId::new(Kind::VirtualNode, "cart"), tags: Tags::new() };
    let caller = Caller { account: AccountId::from("123456789012"), principal: None };
    Entry { at: Timestamp(1), caller, request: uuid::Uuid::from_u128(1), event }
}
