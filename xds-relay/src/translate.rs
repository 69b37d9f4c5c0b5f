//! Step 8: a view becomes the xDS resources of one proxy. Everything we know of Envoy is here.
//!
//! The names, defaults and layouts are App Mesh's (§3 to §8), because dashboards, alarms and applications depend on them.
//! The translation always succeeds: what cannot be served becomes a visible, harmless resource (a cluster without
//! endpoints, a port that closes connections), and a warning or a [`NotInEffect`] says so. Where TLS was asked for and is
//! not there yet, traffic stops; it never goes in plain text.
//!
//! It is a function of the view and the placement alone. The [`Translator`] only remembers what it has encoded, so that
//! a proxy whose neighbour changed costs look-ups instead of encoding.
//!
//! What is deliberately absent: instances found by Cloud Map. A snapshot says which it awaits ([`Snapshot::awaits`]);
//! [`crate::discovery`] puts in the load assignments, and nothing else is made anew for that.
//!
//! [`NotInEffect`]: crate::snapshot::NotInEffect

mod cluster;
mod draft;
mod egress;
mod endpoint;
mod gap;
mod gateway;
mod hcm;
mod host;
mod listener;
mod matching;
mod memo;
mod metadata;
mod name;
mod proto;
mod retry;
mod route;
mod sidecar;
mod tcp;
mod timeout;

pub use endpoint::load_assignment;

use crate::proxy::Placement;
use crate::snapshot::Snapshot;
use draft::Draft;
use memo::Memo;
use mesh_core::spec::IpPreference;
use mesh_core::view::NodeView;

/// Translates views, and remembers what it encoded for the next ones.
#[derive(Debug, Default)]
pub struct Translator {
    memo: Memo,
}

impl Translator {
    /// The xDS resources of the proxy that may see `view` and listens as `placement` says.
    pub fn translate(&mut self, view: &NodeView, placement: &Placement) -> Snapshot {
        self.memo.sweep();
        let mut draft = Draft::new(&mut self.memo, preference(view));
        match view {
            NodeView::Sidecar(view) => sidecar::translate(&mut draft, view, *placement),
            NodeView::Gateway(view) => gateway::translate(&mut draft, view, *placement),
        }
        draft.finish()
    }
}

/// Which addresses the mesh prefers.
fn preference(view: &NodeView) -> Option<IpPreference> {
    let spec = match view {
        NodeView::Sidecar(view) => &view.mesh_spec,
        NodeView::Gateway(view) => &view.mesh_spec,
    };
    spec.service_discovery.as_ref().and_then(|discovery| discovery.ip_preference)
}
