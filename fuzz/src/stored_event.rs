//! Any bytes as what a log holds: records as JSON, one after the other, read as the logs read them.
//!
//! What must hold: a record that loads is written again to one that loads equal. It folds or it does not, and where it
//! does not the mesh is as it was. A mesh into which it was folded is the same after a checkpoint, and every proxy of it
//! has a view. Nothing panics: what is in a log stays there, and would panic at every start.
//!
//! `mesh/core/tests/events.rs` asks the same of every stored sample and of everything that was found.

use mesh_core::view::{affected, node_view, service_view};
use mesh_core::{Entry, Kind, MeshKey, MeshState, Record, ResourceId};
use serde_json::{Value, json};

thread_local! {
    static SMALL_MESH: MeshState = small_mesh();
}

/// Reads records, and folds each of them: as it is, and as the next one of a small mesh.
///
/// # Panics
///
/// When something does not hold.
pub fn check(bytes: &[u8]) {
    let mut state = SMALL_MESH.with(MeshState::clone);
    for record in serde_json::Deserializer::from_slice(bytes).into_iter::<Record>() {
        let Ok(record) = record else { return };
        let text = serde_json::to_vec(&record).expect("a record that was read is written");
        assert_eq!(serde_json::from_slice::<Record>(&text).expect("what was written loads"), record);
        fold(&mut state.clone(), &record);
        let next = Record { mesh: state.key().clone(), seq: state.seq() + 1, ..record };
        fold(&mut state, &next);
    }
}

fn fold(state: &mut MeshState, record: &Record) {
    let before = state.clone();
    let touched = affected(&before, &record.entry.event);
    match state.apply(record) {
        Ok(()) => assert_eq!(state.seq(), before.seq() + 1),
        Err(error) => {
            assert_eq!(*state, before, "{error}");
            return;
        }
    }
    let saved = serde_json::to_vec(state).expect("a checkpoint");
    assert_eq!(serde_json::from_slice::<MeshState>(&saved).expect("the checkpoint again"), *state);
    drop(touched);
    look(state);
}

/// Every proxy's view; it is there while its resource is.
fn look(state: &MeshState) {
    for resource in state.resources() {
        let view = node_view(state, &resource.id, |name| service_view(state, name).into());
        assert!(view.is_none() || matches!(resource.id.kind, Kind::VirtualNode | Kind::VirtualGateway));
    }
}

/// A mesh in which things refer to each other, in the names that the stored samples have.
fn small_mesh() -> MeshState {
    let mut state = MeshState::new(MeshKey::new("111122223333", "shop"));
    let weighted = json!({ "weightedTargets": [{ "virtualNode": "cart-v1", "weight": 1 }] });
    let target = json!({ "target": { "virtualService": { "virtualServiceName": "cart.shop.local" } } });
    let all = json!({ "prefix": "/" });
    let listeners = json!({ "listeners": [{ "portMapping": { "port": 8080, "protocol": "http" } }] });
    let provider = json!({ "provider": { "virtualRouter": { "virtualRouterName": "cart" } } });
    for (id, spec) in [
        (ResourceId::new(Kind::Mesh, "shop"), json!({})),
        (ResourceId::new(Kind::VirtualNode, "cart-v1"), listeners.clone()),
        (ResourceId::new(Kind::VirtualRouter, "cart"), listeners.clone()),
        (
            ResourceId::child(Kind::Route, "cart", "all"),
            json!({ "httpRoute": { "match": all.clone(), "action": weighted } }),
        ),
        (ResourceId::new(Kind::VirtualService, "cart.shop.local"), provider),
        (ResourceId::new(Kind::VirtualGateway, "edge"), listeners),
        (
            ResourceId::child(Kind::GatewayRoute, "edge", "all"),
            json!({ "httpRoute": { "match": all, "action": target } }),
        ),
    ] {
        let record = created(&state, &id, spec);
        state.apply(&record).expect("the small mesh folds");
    }
    state
}

fn created(state: &MeshState, id: &ResourceId, spec: Value) -> Record {
    let uid = "01935f1e-7c00-7000-8000-000000000001";
    let spec = json!({ id.kind.as_str(): spec });
    let event = json!({ "created": { "resource": id, "uid": uid, "owner": "111122223333", "spec": spec } });
    let entry = json!({ "at": 1, "caller": { "account": "111122223333" }, "request": uid, "event": event });
    let entry: Entry = serde_json::from_value(entry).expect("an entry");
    Record { mesh: state.key().clone(), seq: state.seq() + 1, entry }
}
