//! Whole specs by chance, for property tests of every crate (feature `strategies`).
//!
//! What comes out is acceptable: it keeps every rule of [`crate::rules`], and where it refers to something it refers to
//! what its [`Surroundings`] have. Every member, every member of a union and every value of an enumeration comes; numbers,
//! lists and texts come with the bounds themselves more often than chance would have it, and text that is free is
//! written in any script. `tests/whole_specs.rs` holds the strategies to all of it.
//!
//! The files below mirror those of [`crate::spec`]. They repeat the rules the other way round and on purpose do not ask
//! them: a strategy that left out what a rule refuses would never find a rule that refuses too much.

mod discovery;
mod event;
mod expression;
mod gateway_route;
mod listener;
mod logging;
mod matching;
mod number;
mod route;
mod surroundings;
mod text;
mod tls;
mod virtual_gateway;
mod virtual_node;
mod virtual_router;
mod virtual_service;

pub use event::{entry, event, record, resource_id, tags};
pub use surroundings::{Neighbour, Surroundings};
pub use text::resource_name;

use crate::resource::Kind;
use crate::spec::{
    EgressFilter, EgressFilterType, IpPreference, MeshServiceDiscovery, MeshSpec, PortMapping, PortProtocol, Spec,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::Union;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// A strategy for a structure: one for each of its members. One that is forgotten does not compile.
macro_rules! structure {
    ($name:ident { $($member:ident: $strategy:expr),* $(,)? }) => {
        ($($strategy,)*).prop_map(|($($member,)*)| $name { $($member),* }).boxed()
    };
}

use structure;

/// A spec of a kind, acceptable in these surroundings.
pub fn spec(kind: Kind, around: &Surroundings) -> BoxedStrategy<Spec> {
    match kind {
        Kind::Mesh => of(mesh_spec(), Spec::Mesh),
        Kind::VirtualGateway => of(virtual_gateway::spec(), Spec::VirtualGateway),
        Kind::GatewayRoute => of(gateway_route::spec(around), Spec::GatewayRoute),
        Kind::VirtualNode => of(virtual_node::spec(around), Spec::VirtualNode),
        Kind::VirtualRouter => of(virtual_router::spec(), Spec::VirtualRouter),
        Kind::Route => of(route::spec(around), Spec::Route),
        Kind::VirtualService => of(virtual_service::spec(around), Spec::VirtualService),
    }
}

/// A spec of any kind, which refers to anything.
pub fn any_spec() -> BoxedStrategy<Spec> {
    Union::new(Kind::ALL.map(|kind| spec(kind, &Surroundings::default()))).boxed()
}

fn of<T: std::fmt::Debug + 'static>(spec: BoxedStrategy<T>, of_kind: fn(Arc<T>) -> Spec) -> BoxedStrategy<Spec> {
    spec.prop_map(move |spec| of_kind(Arc::new(spec))).boxed()
}

fn mesh_spec() -> BoxedStrategy<MeshSpec> {
    let filter = structure!(EgressFilter { r#type: select(&[EgressFilterType::AllowAll, EgressFilterType::DropAll]) });
    let discovery = structure!(MeshServiceDiscovery { ip_preference: option::of(ip_preference()) });
    structure!(MeshSpec { egress_filter: option::of(filter), service_discovery: option::of(discovery) })
}

fn ip_preference() -> impl Strategy<Value = IpPreference> {
    use IpPreference::{Ipv4Only, Ipv4Preferred, Ipv6Only, Ipv6Preferred};
    select(&[Ipv6Preferred, Ipv4Preferred, Ipv4Only, Ipv6Only])
}

/// Ports and what is spoken on them, no port twice.
fn mappings(
    port: BoxedStrategy<i64>,
    protocols: &'static [PortProtocol],
    count: RangeInclusive<usize>,
) -> BoxedStrategy<Vec<PortMapping>> {
    let mapping = structure!(PortMapping { port: port, protocol: select(protocols) });
    vec(mapping, count).prop_map(|mappings| distinct(mappings, |mapping| mapping.port)).boxed()
}

/// What is left of a list when nothing that has the key of another is in it.
fn distinct<T, K: std::hash::Hash + Eq>(list: Vec<T>, key: impl Fn(&T) -> K) -> Vec<T> {
    let mut seen = std::collections::HashSet::new();
    list.into_iter().filter(|item| seen.insert(key(item))).collect()
}

/// A list of so many: few as a rule, and the most there may be.
fn list<T: std::fmt::Debug + 'static>(item: BoxedStrategy<T>, count: RangeInclusive<usize>) -> BoxedStrategy<Vec<T>> {
    let (least, most) = count.into_inner();
    let few = vec(item.clone(), least..=most.min(least + 2));
    prop_oneof![12 => few, 1 => vec(item, most)].boxed()
}
