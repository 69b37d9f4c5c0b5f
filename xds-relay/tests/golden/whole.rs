//! Meshes of whole specs: every argument App Mesh has, as odd as the rules let it be, and together. What the rules take
//! must make snapshots that are whole, and Envoy must take it: it refuses the good beside the bad.

use super::mesh_file::MeshFile;
use mesh_core::strategies::{Neighbour, Surroundings, spec};
use mesh_core::{Kind, Spec};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;
use std::collections::BTreeMap;

const NODES: [&str; 3] = ["a", "b", "c"];
const ROUTERS: [&str; 2] = ["q", "r"];
const SERVICES: [&str; 4] = ["s.local", "t.local", "u.local", "v.local"];
const GATEWAY: &str = "g";

/// A mesh in which everything refers to what is there, and chooses among the ports that it has.
pub fn mesh() -> BoxedStrategy<MeshFile> {
    let backends = Surroundings {
        virtual_services: SERVICES.map(|name| Neighbour::new(name, &[])).to_vec(),
        ..Surroundings::default()
    };
    let listening = (
        specs(Kind::Mesh, &backends, 1),
        specs(Kind::VirtualNode, &backends, NODES.len()),
        specs(Kind::VirtualRouter, &backends, ROUTERS.len()),
        specs(Kind::VirtualGateway, &backends, 1),
    );
    listening
        .prop_flat_map(|(mesh, nodes, routers, gateways)| {
            let file = MeshFile {
                mesh: json(&mesh[0]),
                virtual_nodes: named(&NODES, &nodes),
                virtual_routers: named(&ROUTERS, &routers),
                virtual_gateways: named(&[GATEWAY], &gateways),
                ..MeshFile::default()
            };
            let around = surroundings(&nodes, &routers);
            let routes = routers.iter().map(|router| vec(spec(Kind::Route, &within(&around, router)), 0..4));
            let routes = routes.collect::<Vec<_>>();
            let services = specs(Kind::VirtualService, &around, SERVICES.len());
            let gateway_routes = vec(spec(Kind::GatewayRoute, &within(&around, &gateways[0])), 0..5);
            (Just(file), routes, services, gateway_routes)
        })
        .prop_map(|(file, routes, services, gateway_routes)| MeshFile {
            routes: ROUTERS.iter().zip(&routes).flat_map(|(router, specs)| children(router, specs)).collect(),
            virtual_services: named(&SERVICES, &services),
            gateway_routes: children(GATEWAY, &gateway_routes).collect(),
            ..file
        })
        .boxed()
}

fn specs(kind: Kind, around: &Surroundings, count: usize) -> BoxedStrategy<Vec<Spec>> {
    vec(spec(kind, around), count).boxed()
}

/// What routes may refer to. The ports of a service are its provider's, which is chosen beside them: none is named.
fn surroundings(nodes: &[Spec], routers: &[Spec]) -> Surroundings {
    let listening = |names: &[&str], specs: &[Spec]| {
        names.iter().zip(specs).map(|(name, spec)| Neighbour::new(*name, &ports(spec))).collect::<Vec<_>>()
    };
    Surroundings {
        virtual_nodes: listening(&NODES, nodes),
        virtual_routers: listening(&ROUTERS, routers),
        virtual_services: SERVICES.map(|name| Neighbour::new(name, &[])).to_vec(),
        parent_ports: Vec::new(),
    }
}

fn within(around: &Surroundings, parent: &Spec) -> Surroundings {
    Surroundings { parent_ports: ports(parent), ..around.clone() }
}

fn ports(spec: &Spec) -> Vec<i64> {
    match spec {
        Spec::VirtualNode(spec) => spec.listeners.iter().map(|listener| listener.port_mapping.port).collect(),
        Spec::VirtualRouter(spec) => spec.ports().map(|mapping| mapping.port).collect(),
        Spec::VirtualGateway(spec) => spec.listeners.iter().map(|listener| listener.port_mapping.port).collect(),
        _ => Vec::new(),
    }
}

fn named(names: &[&str], specs: &[Spec]) -> BTreeMap<String, Value> {
    names.iter().zip(specs).map(|(name, spec)| ((*name).to_owned(), json(spec))).collect()
}

fn children(parent: &str, specs: &[Spec]) -> impl Iterator<Item = (String, Value)> {
    specs.iter().enumerate().map(move |(index, spec)| (format!("{parent}/{index}"), json(spec)))
}

/// A spec as a mesh is written down. What is logged goes where a test's log goes: Envoy opens what it is told to.
fn json(spec: &Spec) -> Value {
    let mut json = serde_json::to_value(spec).unwrap()[spec.kind().as_str()].take();
    if let Some(path) = json.pointer_mut("/logging/accessLog/file/path") {
        *path = "/dev/stdout".into();
    }
    json
}
