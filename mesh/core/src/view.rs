//! Step 7: what one Envoy may see, in App Mesh's words.
//!
//! A view is derived from the fold and knows nothing of protobuf. It has every reference resolved or named as missing,
//! every list in the order that counts, and only what its proxy may see: its own resource, the services it may call and
//! what stands behind those. What many proxies see alike, a service, is one shared value.
//!
//! Dangling references are data: a route to a node that is gone becomes a [`Target`] without a port, and so a visible
//! failure of that route alone.

mod affected;
mod gateway;
mod service;
mod sidecar;

pub use affected::{Affected, affected, callers};
pub use gateway::{GatewayRouteView, GatewayView, gateway_view};
pub use service::{RouteRule, RouteView, ServicePort, ServiceView, Target, TargetPort, service_view};
pub use sidecar::{BackendView, SidecarView, sidecar_view};

use crate::resource::{Kind, ResourceId};
use crate::state::MeshState;

/// What one Envoy may see.
#[derive(Debug, Clone, PartialEq)]
pub enum NodeView {
    /// The Envoy beside an instance of a virtual node.
    Sidecar(SidecarView),
    /// An Envoy of a virtual gateway.
    Gateway(GatewayView),
}

/// The view of an Envoy that presents itself as `id`; `None` where that is not an existing virtual node or gateway, or
/// is one whose owner has no access to the mesh any more (§13.11).
///
/// `service` answers the view of a virtual service by name. A relay answers from what it has already derived;
/// [`service_view`] derives it anew.
pub fn node_view(
    state: &MeshState,
    id: &ResourceId,
    service: impl FnMut(&crate::Name) -> std::sync::Arc<ServiceView>,
) -> Option<NodeView> {
    state.accessible(id)?;
    match id.kind {
        Kind::VirtualNode => sidecar_view(state, &id.name, service).map(NodeView::Sidecar),
        Kind::VirtualGateway => gateway_view(state, &id.name, service).map(NodeView::Gateway),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
