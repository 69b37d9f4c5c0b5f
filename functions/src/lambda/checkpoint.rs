//! Checkpoints, made where the table's stream tells of changes.
//!
//! A batch of the stream says how far meshes have got; one that is far enough ahead of its checkpoint is loaded and saved
//! anew. A batch may come twice, late, or together with another: an older checkpoint never replaces a newer one, so
//! nothing has to be remembered about batches. What cannot be saved now is handed back, and Lambda brings it again.

use aws_lambda_events::event::dynamodb::{Event, EventRecord};
use aws_lambda_events::event::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use mesh_core::{MeshKey, Seq};
use mesh_log::dynamo::mesh_of;
use mesh_log::{Checkpointer, EventLog, LogError};
use serde_dynamo::AttributeValue;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::Mutex;

/// Saves checkpoints of the meshes that batches tell of.
pub struct Checkpoints(Mutex<Checkpointer>);

/// What a batch says about one mesh.
struct Moved {
    /// The last record of it.
    head: Seq,
    /// The stream's number of the first record of it: where the stream begins again if the mesh cannot be saved.
    first: Option<String>,
    /// How many of the batch's records come before that one.
    at: usize,
}

impl Checkpoints {
    /// Saves a checkpoint of a mesh when it is `every` records ahead of its last one.
    pub fn new(log: Arc<dyn EventLog>, every: u64) -> Self {
        Self(Mutex::new(Checkpointer::new(log, every)))
    }

    /// Saves what has to be saved after a batch, and answers where the stream is to begin again, if anywhere.
    pub async fn save(&self, batch: Event) -> DynamoDbEventResponse {
        let mut checkpointer = self.0.lock().await;
        let mut again: Option<Moved> = None;
        for (mesh, moved) in moved(&batch) {
            match checkpointer.reached(&mesh, moved.head).await {
                Ok(()) => {}
                Err(error @ LogError::Damaged(_)) => {
                    // Once more would help as little, and hold up every other mesh of this shard.
                    tracing::error!(mesh.name = %mesh.name, %error, "no checkpoint of this mesh");
                }
                Err(error) => {
                    tracing::warn!(mesh.name = %mesh.name, %error, "the checkpoint of this mesh waits");
                    again = again.filter(|earlier| earlier.at < moved.at).or(Some(moved));
                }
            }
        }
        response(again)
    }
}

/// The meshes of a batch. Heads and checkpoints change in the same table and are passed over, the latter above all:
/// otherwise a checkpoint would be told of itself.
fn moved(batch: &Event) -> BTreeMap<MeshKey, Moved> {
    let mut meshes: BTreeMap<MeshKey, Moved> = BTreeMap::new();
    for (at, record) in batch.records.iter().enumerate() {
        let Some((mesh, seq)) = position(record) else { continue };
        let first = || Moved { head: seq, first: record.change.sequence_number.clone(), at };
        let moved = meshes.entry(mesh).or_insert_with(first);
        moved.head = moved.head.max(seq);
    }
    meshes
}

/// Which mesh got how far, if that is what a record of the stream tells.
fn position(record: &EventRecord) -> Option<(MeshKey, Seq)> {
    let key = |name: &str| match record.change.keys.get(name) {
        Some(AttributeValue::S(text)) => Some(text.as_str()),
        _ => None,
    };
    Some((mesh_of(key("pk")?)?, key("sk")?.parse().ok()?))
}

/// Lambda begins again at the first of what is named, so one is enough. The whole batch comes again where the record has
/// no number to name.
fn response(again: Option<Moved>) -> DynamoDbEventResponse {
    let mut response = DynamoDbEventResponse::default();
    if let Some(moved) = again {
        let mut failure = DynamoDbBatchItemFailure::default();
        failure.item_identifier = Some(moved.first.unwrap_or_default());
        response.batch_item_failures.push(failure);
    }
    response
}
