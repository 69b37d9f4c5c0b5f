//! Which services the proxies of a mesh need, and who needs a service.

use crate::discovery::Service;
use mesh_core::ResourceId;
use std::collections::{BTreeSet, HashMap};

/// What the connected proxies of a mesh need, by resource.
#[derive(Debug, Default)]
pub(super) struct Needs {
    of: HashMap<ResourceId, BTreeSet<Service>>,
    users: HashMap<Service, BTreeSet<ResourceId>>,
    changed: bool,
}

impl Needs {
    /// Says what the proxies of a resource need from now on.
    pub(super) fn set(&mut self, id: &ResourceId, services: BTreeSet<Service>) {
        let before = self.of.remove(id).unwrap_or_default();
        for service in before.difference(&services) {
            self.leave(id, service);
        }
        for service in services.difference(&before) {
            self.changed |= !self.users.contains_key(service);
            self.users.entry(service.clone()).or_default().insert(id.clone());
        }
        if !services.is_empty() {
            self.of.insert(id.clone(), services);
        }
    }

    fn leave(&mut self, id: &ResourceId, service: &Service) {
        let Some(users) = self.users.get_mut(service) else { return };
        users.remove(id);
        if users.is_empty() {
            self.users.remove(service);
            self.changed = true;
        }
    }

    /// The resources whose proxies need one of these.
    pub(super) fn users(&self, services: &BTreeSet<Service>) -> BTreeSet<ResourceId> {
        services.iter().filter_map(|service| self.users.get(service)).flatten().cloned().collect()
    }

    /// Every service that is needed.
    pub(super) fn services(&self) -> impl Iterator<Item = &Service> {
        self.users.keys()
    }

    /// Whether that has changed since this was asked last.
    pub(super) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mesh_core::Kind;

    fn services(names: &[&str]) -> BTreeSet<Service> {
        names.iter().map(|name| Service { namespace: "n".into(), service: (*name).into() }).collect()
    }

    #[test]
    fn a_service_is_needed_until_its_last_user_has_left() {
        let (one, other) = (ResourceId::new(Kind::VirtualNode, "one"), ResourceId::new(Kind::VirtualNode, "other"));
        let mut needs = Needs::default();
        needs.set(&one, services(&["a", "b"]));
        assert!(needs.take_changed());
        needs.set(&other, services(&["a"]));
        assert!(!needs.take_changed(), "somebody needed it before");
        needs.set(&one, services(&["b"]));
        assert!(!needs.take_changed(), "somebody needs it still");
        assert_eq!(needs.users(&services(&["a"])), BTreeSet::from([other.clone()]));
        needs.set(&other, BTreeSet::new());
        assert!(needs.take_changed());
        assert_eq!(needs.services().cloned().collect::<BTreeSet<_>>(), services(&["b"]));
    }
}
