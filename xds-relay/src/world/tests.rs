//! What is published, to whom, and what is not.

use super::*;
use crate::proxy::Placement;
use crate::snapshot::ResourceType;
use mesh_core::spec::Spec;
use mesh_core::{Caller, Entry, Event, Kind, ResourceId, Timestamp};
use mesh_log::EventLog;
use mesh_log::sqlite::SqliteLog;

const OWNER: &str = "000000000000";

pub(super) fn key() -> MeshKey {
    MeshKey::new(OWNER, "shop")
}

pub(super) fn spec(kind: &str, spec: serde_json::Value) -> Spec {
    serde_json::from_value(serde_json::json!({ kind: spec })).unwrap()
}

pub(super) fn entry(event: Event) -> Entry {
    let caller = Caller { account: OWNER.into(), principal: None };
    Entry { at: Timestamp(1), caller, request: uuid(), event }
}

fn uuid() -> uuid::Uuid {
    uuid::Uuid::nil()
}

pub(super) fn created(resource: ResourceId, spec: Spec) -> Entry {
    let tags = mesh_core::Tags::new();
    entry(Event::Created { resource, uid: uuid(), owner: OWNER.into(), spec, tags, token: None })
}

pub(super) fn mesh() -> Entry {
    created(ResourceId::new(Kind::Mesh, "shop"), spec("mesh", serde_json::json!({})))
}

pub(super) fn node_spec(port: u16, backends: &[&str]) -> Spec {
    let backends: Vec<_> =
        backends.iter().map(|name| serde_json::json!({"virtualService": {"virtualServiceName": name}})).collect();
    spec(
        "virtualNode",
        serde_json::json!({
            "listeners": [{"portMapping": {"port": port, "protocol": "http"}}],
            "serviceDiscovery": {"dns": {"hostname": "node.shop.local"}},
            "backends": backends,
        }),
    )
}

pub(super) fn node(name: &str, backends: &[&str]) -> Entry {
    created(ResourceId::new(Kind::VirtualNode, name), node_spec(8080, backends))
}

pub(super) fn service(name: &str, node: &str) -> Entry {
    let provider = serde_json::json!({"provider": {"virtualNode": {"virtualNodeName": node}}});
    created(ResourceId::new(Kind::VirtualService, name), spec("virtualService", provider))
}

pub(super) fn proxy(node: &str) -> ProxyKey {
    ProxyKey { mesh: key(), id: ResourceId::new(Kind::VirtualNode, node), placement: Placement::Captured }
}

/// A log with the mesh `shop`: `web` calls `cart`, which the node `cart` provides; `lonely` calls nobody.
async fn shop() -> (SqliteLog, World) {
    let log = SqliteLog::in_memory().unwrap();
    let entries = vec![mesh(), node("cart", &[]), service("cart.local", "cart"), node("web", &["cart.local"])];
    log.append(&key(), 0, entries).await.unwrap();
    log.append(&key(), 4, vec![node("lonely", &[])]).await.unwrap();
    let world = World::start(Arc::new(log.clone()));
    world.ready().wait_for(|ready| *ready).await.unwrap();
    (log, world)
}

pub(super) fn names(snapshot: &Snapshot, of: ResourceType) -> Vec<&str> {
    snapshot.of(of).keys().map(AsRef::as_ref).collect()
}

#[tokio::test]
async fn a_proxy_of_nothing_is_refused_by_name() {
    let (_log, world) = shop().await;
    let error = world.connect(proxy("nobody")).await.unwrap_err();
    assert!(error.to_string().contains("mesh/shop/virtualNode/nobody"), "{error}");
}

#[tokio::test]
async fn a_change_reaches_those_it_affects_and_nobody_else() {
    let (log, world) = shop().await;
    let mut web = world.connect(proxy("web")).await.unwrap();
    let lonely = world.connect(proxy("lonely")).await.unwrap();
    let resource = ResourceId::new(Kind::VirtualNode, "cart");
    let update = Event::Updated { resource, spec: node_spec(9090, &[]), token: None };
    log.append(&key(), 5, vec![entry(update)]).await.unwrap();
    web.changed().await.unwrap();
    let after = web.borrow().clone().unwrap();
    assert!(names(&after, ResourceType::Cluster).contains(&"cds_egress_shop_cart_http_9090"), "{after:?}");
    assert_eq!(after.seq, 6);
    assert!(!lonely.has_changed().unwrap());
}

#[tokio::test]
async fn what_did_not_change_is_the_same_shared_resource_as_before() {
    let (log, world) = shop().await;
    let mut web = world.connect(proxy("web")).await.unwrap();
    let before = web.borrow_and_update().clone().unwrap();
    let resource = ResourceId::new(Kind::VirtualNode, "cart");
    let update = Event::Updated { resource, spec: node_spec(9090, &[]), token: None };
    log.append(&key(), 5, vec![entry(update)]).await.unwrap();
    web.changed().await.unwrap();
    let after = web.borrow().clone().unwrap();
    let name = "lds_ingress_0.0.0.0_15000";
    let of = |snapshot: &Snapshot| snapshot.of(ResourceType::Listener)[name].clone();
    assert!(Arc::ptr_eq(&of(&before), &of(&after)));
}

#[tokio::test]
async fn a_change_without_visible_effect_is_not_published() {
    let (log, world) = shop().await;
    let mut web = world.connect(proxy("web")).await.unwrap();
    web.mark_unchanged();
    let cart = ResourceId::new(Kind::VirtualNode, "cart");
    let calls_web = Event::Updated { resource: cart, spec: node_spec(8080, &["web.local"]), token: None };
    log.append(&key(), 5, vec![entry(calls_web)]).await.unwrap();
    while world.snapshot(proxy("cart")).await.unwrap().seq < 6 {
        tokio::task::yield_now().await;
    }
    assert!(!web.has_changed().unwrap());
}

#[tokio::test]
async fn a_deleted_resource_ends_its_snapshots() {
    let (log, world) = shop().await;
    let mut lonely = world.connect(proxy("lonely")).await.unwrap();
    let resource = ResourceId::new(Kind::VirtualNode, "lonely");
    log.append(&key(), 5, vec![entry(Event::Deleted { resource })]).await.unwrap();
    lonely.changed().await.unwrap();
    assert!(lonely.borrow().is_none());
    assert!(world.connect(proxy("lonely")).await.is_err());
}

#[tokio::test]
async fn a_world_started_late_serves_what_a_world_started_early_serves() {
    let (log, early) = shop().await;
    let late = World::start(Arc::new(log));
    late.ready().wait_for(|ready| *ready).await.unwrap();
    let early = early.snapshot(proxy("web")).await.unwrap();
    assert_eq!(early, late.snapshot(proxy("web")).await.unwrap());
}
