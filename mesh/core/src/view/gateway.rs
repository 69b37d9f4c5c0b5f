//! What an Envoy of a virtual gateway may see.

use super::sidecar::default_policy;
use super::{BackendView, ServiceView};
use crate::resource::{Kind, Name, ResourceId};
use crate::spec::{GatewayRouteSpec, MeshSpec, Spec, VirtualGatewaySpec};
use crate::state::MeshState;
use std::sync::Arc;

/// What an Envoy of a virtual gateway may see.
#[derive(Debug, Clone, PartialEq)]
pub struct GatewayView {
    /// The mesh's name.
    pub mesh: Name,
    /// The mesh's spec.
    pub mesh_spec: Arc<MeshSpec>,
    /// The virtual gateway's name.
    pub gateway: Name,
    /// The virtual gateway's spec.
    pub spec: Arc<VirtualGatewaySpec>,
    /// Its gateway routes, by name. Which goes first is known only after each has become several Envoy routes (§6.8).
    pub routes: Vec<GatewayRouteView>,
    /// The services its routes lead to, each once, by name.
    pub backends: Vec<BackendView>,
}

/// A gateway route of a gateway.
#[derive(Debug, Clone, PartialEq)]
pub struct GatewayRouteView {
    /// Its name.
    pub name: Name,
    /// What it takes and where that goes.
    pub spec: Arc<GatewayRouteSpec>,
}

/// What an Envoy of `gateway` may see; `None` where the gateway does not exist.
pub fn gateway_view(
    state: &MeshState,
    gateway: &Name,
    mut service: impl FnMut(&Name) -> Arc<ServiceView>,
) -> Option<GatewayView> {
    let id = ResourceId::new(Kind::VirtualGateway, gateway.clone());
    let Spec::VirtualGateway(spec) = &state.get(&id)?.spec else { return None };
    let routes: Vec<_> = state
        .list(Kind::GatewayRoute, Some(gateway), None)
        .filter_map(|route| match &route.spec {
            Spec::GatewayRoute(spec) => Some(GatewayRouteView { name: route.id.name.clone(), spec: spec.clone() }),
            _ => None,
        })
        .collect();
    let mut names: Vec<Name> = routes
        .iter()
        .filter_map(|route| route.spec.target())
        .map(|target| Name::from(target.virtual_service.virtual_service_name.as_str()))
        .collect();
    names.sort();
    names.dedup();
    let client_policy = default_policy(spec.backend_defaults.as_ref());
    let backends =
        names.iter().map(|name| BackendView { service: service(name), client_policy: client_policy.clone() }).collect();
    Some(GatewayView {
        mesh: state.key().name.clone(),
        mesh_spec: state.mesh_spec(),
        gateway: gateway.clone(),
        spec: spec.clone(),
        routes,
        backends,
    })
}
