//! One mesh: its fold, the views derived from it, and the proxies that are connected to it.
//!
//! There are two ways to another snapshot. A record makes views and resources anew. What discovery found puts other load
//! assignments into the snapshot that there is; nothing is derived or translated for it.
//!
//! A snapshot whose instances nobody has looked for yet is held back, so that traffic is not sent to a cluster that has
//! no endpoints for the moment; but no longer than [`PATIENCE`], since other changes wait with it. A proxy that has been
//! served without the instances of a service does not wait for them again.
//!
//! What nobody uses any more is swept out: a proxy's snapshots when nobody watches them, a service's view when no
//! watched proxy may call it.

use super::needs::Needs;
use super::{Publisher, Snapshots};
use crate::discovery::{Discovery, Service};
use crate::proxy::ProxyKey;
use crate::snapshot::Snapshot;
use crate::translate::Translator;
use mesh_core::view::{self, Affected, ServiceView};
use mesh_core::{MeshKey, MeshState, Name, Record, ResourceId, Seq};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a snapshot waits for instances that are being looked for. A proxy that connects waits as long; less than
/// the time in which Envoy gives up waiting for its first resources.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);

/// Up to how many views and proxies of a mesh nothing is looked for that nobody uses.
const SMALL: usize = 256;

/// What snapshots are made with.
pub(super) struct Workshop {
    pub(super) translator: Translator,
    pub(super) discovery: Discovery,
}

/// One mesh.
pub(super) struct Mesh {
    pub(super) state: MeshState,
    pub(super) needs: Needs,
    services: HashMap<Name, Arc<ServiceView>>,
    proxies: HashMap<ResourceId, HashMap<ProxyKey, Publisher>>,
    dirty: Dirty,
    /// Whose snapshots wait for instances.
    held: HashMap<ResourceId, Held>,
    /// How many views and proxies there may be before what nobody uses is looked for.
    sweep_at: usize,
}

/// A snapshot that waits: since when, and for the instances of what.
struct Held {
    since: Instant,
    lacks: BTreeSet<Service>,
}

impl Held {
    fn is_over(&self) -> bool {
        self.since.elapsed() >= PATIENCE
    }

    /// Whether there is another snapshot to publish than the one there was.
    fn is_due(&self, discovery: &Discovery) -> bool {
        self.is_over() || self.lacks.iter().all(|service| discovery.knows(service))
    }
}

/// What has changed since the last publication.
#[derive(Default)]
struct Dirty {
    everything: bool,
    services: BTreeSet<Name>,
    nodes: BTreeSet<ResourceId>,
}

/// What a proxy that connects is told.
pub(super) enum Connecting {
    /// Its snapshots.
    Now(Snapshots),
    /// Its instances are being looked for: these services.
    Wait(BTreeSet<Service>),
    /// There is no such resource.
    Unknown,
}

impl Mesh {
    pub(super) fn empty(key: &MeshKey) -> Self {
        Self {
            state: MeshState::new(key.clone()),
            needs: Needs::default(),
            services: HashMap::new(),
            proxies: HashMap::new(),
            dirty: Dirty::default(),
            held: HashMap::new(),
            sweep_at: SMALL,
        }
    }

    pub(super) fn fold(&mut self, record: &Record) -> Result<(), mesh_core::state::FoldError> {
        if record.seq <= self.state.seq() {
            return Ok(());
        }
        self.state.apply(record)?;
        let Affected { everything, services, nodes } = view::affected(&self.state, &record.entry.event);
        self.dirty.everything |= everything;
        self.dirty.services.extend(services);
        self.dirty.nodes.extend(nodes);
        Ok(())
    }

    pub(super) fn replace(&mut self, state: MeshState) {
        self.state = state;
        self.services.clear();
        self.dirty.everything = true;
    }

    /// Brings the snapshots of every dirty, connected proxy up to date.
    pub(super) fn publish(&mut self, workshop: &mut Workshop) {
        for id in self.stale() {
            self.publish_one(&id, workshop);
        }
        self.sweep_views();
    }

