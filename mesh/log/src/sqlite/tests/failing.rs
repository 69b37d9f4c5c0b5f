//! Commits that fail: everybody who waited is told, nothing of them is read, and the log goes on.

use super::{entry, mesh};
use crate::sqlite::SqliteLog;
use crate::{AppendError, Checkpoint, EventFeed, EventLog, LogError};
use mesh_core::{MeshState, Seq};
use rusqlite::Connection;
use std::sync::mpsc::{Sender, channel};
use tempfile::tempdir;

/// A full disk, by the limit SQLite itself can be given.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_appends_and_loses_none_that_it_took() {
    let folder = tempdir().unwrap();
    let log = SqliteLog::open(&folder.path().join("log")).unwrap();
    let shop = mesh("shop");
    log.append(&shop, 0, vec![entry(1000)]).await.unwrap();
    limit_pages(&log, 20).await;
    let mut head = 1;
    let refused = loop {
        match log.append(&shop, head, vec![entry(1000), entry(1000)]).await {
            Ok(seq) => head = seq,
            Err(error) => break error,
        }
    };
    assert!(matches!(&refused, AppendError::Log(LogError::Unavailable(why)) if why.contains("full")), "{refused:?}");
    assert_eq!(log.read(&shop, 0).await.unwrap().len() as u64, head);
    assert_eq!(log.heads().await.unwrap()[&shop], head);
    limit_pages(&log, 1 << 30).await;
    assert_eq!(log.append(&shop, head, vec![entry(1000)]).await.unwrap(), head + 1);
    drop(log);
    let log = SqliteLog::open(&folder.path().join("log")).unwrap();
    assert_eq!(log.read(&shop, 0).await.unwrap().len() as u64, head + 1);
}

/// All that shared a commit share its failure: none of them is told that it was written, or that it lost a race.
#[tokio::test(flavor = "multi_thread")]
async fn everyone_in_a_failed_group_is_told_and_nothing_of_it_is_read() {
    let log = SqliteLog::in_memory().unwrap();
    log.append(&mesh("shop"), 0, vec![entry(10)]).await.unwrap();
    limit_pages(&log, 20).await;
    let group = [("shop", 1, 10), ("shop", 1, 20), ("depot", 0, 1 << 20), ("yard", 0, 10)];
    let held = hold(&log);
    let waiting = group.map(|(name, expected, length)| append(&log, name, expected, length));
    let release = async { held.send(()).unwrap() };
    let (answers, ()) = tokio::join!(biased; all(waiting), release);
    for answer in answers {
        assert!(matches!(answer, Err(AppendError::Log(LogError::Unavailable(_)))), "{answer:?}");
    }
    assert_eq!(log.heads().await.unwrap(), [(mesh("shop"), 1)].into());
    limit_pages(&log, 1 << 30).await;
    log.append(&mesh("depot"), 0, vec![entry(10)]).await.unwrap();
}

/// Somebody with a shell wrote into the file, although nobody should: the log notices, and goes on behind it.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_written_behind_its_back_is_noticed_and_followed() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("log");
    let log = SqliteLog::open(&file).unwrap();
    let shop = mesh("shop");
    log.append(&shop, 0, vec![entry(10)]).await.unwrap();
    let mut follower = log.follow([(shop.clone(), 1)].into());
    let copy = "INSERT INTO events
        SELECT NULL, mesh_owner, mesh_name, seq + 1, type, schema, at_ms, account, principal, request, event FROM events";
    Connection::open(&file).unwrap().execute(copy, []).unwrap();
    let refused = log.append(&shop, 1, vec![entry(10)]).await;
    assert!(matches!(refused, Err(AppendError::Log(LogError::Unavailable(_)))), "{refused:?}");
    assert_eq!(follower.next().await.unwrap().len(), 1);
    assert_eq!(log.append(&shop, 2, vec![entry(10)]).await.unwrap(), 3);
    assert_eq!(log.read(&shop, 0).await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_cursor_from_another_log_is_refused() {
    let log = SqliteLog::in_memory().unwrap();
    log.append(&mesh("shop"), 0, vec![entry(10)]).await.unwrap();
    let refused = log.follow([(mesh("shop"), 5)].into()).next().await;
    assert!(matches!(&refused, Err(LogError::Damaged(why)) if why.contains("not the log")), "{refused:?}");
}

#[tokio::test]
async fn a_checkpoint_somebody_has_spoilt_is_none() {
    let log = SqliteLog::in_memory().unwrap();
    log.append(&mesh("shop"), 0, Vec::new()).await.unwrap();
    log.save_checkpoint(Checkpoint::of(&MeshState::new(mesh("shop"))).unwrap()).await.unwrap();
    log.write(|connection| {
        connection.execute("UPDATE checkpoints SET form = 'new'", []).unwrap();
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(log.checkpoint(&mesh("shop")).await.unwrap(), None);
}

async fn limit_pages(log: &SqliteLog, pages: i64) {
    log.write(move |connection| {
        connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).unwrap();
        Ok(())
    })
    .await
    .unwrap();
}

async fn append(log: &SqliteLog, name: &str, expected: Seq, length: usize) -> Result<Seq, AppendError> {
    log.append(&mesh(name), expected, vec![entry(length)]).await
}

/// Waits for all, each begun before any is waited for.
async fn all<T>(tasks: [impl Future<Output = T>; 4]) -> [T; 4] {
    let [one, two, three, four] = tasks;
    tokio::join!(biased; one, two, three, four).into()
}

/// Keeps the writer from its work until told, so that what is appended meanwhile shares a group.
fn hold(log: &SqliteLog) -> Sender<()> {
    let ((begin, begun), (release, released)) = (channel(), channel());
    let wait = move |_: &Connection| {
        begin.send(()).unwrap();
        released.recv().unwrap();
    };
    log.threads(|threads| threads.writer.run(Box::new(wait))).unwrap();
    begun.recv().unwrap();
    release
}
