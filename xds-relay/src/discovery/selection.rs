//! Which instances of a service a virtual node means, and which address of each.

use super::{Instance, Service};
use mesh_core::Name;
use mesh_core::spec::{AwsCloudMapServiceDiscovery, IpPreference};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

/// The instances that stand behind a listener of a virtual node: what a load assignment is made of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Selection {
    /// The cluster that awaits them.
    pub cluster: Arc<str>,
    /// The virtual node.
    pub node: Name,
    /// Where they are found.
    pub service: Service,
    /// What each of them must have.
    pub attributes: Vec<(String, String)>,
    /// Which addresses the virtual node prefers, in a snapshot else the mesh.
    pub preference: Option<IpPreference>,
    /// The port of the listener, whatever port an instance names (§9.2).
    pub port: i64,
}

impl Selection {
    /// What a virtual node's discovery means for the cluster of one of its listeners.
    pub fn new(cluster: Arc<str>, node: &Name, found: &AwsCloudMapServiceDiscovery, port: i64) -> Self {
        let attributes = found.attributes.iter().flatten();
        Self {
            cluster,
            node: node.clone(),
            service: Service { namespace: found.namespace_name.clone(), service: found.service_name.clone() },
            attributes: attributes.map(|one| (one.key.clone(), one.value.clone())).collect(),
            preference: found.ip_preference,
            port,
        }
    }

    /// The same where a node without a preference follows its mesh.
    pub fn in_mesh(of: &Arc<Self>, mesh: Option<IpPreference>) -> Arc<Self> {
        match (of.preference, mesh) {
            (None, Some(_)) => Arc::new(Self { preference: mesh, ..of.as_ref().clone() }),
            _ => of.clone(),
        }
    }

    /// The addresses, in order and each once, so that every relay makes the same of them.
    ///
    /// Unhealthy instances are left out unless all are unhealthy: traffic to some that may be up after all is better than
    /// none, as Cloud Map's own `HEALTHY_OR_ELSE_ALL` has it.
    pub fn addresses(&self, instances: &[Instance]) -> Vec<IpAddr> {
        let selected: Vec<&Instance> = instances.iter().filter(|instance| self.selects(instance)).collect();
        let some_healthy = selected.iter().any(|instance| instance.healthy);
        let usable = selected.into_iter().filter(|instance| instance.healthy || !some_healthy);
        let addresses: BTreeSet<IpAddr> = usable.filter_map(|instance| self.address(instance)).collect();
        addresses.into_iter().collect()
    }

    fn selects(&self, instance: &Instance) -> bool {
        self.attributes.iter().all(|(key, value)| instance.attributes.get(key) == Some(value))
    }

    /// Which address of an instance is taken (§10).
    fn address(&self, instance: &Instance) -> Option<IpAddr> {
        let (v4, v6) = (instance.ipv4.map(IpAddr::V4), instance.ipv6.map(IpAddr::V6));
        match self.preference {
            Some(IpPreference::Ipv4Preferred) | None => v4.or(v6),
            Some(IpPreference::Ipv6Preferred) => v6.or(v4),
            Some(IpPreference::Ipv4Only) => v4,
            Some(IpPreference::Ipv6Only) => v6,
        }
    }

    /// What there is to say where nobody has answered yet.
    pub fn not_known(&self) -> String {
        let Self { node, service, .. } = self;
        format!("virtual node {node}: the instances of {service} are not known yet: a proxy that has none answers 503")
    }

    /// What there is to say where there is no address.
    pub fn nothing_found(&self) -> String {
        let Self { node, service, attributes, .. } = self;
        let with = if attributes.is_empty() { "" } else { " with the virtual node's attributes" };
        format!(
            "virtual node {node}: no usable instance of {service}{with} is known: what is sent to it fails with 503"
        )
    }
}
