//! The spec of a virtual service: the name clients call and who provides it.

use super::{structure, union};

structure! {
    /// What a virtual service is asked to be (`VirtualServiceSpec`).
    #[derive(Default)]
    pub struct VirtualServiceSpec {
        /// Who answers; nobody where absent.
        pub provider: Option<VirtualServiceProvider>,
    }
}

union! {
    /// Who answers for a virtual service (`VirtualServiceProvider`).
    pub enum VirtualServiceProvider {
        /// One virtual node.
        VirtualNode(VirtualNodeServiceProvider),
        /// Whatever a virtual router chooses.
        VirtualRouter(VirtualRouterServiceProvider),
    }
}

structure! {
    /// A virtual node as provider (`VirtualNodeServiceProvider`).
    pub struct VirtualNodeServiceProvider {
        /// Its name.
        pub virtual_node_name: String,
    }
}

structure! {
    /// A virtual router as provider (`VirtualRouterServiceProvider`).
    pub struct VirtualRouterServiceProvider {
        /// Its name.
        pub virtual_router_name: String,
    }
}
