//! Step 8, the part that is no configuration: which instances stand behind a virtual node that Cloud Map knows.
//!
//! ```text
//!   source (Cloud Map, or a registry of our own) ──► discovery ──► load assignments, put into the snapshots that await them
//! ```
//!
//! Snapshots say what they await ([`Selection`]); the world says which services that makes; a source keeps those in sight
//! and reports what it finds. So only what connected proxies need is looked for, and an endpoint that comes or goes
//! changes load assignments and nothing else.
//!
//! A service of which nothing is known yet has no load assignment: an Envoy that has endpoints keeps them, a new one is
//! kept waiting for a moment. A source that fails reports nothing, and the last good answer stands.
//!
//! What is deliberately absent: Envoy, whose load assignments [`crate::translate`] encodes.

mod registry;
mod selection;

#[cfg(feature = "aws")]
mod budget;
#[cfg(feature = "aws")]
pub mod cloud_map;

pub use registry::{ByNamespace, Registry, RegistryError, Removal};
pub use selection::Selection;

use crate::snapshot::{Snapshot, XdsResource};
use crate::translate;
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// How long what was found is remembered after the last proxy that needed it has left: it may come back while the source
/// is away.
const REMEMBERED: Duration = Duration::from_secs(3600);

/// A Cloud Map service: what a virtual node names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Service {
    /// The namespace.
    pub namespace: String,
    /// The service in it.
    pub service: String,
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.service)
    }
}

/// An instance of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Instance {
    /// Its id, one of its kind in the service.
    pub id: String,
    /// Its IPv4 address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipv4: Option<Ipv4Addr>,
    /// Its IPv6 address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipv6: Option<Ipv6Addr>,
    /// What else is known of it; virtual nodes select by these.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
    /// Whether it is not known to be unhealthy.
    #[serde(default = "healthy")]
    pub healthy: bool,
}

const fn healthy() -> bool {
    true
}

impl Instance {
    /// Takes addresses that were not given from the attributes in which Cloud Map keeps them.
    pub fn with_addresses_of_attributes(mut self) -> Self {
        let Self { ipv4, ipv6, attributes, .. } = &mut self;
        *ipv4 = ipv4.or_else(|| attributes.get("AWS_INSTANCE_IPV4")?.parse().ok());
        *ipv6 = ipv6.or_else(|| attributes.get("AWS_INSTANCE_IPV6")?.parse().ok());
        self
    }

    /// Whether it can be reached at all.
    pub const fn has_address(&self) -> bool {
        self.ipv4.is_some() || self.ipv6.is_some()
    }
}

/// What a source found.
#[derive(Debug, Clone)]
pub struct Found {
    /// Of which service.
    pub service: Service,
    /// All of its instances.
    pub instances: Arc<[Instance]>,
}

/// The services that are needed. The number of one that is needed again, after it was not, is another: a source that
/// did not notice reports it all the same.
pub type Wanted = watch::Receiver<Arc<BTreeMap<Service, u64>>>;

/// Where instances come from.
pub trait InstanceSource: fmt::Debug + Send + Sync {
    /// Keeps in sight the services that are wanted: reports each once it is wanted, and whenever its instances have
    /// changed. What cannot be asked is not reported. Ends when nobody listens any more.
    fn watch(&self, wanted: Wanted, found: mpsc::Sender<Found>) -> BoxFuture<'static, ()>;

    /// The registry, where the source is one: its instances can be changed through the admin endpoints.
    fn registry(&self) -> Option<&Registry> {
        None
    }
}

/// What is known of the services that are needed. One task owns it, the world's.
#[derive(Debug)]
pub struct Discovery {
    wanted: watch::Sender<Arc<BTreeMap<Service, u64>>>,
    wants: u64,
    found: mpsc::Receiver<Found>,
    known: HashMap<Service, Known>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Known {
    instances: Arc<[Instance]>,
    /// Whether it has been in sight ever since: an answer from before it was out of sight is better than none, no more.
    fresh: bool,
    left: Option<Instant>,
    /// The load assignments made of these instances: many proxies await the same.
    made: HashMap<Selection, Assignment>,
}

#[derive(Debug, Clone)]
struct Assignment {
    resource: Arc<XdsResource>,
    empty: bool,
}

impl Discovery {
    /// Starts the source. Must be called within a runtime.
    pub fn start(source: &dyn InstanceSource) -> Self {
        let (wanted, wants) = watch::channel(Arc::default());
        let (find, found) = mpsc::channel(1024);
        let task = tokio::spawn(source.watch(wants, find));
        Self { wanted, wants: 0, found, known: HashMap::new(), task }
    }

