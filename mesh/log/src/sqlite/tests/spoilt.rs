//! Rows that are spoilt: each is an error that names its position, and what comes before it can still be followed.

use super::{entry, mesh};
use crate::sqlite::SqliteLog;
use crate::{EventFeed, EventLog, LogError};

#[tokio::test]
async fn every_way_to_spoil_a_row_names_its_position() {
    for spoil in [
        "event = '{\"created\":'",
        "event = '{\"vanished\":{}}'",
        "event = x'00ff'",
        "event = ''",
        "request = 'nobody'",
        "at_ms = -1",
        "at_ms = 'noon'",
        "schema = 2",
        "account = x'ff'",
        "principal = x'ff'",
    ] {
        let (log, shop) = (of_three(&format!("UPDATE events SET {spoil} WHERE position = 2")).await, mesh("shop"));
        names_position_two(spoil, log.read(&shop, 0).await);
        assert_eq!(log.read(&shop, 2).await.unwrap().len(), 1, "{spoil}");
        let mut follower = log.follow(Default::default());
        assert_eq!(follower.next().await.unwrap().len(), 1, "{spoil}");
        names_position_two(spoil, follower.next().await);
        names_position_two(spoil, follower.next().await);
    }
}

#[tokio::test]
async fn a_missing_row_is_noticed_by_readers_and_followers() {
    let log = of_three("DELETE FROM events WHERE position = 2").await;
    let missing = |error: &LogError| matches!(error, LogError::Damaged(why) if why.contains("record 2"));
    assert!(log.read(&mesh("shop"), 0).await.is_err_and(|error| missing(&error)));
    let mut follower = log.follow(Default::default());
    assert_eq!(follower.next().await.unwrap().len(), 1);
    assert!(follower.next().await.is_err_and(|error| missing(&error)));
}

#[tokio::test]
async fn rows_missing_from_the_end_are_noticed() {
    let log = of_three("DELETE FROM events WHERE position = 3").await;
    let read = log.read(&mesh("shop"), 0).await;
    assert!(matches!(&read, Err(LogError::Damaged(why)) if why.contains("record 3")), "{read:?}");
}

fn names_position_two<T: std::fmt::Debug>(spoil: &str, answer: Result<T, LogError>) {
    match answer {
        Err(LogError::Damaged(why)) => assert!(why.contains("the record at position 2"), "{spoil}: {why}"),
        other => panic!("{spoil}: {other:?}"),
    }
}

async fn of_three(script: &str) -> SqliteLog {
    let log = SqliteLog::in_memory().unwrap();
    log.append(&mesh("shop"), 0, vec![entry(1), entry(2), entry(3)]).await.unwrap();
    let script = script.to_owned();
    log.write(move |connection| {
        connection.execute_batch(&script).unwrap();
        Ok(())
    })
    .await
    .unwrap();
    log
}
