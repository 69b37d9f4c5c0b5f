//! Records as items and back.

use super::table::{PK, SK, place, records};
use super::trouble::damaged;
use crate::{AppendError, LogError};
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use mesh_core::{AccountId, Caller, Entry, Event, MeshKey, Record, Seq, Timestamp};
use std::collections::HashMap;
use uuid::Uuid;

/// An item as DynamoDB's client has it.
pub(super) type Item = HashMap<String, AttributeValue>;

/// The shape of events written today.
const EVENT_SCHEMA: u64 = 1;

/// Events up to this many bytes are kept as text that people can read; longer ones compressed.
const READABLE: usize = 64 << 10;

/// What DynamoDB takes as one item: names and values together.
const ITEM: usize = 400 << 10;

/// What a decompressed event may be at most; nothing ever written is longer.
const EVENT: u64 = 64 << 20;

/// A record read, and the last sequence number of the append that it came with.
pub(super) struct Stored {
    pub(super) record: Record,
    pub(super) last: Seq,
}

/// Writes out an entry for its place, or says why an item cannot hold it.
pub(super) fn write(mesh: &MeshKey, seq: Seq, last: Seq, append: Uuid, entry: &Entry) -> Result<Item, AppendError> {
    let unwritable = |error: &dyn std::fmt::Display| LogError::Damaged(format!("event not written: {error}"));
    let event = serde_json::to_string(&entry.event).map_err(|error| unwritable(&error))?;
    let mut item = Item::from([
        (PK.into(), text(records(mesh))),
        (SK.into(), text(place(seq))),
        ("type".into(), text(entry.event.name())),
        ("schema".into(), number(EVENT_SCHEMA)),
        ("at_ms".into(), number(entry.at.0)),
        ("account".into(), text(entry.caller.account.to_string())),
        ("request".into(), text(entry.request.to_string())),
        ("append".into(), text(append.to_string())),
        ("last".into(), number(last)),
    ]);
    if let Some(principal) = &entry.caller.principal {
        item.insert("principal".into(), text(principal.clone()));
    }
    if event.len() <= READABLE {
        item.insert("event".into(), text(event));
    } else {
        let packed = zstd::encode_all(event.as_bytes(), 3).map_err(|error| unwritable(&error))?;
        item.insert("event_zstd".into(), AttributeValue::B(Blob::new(packed)));
    }
    match size(&item) {
        size if size <= ITEM => Ok(item),
        size => Err(AppendError::TooLarge(format!(
            "the event {} would be an item of {size} bytes, and DynamoDB takes {ITEM}",
            entry.event.name()
        ))),
    }
}

/// Reads an item of a mesh.
pub(super) fn read(mesh: &MeshKey, item: &Item) -> Result<Stored, LogError> {
    let named = item.get(SK).and_then(|sk| sk.as_s().ok()).map_or("without a number", String::as_str);
    stored(mesh, item).map_err(|what| damaged(&format!("the record {named} of mesh {mesh}"), &what))
}

fn stored(mesh: &MeshKey, item: &Item) -> Result<Stored, String> {
    let schema = natural(item, "schema")?;
    if schema > EVENT_SCHEMA {
        return Err(format!("has shape {schema}, and this Remesh knows shapes up to {EVENT_SCHEMA}"));
    }
    let seq: Seq = word(item, SK)?.parse().map_err(|_| "has no sequence number for a key")?;
    let principal = item.contains_key("principal").then(|| word(item, "principal")).transpose()?;
    let caller = Caller { account: AccountId::from(word(item, "account")?), principal: principal.map(Into::into) };
    let request = Uuid::parse_str(word(item, "request")?).map_err(|error| format!("holds no request id: {error}"))?;
    let entry = Entry { at: Timestamp(natural(item, "at_ms")?), caller, request, event: event(item)? };
    // One without a last is its append's only one.
    let last = if item.contains_key("last") { natural(item, "last")? } else { seq };
    Ok(Stored { record: Record { mesh: mesh.clone(), seq, entry }, last })
}

fn event(item: &Item) -> Result<Event, String> {
    let parsed = match item.get("event_zstd") {
        Some(packed) => {
            let packed = packed.as_b().map_err(|_| "holds no event")?;
            serde_json::from_slice(&unpack(packed.as_ref()).map_err(|error| format!("holds no event: {error}"))?)
        }
        None => serde_json::from_str(word(item, "event")?),
    };
    parsed.map_err(|error| format!("holds no event: {error}"))
}

fn unpack(packed: &[u8]) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    let mut event = Vec::new();
    zstd::Decoder::new(packed)?.take(EVENT).read_to_end(&mut event)?;
    Ok(event)
}

/// Whether an item was written by this append.
pub(super) fn is_of(item: &Item, append: Uuid) -> bool {
    word(item, "append").is_ok_and(|written| Uuid::parse_str(written) == Ok(append))
}

/// A text attribute.
pub(super) fn word<'a>(item: &'a Item, name: &str) -> Result<&'a str, String> {
    let value = item.get(name).ok_or_else(|| format!("has no {name}"))?;
    value.as_s().map(String::as_str).map_err(|_| format!("has an unreadable {name}"))
}

/// A number attribute.
pub(super) fn natural(item: &Item, name: &str) -> Result<u64, String> {
    let value = item.get(name).ok_or_else(|| format!("has no {name}"))?;
    let digits = value.as_n().map_err(|_| format!("has an unreadable {name}"))?;
    digits.parse().map_err(|_| format!("has an unreadable {name}"))
}

/// Text as an attribute.
pub(super) fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

/// A number as an attribute.
pub(super) fn number(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// What DynamoDB counts for an item, or a little more.
pub(super) fn size(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + weight(value)).sum()
}

fn weight(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::B(bytes) => bytes.as_ref().len(),
        AttributeValue::N(digits) => digits.len() / 2 + 2,
        _ => 1,
    }
}