    /// Says which services are needed from now on.
    pub fn want(&mut self, services: BTreeSet<Service>) {
        let now = Instant::now();
        for (service, known) in &mut self.known {
            if services.contains(service) {
                known.left = None;
            } else {
                known.fresh = false;
                known.left.get_or_insert(now);
            }
        }
        self.known.retain(|_, known| known.left.is_none_or(|left| now.duration_since(left) < REMEMBERED));
        metrics::gauge!("remesh_discovery_services").set(services.len() as f64);
        let before = self.wanted.borrow().clone();
        if before.keys().eq(&services) {
            return;
        }
        self.wants += 1;
        let number = |service: Service| (before.get(&service).copied().unwrap_or(self.wants), service);
        let after = services.into_iter().map(number).map(|(number, service)| (service, number)).collect();
        self.wanted.send_replace(Arc::new(after));
    }

    /// Waits for news, and says of which services; at least one. An answer that says what is known already is none. Safe
    /// to cancel. Never returns once the source has ended.
    pub async fn next(&mut self) -> BTreeSet<Service> {
        loop {
            let mut found = Vec::new();
            if self.found.recv_many(&mut found, 256).await == 0 {
                std::future::pending::<()>().await;
            }
            let news: BTreeSet<Service> = found.into_iter().filter_map(|found| self.learn(found)).collect();
            if !news.is_empty() {
                return news;
            }
        }
    }

    fn learn(&mut self, Found { service, instances }: Found) -> Option<Service> {
        if !self.wanted.borrow().contains_key(&service) {
            return None;
        }
        let same = |known: &Known| known.fresh && known.instances == instances;
        if self.known.get(&service).is_some_and(same) {
            return None;
        }
        tracing::info!(%service, instances = instances.len(), "instances found");
        let known = Known { instances, fresh: true, left: None, made: HashMap::new() };
        self.known.insert(service.clone(), known);
        Some(service)
    }

    /// Whether a service has been looked for.
    pub fn knows(&self, service: &Service) -> bool {
        self.known.get(service).is_some_and(|known| known.fresh)
    }

    /// Whether a snapshot awaits instances that have not been looked for yet.
    pub fn lacks(&self, snapshot: &Snapshot) -> bool {
        snapshot.awaits.values().any(|selection| !self.knows(&selection.service))
    }

    /// Puts in the load assignments that a snapshot awaits, as far as they are known, and warnings where there is nothing
    /// to put in.
    pub fn fill(&mut self, snapshot: &mut Snapshot) {
        self.fill_of(snapshot, |_| true);
    }

    /// The same for the instances of some services alone.
    pub fn fill_of(&mut self, snapshot: &mut Snapshot, services: impl Fn(&Service) -> bool) {
        let awaits = snapshot.awaits.values().filter(|selection| services(&selection.service));
        let awaits: Vec<Arc<Selection>> = awaits.cloned().collect();
        for selection in awaits {
            let known = self.assignment(&selection);
            let (empty, unknown) = (selection.nothing_found(), selection.not_known());
            snapshot.warnings.retain(|other| *other != empty && *other != unknown);
            match known {
                Some(assignment) => {
                    snapshot.insert(assignment.resource);
                    snapshot.warnings.extend(assignment.empty.then_some(empty));
                }
                None => snapshot.warnings.push(unknown),
            }
            snapshot.warnings.sort();
        }
    }

    fn assignment(&mut self, selection: &Selection) -> Option<Assignment> {
        let Known { instances, made, .. } = self.known.get_mut(&selection.service)?;
        if let Some(made) = made.get(selection) {
            return Some(made.clone());
        }
        let addresses = selection.addresses(instances);
        let resource = translate::load_assignment(&selection.cluster, &addresses, selection.port);
        let assignment = Assignment { resource, empty: addresses.is_empty() };
        made.insert(selection.clone(), assignment.clone());
        Some(assignment)
    }

    /// Everything that is known of what is needed, by service.
    pub fn report(&self) -> BTreeMap<Service, Arc<[Instance]>> {
        let in_sight = self.known.iter().filter(|(_, known)| known.left.is_none());
        in_sight.map(|(service, known)| (service.clone(), known.instances.clone())).collect()
    }
}

impl Drop for Discovery {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[cfg(test)]
mod tests;
