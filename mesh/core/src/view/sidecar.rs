//! What the Envoy beside an instance of a virtual node may see.

use super::ServiceView;
use crate::resource::Name;
use crate::spec::{Backend, BackendDefaults, ClientPolicy, MeshSpec, VirtualNodeSpec};
use crate::state::MeshState;
use std::collections::HashSet;
use std::sync::Arc;

/// What the Envoy beside an instance of a virtual node may see.
#[derive(Debug, Clone, PartialEq)]
pub struct SidecarView {
    /// The mesh's name.
    pub mesh: Name,
    /// The mesh's spec.
    pub mesh_spec: Arc<MeshSpec>,
    /// The virtual node's name.
    pub node: Name,
    /// The virtual node's spec.
    pub spec: Arc<VirtualNodeSpec>,
    /// The services it may call, each once, in the order of the spec (§5.4).
    pub backends: Vec<BackendView>,
}

/// A service that a proxy may call.
#[derive(Debug, Clone, PartialEq)]
pub struct BackendView {
    /// The service.
    pub service: Arc<ServiceView>,
    /// How the proxy behaves as its client: the backend's own policy where that speaks of TLS, else the defaults (§11.2).
    /// A policy that says nothing does not switch off TLS that the defaults demand.
    pub client_policy: Option<ClientPolicy>,
}

/// What the Envoy beside an instance of `node` may see; `None` where the node does not exist.
pub fn sidecar_view(
    state: &MeshState,
    node: &Name,
    mut service: impl FnMut(&Name) -> Arc<ServiceView>,
) -> Option<SidecarView> {
    let spec = state.virtual_node(node)?.clone();
    let mut backends: Vec<BackendView> = Vec::with_capacity(spec.backends.len());
    let mut seen = HashSet::with_capacity(spec.backends.len());
    for Backend::VirtualService(backend) in &spec.backends {
        if !seen.insert(backend.virtual_service_name.as_str()) {
            continue;
        }
        let own = backend.client_policy.clone().filter(|policy| policy.tls.is_some());
        let client_policy = own.or_else(|| default_policy(spec.backend_defaults.as_ref()));
        let service = service(&backend.virtual_service_name.as_str().into());
        backends.push(BackendView { service, client_policy });
    }
    Some(SidecarView {
        mesh: state.key().name.clone(),
        mesh_spec: state.mesh_spec(),
        node: node.clone(),
        spec,
        backends,
    })
}

pub(super) fn default_policy(defaults: Option<&BackendDefaults>) -> Option<ClientPolicy> {
    defaults.and_then(|defaults| defaults.client_policy.clone())
}
