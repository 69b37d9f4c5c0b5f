//! Virtual routers.

use super::listener::PROTOCOLS;
use super::number::port;
use super::{mappings, structure};
use crate::spec::{VirtualRouterListener, VirtualRouterSpec};
use proptest::option;
use proptest::prelude::*;

pub(super) fn spec() -> BoxedStrategy<VirtualRouterSpec> {
    let listener = |port_mapping| VirtualRouterListener { port_mapping };
    let listeners = mappings(port(), &PROTOCOLS, 0..=5);
    let listeners = listeners.prop_map(move |mappings| mappings.into_iter().map(listener).collect());
    structure!(VirtualRouterSpec { listeners: option::of(listeners) })
}
