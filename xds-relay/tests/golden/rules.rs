//! What holds for every mesh, however odd.

use super::mesh_file::{MeshFile, Views, cases, proxies};
use super::random;
use super::references::{Decoded, NetworkFilter, routes_of};
use mesh_core::view::NodeView;
use mesh_core::{Kind, ResourceId};
use proptest::prelude::*;
use std::collections::HashSet;
use std::sync::Arc;
use xds_relay::snapshot::{ResourceType, Snapshot};
use xds_relay::translate::Translator;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_mesh_gives_snapshots_that_are_whole(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let mesh = random::mesh(&bytes);
        for snapshot in translated(&mesh) {
            whole(&snapshot);
            in_plain_text_only_where_allowed(&mesh, &snapshot);
        }
    }

    #[test]
    fn equal_meshes_give_equal_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let mesh = random::mesh(&bytes);
        prop_assert_eq!(translated(&mesh), translated(&mesh));
    }

    #[test]
    fn what_is_remembered_changes_nothing(one in proptest::collection::vec(any::<u8>(), 0..400), other in any::<[u8; 64]>()) {
        let (one, other) = (random::mesh(&one), random::mesh(&other));
        let mut translator = Translator::default();
        for mesh in [&one, &other, &one, &other] {
            prop_assert_eq!(translated_by(&mut translator, mesh), translated(mesh));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_mesh_of_whole_specs_gives_snapshots_that_are_whole(mesh in super::whole::mesh()) {
        let snapshots = translated(&mesh);
        for snapshot in &snapshots {
            whole(snapshot);
            in_plain_text_only_where_allowed(&mesh, snapshot);
        }
        prop_assert_eq!(translated(&mesh), snapshots);
    }
}

#[test]
fn every_case_gives_snapshots_that_are_whole() {
    cases().iter().flat_map(|folder| translated(&MeshFile::read(folder))).for_each(|snapshot| whole(&snapshot));
}

#[test]
fn proxies_and_successive_snapshots_share_what_is_equal() {
    let mesh = MeshFile::read(&cases()[0]);
    let (state, mut views, mut translator) = (mesh.state(), Views::default(), Translator::default());
    for proxy in proxies(&state) {
        let view: NodeView = views.of(&state, &proxy);
        let (once, again) =
            (translator.translate(&view, &mesh.placement()), translator.translate(&view, &mesh.placement()));
        once.iter().zip(again.iter()).for_each(|(one, other)| assert!(Arc::ptr_eq(one, other), "{one:?}"));
    }
}

/// Applications are on 127.0.0.1: a listener there, or on every address, would bring its own connections to itself.
#[test]
fn no_sidecar_is_called_where_its_application_listens() {
    let case = cases().into_iter().find(|folder| folder.ends_with("explicit-placement")).unwrap();
    let mut mesh = MeshFile::read(&case);
    for (bind, called) in [("127.0.0.11", true), ("127.0.0.1", false), ("0.0.0.0", false), ("::", false)] {
        mesh.bind = Some(bind.parse().unwrap());
        let (state, mut views, mut translator) = (mesh.state(), Views::default(), Translator::default());
        for proxy in proxies(&state) {
            let gateway = proxy.kind == Kind::VirtualGateway;
            let view = views.of(&state, &proxy);
            let listens = matches!(&view, NodeView::Sidecar(view) if !view.spec.listeners.is_empty());
            let snapshot = translator.translate(&view, &mesh.placement());
            let ingress = snapshot.of(ResourceType::Listener).keys().any(|name| name.starts_with("lds_ingress_"));
            assert_eq!(ingress, gateway || (listens && called), "{proxy} on {bind}");
            let warned = snapshot.warnings.iter().any(|warning| warning.contains("would call itself"));
            assert_eq!(warned, !gateway && !called, "{proxy} on {bind}: {:?}", snapshot.warnings);
            whole(&snapshot);
        }
    }
}

/// A gateway on every address calls itself on loopback, and the world cannot skip its first hop.
#[test]
fn a_gateways_second_hop_is_never_on_every_address() {
    let mut mesh = MeshFile::read(&cases()[0]);
    mesh.virtual_gateways =
        [("edge".into(), serde_json::json!({"listeners": [{"portMapping": {"port": 8088, "protocol": "http"}}]}))]
            .into();
    for (bind, own) in [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::", "::1"), ("10.0.0.1", "10.0.0.1")] {
        mesh.bind = Some(bind.parse().unwrap());
        let (state, mut views, mut translator) = (mesh.state(), Views::default(), Translator::default());
        let proxy = ResourceId::new(Kind::VirtualGateway, "edge");
        let snapshot = translator.translate(&views.of(&state, &proxy), &mesh.placement());
        let decoded = Decoded::of(&snapshot);
        let second = decoded.listeners.iter().find(|one| one.name.ends_with("_15001")).unwrap();
        let itself = decoded.clusters.iter().find(|one| one.name.contains("self_redirect")).unwrap();
        assert!(format!("{:?}", second.address).contains(&format!("{own:?}")), "{bind}: {:?}", second.address);
        let called = format!("{:?}", itself.load_assignment);
        assert!(called.contains(&format!("{own:?}")), "{bind}: {called}");
    }
}

fn translated(mesh: &MeshFile) -> Vec<Snapshot> {
    translated_by(&mut Translator::default(), mesh)
}

fn translated_by(translator: &mut Translator, mesh: &MeshFile) -> Vec<Snapshot> {
    let (state, mut views) = (mesh.state(), Views::default());
    proxies(&state).iter().map(|proxy| translator.translate(&views.of(&state, proxy), &mesh.placement())).collect()
}

fn whole(snapshot: &Snapshot) {
    let decoded = Decoded::of(snapshot);
    for filter in decoded.filters() {
        if let NetworkFilter::Http(manager) = filter {
            assert!(snapshot.of(ResourceType::Route).contains_key(routes_of(&manager)), "{}", routes_of(&manager));
        }
    }
    for cluster in decoded.called() {
        assert!(snapshot.of(ResourceType::Cluster).contains_key(&*cluster), "{cluster} is called and not there");
    }
    for cluster in decoded.clusters.iter().filter(|cluster| Decoded::by_eds(cluster)) {
        assert!(snapshot.awaits.contains_key(&*cluster.name), "nobody looks for the endpoints of {}", cluster.name);
    }
    distinct(&decoded);
}

/// Envoy refuses two chains with one match and two virtual hosts with one domain.
fn distinct(decoded: &Decoded) {
    for listener in &decoded.listeners {
        assert!(!listener.filter_chains.is_empty(), "{} takes nothing", listener.name);
        let matches = listener.filter_chains.iter().map(|chain| format!("{:?}", chain.filter_chain_match));
        all_different(matches);
    }
    all_different(decoded.listeners.iter().map(|listener| format!("{:?}", listener.address)));
    for table in &decoded.routes {
        let hosts = table.virtual_hosts.iter();
        all_different(hosts.flat_map(|host| &host.domains).map(|domain| domain.to_ascii_lowercase()));
    }
}

fn all_different(items: impl Iterator<Item = String>) {
    let mut seen = HashSet::new();
    items.for_each(|item| assert!(seen.insert(item.clone()), "twice: {item}"));
}

/// A virtual node whose listener asks for TLS has no endpoints in anybody's cluster of that listener.
fn in_plain_text_only_where_allowed(mesh: &MeshFile, snapshot: &Snapshot) {
    for cluster in &Decoded::of(snapshot).clusters {
        let endpoints = cluster.load_assignment.as_ref().map_or(0, |assignment| assignment.endpoints.len());
        let asks = |(name, spec): (&String, &serde_json::Value)| {
            spec["listeners"].as_array().into_iter().flatten().any(|listener| {
                let mapping = &listener["portMapping"];
                let name = format!("shop_{name}_{}_{}", mapping["protocol"].as_str().unwrap(), mapping["port"]);
                let first = first_on(spec, mapping) == Some(listener);
                first
                    && listener["tls"]["mode"].as_str().is_some_and(|mode| mode != "DISABLED")
                    && cluster.name == format!("cds_egress_{name}")
            })
        };
        assert!(endpoints == 0 || !mesh.virtual_nodes.iter().any(asks), "{} in plain text", cluster.name);
    }
}

fn first_on<'s>(spec: &'s serde_json::Value, mapping: &serde_json::Value) -> Option<&'s serde_json::Value> {
    spec["listeners"].as_array()?.iter().find(|listener| listener["portMapping"]["port"] == mapping["port"])
}