    /// Derives every dirty service anew that is known, and answers which connected proxies are out of date.
    fn stale(&mut self) -> BTreeSet<ResourceId> {
        let Dirty { everything, services, mut nodes } = std::mem::take(&mut self.dirty);
        for name in services {
            if self.renew(&name) {
                nodes.extend(view::callers(&self.state, &name));
            }
        }
        match everything {
            true => self.proxies.keys().cloned().collect(),
            false => nodes.into_iter().filter(|id| self.proxies.contains_key(id)).collect(),
        }
    }

    /// Whether a service looks another to its callers than before; else the view stays the shared one it was.
    fn renew(&mut self, name: &Name) -> bool {
        let Some(known) = self.services.get_mut(name) else { return true };
        let view = view::service_view(&self.state, name);
        let changed = **known != view;
        if changed {
            *known = Arc::new(view);
        }
        changed
    }

    fn publish_one(&mut self, id: &ResourceId, workshop: &mut Workshop) {
        let mut proxies = self.proxies.remove(id).unwrap_or_default();
        proxies.retain(|_, snapshots| snapshots.receiver_count() > 0);
        let waited = self.held.get(id).is_some_and(Held::is_over);
        let (mut needs, mut lacks) = (BTreeSet::new(), BTreeSet::new());
        for (proxy, snapshots) in &proxies {
            let before = snapshots.borrow().clone();
            let after = self.snapshot(proxy, workshop, before.as_deref());
            let (had, has) = (services_in(before.as_deref()), services_in(after.as_ref()));
            let unknown = has.difference(&had).filter(|service| !workshop.discovery.knows(service));
            let unknown: BTreeSet<Service> = unknown.cloned().collect();
            needs.extend(has);
            if waited || unknown.is_empty() {
                publish_to(snapshots, before.as_deref(), after);
            } else {
                needs.extend(had);
                lacks.extend(unknown);
            }
        }
        self.needs.set(id, needs);
        self.hold(id, lacks);
        // Who stood for a resource that is gone has been told so, and that was the last word.
        proxies.retain(|_, snapshots| snapshots.borrow().is_some());
        if !proxies.is_empty() {
            self.proxies.insert(id.clone(), proxies);
        }
    }

    fn hold(&mut self, id: &ResourceId, lacks: BTreeSet<Service>) {
        if lacks.is_empty() {
            self.held.remove(id);
            return;
        }
        let since = self.held.get(id).map_or_else(Instant::now, |held| held.since);
        self.held.insert(id.clone(), Held { since, lacks });
    }

    /// Puts what was found into the snapshots of the proxies that need it.
    pub(super) fn rediscover(&mut self, found: &BTreeSet<Service>, workshop: &mut Workshop) {
        for id in self.needs.users(found) {
            let Some(proxies) = self.proxies.get_mut(&id) else { continue };
            proxies.retain(|_, snapshots| snapshots.receiver_count() > 0);
            for snapshots in proxies.values() {
                let Some(before) = snapshots.borrow().clone() else { continue };
                let mut after = before.as_ref().clone();
                workshop.discovery.fill_of(&mut after, |service| found.contains(service));
                if !before.same_content(&after) {
                    metrics::counter!("remesh_endpoint_updates_total").increment(1);
                    snapshots.send_replace(Some(Arc::new(after)));
                }
            }
        }
        let due = self.held.iter().filter(|(_, held)| held.is_due(&workshop.discovery));
        let due: Vec<ResourceId> = due.map(|(id, _)| id.clone()).collect();
        for id in due {
            self.publish_one(&id, workshop);
        }
    }

    /// Whether any snapshot waits for instances.
    pub(super) fn holds(&self) -> bool {
        !self.held.is_empty()
    }

    /// Forgets the proxies that have left.
    pub(super) fn sweep(&mut self) {
        let Self { proxies, needs, held, .. } = self;
        proxies.retain(|id, proxies| {
            proxies.retain(|_, snapshots| snapshots.receiver_count() > 0);
            if proxies.is_empty() {
                needs.set(id, BTreeSet::new());
                held.remove(id);
            }
            !proxies.is_empty()
        });
    }

