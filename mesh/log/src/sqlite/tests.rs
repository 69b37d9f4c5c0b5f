//! What only this crate can see: records as rows, rows that are spoilt, commits that fail.

mod codec;
mod failing;
mod spoilt;

use mesh_core::{AccountId, Caller, Entry, Event, Kind, MeshKey, ResourceId, Timestamp};
use uuid::Uuid;

fn mesh(name: &str) -> MeshKey {
    MeshKey::new("123456789012", name)
}

/// An entry about as long as this.
fn entry(length: usize) -> Entry {
    let event = Event::Tagged {
        resource: ResourceId::new(Kind::VirtualNode, "cart"),
        tags: [("note".to_owned(), "x".repeat(length))].into(),
    };
    let caller = Caller { account: AccountId::from("123456789012"), principal: None };
    Entry { at: Timestamp(1), caller, request: Uuid::from_u128(1), event }
}
