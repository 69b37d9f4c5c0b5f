//! The log in DynamoDB behind a network that delays, resets, refuses, throttles and loses answers.

#![expect(clippy::panic, reason = "a test that finds nothing has failed")]

use mesh_core::{AccountId, Caller, Entry, Event, Kind, MeshKey, Record, ResourceId, Seq, Timestamp};
use mesh_log::dynamo::DynamoLog;
use mesh_log::dynamo::faults::{Fault, Proxy};
use mesh_log::dynamo::local::{DynamoDbLocal, client};
use mesh_log::{AppendError, Checkpoint, Cursor, EventFeed, EventLog, LogError};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::sync::OnceCell;
use uuid::Uuid;

const DEADLINE: Duration = Duration::from_secs(120);

/// A table of its own behind a proxy of its own; `None`, said loudly, without DynamoDB Local.
async fn bed(table: &str) -> Option<(Proxy, DynamoLog)> {
    static DATABASE: OnceCell<Option<DynamoDbLocal>> = OnceCell::const_new();
    let database = DATABASE.get_or_init(DynamoDbLocal::start).await.as_ref()?;
    database.table(table).await;
    let proxy = Proxy::start(database.addr()).await;
    let log = DynamoLog::new(client(proxy.addr()), table);
    Some((proxy, log))
}

fn mesh(name: &str) -> MeshKey {
    MeshKey::new("123456789012", name)
}

fn entry(number: u128, tag: &str) -> Entry {
    let resource = ResourceId::new(Kind::VirtualNode, format!("node-{number}"));
    let caller = Caller { account: AccountId::from("123456789012"), principal: None };
    let event = Event::Tagged { resource, tags: [("tag".into(), tag.into())].into() };
    Entry { at: Timestamp(1_700_000_000_000), caller, request: Uuid::from_u128(number), event }
}

fn numbers(records: &[Record]) -> Vec<u128> {
    records.iter().map(|record| record.entry.request.as_u128()).collect()
}

/// What the API does: decide again after a conflict, look what became of an append that got no answer.
async fn write(log: &DynamoLog, mesh: &MeshKey, number: u128) {
    let mut expected = 0;
    loop {
        match log.append(mesh, expected, vec![entry(number, "x"), entry(number, "y")]).await {
            Ok(_) => return,
            Err(AppendError::Conflict { actual, .. }) => expected = actual,
            Err(AppendError::TooLarge(what)) => panic!("{what}"),
            Err(AppendError::Log(_)) => {
                let records = read(log, mesh).await;
                if numbers(&records).contains(&number) {
                    return;
                }
                expected = records.len() as Seq;
            }
        }
    }
}

