//! Checkpoints: one item where that is enough, else pieces that one item names.
//!
//! The pieces are written first, under an id of their own, and the item `current` then moves from the old ones to them in
//! one step; so a reader finds the old checkpoint or the new one, whole, whoever else saves at the same time.

use super::DynamoLog;
use super::item::{Item, natural, number, text, word};
use super::table::{CURRENT, PK, SK, checkpoints, place};
use super::trouble::unavailable;
use crate::{Checkpoint, LogError};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use futures::{StreamExt, TryStreamExt, stream};
use mesh_core::{MeshKey, Seq};
use uuid::Uuid;

/// How much of a checkpoint one item holds: below DynamoDB's 400 KB, with room for everything else in it.
const PIECE: usize = 350 << 10;

/// How many pieces are asked for at a time.
const ABREAST: usize = 8;

/// How often a reader starts again because what it was reading was replaced.
const TRIES: u32 = 5;

/// The newest checkpoint; `None` where there is none that can be put together.
pub(super) async fn newest(log: &DynamoLog, mesh: &MeshKey) -> Result<Option<Checkpoint>, LogError> {
    for _ in 0..TRIES {
        let Some(current) = get(log, mesh, CURRENT).await? else { return Ok(None) };
        // One that somebody has spoilt is none: it can be made again (law 7).
        let Ok(named) = Named::read(&current) else { return Ok(None) };
        if let Some(data) = named.data(log, mesh, &current).await? {
            return Ok(Some(Checkpoint { mesh: mesh.clone(), seq: named.seq, form: named.form, data }));
        }
    }
    Ok(None)
}

/// Keeps a checkpoint, unless a later one is kept.
pub(super) async fn save(log: &DynamoLog, checkpoint: Checkpoint) -> Result<(), LogError> {
    let Checkpoint { mesh, seq, form, data } = checkpoint;
    let mut current = Item::from([
        (PK.into(), text(checkpoints(&mesh))),
        (SK.into(), text(CURRENT)),
        ("seq".into(), number(seq)),
        ("form".into(), number(form.into())),
    ]);
    if data.len() <= PIECE {
        current.insert("data".into(), AttributeValue::B(Blob::new(data)));
        replace(log, &mesh, seq, current).await?;
    } else {
        let id = Uuid::new_v4();
        let pieces = save_pieces(log, &mesh, seq, id, &data).await?;
        current.extend([("pieces".to_owned(), number(pieces)), ("id".to_owned(), text(id.to_string()))]);
        if !replace(log, &mesh, seq, current).await? {
            delete(log, &mesh, (0..pieces).map(|piece| sort_key(seq, id, piece))).await;
        }
    }
    Ok(())
}

async fn save_pieces(log: &DynamoLog, mesh: &MeshKey, seq: Seq, id: Uuid, data: &[u8]) -> Result<u64, LogError> {
    let mut pieces = 0;
    for piece in data.chunks(PIECE) {
        let put = log.client.put_item().table_name(&*log.table);
        let put = put.item(PK, text(checkpoints(mesh))).item(SK, text(sort_key(seq, id, pieces)));
        let put = put.item("data", AttributeValue::B(Blob::new(piece)));
        put.send().await.map_err(|error| unavailable("PutItem of a checkpoint", &error))?;
        pieces += 1;
    }
    Ok(pieces)
}

/// Puts the item that says which is the newest; answers whether it is. Then nobody needs the pieces of the one before.
async fn replace(log: &DynamoLog, mesh: &MeshKey, seq: Seq, current: Item) -> Result<bool, LogError> {
    let id = word(&current, "id").map(str::to_owned).ok();
    let put = log.client.put_item().table_name(&*log.table).set_item(Some(current));
    let put = put.condition_expression("attribute_not_exists(pk) OR seq <= :seq OR attribute_not_exists(seq)");
    let put = put.expression_attribute_values(":seq", number(seq));
    match put.send().await {
        Ok(_) => {
            sweep(log, mesh, seq, id.as_deref()).await;
            Ok(true)
        }
        Err(error) if error.as_service_error().is_some_and(PutItemError::is_conditional_check_failed_exception) => {
            Ok(false)
        }
        Err(error) => Err(unavailable("PutItem of a checkpoint", &error)),
    }
}

