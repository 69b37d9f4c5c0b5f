//! The spec of a virtual router: the ports on which clients reach the services it provides.

use super::{PortMapping, structure};

structure! {
    /// What a virtual router is asked to be (`VirtualRouterSpec`).
    #[derive(Default)]
    pub struct VirtualRouterSpec {
        /// What clients connect to.
        pub listeners: Option<Vec<VirtualRouterListener>>,
    }
}

structure! {
    /// A listener of a virtual router (`VirtualRouterListener`).
    pub struct VirtualRouterListener {
        /// Port and protocol.
        pub port_mapping: PortMapping,
    }
}

impl VirtualRouterSpec {
    /// The ports clients connect to, in the order given.
    pub fn ports(&self) -> impl Iterator<Item = PortMapping> + '_ {
        self.listeners.iter().flatten().map(|listener| listener.port_mapping)
    }
}
