//! Snapshots that await instances: when they are published, to whom, and what does not change.

use super::mesh::PATIENCE;
use super::tests::{created, entry, key, mesh, names, proxy, service, spec};
use super::*;
use crate::discovery::{Found, Wanted};
use crate::snapshot::ResourceType;
use futures::future::BoxFuture;
use mesh_core::{Event, Kind, ResourceId, Spec};
use mesh_log::EventLog;
use mesh_log::sqlite::SqliteLog;
use serde_json::json;

const CLUSTER: &str = "cds_egress_shop_cart_http_8080";

pub(super) fn found_by_cloud_map(service: &str) -> Spec {
    let discovery = json!({ "namespaceName": "shop.local", "serviceName": service });
    spec(
        "virtualNode",
        json!({
            "listeners": [{"portMapping": {"port": 8080, "protocol": "http"}}],
            "serviceDiscovery": {"awsCloudMap": discovery},
        }),
    )
}

pub(super) fn caller(backends: &[&str]) -> Spec {
    let backends: Vec<_> =
        backends.iter().map(|name| json!({"virtualService": {"virtualServiceName": name}})).collect();
    spec("virtualNode", json!({ "backends": backends }))
}

fn node(name: &str, spec: Spec) -> mesh_core::Entry {
    created(ResourceId::new(Kind::VirtualNode, name), spec)
}

/// `web` calls `cart.local`, whose node Cloud Map finds; `lonely` calls nobody.
async fn shop(source: &dyn InstanceSource) -> (SqliteLog, World) {
    let log = SqliteLog::in_memory().unwrap();
    let cart = node("cart", found_by_cloud_map("cart"));
    let web = node("web", caller(&["cart.local"]));
    let entries = vec![mesh(), cart, service("cart.local", "cart"), web, node("lonely", caller(&[]))];
    log.append(&key(), 0, entries).await.unwrap();
    let world = World::start_with(Arc::new(log.clone()), None, source);
    world.ready().wait_for(|ready| *ready).await.unwrap();
    (log, world)
}

fn cart() -> Service {
    Service { namespace: "shop.local".into(), service: "cart".into() }
}

fn instance(id: &str, last: u8) -> Instance {
    let ipv4 = Some([10, 0, 0, last].into());
    Instance { id: id.into(), ipv4, ipv6: None, attributes: BTreeMap::new(), healthy: true }
}

/// A source that answers nothing.
#[derive(Debug)]
struct Silent;

impl InstanceSource for Silent {
    fn watch(&self, _: Wanted, found: mpsc::Sender<Found>) -> BoxFuture<'static, ()> {
        Box::pin(async move { found.closed().await })
    }
}

#[tokio::test]
async fn a_proxy_that_connects_is_served_with_its_endpoints() {
    let registry = Registry::default();
    registry.register(cart(), instance("a", 1));
    let (_log, world) = shop(&registry).await;
    let web = world.connect(proxy("web")).await.unwrap();
    let snapshot = web.borrow().clone().unwrap();
    assert_eq!(names(&snapshot, ResourceType::Endpoint), [CLUSTER]);
    assert!(snapshot.not_in_effect.is_empty() && snapshot.warnings.is_empty(), "{snapshot:?}");
}

#[tokio::test]
async fn an_endpoint_change_changes_endpoints_alone_and_for_those_who_need_them() {
    let registry = Registry::default();
    registry.register(cart(), instance("a", 1));
    let (_log, world) = shop(&registry).await;
    let mut web = world.connect(proxy("web")).await.unwrap();
    let lonely = world.connect(proxy("lonely")).await.unwrap();
    let before = web.borrow_and_update().clone().unwrap();

    registry.register(cart(), instance("b", 2));
    web.changed().await.unwrap();
    let after = web.borrow_and_update().clone().unwrap();

    for of in ResourceType::ALL {
        let same = std::ptr::eq(before.of(of), after.of(of));
        assert_eq!(same, of != ResourceType::Endpoint, "{}: the very same, or other endpoints", of.short());
    }
    assert_ne!(before.of(ResourceType::Endpoint)[CLUSTER], after.of(ResourceType::Endpoint)[CLUSTER]);
    assert!(!lonely.has_changed().unwrap());

    registry.register(cart(), instance("again, at the same address", 2));
    registry.register(cart(), instance("c", 3));
    web.changed().await.unwrap();
    assert_eq!(after.seq, web.borrow().clone().unwrap().seq);
}

#[tokio::test]
async fn only_what_connected_proxies_need_is_looked_for() {
    let (log, world) = shop(&Registry::default()).await;
    let lonely = world.connect(proxy("lonely")).await.unwrap();
    assert!(world.instances().await.unwrap().is_empty());
    let mut web = world.connect(proxy("web")).await.unwrap();
    assert_eq!(world.instances().await.unwrap().into_keys().collect::<Vec<_>>(), [cart()]);

    let resource = ResourceId::new(Kind::VirtualNode, "web");
    let update = Event::Updated { resource, spec: caller(&[]), token: None };
    log.append(&key(), 5, vec![entry(update)]).await.unwrap();
    web.changed().await.unwrap();
    while !world.instances().await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    drop(lonely);
}

#[tokio::test]
async fn a_source_that_does_not_answer_keeps_nobody_out_for_long() {
    let (_log, world) = shop(&Silent).await;
    let began = Instant::now();
    let web = world.connect(proxy("web")).await.unwrap();
    assert!(began.elapsed() < 3 * PATIENCE);
    let snapshot = web.borrow().clone().unwrap();
    assert!(names(&snapshot, ResourceType::Cluster).contains(&CLUSTER));
    assert!(names(&snapshot, ResourceType::Endpoint).is_empty(), "an Envoy that has endpoints keeps them");
    assert!(snapshot.warnings[0].contains("not known yet"), "{:?}", snapshot.warnings);
}

#[tokio::test]
async fn a_change_to_other_instances_waits_until_those_are_known() {
    let registry = Registry::default();
    registry.register(cart(), instance("a", 1));
    registry.register(Service { service: "till".into(), ..cart() }, instance("b", 2));
    let (log, world) = shop(&registry).await;
    let mut web = world.connect(proxy("web")).await.unwrap();
    web.mark_unchanged();
    let resource = ResourceId::new(Kind::VirtualNode, "cart");
    let update = Event::Updated { resource, spec: found_by_cloud_map("till"), token: None };
    log.append(&key(), 5, vec![entry(update)]).await.unwrap();
    web.changed().await.unwrap();
    let after = web.borrow_and_update().clone().unwrap();
    assert_eq!(names(&after, ResourceType::Endpoint), [CLUSTER], "never without endpoints");
    assert_eq!(after.awaits[CLUSTER].service.service, "till");
    assert_eq!(after.seq, 6);
}
