//! What a change makes stale, and what is forgotten.

use super::*;
use crate::discovery::Registry;
use crate::proxy::Placement;
use crate::world::tests::{entry, key, mesh, node, node_spec, proxy, service};
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
    let id = |name: &str| ResourceId::new(Kind::VirtualNode, name);
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
