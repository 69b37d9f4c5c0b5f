//! What a sidecar's way out carries on each port (§5.4): one protocol, and for TCP one service, since nothing but the port
//! tells them apart. Where backends contend for a port one wins by rule, the same on every relay, and the others are told.

use super::draft::Draft;
use mesh_core::spec::{PortMapping, PortProtocol};
use mesh_core::view::{BackendView, ServicePort};
use std::collections::BTreeMap;

/// A port of a service that a proxy may call.
#[derive(Debug, Clone, Copy)]
pub struct Offer<'v> {
    /// The service.
    pub backend: &'v BackendView,
    /// Which of its ports.
    pub index: usize,
    /// That port.
    pub port: &'v ServicePort,
}

/// What a port carries.
#[derive(Debug)]
pub struct EgressPort<'v> {
    /// The port and its protocol.
    pub mapping: PortMapping,
    /// The services behind it, in the order of the spec; one where the protocol is TCP.
    pub offers: Vec<Offer<'v>>,
    /// The services that lost the port.
    pub lost: Vec<Offer<'v>>,
}

/// What each port carries, by port.
pub fn ports<'v>(draft: &mut Draft<'_>, backends: &'v [BackendView]) -> Vec<EgressPort<'v>> {
    let mut by_port: BTreeMap<i64, Vec<Offer<'v>>> = BTreeMap::new();
    for backend in backends {
        for (index, port) in backend.service.ports.iter().enumerate() {
            by_port.entry(port.mapping.port).or_default().push(Offer { backend, index, port });
        }
    }
    by_port.into_values().filter_map(|offers| settle(draft, offers)).collect()
}

fn settle<'v>(draft: &mut Draft<'_>, offers: Vec<Offer<'v>>) -> Option<EgressPort<'v>> {
    let winner = *offers.iter().min_by_key(|offer| rank(offer.port.mapping.protocol))?;
    let mapping = winner.port.mapping;
    let one = mapping.protocol == PortProtocol::Tcp;
    let (offers, lost): (Vec<_>, Vec<_>) = offers.into_iter().partition(|offer| {
        if one { std::ptr::eq(offer.port, winner.port) } else { offer.port.mapping.protocol == mapping.protocol }
    });
    lost.iter().for_each(|offer| draft.warn(contention(offer, &winner)));
    Some(EgressPort { mapping, offers, lost })
}

/// The order of §17.12; the first backend of the spec among equals.
const fn rank(protocol: PortProtocol) -> u8 {
    match protocol {
        PortProtocol::Http2 => 0,
        PortProtocol::Grpc => 1,
        PortProtocol::Http => 2,
        PortProtocol::Tcp => 3,
    }
}

fn contention(lost: &Offer<'_>, winner: &Offer<'_>) -> String {
    let PortMapping { port, protocol } = lost.port.mapping;
    format!(
        "virtual service {} ({protocol}) cannot be called on port {port}, which carries {} for virtual service {}: \
         give one of them another port",
        lost.backend.service.name, winner.port.mapping.protocol, winner.backend.service.name
    )
}
