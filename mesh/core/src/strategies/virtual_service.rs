//! Virtual services.

use super::{Surroundings, structure};
use crate::spec::{
    VirtualNodeServiceProvider, VirtualRouterServiceProvider, VirtualServiceProvider, VirtualServiceSpec,
};
use proptest::option;
use proptest::prelude::*;

pub(super) fn spec(around: &Surroundings) -> BoxedStrategy<VirtualServiceSpec> {
    let node = around.virtual_node().prop_map(|(name, _)| name);
    let node = structure!(VirtualNodeServiceProvider { virtual_node_name: node });
    let router = structure!(VirtualRouterServiceProvider { virtual_router_name: around.virtual_router() });
    let provider = prop_oneof![
        node.prop_map(VirtualServiceProvider::VirtualNode),
        router.prop_map(VirtualServiceProvider::VirtualRouter),
    ];
    structure!(VirtualServiceSpec { provider: option::of(provider) })
}