    /// Forgets the views that no watched proxy uses, when there may be many.
    fn sweep_views(&mut self) {
        if self.state.resources().next().is_none() {
            // A mesh that was deleted: of it remains how far it was folded.
            self.services = HashMap::new();
        }
        if self.services.len() + self.proxies.len() < self.sweep_at {
            return;
        }
        self.sweep();
        let (mut used, none) = (HashSet::new(), Arc::new(ServiceView { name: "".into(), ports: Vec::new() }));
        for id in self.proxies.keys() {
            view::node_view(&self.state, id, |name| {
                used.insert(name.clone());
                self.services.get(name).unwrap_or(&none).clone()
            });
        }
        self.services.retain(|name, _| used.contains(name));
        self.services.shrink_to_fit();
        self.proxies.shrink_to_fit();
        self.sweep_at = SMALL.max(2 * (self.services.len() + self.proxies.len()));
    }

    /// The snapshots of a proxy from now on; `late` is one that has waited long enough.
    pub(super) fn connect(&mut self, proxy: &ProxyKey, late: bool, workshop: &mut Workshop) -> Connecting {
        if let Some(placed) = self.proxies.get_mut(&proxy.id) {
            // A machine that comes back elsewhere leaves its old placement behind.
            placed.retain(|other, snapshots| other == proxy || snapshots.receiver_count() > 0);
        }
        if let Some(snapshots) = self.watched(proxy) {
            let snapshots = snapshots.subscribe();
            let there = snapshots.borrow().is_some();
            return if there { Connecting::Now(snapshots) } else { Connecting::Unknown };
        }
        let Some(snapshot) = self.snapshot(proxy, workshop, None) else { return Connecting::Unknown };
        let mut services = services_in(Some(&snapshot));
        if !late && workshop.discovery.lacks(&snapshot) {
            return Connecting::Wait(services);
        }
        let (snapshots, receiver) = watch(snapshot);
        let others = self.proxies.entry(proxy.id.clone()).or_default();
        // A proxy of the same resource placed elsewhere needs the same, but perhaps of a moment ago.
        let known = others.values().filter_map(|other| other.borrow().clone());
        services.extend(known.flat_map(|other| services_in(Some(&other))));
        others.insert(proxy.clone(), snapshots);
        self.needs.set(&proxy.id, services);
        self.sweep_views();
        Connecting::Now(receiver)
    }

    pub(super) fn current(&mut self, proxy: &ProxyKey, workshop: &mut Workshop) -> Option<Arc<Snapshot>> {
        if let Some(snapshots) = self.watched(proxy) {
            return snapshots.borrow().clone();
        }
        let snapshot = self.snapshot(proxy, workshop, None).map(Arc::new);
        self.sweep_views();
        snapshot
    }

    /// The snapshots of a proxy that is connected, or was and has not been swept out since.
    fn watched(&self, proxy: &ProxyKey) -> Option<&Publisher> {
        self.proxies.get(&proxy.id)?.get(proxy)
    }

    fn snapshot(&mut self, proxy: &ProxyKey, workshop: &mut Workshop, before: Option<&Snapshot>) -> Option<Snapshot> {
        let Self { state, services, .. } = self;
        let service = |name: &Name| -> Arc<ServiceView> {
            let known = services.entry(name.clone());
            known.or_insert_with(|| Arc::new(view::service_view(state, name))).clone()
        };
        let view = view::node_view(state, &proxy.id, service)?;
        metrics::counter!("remesh_snapshots_built_total").increment(1);
        let mut snapshot = workshop.translator.translate(&view, &proxy.placement);
        snapshot.seq = state.seq() as Seq;
        workshop.discovery.fill(&mut snapshot);
        if let Some(before) = before {
            snapshot.share(before);
        }
        Some(snapshot)
    }
}

/// A snapshot that says what the one before said is not published.
fn publish_to(snapshots: &Publisher, before: Option<&Snapshot>, after: Option<Snapshot>) {
    let same = match (before, &after) {
        (Some(before), Some(after)) => before.same_content(after),
        (None, None) => true,
        _ => false,
    };
    if !same {
        snapshots.send_replace(after.map(Arc::new));
    }
}

/// The services whose instances a snapshot awaits.
fn services_in(snapshot: Option<&Snapshot>) -> BTreeSet<Service> {
    snapshot.iter().flat_map(|snapshot| snapshot.awaits.values()).map(|selection| selection.service.clone()).collect()
}

fn watch(snapshot: Snapshot) -> (Publisher, Snapshots) {
    tokio::sync::watch::channel(Some(Arc::new(snapshot)))
}

#[cfg(test)]
mod tests;
