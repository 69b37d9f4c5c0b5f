//! What a change makes stale, what waits, and what is forgotten.

use super::*;
use crate::discovery::{Instance, Registry};
use crate::proxy::Placement;
use crate::world::discovery_tests::{caller, found_by_cloud_map};
use crate::world::tests::{created, entry, key, mesh, node, node_spec, proxy, service};
use mesh_core::{Entry, Event, Kind, Spec};

fn workshop() -> Workshop {
    Workshop { translator: Translator::default(), discovery: Discovery::start(&Registry::default()) }
}

fn connect(mesh: &mut Mesh, proxy: &ProxyKey, workshop: &mut Workshop) -> Snapshots {
    match mesh.connect(proxy, false, workshop) {
        Connecting::Now(snapshots) => snapshots,
        Connecting::Wait(services) => panic!("{proxy} waits for {services:?}"),
        Connecting::Unknown => panic!("{proxy} is unknown"),
    }
}

/// A mesh folded from entries, without a task around it.
fn folded(entries: Vec<Entry>) -> Mesh {
    let mut mesh = Mesh::empty(&key());
    for (seq, entry) in (1..).zip(entries) {
        mesh.fold(&Record { mesh: key(), seq, entry }).unwrap();
    }
    mesh
}

fn change(mesh: &mut Mesh, entry: Entry) {
    let seq = mesh.state.seq() + 1;
    mesh.fold(&Record { mesh: key(), seq, entry }).unwrap();
}

fn updated(name: &str, spec: Spec) -> Entry {
    entry(Event::Updated { resource: ResourceId::new(Kind::VirtualNode, name), spec, token: None })
}

#[tokio::test]
async fn what_callers_cannot_see_of_a_node_makes_no_work_for_them() {
    let nodes = vec![mesh(), node("cart", &[]), service("cart.local", "cart"), node("web", &["cart.local"])];
    let (mut mesh, mut workshop) = (folded(nodes), workshop());
    let _watched = ["cart", "web"].map(|name| connect(&mut mesh, &proxy(name), &mut workshop));
    mesh.publish(&mut workshop);
    let before = mesh.services.get(&Name::from("cart.local")).unwrap().clone();
    change(&mut mesh, updated("cart", node_spec(8080, &["stock.local"])));
    assert_eq!(mesh.stale(), BTreeSet::from([id("cart")]));
    assert!(Arc::ptr_eq(&before, mesh.services.get(&Name::from("cart.local")).unwrap()));
    change(&mut mesh, updated("cart", node_spec(9090, &["stock.local"])));
    assert_eq!(mesh.stale(), BTreeSet::from([id("cart"), id("web")]));
}

#[tokio::test]
async fn placements_that_nobody_uses_go_when_another_connects() {
    let (mut mesh, mut workshop) = (folded(vec![mesh(), node("web", &[])]), workshop());
    for last in 2..100 {
        let bind = std::net::IpAddr::from([127, 0, 0, last]);
        connect(&mut mesh, &proxy("web").placed(Placement::Explicit { bind }), &mut workshop);
    }
    assert_eq!(mesh.proxies.values().map(HashMap::len).sum::<usize>(), 1);
    let _stays = connect(&mut mesh, &proxy("web"), &mut workshop);
    let elsewhere = Placement::Explicit { bind: std::net::IpAddr::from([127, 0, 0, 2]) };
    drop(connect(&mut mesh, &proxy("web").placed(elsewhere), &mut workshop));
    let _another = connect(&mut mesh, &proxy("web"), &mut workshop);
    assert_eq!(mesh.proxies.values().map(HashMap::len).sum::<usize>(), 1);
}

