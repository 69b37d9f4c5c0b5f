//! What was encoded once and may be needed again: clusters of called nodes, virtual hosts of services, whole resources.
//!
//! Views share their specs and services with each other and with the views before, so the address of a shared value says
//! which it is. Beside each entry stands a [`Weak`] of that value: while it is there the address is given to nothing else.
//! Entries whose value is gone are swept out when the memo has doubled, which costs next to nothing per entry.

use super::cluster;
use super::draft::{Callee, Reach};
use super::host::{self, Form, Host};
use super::{gap, name};
use crate::snapshot::{ResourceType, Version, XdsResource};
use mesh_core::Name;
use mesh_core::spec::VirtualNodeSpec;
use mesh_core::view::{ServiceView, TargetPort};
use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Weak};

const SMALL: usize = 1024;

/// What was encoded and may be needed again.
#[derive(Debug, Default)]
pub struct Memo {
    callees: HashMap<CalleeKey, Remembered<VirtualNodeSpec, Callee>>,
    hosts: HashMap<HostKey, Remembered<ServiceView, Host>>,
    resources: HashMap<(ResourceType, Version), Weak<XdsResource>>,
    sweep_at: usize,
}

#[derive(Debug, PartialEq, Eq)]
struct CalleeKey {
    mesh: Name,
    node: Name,
    spec: usize,
    listener: usize,
    reach: Reach,
}

#[derive(Debug, PartialEq, Eq)]
struct HostKey {
    mesh: Name,
    service: usize,
    port: Option<usize>,
    form: Form,
}

/// The address alone tells nearly all entries apart: names are compared, not hashed.
impl Hash for CalleeKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.spec, self.listener, self.reach).hash(state);
    }
}

/// As for [`CalleeKey`].
impl Hash for HostKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.service, self.port, self.form).hash(state);
    }
}

#[derive(Debug)]
struct Remembered<Of, V> {
    of: Weak<Of>,
    value: Arc<V>,
}

impl Memo {
    /// A listener of a virtual node, as those who call it see it.
    pub fn callee(&mut self, mesh: &Name, node: &Name, port: &TargetPort, reach: Reach) -> Arc<Callee> {
        let spec = Arc::as_ptr(&port.spec) as usize;
        let key = CalleeKey { mesh: mesh.clone(), node: node.clone(), spec, listener: port.listener, reach };
        recall(&mut self.callees, key, &port.spec, || callee(mesh, node, port, reach))
    }

    /// The virtual host of a port of a service.
    pub fn host(&mut self, mesh: &Name, service: &Arc<ServiceView>, port: Option<usize>, form: Form) -> Arc<Host> {
        let key = HostKey { mesh: mesh.clone(), service: Arc::as_ptr(service) as usize, port, form };
        recall(&mut self.hosts, key, service, || host::encode(mesh, service, port, form))
    }

    /// The resource itself, or one of equal bytes that some snapshot already holds.
    pub fn shared(&mut self, resource: Arc<XdsResource>) -> Arc<XdsResource> {
        let place = self.resources.entry((resource.of, resource.version)).or_default();
        match place.upgrade().filter(|known| known.name == resource.name && known.body == resource.body) {
            Some(known) => known,
            None => {
                *place = Arc::downgrade(&resource);
                resource
            }
        }
    }

    /// Forgets what nobody can ask for any more, when there may be much of it.
    pub fn sweep(&mut self) {
        if self.len() < self.sweep_at.max(SMALL) {
            return;
        }
        self.callees.retain(|_, entry| entry.of.strong_count() > 0);
        self.hosts.retain(|_, entry| entry.of.strong_count() > 0);
        self.resources.retain(|_, resource| resource.strong_count() > 0);
        self.sweep_at = 2 * self.len();
    }

    /// How much is remembered.
    pub fn len(&self) -> usize {
        self.callees.len() + self.hosts.len() + self.resources.len()
    }
}

fn recall<K: Eq + Hash, Of, V>(
    known: &mut HashMap<K, Remembered<Of, V>>,
    key: K,
    of: &Arc<Of>,
    make: impl FnOnce() -> V,
) -> Arc<V> {
    let entry = known.entry(key).or_insert_with(|| Remembered { of: Arc::downgrade(of), value: Arc::new(make()) });
    entry.value.clone()
}

fn callee(mesh: &Name, node: &Name, port: &TargetPort, reach: Reach) -> Callee {
    let mapping = port.mapping();
    let name = name::node_cluster(mesh, node, mapping);
    let cluster = match reach {
        Reach::Open => cluster::of_node(name.clone(), node, &port.spec, mapping),
        Reach::Missing | Reach::Closed => cluster::nowhere(name.clone(), node),
    };
    let awaits = cluster::awaited(&name, node, &port.spec, mapping).filter(|_| reach == Reach::Open);
    Callee {
        reach,
        awaits: awaits.map(Arc::new),
        cluster: XdsResource::new(ResourceType::Cluster, &*name, &cluster),
        gaps: gap::of_callee(node, port),
        warning: port
            .spec
            .service_discovery
            .is_none()
            .then(|| format!("virtual node {node} has no service discovery: what is sent to it fails with 503")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_can_ask_for_is_swept_out() {
        let mut memo = Memo::default();
        for name in 0..SMALL {
            let service = Arc::new(ServiceView { name: name.to_string().into(), ports: Vec::new() });
            memo.host(&"m".into(), &service, None, Form::SecondHop);
        }
        assert_eq!(memo.len(), SMALL);
        memo.sweep();
        assert_eq!(memo.len(), 0);
    }

    #[test]
    fn a_living_service_is_encoded_once() {
        let mut memo = Memo::default();
        let service = Arc::new(ServiceView { name: "a".into(), ports: Vec::new() });
        let once = memo.host(&"m".into(), &service, None, Form::SecondHop);
        let again = memo.host(&"m".into(), &service, None, Form::SecondHop);
        assert!(Arc::ptr_eq(&once, &again));
        let other = memo.host(&"m".into(), &service, None, Form::DefaultBackend);
        assert!(!Arc::ptr_eq(&once, &other));
    }
}
