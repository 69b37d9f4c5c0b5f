//! A resource as the API shows it: whole (`…Data`), and as a line of a list (`…Ref`). Nothing is null, nothing is more
//! than App Mesh showed; what differs between the kinds is only the names of members.

use crate::routes::name_member;
use mesh_core::resource::Home;
use mesh_core::{Kind, MeshKey, Resource, Spec};
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use uuid::Uuid;

/// A resource whole.
#[derive(Serialize)]
pub struct Data<'a> {
    #[serde(flatten)]
    names: BTreeMap<String, &'a str>,
    #[serde(serialize_with = "bare")]
    spec: &'a Spec,
    metadata: Metadata<'a>,
    status: Status,
}

impl<'a> Data<'a> {
    /// A resource that is there.
    pub fn active(home: &Home, mesh: &'a MeshKey, resource: &'a Resource) -> Self {
        Self::with("ACTIVE", home, mesh, resource)
    }

    /// A resource that was just deleted.
    pub fn deleted(home: &Home, mesh: &'a MeshKey, resource: &'a Resource) -> Self {
        Self::with("DELETED", home, mesh, resource)
    }

    fn with(status: &'static str, home: &Home, mesh: &'a MeshKey, resource: &'a Resource) -> Self {
        let common = Common::of(home, mesh, resource);
        let metadata = Metadata { uid: resource.uid, common };
        Self { names: names(mesh, resource), spec: &resource.spec, metadata, status: Status { status } }
    }
}

/// A resource as a line of a list.
#[derive(Serialize)]
pub struct Ref<'a> {
    #[serde(flatten)]
    names: BTreeMap<String, &'a str>,
    #[serde(flatten)]
    common: Common<'a>,
}

impl<'a> Ref<'a> {
    /// A resource's line.
    pub fn of(home: &Home, mesh: &'a MeshKey, resource: &'a Resource) -> Self {
        Self { names: names(mesh, resource), common: Common::of(home, mesh, resource) }
    }
}

#[derive(Serialize)]
struct Status {
    status: &'static str,
}

#[derive(Serialize)]
struct Metadata<'a> {
    uid: Uuid,
    #[serde(flatten)]
    common: Common<'a>,
}

/// What metadata and lines of lists have in common.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Common<'a> {
    arn: String,
    version: u64,
    created_at: f64,
    last_updated_at: f64,
    mesh_owner: &'a str,
    resource_owner: &'a str,
}

impl<'a> Common<'a> {
    fn of(home: &Home, mesh: &'a MeshKey, resource: &'a Resource) -> Self {
        Self {
            arn: home.arn(mesh, &resource.id),
            version: resource.version,
            created_at: resource.created_at.epoch_seconds(),
            last_updated_at: resource.last_updated_at.epoch_seconds(),
            mesh_owner: mesh.owner.as_str(),
            resource_owner: resource.owner.as_str(),
        }
    }
}

/// The mesh's name, the parent's, the resource's own.
fn names<'a>(mesh: &'a MeshKey, resource: &'a Resource) -> BTreeMap<String, &'a str> {
    let id = &resource.id;
    let parent = id.kind.parent().zip(id.parent.as_ref()).map(|(kind, name)| (name_member(kind), name.as_str()));
    let own = (name_member(id.kind), id.name.as_str());
    [(name_member(Kind::Mesh), mesh.name.as_str()), own].into_iter().chain(parent).collect()
}

/// A spec without the kind that events keep around it.
fn bare<S: Serializer>(spec: &&Spec, serializer: S) -> Result<S::Ok, S::Error> {
    match spec {
        Spec::Mesh(spec) => spec.serialize(serializer),
        Spec::VirtualGateway(spec) => spec.serialize(serializer),
        Spec::GatewayRoute(spec) => spec.serialize(serializer),
        Spec::VirtualNode(spec) => spec.serialize(serializer),
        Spec::VirtualRouter(spec) => spec.serialize(serializer),
        Spec::Route(spec) => spec.serialize(serializer),
        Spec::VirtualService(spec) => spec.serialize(serializer),
    }
}
