//! Virtual nodes. Where there is service discovery there is a listener.

use super::discovery::service_discovery;
use super::listener::{PROTOCOLS, listener};
use super::logging::logging;
use super::number::port;
use super::tls::{backend_defaults, client_policy};
use super::{Surroundings, distinct, list, mappings, structure};
use crate::resource::Kind;
use crate::spec::{Backend, VirtualNodeSpec, VirtualServiceBackend};
use proptest::option;
use proptest::prelude::*;

pub(super) fn spec(around: &Surroundings) -> BoxedStrategy<VirtualNodeSpec> {
    let listeners = mappings(port(), &PROTOCOLS, 0..=3);
    let listeners = listeners.prop_flat_map(|mappings| mappings.into_iter().map(listener).collect::<Vec<_>>());
    let spec = structure!(VirtualNodeSpec {
        backend_defaults: option::of(backend_defaults()),
        backends: backends(around),
        listeners: listeners,
        logging: option::of(logging()),
        service_discovery: option::of(service_discovery()),
    });
    spec.prop_map(|spec| match spec.listeners.is_empty() {
        true => VirtualNodeSpec { service_discovery: None, ..spec },
        false => spec,
    })
    .boxed()
}

/// Services that exist and services that do not.
fn backends(around: &Surroundings) -> BoxedStrategy<Vec<Backend>> {
    let existing = around.virtual_service().prop_map(|(name, _)| name);
    let name = prop_oneof![existing, super::resource_name(Kind::VirtualService)];
    let backend =
        structure!(VirtualServiceBackend { client_policy: option::of(client_policy()), virtual_service_name: name });
    let distinct = |backends| distinct(backends, |it: &VirtualServiceBackend| it.virtual_service_name.clone());
    let backends = list(backend, 0..=20).prop_map(distinct);
    backends.prop_map(|backends| backends.into_iter().map(Backend::VirtualService).collect()).boxed()
}
