//! What App Mesh would say: the resources that are there, and the rules of §13.7 in so many words.

use crate::operations::{Id, Kind, Name, Operation, Provider, Spec, Tags};
use std::collections::BTreeMap;

/// The most tags of a resource.
const TAGS: usize = 50;

/// What is there.
#[derive(Default)]
pub struct Oracle {
    resources: BTreeMap<Id, Held>,
    /// How often each mesh changed.
    changes: BTreeMap<Name, u64>,
}

/// A resource that is there.
#[derive(Debug, Clone)]
pub struct Held {
    pub spec: Spec,
    pub version: u64,
    pub tags: Tags,
}

/// What must be answered.
#[derive(Debug, PartialEq, Eq)]
pub enum Expected {
    /// A resource that came to be or changed, with this version.
    Changed(u64),
    /// A resource as it was, with this version.
    Unchanged(u64),
    /// A resource that is gone, with the version after its last.
    Gone(u64),
    /// The names of a list.
    Names(Vec<Name>),
    /// Nothing but that it went well.
    Done,
    /// Tags.
    Tags(Tags),
    /// An exception, with its status.
    Refused(u16, &'static str),
}

const NOT_FOUND: Expected = Expected::Refused(404, "NotFoundException");
const CONFLICT: Expected = Expected::Refused(409, "ConflictException");
const IN_USE: Expected = Expected::Refused(409, "ResourceInUseException");
const BAD_REQUEST: Expected = Expected::Refused(400, "BadRequestException");
const TOO_MANY_TAGS: Expected = Expected::Refused(400, "TooManyTagsException");

impl Oracle {
    /// What must be answered, and takes effect.
    pub fn ask(&mut self, operation: &Operation) -> Expected {
        match operation {
            Operation::Create(id, spec, tags) => self.create(*id, spec, tags),
            Operation::Update(id, spec) => self.update(*id, spec),
            Operation::Delete(id) => self.delete(*id),
            Operation::Describe(id) => match self.resources.get(id) {
                Some(held) => Expected::Unchanged(held.version),
                None => NOT_FOUND,
            },
            Operation::List(id, _) if !self.has_room_for(*id) => NOT_FOUND,
            Operation::List(id, _) => Expected::Names(self.beside(*id)),
            Operation::Tag(id, tags) => self.tag(*id, tags),
            Operation::Untag(id, keys) => self.untag(*id, keys),
            Operation::ListTags(id) => match self.resources.get(id) {
                Some(held) => Expected::Tags(held.tags.clone()),
                None => NOT_FOUND,
            },
        }
    }

    /// Everything that is there.
    pub fn resources(&self) -> impl Iterator<Item = (&Id, &Held)> {
        self.resources.iter()
    }

    /// How often a mesh changed.
    pub fn changes(&self, mesh: Name) -> u64 {
        self.changes.get(mesh).copied().unwrap_or(0)
    }

    fn create(&mut self, id: Id, spec: &Spec, tags: &Tags) -> Expected {
        if tags.len() > TAGS {
            return BAD_REQUEST;
        }
        if !self.has_room_for(id) {
            return NOT_FOUND;
        }
        if self.has(id) {
            return CONFLICT;
        }
        if !self.has_all_that_is_needed(id, spec) {
            return NOT_FOUND;
        }
        self.resources.insert(id, Held { spec: spec.clone(), version: 1, tags: tags.clone() });
        self.changed(id);
        Expected::Changed(1)
    }

    fn update(&mut self, id: Id, spec: &Spec) -> Expected {
        let Some(held) = self.resources.get(&id) else { return NOT_FOUND };
        if held.spec == *spec {
            return Expected::Unchanged(held.version);
        }
        if !self.has_all_that_is_needed(id, spec) {
            return NOT_FOUND;
        }
        self.changed(id);
        let held = self.resources.get_mut(&id).expect("it was there a moment ago");
        held.spec = spec.clone();
        held.version += 1;
        Expected::Changed(held.version)
    }

