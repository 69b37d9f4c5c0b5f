//! Step 6: one mesh after folding its events, and who refers to whom in it.
//!
//! The fold holds no rules. Whatever is in the log was accepted once; here it only takes effect. Applying one record
//! touches the resource it names and that resource's references, never the rest of the mesh.

mod tokens;

pub use tokens::{Recalled, Wish};

use crate::event::{Event, Record, Seq, Timestamp};
use crate::resource::{AccountId, Kind, MeshKey, Name, Resource, ResourceId};
use crate::spec::{Backend, MeshSpec, RouteSpec, Spec, VirtualNodeSpec, VirtualServiceProvider};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;
use tokens::Tokens;

/// One mesh after folding its events up to a sequence number.
///
/// It exists before its mesh does and outlives it: a deleted mesh is a state with a sequence number and no resources,
/// and a mesh created again goes on in the same stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeshState {
    key: MeshKey,
    seq: Seq,
    resources: BTreeMap<ResourceId, Arc<Resource>>,
    referrers: BTreeMap<ResourceId, BTreeSet<ResourceId>>,
    counts: HashMap<(Kind, Option<Name>), usize>,
    shared_with: BTreeSet<AccountId>,
    tokens: Tokens,
}

/// Why a record could not be folded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FoldError {
    /// The record is not the next one.
    #[error("record {got} of mesh {mesh} cannot follow record {seq}")]
    Gap {
        /// The mesh.
        mesh: MeshKey,
        /// The last record folded.
        seq: Seq,
        /// The record offered.
        got: Seq,
    },
    /// The record changes a resource that the mesh does not have.
    #[error("record {seq} of mesh {mesh} changes {id}, which does not exist")]
    NoSuchResource {
        /// The mesh.
        mesh: MeshKey,
        /// The record offered.
        seq: Seq,
        /// The resource it changes.
        id: ResourceId,
    },
}

impl MeshState {
    /// The mesh before its first event.
    pub fn new(key: MeshKey) -> Self {
        Self {
            key,
            seq: 0,
            resources: BTreeMap::new(),
            referrers: BTreeMap::new(),
            counts: HashMap::new(),
            shared_with: BTreeSet::new(),
            tokens: Tokens::default(),
        }
    }

    /// Which mesh this is.
    pub fn key(&self) -> &MeshKey {
        &self.key
    }

    /// The sequence number of the last record folded.
    pub fn seq(&self) -> Seq {
        self.seq
    }

    /// The account that owns the mesh.
    pub fn owner(&self) -> &AccountId {
        &self.key.owner
    }

    /// The accounts the mesh is shared with (§13.11).
    pub fn shared_with(&self) -> &BTreeSet<AccountId> {
        &self.shared_with
    }

    /// Whether an account has access to the mesh: its owner, and whom he shares it with.
    pub fn is_open_to(&self, account: &AccountId) -> bool {
        account == self.owner() || self.shared_with.contains(account)
    }

    /// The mesh itself, while it exists.
    pub fn mesh(&self) -> Option<&Arc<Resource>> {
        self.get(&ResourceId::new(Kind::Mesh, self.key.name.clone()))
    }

    /// The mesh's spec; the default one where the mesh does not exist.
    pub fn mesh_spec(&self) -> Arc<MeshSpec> {
        match self.mesh().map(|mesh| &mesh.spec) {
            Some(Spec::Mesh(spec)) => spec.clone(),
            _ => Arc::default(),
        }
    }

    /// A resource, while it exists.
    pub fn get(&self, id: &ResourceId) -> Option<&Arc<Resource>> {
        self.resources.get(id)
    }

    /// A resource, while it exists and its owner has access to the mesh. After a mesh is no longer shared, what others
    /// made in it is there, but not for them (§13.11).
    pub fn accessible(&self, id: &ResourceId) -> Option<&Arc<Resource>> {
        self.get(id).filter(|resource| self.is_open_to(&resource.owner))
    }

    /// How many resources of a kind there are, of one parent where the kind has parents.
    pub fn count(&self, kind: Kind, parent: Option<&Name>) -> usize {
        self.counts.get(&(kind, parent.cloned())).copied().unwrap_or(0)
    }

