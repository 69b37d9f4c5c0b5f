//! Resources: the seven kinds, how one is named inside a mesh, what is known of it beside its spec.

use crate::event::Timestamp;
use crate::spec::{Spec, enumeration};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use uuid::Uuid;

/// Defines a piece of text that is cheap to clone and not to be confused with another.
macro_rules! text {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl<T: Into<Arc<str>>> From<T> for $name {
            fn from(text: T) -> Self {
                Self(text.into())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text! {
    /// The name of a resource.
    Name
}

text! {
    /// An AWS account, twelve digits.
    AccountId
}

impl AccountId {
    /// The account that a text from outside names; `None` where it is not twelve digits.
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| Self::from(text))
    }
}

enumeration! {
    /// The seven kinds of resources. The order is that of a listing of a whole mesh, nothing more.
    pub enum Kind {
        /// `mesh`
        Mesh = "mesh",
        /// `virtualGateway`
        VirtualGateway = "virtualGateway",
        /// `gatewayRoute`
        GatewayRoute = "gatewayRoute",
        /// `virtualNode`
        VirtualNode = "virtualNode",
        /// `virtualRouter`
        VirtualRouter = "virtualRouter",
        /// `route`
        Route = "route",
        /// `virtualService`
        VirtualService = "virtualService",
    }
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::Mesh,
        Self::VirtualGateway,
        Self::GatewayRoute,
        Self::VirtualNode,
        Self::VirtualRouter,
        Self::Route,
        Self::VirtualService,
    ];

    /// The kind whose name in ARNs this is.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// The kind's name as App Mesh's messages and our event names write it, `VirtualNode`.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Mesh => "Mesh",
            Self::VirtualGateway => "VirtualGateway",
            Self::GatewayRoute => "GatewayRoute",
            Self::VirtualNode => "VirtualNode",
            Self::VirtualRouter => "VirtualRouter",
            Self::Route => "Route",
            Self::VirtualService => "VirtualService",
        }
    }

    /// The kind of the resource this kind is made in, when that is not the mesh itself.
    pub const fn parent(self) -> Option<Self> {
        match self {
            Self::Route => Some(Self::VirtualRouter),
            Self::GatewayRoute => Some(Self::VirtualGateway),
            _ => None,
        }
    }

    /// The kind made in this kind, when there is one.
    pub const fn child(self) -> Option<Self> {
        match self {
            Self::VirtualRouter => Some(Self::Route),
            Self::VirtualGateway => Some(Self::GatewayRoute),
            _ => None,
        }
    }
}

/// A mesh among all meshes: its owner's account and its name. One mesh is one event stream.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MeshKey {
    /// The account that owns the mesh.
    pub owner: AccountId,
    /// The mesh's name, unique for its owner.
    pub name: Name,
}

impl MeshKey {
    /// The mesh `name` of `owner`.
    pub fn new(owner: impl Into<AccountId>, name: impl Into<Name>) -> Self {
        Self { owner: owner.into(), name: name.into() }
    }
}

impl fmt::Display for MeshKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.owner)
    }
}

/// A resource inside its mesh. The order groups by kind, then parent, then name: the order of lists.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ResourceId {
    /// What it is.
    pub kind: Kind,
    /// The virtual router of a route, the virtual gateway of a gateway route; nothing for the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Name>,
    /// Its name.
    pub name: Name,
}

impl ResourceId {
    /// A resource that is made in the mesh itself, or the mesh.
    pub fn new(kind: Kind, name: impl Into<Name>) -> Self {
        Self { kind, parent: None, name: name.into() }
    }

    /// A resource that is made in another.
    pub fn child(kind: Kind, parent: impl Into<Name>, name: impl Into<Name>) -> Self {
        Self { kind, parent: Some(parent.into()), name: name.into() }
    }

    /// The resource this one is made in, when that is not the mesh itself.
    pub fn parent_id(&self) -> Option<Self> {
        Some(Self::new(self.kind.parent()?, self.parent.clone()?))
    }

    /// The tail of the ARN after `mesh/`, and the identity by which an Envoy of the resource presents itself (§2.1).
    pub fn path(&self, mesh: &Name) -> String {
        match (self.kind, self.kind.parent(), &self.parent) {
            (Kind::Mesh, ..) => format!("mesh/{mesh}"),
            (kind, Some(parent_kind), Some(parent)) => {
                format!("mesh/{mesh}/{parent_kind}/{parent}/{kind}/{}", self.name)
            }
            (kind, ..) => format!("mesh/{mesh}/{kind}/{}", self.name),
        }
    }

