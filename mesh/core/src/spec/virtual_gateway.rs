//! The spec of a virtual gateway: where traffic enters the mesh.

use super::{BackendDefaults, ConnectionPool, HealthCheckPolicy, ListenerTls, Logging, PortMapping, structure};

structure! {
    /// What a virtual gateway is asked to be (`VirtualGatewaySpec`).
    pub struct VirtualGatewaySpec {
        /// Defaults for everything it calls; it has no list of backends of its own (§6.10).
        pub backend_defaults: Option<BackendDefaults>,
        /// What it listens on.
        pub listeners: Vec<VirtualGatewayListener>,
        /// What its proxies log.
        pub logging: Option<Logging>,
    }
}

structure! {
    /// A listener of a virtual gateway (`VirtualGatewayListener`).
    pub struct VirtualGatewayListener {
        /// Limits towards the mesh (§6.3).
        pub connection_pool: Option<ConnectionPool>,
        /// Stored and answered; nothing in the mesh is a client of a gateway (§8.6).
        pub health_check: Option<HealthCheckPolicy>,
        /// Port and protocol.
        pub port_mapping: PortMapping,
        /// Its TLS.
        pub tls: Option<ListenerTls>,
    }
}
