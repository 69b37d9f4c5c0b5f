//! What is asked: the operations on resources of few names, so that they meet.
//!
//! Two meshes, and in them at most two resources of each kind and parent. A sequence begins with some of a furnished
//! mesh, in the order in which it can be made, and goes on at random.

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

pub type Name = &'static str;
pub type Tags = BTreeMap<String, String>;

/// The seven kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Mesh,
    Node,
    Router,
    Route,
    Service,
    Gateway,
    GatewayRoute,
}

impl Kind {
    pub const ALL: [Self; 7] =
        [Self::Mesh, Self::Node, Self::Router, Self::Route, Self::Service, Self::Gateway, Self::GatewayRoute];

    pub fn parent(self) -> Option<Self> {
        match self {
            Self::Route => Some(Self::Router),
            Self::GatewayRoute => Some(Self::Gateway),
            _ => None,
        }
    }

    /// As the API writes it.
    pub fn text(self) -> &'static str {
        match self {
            Self::Mesh => "mesh",
            Self::Node => "virtualNode",
            Self::Router => "virtualRouter",
            Self::Route => "route",
            Self::Service => "virtualService",
            Self::Gateway => "virtualGateway",
            Self::GatewayRoute => "gatewayRoute",
        }
    }

    /// As lists are called.
    pub fn plural(self) -> String {
        if self == Self::Mesh { "meshes".into() } else { format!("{}s", self.text()) }
    }
}

/// A resource, by what names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id {
    pub kind: Kind,
    pub mesh: Name,
    pub parent: Option<Name>,
    pub name: Name,
}

impl Id {
    pub fn collection(&self) -> String {
        match (self.kind, self.kind.parent(), self.parent) {
            (Kind::Mesh, ..) => "/meshes".into(),
            (kind, Some(of), Some(parent)) => {
                format!("/meshes/{}/{}/{parent}/{}", self.mesh, of.text(), kind.plural())
            }
            (kind, ..) => format!("/meshes/{}/{}", self.mesh, kind.plural()),
        }
    }

    pub fn item(&self) -> String {
        format!("{}/{}", self.collection(), self.name)
    }

    pub fn arn(&self) -> String {
        let mesh = format!("arn:aws:appmesh:eu-west-1:{}:mesh/{}", crate::client::ACCOUNT, self.mesh);
        match (self.kind, self.kind.parent(), self.parent) {
            (Kind::Mesh, ..) => mesh,
            (kind, Some(of), Some(parent)) => format!("{mesh}/{}/{parent}/{}/{}", of.text(), kind.text(), self.name),
            (kind, ..) => format!("{mesh}/{}/{}", kind.text(), self.name),
        }
    }

    /// Another of the same mesh, made in the mesh itself.
    pub fn beside(&self, kind: Kind, name: Name) -> Self {
        Self { kind, mesh: self.mesh, parent: None, name }
    }

    /// Its mesh, as a resource.
    pub fn home(&self) -> Self {
        self.beside(Kind::Mesh, self.mesh)
    }
}

/// What a virtual service has behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Provider {
    Nothing,
    Node(Name),
    Router(Name),
}

/// What a resource is to be: of each kind what refers to others, and a number that makes two differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spec {
    Mesh { number: u16 },
    Node { backends: BTreeSet<Name>, number: u16 },
    Router { number: u16 },
    Route { targets: BTreeSet<Name>, number: u16 },
    Service(Provider),
    Gateway { number: u16 },
    GatewayRoute { service: Name, number: u16 },
}

