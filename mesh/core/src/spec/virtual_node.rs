//! The spec of a virtual node: a service's instances, what they listen on and what they may call.

use super::{BackendDefaults, ClientPolicy, Listener, Logging, ServiceDiscovery, structure, union};

structure! {
    /// What a virtual node is asked to be (`VirtualNodeSpec`).
    #[derive(Default)]
    pub struct VirtualNodeSpec {
        /// Defaults for every backend.
        pub backend_defaults: Option<BackendDefaults>,
        /// The virtual services it may call; always answered, empty or not (§13.4).
        #[serde(default)]
        pub backends: Vec<Backend>,
        /// What its instances listen on; always answered, empty or not (§13.4).
        #[serde(default)]
        pub listeners: Vec<Listener>,
        /// What its proxies log.
        pub logging: Option<Logging>,
        /// How its instances are found.
        pub service_discovery: Option<ServiceDiscovery>,
    }
}

union! {
    /// Something a virtual node may call (`Backend`).
    pub enum Backend {
        /// A virtual service of the mesh.
        VirtualService(VirtualServiceBackend),
    }
}

structure! {
    /// A virtual service that may be called (`VirtualServiceBackend`).
    pub struct VirtualServiceBackend {
        /// How the proxy behaves as its client; the backend defaults where absent.
        pub client_policy: Option<ClientPolicy>,
        /// Its name; it need not exist yet (§13.7).
        pub virtual_service_name: String,
    }
}
