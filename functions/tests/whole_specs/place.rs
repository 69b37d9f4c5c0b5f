//! Where in a mesh a resource may be made: each kind, and routes in routers and gateways with no, one and several ports.

use crate::served::Served;
use axum::http::Method;
use mesh_core::strategies::{Neighbour, Surroundings, resource_name, spec};
use mesh_core::{Kind, Spec};
use proptest::prelude::*;
use proptest::strategy::Union;
use serde_json::{Value, json};
use std::fmt;

/// Virtual nodes, routers and gateways of the mesh, with their ports.
const LISTENING: [(&str, &[i64]); 3] = [("none", &[]), ("one", &[8080]), ("two", &[8080, 9090])];

/// Where a resource is made.
#[derive(Clone)]
pub struct Place {
    pub kind: Kind,
    parent: Option<&'static str>,
    around: Surroundings,
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.collection())
    }
}

impl Place {
    pub fn collection(&self) -> String {
        let plural = if self.kind == Kind::Mesh { "meshes".to_owned() } else { format!("{}s", self.kind) };
        match (self.kind, self.kind.parent(), self.parent) {
            (Kind::Mesh, ..) => "/meshes".to_owned(),
            (_, Some(of), Some(parent)) => format!("/meshes/m/{of}/{parent}/{plural}"),
            _ => format!("/meshes/m/{plural}"),
        }
    }

    pub fn item(&self, name: &str) -> String {
        format!("{}/{name}", self.collection())
    }

    /// The body of a create.
    pub fn creation(&self, name: &str, spec: Value) -> Value {
        json!({ format!("{}Name", self.kind): name, "spec": spec })
    }

    /// A name and some specs that are acceptable here.
    fn wish<const N: usize>(self) -> BoxedStrategy<(Self, String, [Spec; N])> {
        let specs = [(); N].map(|()| spec(self.kind, &self.around));
        (Just(self.clone()), resource_name(self.kind), specs).boxed()
    }
}

/// A place, a name for it and some specs that are acceptable there.
pub fn wishes<const N: usize>() -> impl Strategy<Value = (Place, String, [Spec; N])> {
    Union::new(places().into_iter().map(Place::wish))
}

fn places() -> Vec<Place> {
    let of = |kind| Place { kind, parent: None, around: surroundings() };
    let mut places: Vec<_> = Kind::ALL.into_iter().filter(|kind| kind.parent().is_none()).map(of).collect();
    for kind in [Kind::Route, Kind::GatewayRoute] {
        places.extend(LISTENING.map(|(parent, ports)| Place {
            kind,
            parent: Some(parent),
            around: Surroundings { parent_ports: ports.to_vec(), ..surroundings() },
        }));
    }
    places
}

fn surroundings() -> Surroundings {
    let listening = LISTENING.map(|(name, ports)| Neighbour::new(name, ports)).to_vec();
    let services = services().map(|(name, ports, _)| Neighbour::new(name, ports)).to_vec();
    Surroundings {
        virtual_nodes: listening.clone(),
        virtual_routers: listening,
        virtual_services: services,
        ..Surroundings::default()
    }
}

/// Virtual services of the mesh, with the ports of their providers.
fn services() -> [(&'static str, &'static [i64], Value); 4] {
    let node = |name| json!({ "provider": { "virtualNode": { "virtualNodeName": name } } });
    let router = |name| json!({ "provider": { "virtualRouter": { "virtualRouterName": name } } });
    [
        ("nobody.local", &[], json!({})),
        ("none.local", LISTENING[0].1, node("none")),
        ("one.local", LISTENING[1].1, router("one")),
        ("two.local", LISTENING[2].1, node("two")),
    ]
}

/// The API with the mesh `m`, in which all of this is.
pub fn served() -> Served {
    let served = Served::new();
    let create = |path: &str, body: Value| drop(served.ask(Method::PUT, path, Some(&body)).ok());
    create("/meshes", json!({ "meshName": "m" }));
    for kind in [Kind::VirtualNode, Kind::VirtualRouter, Kind::VirtualGateway] {
        for (name, ports) in LISTENING {
            let listener = |port| json!({ "portMapping": { "port": port, "protocol": "http" } });
            let spec = json!({ "listeners": ports.iter().map(listener).collect::<Vec<_>>() });
            create(&format!("/meshes/m/{kind}s"), json!({ format!("{kind}Name"): name, "spec": spec }));
        }
    }
    for (name, _, spec) in services() {
        create("/meshes/m/virtualServices", json!({ "virtualServiceName": name, "spec": spec }));
    }
    served
}