impl Spec {
    pub fn json(&self) -> Value {
        let listeners = |number: &u16| json!([{ "portMapping": { "port": 8080 + number, "protocol": "http" } }]);
        match self {
            Self::Mesh { number: 0 } => json!({}),
            Self::Mesh { .. } => json!({ "egressFilter": { "type": "ALLOW_ALL" } }),
            Self::Node { backends, number } => {
                let backend = |name: &Name| json!({ "virtualService": { "virtualServiceName": name } });
                let backends: Vec<_> = backends.iter().map(backend).collect();
                json!({ "listeners": listeners(number), "backends": backends })
            }
            Self::Router { number } | Self::Gateway { number } => json!({ "listeners": listeners(number) }),
            Self::Route { targets, number } => {
                let target = |name: &Name| json!({ "virtualNode": name, "weight": 1 + number });
                let targets: Vec<_> = targets.iter().map(target).collect();
                json!({ "httpRoute": { "match": { "prefix": "/" }, "action": { "weightedTargets": targets } } })
            }
            Self::Service(Provider::Nothing) => json!({}),
            Self::Service(Provider::Node(name)) => {
                json!({ "provider": { "virtualNode": { "virtualNodeName": name } } })
            }
            Self::Service(Provider::Router(name)) => {
                json!({ "provider": { "virtualRouter": { "virtualRouterName": name } } })
            }
            Self::GatewayRoute { service, number } => {
                let target = json!({ "virtualService": { "virtualServiceName": service } });
                json!({ "priority": number, "httpRoute": { "match": { "prefix": "/" }, "action": { "target": target } } })
            }
        }
    }
}

/// One request.
#[derive(Debug, Clone)]
pub enum Operation {
    Create(Id, Spec, Tags),
    Update(Id, Spec),
    Delete(Id),
    Describe(Id),
    /// The whole list that a resource is in, in pages of a size.
    List(Id, usize),
    Tag(Id, Tags),
    Untag(Id, Vec<String>),
    ListTags(Id),
}

impl Operation {
    /// The verb and the resource.
    pub fn about(&self) -> (&'static str, Id) {
        match self {
            Self::Create(id, ..) => ("create", *id),
            Self::Update(id, _) => ("update", *id),
            Self::Delete(id) => ("delete", *id),
            Self::Describe(id) => ("describe", *id),
            Self::List(id, _) => ("list", *id),
            Self::Tag(id, _) => ("tag", *id),
            Self::Untag(id, _) => ("untag", *id),
            Self::ListTags(id) => ("list tags", *id),
        }
    }
}

/// A sequence: some or nearly all of a furnished mesh, then anything.
pub fn sequence(length: usize) -> impl Strategy<Value = Vec<Operation>> {
    let furniture = furniture();
    let pieces = furniture.len();
    // What fails is shrunk towards the first.
    let begin = prop_oneof![
        1 => subsequence(furniture.clone(), 0..=pieces),
        2 => subsequence(furniture, pieces - 2..=pieces),
    ];
    let some = prop_oneof![25 => operation().prop_map(|one| vec![one]), 1 => mesh_of_one()];
    let then = prop::collection::vec(some, 1..length);
    (begin, then).prop_map(|(begin, then)| begin.into_iter().chain(then.into_iter().flatten()).collect())
}

/// A mesh with nothing but one resource is to be deleted. By chance alone there would always be something else in it.
fn mesh_of_one() -> impl Strategy<Value = Vec<Operation>> {
    let mesh = Id { kind: Kind::Mesh, mesh: "n", parent: None, name: "n" };
    let only = vec![
        (mesh.beside(Kind::Node, "a"), Spec::Node { backends: BTreeSet::new(), number: 0 }),
        (mesh.beside(Kind::Router, "a"), Spec::Router { number: 0 }),
        (mesh.beside(Kind::Gateway, "a"), Spec::Gateway { number: 0 }),
        (mesh.beside(Kind::Service, SERVICES[0]), Spec::Service(Provider::Nothing)),
    ];
    select(only).prop_map(move |(id, spec)| {
        let create = |id, spec| Operation::Create(id, spec, Tags::new());
        vec![create(mesh, Spec::Mesh { number: 0 }), create(id, spec), Operation::Delete(mesh)]
    })
}

