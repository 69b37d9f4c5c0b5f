//! A snapshot in the making: resources, the clusters of everything called, and what has to be said about both.

use super::memo::Memo;
use super::{cluster, name};
use crate::discovery::Selection;
use crate::snapshot::{NotInEffect, ResourceType, Snapshot, XdsResource};
use mesh_core::Name;
use mesh_core::spec::{ClientPolicy, IpPreference, ListenerTls, ListenerTlsMode, PortMapping};
use mesh_core::view::{Target, TargetPort};
use prost::Message;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Whether a called node can be reached. Where two ways to it differ, the greater counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reach {
    /// It does not exist, or has no such listener.
    Missing,
    /// In plain text.
    Open,
    /// Only by TLS, which is not in effect yet: not at all.
    Closed,
}

/// A called node, encoded.
#[derive(Debug)]
pub struct Callee {
    /// Whether it can be reached.
    pub reach: Reach,
    /// Its cluster.
    pub cluster: Arc<XdsResource>,
    /// The instances behind it, where those come by EDS.
    pub awaits: Option<Arc<Selection>>,
    /// What its spec asks of callers and does not get yet.
    pub gaps: Vec<NotInEffect>,
    /// What is wrong with it.
    pub warning: Option<String>,
}

/// A snapshot in the making.
#[derive(Debug)]
pub struct Draft<'m> {
    /// What was encoded before.
    pub memo: &'m mut Memo,
    preference: Option<IpPreference>,
    snapshot: Snapshot,
    callees: BTreeMap<Arc<str>, Arc<Callee>>,
    gaps: BTreeSet<NotInEffect>,
    warnings: BTreeSet<String>,
}

impl<'m> Draft<'m> {
    /// An empty one, in a mesh that prefers these addresses.
    pub fn new(memo: &'m mut Memo, preference: Option<IpPreference>) -> Self {
        Self {
            memo,
            preference,
            snapshot: Snapshot::default(),
            callees: BTreeMap::new(),
            gaps: BTreeSet::new(),
            warnings: BTreeSet::new(),
        }
    }

    /// Adds a resource.
    pub fn put(&mut self, of: ResourceType, name: String, message: &impl Message) {
        let resource = self.memo.shared(XdsResource::new(of, name, message));
        self.snapshot.insert(resource);
    }

    /// Adds the cluster of a target of a route, once however many routes lead there (§5.6).
    pub fn call(&mut self, mesh: &Name, target: &Target, router: PortMapping, policy: Option<&ClientPolicy>) {
        let callee = match &target.port {
            Some(port) => self.memo.callee(mesh, &target.node, port, reach(port, policy)),
            None => {
                self.warn(absent(&target.node, router.port));
                Arc::new(missing(mesh, target, router))
            }
        };
        match self.callees.entry(callee.cluster.name.clone()) {
            Entry::Vacant(place) => {
                place.insert(callee);
            }
            Entry::Occupied(mut place) if place.get().reach < callee.reach => {
                place.insert(callee);
            }
            Entry::Occupied(_) => {}
        }
    }

    /// Says what is asked for and not in effect yet.
    pub fn gap(&mut self, gap: NotInEffect) {
        self.gaps.insert(gap);
    }

    /// Says what cannot be had.
    pub fn warn(&mut self, warning: String) {
        self.warnings.insert(warning);
    }

    /// The snapshot.
    pub fn finish(mut self) -> Snapshot {
        for callee in self.callees.values() {
            self.snapshot.insert(callee.cluster.clone());
            if let Some(awaits) = &callee.awaits {
                let awaits = Selection::in_mesh(awaits, self.preference);
                self.snapshot.awaits.insert(awaits.cluster.clone(), awaits);
            }
            self.gaps.extend(callee.gaps.iter().cloned());
            self.warnings.extend(callee.warning.clone());
        }
        self.snapshot.not_in_effect = self.gaps.into_iter().collect();
        self.snapshot.warnings = self.warnings.into_iter().collect();
        self.snapshot
    }
}

/// Whether a listener asks for TLS, be it with plain text beside it. It is not served then: fail closed.
pub fn asks_for_tls(tls: Option<&ListenerTls>) -> bool {
    tls.is_some_and(|tls| tls.mode != ListenerTlsMode::Disabled)
}

/// Whether TLS would be spoken to a target: because the client's policy demands it, or the server's listener (§11.2).
fn reach(port: &TargetPort, policy: Option<&ClientPolicy>) -> Reach {
    let demands = |policy: &ClientPolicy| {
        policy.tls.as_ref().is_some_and(|tls| tls.enforced() && tls.covers(port.mapping().port))
    };
    let serves = port.spec.listeners.get(port.listener).is_some_and(|listener| asks_for_tls(listener.tls.as_ref()));
    if serves || policy.is_some_and(demands) { Reach::Closed } else { Reach::Open }
}

fn missing(mesh: &Name, target: &Target, router: PortMapping) -> Callee {
    let name = name::target_cluster(mesh, target, router);
    let cluster = cluster::nowhere(name.clone(), &target.node);
    Callee {
        reach: Reach::Missing,
        cluster: XdsResource::new(ResourceType::Cluster, name, &cluster),
        awaits: None,
        gaps: Vec::new(),
        warning: None,
    }
}

fn absent(node: &Name, port: i64) -> String {
    format!(
        "virtual node {node}, a target on port {port}, does not exist or has no such listener: requests to it fail with 503"
    )
}
