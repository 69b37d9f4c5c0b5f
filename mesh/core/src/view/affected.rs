//! Which views an event may change. The relay derives those anew and leaves all others alone, so the work of a change
//! grows with what depends on it, not with the mesh.

use crate::event::Event;
use crate::resource::{Kind, Name, ResourceId};
use crate::state::MeshState;
use std::collections::BTreeSet;

/// The views an event may change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Affected {
    /// Every proxy of the mesh; the sets below are empty then.
    pub everything: bool,
    /// Virtual services whose view may differ. Where it does, so does that of every one of their [`callers`].
    pub services: BTreeSet<Name>,
    /// Virtual nodes and gateways whose view may differ even if no service's does.
    pub nodes: BTreeSet<ResourceId>,
}

/// The views that an event may change, given the mesh *after* it.
///
/// The mesh before is not needed: what a resource referred to does not see it, and those who refer to it still do.
pub fn affected(state: &MeshState, event: &Event) -> Affected {
    let mut affected = Affected::default();
    let id = event.resource();
    match event {
        Event::Tagged { .. } | Event::Untagged { .. } => return affected,
        Event::Shared { with, .. } | Event::Unshared { with, .. } => {
            let kinds = [Kind::VirtualNode, Kind::VirtualGateway].into_iter();
            let theirs = kinds.flat_map(|kind| state.list(kind, None, None)).filter(|proxy| proxy.owner == *with);
            affected.nodes.extend(theirs.map(|proxy| proxy.id.clone()));
            return affected;
        }
        Event::Created { .. } | Event::Updated { .. } | Event::Deleted { .. } => {}
    }
    match id.kind {
        Kind::Mesh => affected.everything = true,
        Kind::VirtualNode => {
            affected.nodes.insert(id.clone());
            for user in state.referrers(id) {
                match (user.kind, &user.parent) {
                    (Kind::VirtualService, _) => affected.service(&user.name),
                    (Kind::Route, Some(router)) => affected.router(state, router),
                    _ => {}
                }
            }
        }
        Kind::VirtualRouter => affected.router(state, &id.name),
        Kind::Route => id.parent.iter().for_each(|router| affected.router(state, router)),
        Kind::VirtualService => affected.service(&id.name),
        Kind::VirtualGateway => {
            affected.nodes.insert(id.clone());
        }
        Kind::GatewayRoute => affected.nodes.extend(id.parent_id()),
    }
    affected
}

/// The virtual nodes and gateways that may call a service.
pub fn callers(state: &MeshState, service: &Name) -> BTreeSet<ResourceId> {
    let id = ResourceId::new(Kind::VirtualService, service.clone());
    let caller = |user: &ResourceId| match user.kind {
        Kind::VirtualNode => Some(user.clone()),
        _ => user.parent_id(),
    };
    state.referrers(&id).filter_map(caller).collect()
}

impl Affected {
    fn router(&mut self, state: &MeshState, router: &Name) {
        for user in state.referrers(&ResourceId::new(Kind::VirtualRouter, router.clone())) {
            if user.kind == Kind::VirtualService {
                self.service(&user.name);
            }
        }
    }

    fn service(&mut self, service: &Name) {
        self.services.insert(service.clone());
    }
}
