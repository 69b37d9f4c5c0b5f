//! Virtual nodes. A listener without service discovery is accepted: App Mesh's own answer is not known (§9.6), and such a
//! node is visible and harmless. Service discovery without a listener is refused, as App Mesh did.

use super::place::Place;
use super::{discovery, limits, listener, logging, text, tls};
use crate::resource::Kind;
use crate::spec::{Backend, VirtualNodeSpec};
use std::collections::HashSet;

pub(super) fn check(at: &Place, spec: &VirtualNodeSpec) {
    tls::check_defaults(&at.member("backendDefaults"), spec.backend_defaults.as_ref());
    check_backends(&at.member("backends"), &spec.backends);
    let listeners = &at.member("listeners");
    listeners.each(&spec.listeners, listener::check);
    listener::check_distinct(listeners, spec.listeners.iter().map(|listener| listener.port_mapping));
    logging::check(&at.member("logging"), spec.logging.as_ref());
    if let Some(found_by) = &spec.service_discovery {
        let at = &at.member("serviceDiscovery");
        discovery::check(at, found_by);
        if spec.listeners.is_empty() {
            at.refuse("is given and there is no listener: Service Discovery can't be set without a listener.");
        }
    }
}

fn check_backends(at: &Place, backends: &[Backend]) {
    if !at.count(backends, limits::BACKENDS) {
        return;
    }
    let mut seen = HashSet::new();
    for (index, Backend::VirtualService(backend)) in backends.iter().enumerate() {
        let at = &at.item(index);
        let at = &at.member("virtualService");
        let name = backend.virtual_service_name.as_str();
        tls::check_policy(&at.member("clientPolicy"), backend.client_policy.as_ref());
        text::resource_name(&at.member("virtualServiceName"), Kind::VirtualService, name);
        // Two policies for one service: one of them would not be kept.
        if !seen.insert(name) {
            at.member("virtualServiceName").refuse(format!("is `{name}`, which another backend names already"));
        }
    }
}