async fn read(log: &DynamoLog, mesh: &MeshKey) -> Vec<Record> {
    loop {
        match log.read(mesh, 0).await {
            Ok(records) => return records,
            Err(LogError::Unavailable(_)) => tokio::time::sleep(Duration::from_millis(20)).await,
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn through_every_fault_and_a_blackout_there_is_no_gap_no_double_and_no_loss() {
    const WRITERS: u128 = 4;
    const EACH: u128 = 12;
    let Some((proxy, log)) = bed("every-fault").await else { return };
    let meshes = [mesh("shop"), mesh("depot")];
    proxy.misbehave();
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            // Another handle, as in another process.
            let log = DynamoLog::new(client(proxy.addr()), "every-fault");
            let mesh = meshes[(writer % 2) as usize].clone();
            tokio::spawn(async move {
                for number in writer * EACH..(writer + 1) * EACH {
                    write(&log, &mesh, number).await;
                }
            })
        })
        .collect();
    let blackout = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        for fault in [Fault::Reset, Fault::Silent] {
            proxy.blackout(fault);
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        proxy.light();
    };
    // A follower that is killed again and again, and goes on from its cursor.
    let follow = async {
        let (mut cursor, mut records) = (Cursor::new(), Vec::new());
        while records.len() < 2 * (WRITERS * EACH) as usize {
            let mut follower = log.follow(cursor.clone());
            while let Ok(page) = follower.next().await {
                cursor.extend(page.iter().map(|record| (record.mesh.clone(), record.seq)));
                records.extend(page);
                if records.len().is_multiple_of(3) {
                    break;
                }
            }
        }
        records
    };
    let ((), followed) = tokio::time::timeout(DEADLINE, async { tokio::join!(blackout, follow) }).await.unwrap();
    for writer in writers {
        tokio::time::timeout(DEADLINE, writer).await.unwrap().unwrap();
    }
    proxy.behave();
    for (parity, mesh) in (0..).zip(&meshes) {
        let records = log.read(mesh, 0).await.unwrap();
        let seqs: Vec<Seq> = records.iter().map(|record| record.seq).collect();
        assert_eq!(seqs, (1..=(WRITERS * EACH) as Seq).collect::<Vec<_>>());
        let written: BTreeSet<u128> = (0..WRITERS * EACH).filter(|number| number / EACH % 2 == parity).collect();
        assert_eq!(numbers(&records).into_iter().collect::<BTreeSet<_>>(), written);
        for pair in numbers(&records).chunks(2) {
            assert_eq!(pair[0], pair[1], "an append was torn");
        }
        let given: Vec<&Record> = followed.iter().filter(|record| record.mesh == *mesh).collect();
        assert!(given.into_iter().eq(&records), "a follower was given something else");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_append_whose_answer_is_lost_is_recognised() {
    let Some((proxy, log)) = bed("lost").await else { return };
    let shop = mesh("shop");
    proxy.next("TransactWriteItems", Fault::Lost, 1);
    assert_eq!(log.append(&shop, 0, vec![entry(1, "x")]).await.unwrap(), 1);
    // All of them: then the record itself tells.
    proxy.next("TransactWriteItems", Fault::Lost, 4);
    assert_eq!(log.append(&shop, 1, vec![entry(2, "x")]).await.unwrap(), 2);
    proxy.behave();
    assert_eq!(numbers(&log.read(&shop, 0).await.unwrap()), [1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_dynamodb_refuses_for_a_while_is_unavailable_and_not_written() {
    let Some((proxy, log)) = bed("refused").await else { return };
    let shop = mesh("shop");
    for fault in [Fault::Throttled, Fault::Broken, Fault::Expired, Fault::Reset, Fault::Silent] {
        proxy.next("TransactWriteItems", fault, u32::MAX);
        let refused = log.append(&shop, 0, vec![entry(1, "x")]).await;
        assert!(matches!(refused, Err(AppendError::Log(LogError::Unavailable(_)))), "{fault:?}: {refused:?}");
        proxy.next("Query", fault, u32::MAX);
        let refused = log.read(&shop, 0).await;
        assert!(matches!(refused, Err(LogError::Unavailable(_))), "{fault:?}: {refused:?}");
    }
    proxy.behave();
    assert!(log.read(&shop, 0).await.unwrap().is_empty());
    assert!(log.heads().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_item_or_a_transaction_cannot_hold_is_refused_before_anything_is_sent() {
    let Some((proxy, log)) = bed("large").await else { return };
    let shop = mesh("shop");
    let incompressible = String::from_utf8(noise(2 << 20).iter().map(|byte| b'a' + byte % 26).collect()).unwrap();
    let too_much = vec![entry(1, "x"), entry(2, &incompressible)];
    let too_many = (0..100).map(|number| entry(number, "x")).collect();
    for entries in [too_much, too_many] {
        let refused = log.append(&shop, 0, entries).await;
        assert!(matches!(refused, Err(AppendError::TooLarge(_))), "{refused:?}");
    }
    assert_eq!(proxy.calls(), 0);
    let most = (0..99).map(|number| entry(number, "x")).collect();
    assert_eq!(log.append(&shop, 0, most).await.unwrap(), 99);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_larger_than_an_item_is_kept_in_pieces() {
    let Some((_proxy, log)) = bed("pieces").await else { return };
    let checkpoint = |seq, bytes| Checkpoint { mesh: mesh("shop"), seq, form: 1, data: noise(bytes) };
    for (seq, bytes) in [(5, 1 << 20), (7, 2_000_000), (9, 100), (11, 800_000)] {
        log.save_checkpoint(checkpoint(seq, bytes)).await.unwrap();
        assert_eq!(log.checkpoint(&mesh("shop")).await.unwrap(), Some(checkpoint(seq, bytes)));
    }
    log.save_checkpoint(checkpoint(10, 1 << 20)).await.unwrap();
    assert_eq!(log.checkpoint(&mesh("shop")).await.unwrap(), Some(checkpoint(11, 800_000)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_read_goes_on_where_it_was_told_to_slow_down() {
    const RECORDS: u128 = 60;
    let Some((proxy, log)) = bed("long").await else { return };
    let shop = mesh("shop");
    let page = "x".repeat(60_000);
    for number in 0..RECORDS {
        log.append(&shop, number as Seq, vec![entry(number, &page)]).await.unwrap();
    }
    // More refusals than one call bears, after the first of four pages.
    proxy.next_after(1, "Query", Fault::Throttled, 6);
    let before = proxy.calls();
    assert_eq!(numbers(&log.read(&shop, 0).await.unwrap()), (0..RECORDS).collect::<Vec<_>>());
    assert_eq!(proxy.calls() - before, 6 + 4, "no page is asked for again that was given");
    // One that has not begun says so at once.
    proxy.next("Query", Fault::Throttled, 4);
    assert!(matches!(log.read(&shop, 0).await, Err(LogError::Unavailable(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_stays_of_checkpoints_that_were_replaced() {
    let Some((proxy, log)) = bed("swept").await else { return };
    for seq in 1..=3 {
        let checkpoint = Checkpoint { mesh: mesh("shop"), seq, form: 1, data: noise(3 << 20) };
        log.save_checkpoint(checkpoint.clone()).await.unwrap();
        assert_eq!(log.checkpoint(&mesh("shop")).await.unwrap(), Some(checkpoint));
        let all = client(proxy.addr()).scan().table_name("swept").into_paginator().items().send();
        let items = all.collect::<Result<Vec<_>, _>>().await.unwrap().len();
        assert_eq!(items, 1 + (3_usize << 20).div_ceil(350 << 10), "of checkpoint {seq}");
    }
}

/// `docs/cost.md` computes from what is counted here.
#[tokio::test(flavor = "multi_thread")]
async fn an_idle_follower_of_hundreds_of_meshes_asks_four_questions_a_second() {
    const MESHES: u128 = 200;
    const WINDOW: u32 = 6;
    let Some((proxy, log)) = bed("idle").await else { return };
    for number in 0..MESHES {
        log.append(&mesh(&format!("mesh-{number}")), 0, vec![entry(number, "x")]).await.unwrap();
    }
    let mut follower = log.follow(log.heads().await.unwrap());
    // Longer than it takes to come to rest.
    assert!(tokio::time::timeout(Duration::from_secs(15), follower.next()).await.is_err());
    let before = proxy.calls();
    assert!(tokio::time::timeout(Duration::from_secs(1) * WINDOW, follower.next()).await.is_err());
    let calls = proxy.calls() - before;
    println!("{calls} calls in {WINDOW} s at rest, {MESHES} meshes");
    assert!((1..=4 * WINDOW + 1).contains(&calls), "{calls} calls in {WINDOW} s");
}

/// Bytes that cannot be compressed, the same every time.
fn noise(count: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    std::iter::repeat_with(&mut next).take(count).collect()
}