    /// What a client token of an account stood for in the operation that the wish is, if it is remembered (§13.3).
    pub fn recall(&self, account: &AccountId, token: &str, wish: Wish<'_>, now: Timestamp) -> Option<Recalled> {
        self.tokens.recall(account, token, wish, now)
    }

    /// The spec of a virtual node, while it exists.
    pub fn virtual_node(&self, name: &Name) -> Option<&Arc<VirtualNodeSpec>> {
        match &self.get(&ResourceId::new(Kind::VirtualNode, name.clone()))?.spec {
            Spec::VirtualNode(spec) => Some(spec),
            _ => None,
        }
    }

    /// The resources of a kind, of one parent where the kind has parents, after a name, by name.
    pub fn list(
        &self,
        kind: Kind,
        parent: Option<&Name>,
        after: Option<&Name>,
    ) -> impl Iterator<Item = &Arc<Resource>> {
        let parent = parent.cloned();
        let from = match after {
            Some(name) => Bound::Excluded(ResourceId { kind, parent: parent.clone(), name: name.clone() }),
            None => Bound::Included(ResourceId { kind, parent: parent.clone(), name: Name::from("") }),
        };
        self.resources
            .range((from, Bound::Unbounded))
            .take_while(move |(id, _)| id.kind == kind && id.parent == parent)
            .map(|(_, resource)| resource)
    }

    /// The routes of a virtual router, by name.
    pub fn routes(&self, router: &Name) -> impl Iterator<Item = (&Name, &Arc<RouteSpec>)> {
        self.list(Kind::Route, Some(router), None).filter_map(|route| match &route.spec {
            Spec::Route(spec) => Some((&route.id.name, spec)),
            _ => None,
        })
    }

    /// Everything in the mesh, the mesh itself included.
    pub fn resources(&self) -> impl Iterator<Item = &Arc<Resource>> {
        self.resources.values()
    }

    /// Those whose spec names this resource, whether or not it exists.
    pub fn referrers(&self, id: &ResourceId) -> impl Iterator<Item = &ResourceId> {
        self.referrers.get(id).into_iter().flatten()
    }

    /// Folds the next record.
    ///
    /// # Errors
    ///
    /// When the record is not the next one, or changes a resource that does not exist. The state is as it was then.
    pub fn apply(&mut self, record: &Record) -> Result<(), FoldError> {
        if record.seq.checked_sub(1) != Some(self.seq) {
            return Err(FoldError::Gap { mesh: self.key.clone(), seq: self.seq, got: record.seq });
        }
        let (event, at) = (&record.entry.event, record.entry.at);
        let after = match created(event, at) {
            Some(resource) => resource,
            None => changed(self.before(record)?, event, at),
        };
        self.tokens.remember(&record.entry.caller.account, event, &after, at);
        self.take_effect(event, after);
        self.seq = record.seq;
        Ok(())
    }

    fn before(&self, record: &Record) -> Result<&Arc<Resource>, FoldError> {
        let id = record.entry.event.resource();
        self.resources.get(id).ok_or_else(|| FoldError::NoSuchResource {
            mesh: self.key.clone(),
            seq: record.seq,
            id: id.clone(),
        })
    }

    fn take_effect(&mut self, event: &Event, after: Resource) {
        match event {
            Event::Created { .. } | Event::Updated { .. } | Event::Tagged { .. } | Event::Untagged { .. } => {
                self.put(after);
            }
            Event::Deleted { resource } => {
                self.remove(resource);
                if resource.kind == Kind::Mesh {
                    // One that is made again has not been shared yet.
                    self.shared_with.clear();
                }
            }
            Event::Shared { with, .. } => {
                self.shared_with.insert(with.clone());
            }
            Event::Unshared { with, .. } => {
                self.shared_with.remove(with);
            }
        }
    }

    fn put(&mut self, resource: Resource) {
        self.remove(&resource.id);
        for target in references(&resource.spec) {
            self.referrers.entry(target).or_default().insert(resource.id.clone());
        }
        *self.counts.entry((resource.id.kind, resource.id.parent.clone())).or_default() += 1;
        self.resources.insert(resource.id.clone(), Arc::new(resource));
    }