/// Deletes the pieces of earlier checkpoints, also of those that were never finished. Best effort: what stays costs a
/// little storage until the next time.
async fn sweep(log: &DynamoLog, mesh: &MeshKey, seq: Seq, kept: Option<&str>) {
    let mut from = None;
    loop {
        let asked = log.client.query().table_name(&*log.table).projection_expression("pk, sk");
        let asked = asked.key_condition_expression("pk = :checkpoints AND sk < :next");
        let asked = asked.expression_attribute_values(":checkpoints", text(checkpoints(mesh)));
        let asked = asked.expression_attribute_values(":next", text(place(seq.saturating_add(1))));
        let Ok(found) = asked.set_exclusive_start_key(from).send().await else { return };
        let keys = found.items().iter().filter_map(|item| word(item, SK).ok());
        let old = keys.filter(|key| kept.is_none_or(|id| !key.contains(id))).map(str::to_owned);
        delete(log, mesh, old).await;
        // A page is a megabyte of what is stored, whatever is asked of it: three pieces.
        from = found.last_evaluated_key;
        if from.is_none() {
            return;
        }
    }
}

async fn delete(log: &DynamoLog, mesh: &MeshKey, keys: impl Iterator<Item = String>) {
    for key in keys {
        let delete = log.client.delete_item().table_name(&*log.table);
        if let Err(error) = delete.key(PK, text(checkpoints(mesh))).key(SK, text(key)).send().await {
            tracing::debug!(%error, "an old piece of a checkpoint stays");
        }
    }
}

/// What the item `current` says.
struct Named {
    seq: Seq,
    form: u32,
    pieces: Option<(Uuid, u64)>,
}

impl Named {
    fn read(current: &Item) -> Result<Self, String> {
        let form = u32::try_from(natural(current, "form")?).map_err(|_| "has a form beyond reason")?;
        let pieces = match word(current, "id") {
            Ok(id) => Some((Uuid::parse_str(id).map_err(|error| error.to_string())?, natural(current, "pieces")?)),
            Err(_) => None,
        };
        Ok(Self { seq: natural(current, "seq")?, form, pieces })
    }

    /// The bytes; `None` where a piece is missing, because the checkpoint was replaced or spoilt.
    async fn data(&self, log: &DynamoLog, mesh: &MeshKey, current: &Item) -> Result<Option<Vec<u8>>, LogError> {
        let Some((id, pieces)) = self.pieces else { return Ok(bytes(current)) };
        let asked =
            stream::iter(0..pieces).map(|piece| async move { get(log, mesh, &sort_key(self.seq, id, piece)).await });
        let found: Vec<Option<Item>> = asked.buffered(ABREAST).try_collect().await?;
        let data: Option<Vec<Vec<u8>>> = found.iter().map(|piece| bytes(piece.as_ref()?)).collect();
        Ok(data.map(|pieces| pieces.concat()))
    }
}

fn bytes(item: &Item) -> Option<Vec<u8>> {
    Some(item.get("data")?.as_b().ok()?.clone().into_inner())
}

fn sort_key(seq: Seq, id: Uuid, piece: u64) -> String {
    format!("{}#{id}#{piece:05}", place(seq))
}

async fn get(log: &DynamoLog, mesh: &MeshKey, sort_key: &str) -> Result<Option<Item>, LogError> {
    let asked = log.client.get_item().table_name(&*log.table).consistent_read(true);
    let asked = asked.key(PK, text(checkpoints(mesh))).key(SK, text(sort_key));
    Ok(asked.send().await.map_err(|error| unavailable("GetItem of a checkpoint", &error))?.item)
}