    fn delete(&mut self, id: Id) -> Expected {
        if !self.has(id) {
            return NOT_FOUND;
        }
        if self.resources.iter().any(|(other, held)| holds(*other, &held.spec, id)) {
            return IN_USE;
        }
        self.changed(id);
        let held = self.resources.remove(&id).expect("it was there a moment ago");
        Expected::Gone(held.version + 1)
    }

    fn tag(&mut self, id: Id, tags: &Tags) -> Expected {
        let Some(held) = self.resources.get(&id) else { return NOT_FOUND };
        let mut after = held.tags.clone();
        after.extend(tags.clone());
        self.retag(id, after)
    }

    fn untag(&mut self, id: Id, keys: &[String]) -> Expected {
        if keys.len() > TAGS {
            return BAD_REQUEST;
        }
        let Some(held) = self.resources.get(&id) else { return NOT_FOUND };
        let mut after = held.tags.clone();
        after.retain(|key, _| !keys.contains(key));
        self.retag(id, after)
    }

    fn retag(&mut self, id: Id, after: Tags) -> Expected {
        if after.len() > TAGS {
            return TOO_MANY_TAGS;
        }
        let held = self.resources.get_mut(&id).expect("it was there a moment ago");
        if held.tags != after {
            held.tags = after;
            self.changed(id);
        }
        Expected::Done
    }

    fn has(&self, id: Id) -> bool {
        self.resources.contains_key(&id)
    }

    /// Whether that in which it is to be is there: its mesh, its router, its gateway.
    fn has_room_for(&self, id: Id) -> bool {
        let parent = id.kind.parent().zip(id.parent).map(|(kind, name)| id.beside(kind, name));
        id.kind == Kind::Mesh || (self.has(id.home()) && parent.is_none_or(|parent| self.has(parent)))
    }

    /// A route needs its nodes, a service its provider, a gateway route its service; a node does not need its backends.
    fn has_all_that_is_needed(&self, id: Id, spec: &Spec) -> bool {
        match spec {
            Spec::Route { targets, .. } => targets.iter().all(|node| self.has(id.beside(Kind::Node, node))),
            Spec::Service(Provider::Node(node)) => self.has(id.beside(Kind::Node, node)),
            Spec::Service(Provider::Router(router)) => self.has(id.beside(Kind::Router, router)),
            Spec::GatewayRoute { service, .. } => self.has(id.beside(Kind::Service, service)),
            Spec::Service(Provider::Nothing)
            | Spec::Mesh { .. }
            | Spec::Node { .. }
            | Spec::Router { .. }
            | Spec::Gateway { .. } => true,
        }
    }

    /// The names in the list that a resource is in or would be.
    fn beside(&self, id: Id) -> Vec<Name> {
        let in_list = |other: &&Id| {
            other.kind == id.kind && other.parent == id.parent && (id.kind == Kind::Mesh || other.mesh == id.mesh)
        };
        self.resources.keys().filter(in_list).map(|other| other.name).collect()
    }

    fn changed(&mut self, id: Id) {
        *self.changes.entry(id.mesh).or_default() += 1;
    }
}

/// Whether one resource keeps another from being deleted.
fn holds(by: Id, spec: &Spec, id: Id) -> bool {
    if by.mesh != id.mesh || by == id {
        return false;
    }
    let inside = by.kind.parent() == Some(id.kind) && by.parent == Some(id.name);
    let needed = match (id.kind, spec) {
        (Kind::Mesh, _) => true,
        (Kind::Node, Spec::Route { targets, .. }) => targets.contains(id.name),
        (Kind::Node, Spec::Service(Provider::Node(node))) => *node == id.name,
        (Kind::Router, Spec::Service(Provider::Router(router))) => *router == id.name,
        (Kind::Service, Spec::GatewayRoute { service, .. }) => *service == id.name,
        _ => false,
    };
    inside || needed
}
