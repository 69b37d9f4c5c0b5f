//! The spec of a mesh: its egress filter and the IP preference of everything in it.

use super::{IpPreference, enumeration, structure};

structure! {
    /// What a mesh is asked to be (`MeshSpec`).
    #[derive(Default)]
    pub struct MeshSpec {
        /// What proxies may reach outside the mesh; DROP_ALL where absent, and then not written back (§13.4).
        pub egress_filter: Option<EgressFilter>,
        /// Defaults of service discovery for every virtual node and gateway.
        pub service_discovery: Option<MeshServiceDiscovery>,
    }
}

structure! {
    /// What proxies may reach outside the mesh (`EgressFilter`).
    pub struct EgressFilter {
        /// The filter itself.
        pub r#type: EgressFilterType,
    }
}

enumeration! {
    /// `EgressFilterType`.
    pub enum EgressFilterType {
        /// Any destination, in the mesh or not.
        AllowAll = "ALLOW_ALL",
        /// Backends only, and `*.amazonaws.com` by TLS (§5.3).
        DropAll = "DROP_ALL",
    }
}

structure! {
    /// Defaults of service discovery (`MeshServiceDiscovery`).
    pub struct MeshServiceDiscovery {
        /// Which IP versions are used (§10).
        pub ip_preference: Option<IpPreference>,
    }
}

impl MeshSpec {
    /// Whether proxies may reach destinations that are not backends.
    pub fn allows_all_egress(&self) -> bool {
        self.egress_filter.as_ref().is_some_and(|filter| filter.r#type == EgressFilterType::AllowAll)
    }
}
