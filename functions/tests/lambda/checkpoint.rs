//! `checkpoint`: a batch of the table's stream in, saved checkpoints and what is to come again out.

use crate::watched::Watched;
use functions::lambda::Checkpoints;
use mesh_core::{Caller, Entry, Event, Kind, MeshKey, ResourceId, Seq, Spec, Timestamp};
use mesh_log::EventLog;
use serde_json::{Value, json};
use std::sync::Arc;

fn mesh(name: &str) -> MeshKey {
    MeshKey { owner: "123456789012".into(), name: name.into() }
}

/// Gives a mesh records up to a sequence number.
async fn grow(log: &Watched, name: &str, to: Seq) {
    let key = mesh(name);
    let from = log.read(&key, 0).await.expect("records").len() as Seq;
    let entries = (from + 1..=to).map(|seq| Entry {
        at: Timestamp(seq),
        caller: Caller { account: key.owner.clone(), principal: None },
        request: uuid::Uuid::from_u128(u128::from(seq)),
        event: event(name, seq),
    });
    log.append(&key, from, entries.collect()).await.expect("appended");
    log.asked();
}

fn event(name: &str, seq: Seq) -> Event {
    let resource = ResourceId::new(Kind::Mesh, name);
    let spec = Spec::Mesh(Arc::default());
    match seq {
        1 => Event::Created {
            resource,
            uid: uuid::Uuid::nil(),
            owner: "123456789012".into(),
            spec,
            tags: Default::default(),
            token: None,
        },
        _ => Event::Updated { resource, spec, token: None },
    }
}

/// A batch that tells of records, each numbered by the stream as it stands in the batch, from 100 on.
fn batch(records: &[(&str, Seq)]) -> Value {
    let keys = records.iter().map(|(name, seq)| keys(&format!("mesh#123456789012#{name}"), *seq));
    batch_of(&keys.collect::<Vec<_>>())
}

fn keys(pk: &str, seq: Seq) -> Value {
    json!({ "pk": { "S": pk }, "sk": { "S": format!("{seq:020}") } })
}

fn batch_of(keys: &[Value]) -> Value {
    let record = |(at, keys): (usize, &Value)| {
        json!({
            "eventID": format!("e{at}"), "eventName": "INSERT", "eventVersion": "1.1", "eventSource": "aws:dynamodb",
            "awsRegion": "eu-west-1",
            "dynamodb": { "ApproximateCreationDateTime": 1_795_356_000, "Keys": keys, "NewImage": keys,
                          "SequenceNumber": (100 + at).to_string(), "SizeBytes": 100, "StreamViewType": "NEW_IMAGE" },
            "eventSourceARN": "arn:aws:dynamodb:eu-west-1:123456789012:table/mesh/stream/2026-11-22T00:00:00.000",
        })
    };
    json!({ "Records": keys.iter().enumerate().map(record).collect::<Vec<_>>() })
}

async fn invoke(checkpoints: &Checkpoints, batch: Value) -> Value {
    let batch = serde_json::from_value(batch).expect("a batch of the stream");
    serde_json::to_value(checkpoints.save(batch).await).expect("JSON")
}

fn all_done() -> Value {
    json!({ "batchItemFailures": [] })
}

async fn saved(log: &Watched, name: &str) -> Option<Seq> {
    let checkpoint = log.checkpoint(&mesh(name)).await.expect("an answer")?;
    log.asked();
    Some(checkpoint.state().expect("a readable checkpoint").seq())
}

#[tokio::test]
async fn a_mesh_that_is_far_enough_ahead_is_saved() {
    let log = Watched::new();
    let checkpoints = Checkpoints::new(Arc::new(log.clone()), 5);
    grow(&log, "m", 4).await;
    assert_eq!(invoke(&checkpoints, batch(&[("m", 3), ("m", 4)])).await, all_done());
    assert_eq!(saved(&log, "m").await, None);
    grow(&log, "m", 7).await;
    assert_eq!(invoke(&checkpoints, batch(&[("m", 5), ("m", 6)])).await, all_done());
    assert_eq!(saved(&log, "m").await, Some(7), "everything there is by now is saved");
}

#[tokio::test]
async fn a_batch_that_comes_again_changes_nothing() {
    let log = Watched::new();
    grow(&log, "m", 6).await;
    let checkpoints = Checkpoints::new(Arc::new(log.clone()), 5);
    for _ in 0..2 {
        assert_eq!(invoke(&checkpoints, batch(&[("m", 5), ("m", 6)])).await, all_done());
    }
    assert_eq!(log.asked().iter().filter(|asked| asked.starts_with("save")).count(), 1);
    let other_instance = Checkpoints::new(Arc::new(log.clone()), 5);
    assert_eq!(invoke(&other_instance, batch(&[("m", 5), ("m", 6)])).await, all_done());
    assert_eq!(log.asked(), ["checkpoint of m"]);
    assert_eq!(saved(&log, "m").await, Some(6));
}

#[tokio::test]
async fn a_warm_instance_asks_nothing_about_a_mesh_that_is_not_far_enough() {
    let log = Watched::new();
    grow(&log, "m", 3).await;
    let checkpoints = Checkpoints::new(Arc::new(log.clone()), 5);
    invoke(&checkpoints, batch(&[("m", 1)])).await;
    assert_eq!(log.asked(), ["checkpoint of m"]);
    invoke(&checkpoints, batch(&[("m", 2), ("m", 3)])).await;
    assert!(log.asked().is_empty());
}

#[tokio::test]
async fn what_is_no_event_is_passed_over() {
    let log = Watched::new();
    let checkpoints = Checkpoints::new(Arc::new(log.clone()), 1);
    let keys = [
        json!({ "pk": { "S": "heads" }, "sk": { "S": "123456789012#m" } }),
        keys("checkpoint#123456789012#m", 9),
        keys("mesh", 9),
        keys("mesh#123456789012", 9),
        json!({ "pk": { "S": "mesh#123456789012#m" }, "sk": { "S": "current" } }),
        json!({ "id": { "S": "another table" } }),
        json!({}),
    ];
    assert_eq!(invoke(&checkpoints, batch_of(&keys)).await, all_done());
    assert_eq!(invoke(&checkpoints, json!({ "Records": [] })).await, all_done());
    assert!(log.asked().is_empty());
}

#[tokio::test]
async fn only_what_could_not_be_saved_comes_again() {
    let log = Watched::new();
    for (name, to) in [("a", 3), ("b", 3), ("c", 3)] {
        grow(&log, name, to).await;
    }
    let told = [("a", 2), ("b", 2), ("c", 2), ("b", 3), ("c", 3), ("a", 3)];
    let checkpoints = Checkpoints::new(Arc::new(log.clone()), 2);
    log.fail(Some("b"));
    let answer = invoke(&checkpoints, batch(&told)).await;
    assert_eq!(
        answer,
        json!({ "batchItemFailures": [{ "itemIdentifier": "101" }] }),
        "from the first record about b on"
    );
    log.fail(None);
    assert_eq!((saved(&log, "a").await, saved(&log, "b").await, saved(&log, "c").await), (Some(3), None, Some(3)));
    assert_eq!(invoke(&checkpoints, batch(&told[1..])).await, all_done());
    assert_eq!(saved(&log, "b").await, Some(3));
}
