//! Virtual routers.

use super::listener;
use super::place::Place;
use crate::spec::VirtualRouterSpec;

pub(super) fn check(at: &Place, spec: &VirtualRouterSpec) {
    let listeners = &at.member("listeners");
    listeners.each(spec.listeners.iter().flatten(), |at, it| {
        listener::check_mapping(&at.member("portMapping"), it.port_mapping);
    });
    listener::check_distinct(listeners, spec.ports());
}