#[tokio::test]
async fn views_and_proxies_that_nobody_uses_are_swept_out() {
    let many = 5 * SMALL;
    let mut entries = vec![mesh(), node("kept", &["kept.local"])];
    entries.extend((0..many).map(|number| node(&format!("node-{number}"), &[&format!("service-{number}.local")])));
    let (mut mesh, mut workshop) = (folded(entries), workshop());
    let _watched = connect(&mut mesh, &proxy("kept"), &mut workshop);
    let kept = mesh.services.get(&Name::from("kept.local")).unwrap().clone();
    for number in 0..many {
        let proxy = proxy(&format!("node-{number}"));
        match number % 2 {
            0 => drop(mesh.current(&proxy, &mut workshop).unwrap()),
            _ => drop(connect(&mut mesh, &proxy, &mut workshop)),
        }
        assert!(mesh.services.len() + mesh.proxies.len() <= SMALL, "after {number}");
    }
    assert!(Arc::ptr_eq(&kept, mesh.services.get(&Name::from("kept.local")).unwrap()), "what is used stays the same");
}

#[tokio::test]
async fn a_deleted_mesh_leaves_next_to_nothing() {
    let nodes = vec![mesh(), node("web", &["cart.local"])];
    let (mut mesh, mut workshop) = (folded(nodes), workshop());
    let watched = connect(&mut mesh, &proxy("web"), &mut workshop);
    for resource in [ResourceId::new(Kind::VirtualNode, "web"), ResourceId::new(Kind::Mesh, "shop")] {
        change(&mut mesh, entry(Event::Deleted { resource }));
    }
    mesh.publish(&mut workshop);
    assert!(watched.borrow().is_none());
    assert!(mesh.services.is_empty() && mesh.proxies.is_empty());
}

fn id(name: &str) -> ResourceId {
    ResourceId::new(Kind::VirtualNode, name)
}

fn behind(service: &str) -> Service {
    Service { namespace: "shop.local".into(), service: service.into() }
}

/// `web` calls `cart.local`, whose node Cloud Map finds. A proxy of `web` is connected, and served.
async fn discovering(registry: &Registry) -> (Mesh, Workshop, Snapshots) {
    let cart = created(id("cart"), found_by_cloud_map("cart"));
    let entries = vec![mesh(), cart, service("cart.local", "cart"), node("web", &["cart.local"])];
    let mut mesh = folded(entries);
    let mut workshop = Workshop { translator: Translator::default(), discovery: Discovery::start(registry) };
    look_for(&mut workshop, [behind("cart")]).await;
    let web = connect(&mut mesh, &proxy("web"), &mut workshop);
    (mesh, workshop, web)
}

async fn look_for<const N: usize>(workshop: &mut Workshop, services: [Service; N]) {
    let wanted = BTreeSet::from(services);
    workshop.discovery.want(wanted.clone());
    while !wanted.iter().all(|service| workshop.discovery.knows(service)) {
        workshop.discovery.next().await;
    }
}

fn instance(last: u8) -> Instance {
    let (ipv4, attributes) = (Some([10, 0, 0, last].into()), std::collections::BTreeMap::new());
    Instance { id: last.to_string(), ipv4, ipv6: None, attributes, healthy: true }
}

fn needed(mesh: &Mesh) -> BTreeSet<Service> {
    mesh.needs.services().cloned().collect()
}

#[tokio::test]
async fn a_snapshot_that_waits_is_not_made_again_until_there_is_something_to_publish() {
    let (mut mesh, mut workshop, web) = discovering(&Registry::default()).await;
    change(&mut mesh, updated("cart", found_by_cloud_map("till")));
    mesh.publish(&mut workshop);
    assert!(mesh.holds() && !web.has_changed().unwrap());
    assert_eq!(needed(&mesh), BTreeSet::from([behind("cart"), behind("till")]), "the old one is served meanwhile");

    // Whoever makes a snapshot looks the services up.
    mesh.services.clear();
    change(&mut mesh, node("elsewhere", &[]));
    mesh.publish(&mut workshop);
    mesh.rediscover(&BTreeSet::from([behind("cart")]), &mut workshop);
    assert!(mesh.services.is_empty() && mesh.holds());

    look_for(&mut workshop, [behind("cart"), behind("till")]).await;
    mesh.rediscover(&BTreeSet::from([behind("till")]), &mut workshop);
    assert!(!mesh.holds() && web.has_changed().unwrap());
    assert_eq!(needed(&mesh), BTreeSet::from([behind("till")]));
}

