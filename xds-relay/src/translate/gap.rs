//! What a spec asks for and its proxies do not do yet. TLS fails closed; everything else is served as if not asked for.

use super::draft::{Draft, asks_for_tls};
use crate::snapshot::NotInEffect;
use mesh_core::spec::{
    Backend, BackendDefaults, ClientPolicy, IpPreference, Logging, ServiceDiscovery, VirtualNodeSpec,
};
use mesh_core::view::{GatewayView, SidecarView, TargetPort};
use mesh_core::{Kind, Name, ResourceId};

const DISCOVERY: &str = "spec.serviceDiscovery";

/// What a virtual node, or its mesh, asks of its own proxy.
pub fn of_sidecar(draft: &mut Draft<'_>, view: &SidecarView) {
    of_mesh(draft, &view.mesh, view.mesh_spec.service_discovery.as_ref().and_then(|it| it.ip_preference));
    let mut gaps = Gaps::of(Kind::VirtualNode, &view.node);
    for (at, listener) in view.spec.listeners.iter().enumerate() {
        gaps.listener(at, "tls", asks_for_tls(listener.tls.as_ref()), "connections to this listener are refused");
        gaps.listener(at, "healthCheck", listener.health_check.is_some(), "callers do not check the node's health");
        gaps.listener(at, "outlierDetection", listener.outlier_detection.is_some(), "callers eject no instance");
        gaps.listener(at, "connectionPool", listener.connection_pool.is_some(), "nothing is limited");
    }
    gaps.logging(view.spec.logging.as_ref());
    gaps.discovery(&view.spec);
    gaps.addresses(&view.spec);
    gaps.defaults(view.spec.backend_defaults.as_ref());
    for (at, Backend::VirtualService(backend)) in view.spec.backends.iter().enumerate() {
        gaps.policy(&format!("spec.backends[{at}].virtualService"), backend.client_policy.as_ref());
    }
    gaps.found.into_iter().for_each(|gap| draft.gap(gap));
}

/// What a virtual gateway, or its mesh, asks of its proxy.
pub fn of_gateway(draft: &mut Draft<'_>, view: &GatewayView) {
    of_mesh(draft, &view.mesh, view.mesh_spec.service_discovery.as_ref().and_then(|it| it.ip_preference));
    let mut gaps = Gaps::of(Kind::VirtualGateway, &view.gateway);
    for (at, listener) in view.spec.listeners.iter().enumerate() {
        gaps.listener(at, "tls", asks_for_tls(listener.tls.as_ref()), "connections to this listener are refused");
        gaps.listener(at, "healthCheck", listener.health_check.is_some(), "nobody checks the gateway's health");
        gaps.listener(at, "connectionPool", listener.connection_pool.is_some(), "nothing is limited");
    }
    gaps.logging(view.spec.logging.as_ref());
    gaps.defaults(view.spec.backend_defaults.as_ref());
    gaps.found.into_iter().for_each(|gap| draft.gap(gap));
}

/// What a virtual node asks of those who call one of its listeners.
pub fn of_callee(node: &Name, port: &TargetPort) -> Vec<NotInEffect> {
    let mut gaps = Gaps::of(Kind::VirtualNode, node);
    if let Some(listener) = port.spec.listeners.get(port.listener) {
        let at = port.listener;
        gaps.listener(
            at,
            "tls",
            asks_for_tls(listener.tls.as_ref()),
            "what is sent to it fails with 503; nothing goes in plain text",
        );
        gaps.listener(at, "healthCheck", listener.health_check.is_some(), "its health is not checked");
        gaps.listener(at, "outlierDetection", listener.outlier_detection.is_some(), "none of its instances is ejected");
    }
    gaps.discovery(&port.spec);
    gaps.found
}

fn of_mesh(draft: &mut Draft<'_>, mesh: &Name, preference: Option<IpPreference>) {
    let mut gaps = Gaps::of(Kind::Mesh, mesh);
    gaps.preference(&format!("{DISCOVERY}.ipPreference"), preference, "only instances found by Cloud Map follow it");
    gaps.found.into_iter().for_each(|gap| draft.gap(gap));
}

/// The gaps of one resource.
struct Gaps {
    resource: String,
    found: Vec<NotInEffect>,
}

impl Gaps {
    fn of(kind: Kind, name: &Name) -> Self {
        Self { resource: ResourceId::new(kind, name.clone()).to_string(), found: Vec::new() }
    }

    fn add(&mut self, field: String, instead: &str) {
        self.found.push(NotInEffect { resource: self.resource.clone(), field, instead: instead.to_owned() });
    }

    fn listener(&mut self, at: usize, field: &str, asked: bool, instead: &str) {
        if asked {
            self.add(format!("spec.listeners[{at}].{field}"), instead);
        }
    }

    fn logging(&mut self, logging: Option<&Logging>) {
        if logging.is_some_and(|logging| logging.access_log.is_some()) {
            self.add("spec.logging.accessLog".into(), "no access log is written");
        }
    }

    /// Names are resolved as Envoy does by itself; instances found by Cloud Map follow the preference.
    fn discovery(&mut self, spec: &VirtualNodeSpec) {
        if let Some(ServiceDiscovery::Dns(dns)) = &spec.service_discovery {
            let instead = "addresses are chosen as without a preference";
            self.preference(&format!("{DISCOVERY}.dns.ipPreference"), dns.ip_preference, instead);
        }
    }

    /// A node's preference is about its own listeners and application as well (§10).
    fn addresses(&mut self, spec: &VirtualNodeSpec) {
        if let Some(ServiceDiscovery::AwsCloudMap(found)) = &spec.service_discovery {
            let instead = "callers follow it; the node itself listens and calls its application by IPv4";
            self.preference(&format!("{DISCOVERY}.awsCloudMap.ipPreference"), found.ip_preference, instead);
        }
    }

    fn preference(&mut self, field: &str, preference: Option<IpPreference>, instead: &str) {
        if preference.is_some() {
            self.add(field.to_owned(), instead);
        }
    }

    fn defaults(&mut self, defaults: Option<&BackendDefaults>) {
        self.policy("spec.backendDefaults", defaults.and_then(|defaults| defaults.client_policy.as_ref()));
    }

    fn policy(&mut self, parent: &str, policy: Option<&ClientPolicy>) {
        let Some(tls) = policy.and_then(|policy| policy.tls.as_ref()) else { return };
        let instead = if tls.enforced() {
            "what is sent to the ports it covers fails with 503; nothing goes in plain text"
        } else {
            "TLS is not spoken: what is sent to a listener that asks for it fails with 503"
        };
        self.add(format!("{parent}.clientPolicy.tls"), instead);
    }
}