    /// The resource and its mesh that [`ResourceId::path`] wrote; `None` where the text is not such a path.
    ///
    /// A mesh may be followed by `@` and its owner's account, as the sidecars of shared meshes write it (§2.1).
    pub fn parse_path(path: &str) -> Option<(Name, Option<AccountId>, Self)> {
        let parts: Vec<&str> = path.split('/').collect();
        if parts.iter().any(|part| part.is_empty()) || *parts.first()? != "mesh" {
            return None;
        }
        let (mesh, owner) = match parts.get(1)?.split_once('@') {
            Some((mesh, owner)) => (Name::from(mesh), Some(AccountId::from(owner))),
            None => (Name::from(*parts.get(1)?), None),
        };
        let id = match parts[2..] {
            [] => Self::new(Kind::Mesh, mesh.clone()),
            [of, name] => {
                let of = Kind::parse(of).filter(|kind| *kind != Kind::Mesh && kind.parent().is_none())?;
                Self::new(of, name)
            }
            [of_parent, parent, of, name] => {
                let of = Kind::parse(of)
                    .filter(|kind| kind.parent().is_some() && kind.parent() == Kind::parse(of_parent))?;
                Self::child(of, parent, name)
            }
            _ => return None,
        };
        Some((mesh, owner, id))
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.parent {
            Some(parent) => write!(f, "{} {parent}/{}", self.kind, self.name),
            None => write!(f, "{} {}", self.kind, self.name),
        }
    }
}

/// Tags of a resource, by key.
pub type Tags = BTreeMap<String, String>;

/// A resource as the fold knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// Which it is.
    pub id: ResourceId,
    /// What was asked for.
    pub spec: Spec,
    /// Given once, at creation.
    pub uid: Uuid,
    /// 1 at creation, one more with every update (§13.3).
    pub version: u64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was created, updated or deleted last.
    pub last_updated_at: Timestamp,
    /// The account that made it; differs from the mesh's owner in a shared mesh.
    pub owner: AccountId,
    /// Its tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: Tags,
}

/// Where a deployment says it is: what an ARN is made of besides the resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    /// The AWS region.
    pub region: String,
}

impl Home {
    /// The partition the region belongs to.
    pub fn partition(&self) -> &'static str {
        match self.region.as_str() {
            region if region.starts_with("cn-") => "aws-cn",
            region if region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        }
    }

    /// The ARN of a resource; its account is the mesh's owner (§13.3).
    pub fn arn(&self, mesh: &MeshKey, id: &ResourceId) -> String {
        format!("arn:{}:appmesh:{}:{}:{}", self.partition(), self.region, mesh.owner, id.path(&mesh.name))
    }
}

/// The mesh and the resource an ARN names; `None` where it is not an ARN of an App Mesh resource.
///
/// Partition, service (`appmesh`, `appmesh-preview`) and region may be any: definitions written for another region are
/// still definitions of these resources.
pub fn parse_arn(arn: &str) -> Option<(MeshKey, ResourceId)> {
    let mut parts = arn.splitn(6, ':');
    let (prefix, _partition, service) = (parts.next()?, parts.next()?, parts.next()?);
    let (_region, account, path) = (parts.next()?, parts.next()?, parts.next()?);
    if prefix != "arn" || !matches!(service, "appmesh" | "appmesh-preview") || account.is_empty() {
        return None;
    }
    let (mesh, owner, id) = ResourceId::parse_path(path)?;
    Some((MeshKey { owner: owner.unwrap_or_else(|| AccountId::from(account)), name: mesh }, id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_leads_back_to_its_resource() {
        let home = Home { region: "eu-west-1".into() };
        let mesh = MeshKey::new("123456789012", "shop");
        for id in [
            ResourceId::new(Kind::Mesh, "shop"),
            ResourceId::new(Kind::VirtualNode, "cart"),
            ResourceId::new(Kind::VirtualService, "cart.shop.local"),
            ResourceId::child(Kind::Route, "cart", "all"),
            ResourceId::child(Kind::GatewayRoute, "edge", "all"),
        ] {
            assert_eq!(parse_arn(&home.arn(&mesh, &id)), Some((mesh.clone(), id)));
        }
    }

    #[test]
    fn an_account_is_twelve_digits() {
        assert_eq!(AccountId::parse("012345678901"), Some("012345678901".into()));
        for text in ["", "1", "0123456789012", "01234567890a", "٠١٢٣٤٥"] {
            assert_eq!(AccountId::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_route_hangs_under_its_router_in_the_arn() {
        let home = Home { region: "us-east-1".into() };
        let arn = home.arn(&MeshKey::new("1", "m"), &ResourceId::child(Kind::Route, "r", "x"));
        assert_eq!(arn, "arn:aws:appmesh:us-east-1:1:mesh/m/virtualRouter/r/route/x");
    }

    #[test]
    fn text_that_is_no_arn_of_a_resource_is_refused() {
        for arn in [
            "",
            "shop",
            "arn:aws:appmesh:us-east-1:1:mesh",
            "arn:aws:appmesh:us-east-1:1:mesh/",
            "arn:aws:ecs:us-east-1:1:mesh/m",
            "arn:aws:appmesh:us-east-1:1:mesh/m/virtualNode",
            "arn:aws:appmesh:us-east-1:1:mesh/m/mesh/n",
            "arn:aws:appmesh:us-east-1:1:mesh/m/virtualGateway/g/route/r",
            "arn:aws:appmesh:us-east-1::mesh/m",
        ] {
            assert_eq!(parse_arn(arn), None, "{arn}");
        }
    }
}
