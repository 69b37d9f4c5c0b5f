//! Virtual services.

use super::place::Place;
use super::text::resource_name;
use crate::resource::Kind;
use crate::spec::{VirtualServiceProvider, VirtualServiceSpec};

pub(super) fn check(at: &Place, spec: &VirtualServiceSpec) {
    let at = &at.member("provider");
    match &spec.provider {
        Some(VirtualServiceProvider::VirtualNode(node)) => {
            let at = &at.member("virtualNode");
            resource_name(&at.member("virtualNodeName"), Kind::VirtualNode, &node.virtual_node_name);
        }
        Some(VirtualServiceProvider::VirtualRouter(router)) => {
            let at = &at.member("virtualRouter");
            resource_name(&at.member("virtualRouterName"), Kind::VirtualRouter, &router.virtual_router_name);
        }
        None => {}
    }
}
