//! What is there to refer to.

use super::number::{between, port};
use super::text::resource_name;
use crate::resource::Kind;
use proptest::prelude::*;
use proptest::sample::select;

/// A resource that others may refer to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbour {
    /// Its name.
    pub name: String,
    /// The ports on which it listens; for a virtual service those of its provider.
    pub ports: Vec<i64>,
}

impl Neighbour {
    /// A resource that listens on these ports.
    pub fn new(name: impl Into<String>, ports: &[i64]) -> Self {
        Self { name: name.into(), ports: ports.to_vec() }
    }
}

/// What a mesh has that a spec may refer to. Where it has nothing of a kind, a reference is to anything.
///
/// Backends of virtual nodes name any services: those need not exist (§13.7).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// Its virtual nodes.
    pub virtual_nodes: Vec<Neighbour>,
    /// Its virtual routers.
    pub virtual_routers: Vec<Neighbour>,
    /// Its virtual services.
    pub virtual_services: Vec<Neighbour>,
    /// The ports of the router or gateway in which a route is to be.
    pub parent_ports: Vec<i64>,
}

impl Surroundings {
    /// A virtual node and the port of it, as a route names them.
    pub(super) fn virtual_node(&self) -> BoxedStrategy<(String, Option<i64>)> {
        one_of(&self.virtual_nodes, Kind::VirtualNode)
    }

    /// A virtual router.
    pub(super) fn virtual_router(&self) -> BoxedStrategy<String> {
        one_of(&self.virtual_routers, Kind::VirtualRouter).prop_map(|(name, _)| name).boxed()
    }

    /// A virtual service and the port of it, as a gateway route names them.
    pub(super) fn virtual_service(&self) -> BoxedStrategy<(String, Option<i64>)> {
        one_of(&self.virtual_services, Kind::VirtualService)
    }

    /// The port of the router or gateway.
    pub(super) fn parent_port(&self) -> BoxedStrategy<Option<i64>> {
        one_port_of(&self.parent_ports)
    }
}

fn one_of(neighbours: &[Neighbour], kind: Kind) -> BoxedStrategy<(String, Option<i64>)> {
    if neighbours.is_empty() {
        return (resource_name(kind), one_port_of(&[])).boxed();
    }
    let with_port = |Neighbour { name, ports }: Neighbour| (Just(name), one_port_of(&ports));
    select(neighbours.to_vec()).prop_flat_map(with_port).boxed()
}

/// A port to choose (§13.10): any where there are none, the one there is or none, one of several.
fn one_port_of(ports: &[i64]) -> BoxedStrategy<Option<i64>> {
    match ports {
        [] => proptest::option::of(port()).boxed(),
        [port] => proptest::option::of(between(*port..=*port)).boxed(),
        several => select(several.to_vec()).prop_map(Some).boxed(),
    }
}