#[tokio::test]
async fn endpoints_still_come_for_the_snapshot_that_is_served_while_another_waits() {
    let registry = Registry::default();
    let (mut mesh, mut workshop, mut web) = discovering(&registry).await;
    change(&mut mesh, updated("cart", found_by_cloud_map("till")));
    mesh.publish(&mut workshop);
    registry.register(behind("cart"), instance(1));
    let found = workshop.discovery.next().await;
    mesh.rediscover(&found, &mut workshop);
    assert!(mesh.holds() && web.has_changed().unwrap());
    let snapshot = web.borrow_and_update().clone().unwrap();
    assert_eq!(services_in(Some(&snapshot)), BTreeSet::from([behind("cart")]));
}

#[tokio::test]
async fn of_a_proxy_that_leaves_while_its_snapshot_waits_nothing_is_left() {
    for publishes in [false, true] {
        let (mut mesh, mut workshop, web) = discovering(&Registry::default()).await;
        change(&mut mesh, updated("cart", found_by_cloud_map("till")));
        mesh.publish(&mut workshop);
        drop(web);
        if publishes {
            change(&mut mesh, updated("cart", found_by_cloud_map("bill")));
            mesh.publish(&mut workshop);
        } else {
            mesh.sweep();
        }
        assert!(!mesh.holds() && needed(&mesh).is_empty() && mesh.proxies.is_empty());
    }
}

#[tokio::test]
async fn a_resource_that_is_deleted_while_its_snapshot_waits_is_gone_at_once() {
    let (mut mesh, mut workshop, web) = discovering(&Registry::default()).await;
    change(&mut mesh, updated("cart", found_by_cloud_map("till")));
    mesh.publish(&mut workshop);
    change(&mut mesh, entry(Event::Deleted { resource: id("web") }));
    mesh.publish(&mut workshop);
    assert!(web.borrow().is_none());
    assert!(!mesh.holds() && needed(&mesh).is_empty() && mesh.proxies.is_empty());
}

#[tokio::test]
async fn who_was_served_without_instances_does_not_wait_for_them_again() {
    let (mut mesh, mut workshop, _web) = discovering(&Registry::default()).await;
    change(&mut mesh, created(id("late"), caller(&["late.local"])));
    change(&mut mesh, created(id("till"), found_by_cloud_map("till")));
    change(&mut mesh, service("late.local", "till"));
    assert!(matches!(mesh.connect(&proxy("late"), false, &mut workshop), Connecting::Wait(_)));
    let Connecting::Now(late) = mesh.connect(&proxy("late"), true, &mut workshop) else { panic!("it has waited") };
    let mut other_port = found_by_cloud_map("till");
    if let Spec::VirtualNode(spec) = &mut other_port {
        Arc::make_mut(spec).listeners[0].port_mapping.port = 9090;
    }
    change(&mut mesh, updated("till", other_port));
    mesh.publish(&mut workshop);
    assert!(!mesh.holds() && late.has_changed().unwrap());
}

#[tokio::test]
async fn a_proxy_placed_elsewhere_needs_what_both_need_until_the_first_is_served_anew() {
    let (mut mesh, mut workshop, web) = discovering(&Registry::default()).await;
    change(&mut mesh, updated("cart", found_by_cloud_map("till")));
    mesh.publish(&mut workshop);
    let elsewhere = proxy("web").placed(Placement::Explicit { bind: std::net::IpAddr::from([127, 0, 0, 2]) });
    let Connecting::Now(_other) = mesh.connect(&elsewhere, true, &mut workshop) else { panic!("it has waited") };
    assert_eq!(needed(&mesh), BTreeSet::from([behind("cart"), behind("till")]));
    look_for(&mut workshop, [behind("cart"), behind("till")]).await;
    mesh.rediscover(&BTreeSet::from([behind("till")]), &mut workshop);
    assert!(!mesh.holds() && web.has_changed().unwrap());
    assert_eq!(needed(&mesh), BTreeSet::from([behind("till")]));
}
