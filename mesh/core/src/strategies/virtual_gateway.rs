//! Virtual gateways, which have no tcp and not their proxy's own port.

use super::listener::{PROTOCOLS, health_check, pool};
use super::logging::logging;
use super::number::port;
use super::tls::{backend_defaults, listener_tls};
use super::{mappings, structure};
use crate::spec::{PortMapping, VirtualGatewayListener, VirtualGatewaySpec};
use proptest::option;
use proptest::prelude::*;

/// Where a gateway's proxy talks to itself (§6.2).
const OWN_PORT: i64 = 15001;

pub(super) fn spec() -> BoxedStrategy<VirtualGatewaySpec> {
    let port = port().prop_map(|port| if port == OWN_PORT { OWN_PORT + 1 } else { port });
    let listeners = mappings(port.boxed(), &PROTOCOLS[..3], 0..=3);
    structure!(VirtualGatewaySpec {
        backend_defaults: option::of(backend_defaults()),
        listeners: listeners.prop_flat_map(|mappings| mappings.into_iter().map(listener).collect::<Vec<_>>()),
        logging: option::of(logging()),
    })
}

fn listener(mapping: PortMapping) -> BoxedStrategy<VirtualGatewayListener> {
    structure!(VirtualGatewayListener {
        connection_pool: option::of(pool(mapping.protocol)),
        health_check: option::of(health_check(mapping, &PROTOCOLS[..3])),
        port_mapping: Just(mapping),
        tls: option::of(listener_tls()),
    })
}