    fn remove(&mut self, id: &ResourceId) {
        let Some(before) = self.resources.remove(id) else { return };
        let of = (id.kind, id.parent.clone());
        match self.counts.get_mut(&of) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(self.counts.remove(&of)),
        }
        for target in references(&before.spec) {
            if let Some(referrers) = self.referrers.get_mut(&target) {
                referrers.remove(id);
                if referrers.is_empty() {
                    self.referrers.remove(&target);
                }
            }
        }
    }
}

/// The resource that a `Created` event makes; nothing for other events.
pub(crate) fn created(event: &Event, at: Timestamp) -> Option<Resource> {
    let Event::Created { resource, uid, owner, spec, tags, .. } = event else { return None };
    Some(Resource {
        id: resource.clone(),
        spec: spec.clone(),
        uid: *uid,
        version: 1,
        created_at: at,
        last_updated_at: at,
        owner: owner.clone(),
        tags: tags.clone(),
    })
}

/// The resource after an event that changes it. A deleted resource is shown one version on (§13.3); tags move none.
pub(crate) fn changed(before: &Resource, event: &Event, at: Timestamp) -> Resource {
    let mut after = before.clone();
    match event {
        Event::Created { .. } | Event::Shared { .. } | Event::Unshared { .. } => {}
        Event::Updated { spec, .. } => {
            after.spec = spec.clone();
            after.version = after.version.saturating_add(1);
            after.last_updated_at = at;
        }
        Event::Deleted { .. } => {
            after.version = after.version.saturating_add(1);
            after.last_updated_at = at;
        }
        Event::Tagged { tags, .. } => after.tags.extend(tags.clone()),
        Event::Untagged { keys, .. } => after.tags.retain(|key, _| !keys.contains(key)),
    }
    after
}

/// The resources a spec names, whether or not they exist: a route's targets, a service's provider, a gateway route's
/// service, a node's backends (§13.7).
pub fn references(spec: &Spec) -> Vec<ResourceId> {
    match spec {
        Spec::Route(route) => {
            let targets = route.targets().iter();
            targets.map(|target| ResourceId::new(Kind::VirtualNode, target.virtual_node.as_str())).collect()
        }
        Spec::VirtualService(service) => match &service.provider {
            Some(VirtualServiceProvider::VirtualNode(node)) => {
                vec![ResourceId::new(Kind::VirtualNode, node.virtual_node_name.as_str())]
            }
            Some(VirtualServiceProvider::VirtualRouter(router)) => {
                vec![ResourceId::new(Kind::VirtualRouter, router.virtual_router_name.as_str())]
            }
            None => Vec::new(),
        },
        Spec::GatewayRoute(route) => {
            let service = route.target().map(|target| target.virtual_service.virtual_service_name.as_str());
            service.map(|name| ResourceId::new(Kind::VirtualService, name)).into_iter().collect()
        }
        Spec::VirtualNode(node) => node
            .backends
            .iter()
            .map(|Backend::VirtualService(service)| {
                ResourceId::new(Kind::VirtualService, service.virtual_service_name.as_str())
            })
            .collect(),
        Spec::Mesh(_) | Spec::VirtualGateway(_) | Spec::VirtualRouter(_) => Vec::new(),
    }
}

/// A fold as a checkpoint keeps it. The index of references and the counts are left out: they follow from the resources.
#[derive(Serialize, Deserialize)]
struct Saved {
    key: MeshKey,
    seq: Seq,
    resources: Vec<Arc<Resource>>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    shared_with: BTreeSet<AccountId>,
    #[serde(default, skip_serializing_if = "Tokens::is_empty")]
    tokens: Tokens,
}

impl Serialize for MeshState {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let resources = self.resources.values().cloned().collect();
        let (shared_with, tokens) = (self.shared_with.clone(), self.tokens.clone());
        Saved { key: self.key.clone(), seq: self.seq, resources, shared_with, tokens }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for MeshState {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let saved = Saved::deserialize(deserializer)?;
        let mut state = Self::new(saved.key);
        saved.resources.into_iter().for_each(|resource| state.put(Arc::unwrap_or_clone(resource)));
        state.seq = saved.seq;
        state.shared_with = saved.shared_with;
        state.tokens = saved.tokens;
        Ok(state)
    }
}

#[cfg(test)]
mod tests;