/// Everything there can be, each after what it needs.
fn furniture() -> Vec<Operation> {
    let mesh = Id { kind: Kind::Mesh, mesh: "m", parent: None, name: "m" };
    let create = |id: Id, spec: Spec| Operation::Create(id, spec, Tags::new());
    let mut all = vec![create(mesh, Spec::Mesh { number: 0 })];
    for name in NAMES {
        let backends = [SERVICES[0]].into();
        all.push(create(mesh.beside(Kind::Node, name), Spec::Node { backends, number: 0 }));
        all.push(create(mesh.beside(Kind::Router, name), Spec::Router { number: 0 }));
        all.push(create(mesh.beside(Kind::Gateway, name), Spec::Gateway { number: 0 }));
    }
    for (name, service) in NAMES.into_iter().zip(SERVICES) {
        let route = Id { parent: Some("a"), ..mesh.beside(Kind::Route, name) };
        all.push(create(route, Spec::Route { targets: [name].into(), number: 0 }));
        all.push(create(mesh.beside(Kind::Service, service), Spec::Service(Provider::Router(name))));
        let route = Id { parent: Some("a"), ..mesh.beside(Kind::GatewayRoute, name) };
        all.push(create(route, Spec::GatewayRoute { service, number: 0 }));
    }
    all
}

const NAMES: [Name; 2] = ["a", "b"];
const SERVICES: [Name; 2] = ["a.local", "b.local"];

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        7 => wish().prop_flat_map(|(id, spec)| first_tags().prop_map(move |tags| Operation::Create(id, spec.clone(), tags))),
        4 => wish().prop_map(|(id, spec)| Operation::Update(id, spec)),
        6 => id().prop_map(Operation::Delete),
        2 => id().prop_map(Operation::Describe),
        1 => (id(), 1..4usize).prop_map(|(id, limit)| Operation::List(id, limit)),
        3 => (id(), tags()).prop_map(|(id, tags)| Operation::Tag(id, tags)),
        1 => (id(), tags()).prop_map(|(id, tags)| Operation::Untag(id, tags.into_keys().collect())),
        1 => id().prop_map(Operation::ListTags),
    ]
}

fn id() -> impl Strategy<Value = Id> {
    let mesh = prop_oneof![8 => Just("m"), 1 => Just("n")];
    (mesh, select(&Kind::ALL[..]), select(&NAMES[..]), 0..2usize).prop_map(|(mesh, kind, parent, which)| {
        let name = match kind {
            Kind::Mesh => mesh,
            Kind::Service => SERVICES[which],
            _ => NAMES[which],
        };
        Id { kind, mesh, parent: kind.parent().map(|_| parent), name }
    })
}

/// A resource and what it is to be.
fn wish() -> impl Strategy<Value = (Id, Spec)> {
    let names = || prop::collection::btree_set(select(&NAMES[..]), 1..=2);
    let services = || prop::collection::btree_set(select(&SERVICES[..]), 0..=2);
    let provider = prop_oneof![
        Just(Provider::Nothing),
        select(&NAMES[..]).prop_map(Provider::Node),
        select(&NAMES[..]).prop_map(Provider::Router),
    ];
    (id(), 0..2u16, names(), services(), provider, select(&SERVICES[..])).prop_map(
        |(id, number, targets, backends, provider, service)| {
            let spec = match id.kind {
                Kind::Mesh => Spec::Mesh { number },
                Kind::Node => Spec::Node { backends, number },
                Kind::Router => Spec::Router { number },
                Kind::Route => Spec::Route { targets, number },
                Kind::Service => Spec::Service(provider),
                Kind::Gateway => Spec::Gateway { number },
                Kind::GatewayRoute => Spec::GatewayRoute { service, number },
            };
            (id, spec)
        },
    )
}

fn first_tags() -> impl Strategy<Value = Tags> {
    prop_oneof![8 => Just(Tags::new()), 2 => tags(), 1 => Just(many(0..51))]
}

/// A few tags that collide; or so many that two such sets, or one, are more than a resource may have.
fn tags() -> impl Strategy<Value = Tags> {
    let value = select(vec![String::new(), "v".into()]);
    let few = prop::collection::btree_map((0..4u8).prop_map(|n| format!("k{n}")), value, 0..3);
    prop_oneof![4 => few, 2 => Just(many(0..30)), 2 => Just(many(20..51)), 1 => Just(many(0..51))]
}

fn many(keys: std::ops::Range<u8>) -> Tags {
    keys.map(|n| (format!("k{n}"), "v".into())).collect()
}
