//! A mesh written down: specs by name, as the API has them. Children are named `PARENT/NAME`.

use mesh_core::event::{Caller, Entry, Event, Record, Timestamp};
use mesh_core::resource::Tags;
use mesh_core::view::{NodeView, ServiceView, node_view, service_view};
use mesh_core::{AccountId, Kind, MeshKey, MeshState, Name, ResourceId, Spec};
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use xds_relay::proxy::Placement;

/// A mesh written down.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct MeshFile {
    /// What the case shows.
    pub about: String,
    /// Where its proxies listen, if they are not captured.
    pub bind: Option<IpAddr>,
    /// The proxies to show, `virtualNode NAME`; all where absent.
    pub proxies: Option<Vec<String>>,
    /// The parts of their snapshots to show; all where absent.
    pub show: Option<Vec<String>>,
    /// The mesh's own spec.
    pub mesh: Value,
    pub virtual_nodes: BTreeMap<String, Value>,
    pub virtual_routers: BTreeMap<String, Value>,
    pub routes: BTreeMap<String, Value>,
    pub virtual_services: BTreeMap<String, Value>,
    pub virtual_gateways: BTreeMap<String, Value>,
    pub gateway_routes: BTreeMap<String, Value>,
}

impl MeshFile {
    /// The case in a folder.
    pub fn read(folder: &Path) -> Self {
        let text = std::fs::read_to_string(folder.join("mesh.json")).unwrap();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
    }

    /// The mesh, folded.
    pub fn state(&self) -> MeshState {
        let key = MeshKey::new("111122223333", "shop");
        let mut state = MeshState::new(key.clone());
        for (seq, event) in (1..).zip(self.events()) {
            let caller = Caller { account: AccountId::from("111122223333"), principal: None };
            let entry = Entry { at: Timestamp(0), caller, request: uuid::Uuid::nil(), event };
            state.apply(&Record { mesh: key.clone(), seq, entry }).unwrap();
        }
        state
    }

    /// Where its proxies listen.
    pub fn placement(&self) -> Placement {
        self.bind.map_or(Placement::Captured, |bind| Placement::Explicit { bind })
    }

    fn events(&self) -> Vec<Event> {
        let mesh = if self.mesh.is_null() { serde_json::json!({}) } else { self.mesh.clone() };
        let mut events = vec![created(Kind::Mesh, "shop", &mesh)];
        for (kind, specs) in [
            (Kind::VirtualNode, &self.virtual_nodes),
            (Kind::VirtualRouter, &self.virtual_routers),
            (Kind::Route, &self.routes),
            (Kind::VirtualService, &self.virtual_services),
            (Kind::VirtualGateway, &self.virtual_gateways),
            (Kind::GatewayRoute, &self.gateway_routes),
        ] {
            events.extend(specs.iter().map(|(name, spec)| created(kind, name, spec)));
        }
        events
    }
}

/// The folders of all cases.
pub fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/cases");
    let mut cases: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    cases
}

/// The virtual nodes and gateways of a mesh.
pub fn proxies(state: &MeshState) -> Vec<ResourceId> {
    let of = |kind| state.list(kind, None, None).map(|resource| resource.id.clone());
    of(Kind::VirtualNode).chain(of(Kind::VirtualGateway)).collect()
}

/// The views of a mesh, services shared among them as a relay shares them.
#[derive(Debug, Default)]
pub struct Views {
    services: HashMap<Name, Arc<ServiceView>>,
}

impl Views {
    pub fn of(&mut self, state: &MeshState, proxy: &ResourceId) -> NodeView {
        let service = |name: &Name| {
            self.services.entry(name.clone()).or_insert_with(|| Arc::new(service_view(state, name))).clone()
        };
        node_view(state, proxy, service).unwrap()
    }
}

fn created(kind: Kind, name: &str, spec: &Value) -> Event {
    let resource = match (kind.parent(), name.split_once('/')) {
        (Some(_), Some((parent, name))) => ResourceId::child(kind, parent, name),
        (None, _) => ResourceId::new(kind, name),
        (Some(_), None) => panic!("`{name}` is not PARENT/NAME"),
    };
    let spec: Spec = serde_json::from_value(serde_json::json!({ kind.as_str(): spec }))
        .unwrap_or_else(|error| panic!("{resource}: {error}"));
    let owner = AccountId::from("111122223333");
    Event::Created { resource, uid: uuid::Uuid::nil(), owner, spec, tags: Tags::new(), token: None }
}
