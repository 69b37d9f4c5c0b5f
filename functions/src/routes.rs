//! Step 1: the 38 operations, seven kinds × five verbs and three for tags, and Remesh's own three for shares, which App
//! Mesh left to AWS Resource Access Manager. The only place with a path.
//!
//! A kind's name is all that is needed: the collection is its plural, the member that names a resource is
//! `<kind>Name`, the operation is verb and title. The one irregularity is App Mesh's own: routes hang under a singular,
//! `…/virtualRouter/{virtualRouterName}/routes`, although routers live in `…/virtualRouters` (§13.1).

use axum::http::Method;
use axum::routing::MethodFilter;
use mesh_core::Kind;

/// What every path begins with: the API's version.
pub const BASE: &str = "/v20190125";

/// One of the operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// `PUT` on the collection.
    Create(Kind),
    /// `GET` on the item.
    Describe(Kind),
    /// `GET` on the collection.
    List(Kind),
    /// `PUT` on the item.
    Update(Kind),
    /// `DELETE` on the item.
    Delete(Kind),
    /// `GET /tags`
    ListTagsForResource,
    /// `PUT /tag`
    TagResource,
    /// `PUT /untag`
    UntagResource,
    /// `GET /meshes/{meshName}/shares`
    ListShares,
    /// `PUT /meshes/{meshName}/shares/{accountId}`
    Share,
    /// `DELETE /meshes/{meshName}/shares/{accountId}`
    Unshare,
}

impl Operation {
    /// Every operation of App Mesh.
    pub fn all() -> impl Iterator<Item = Self> {
        let verbs = [Self::Create, Self::Describe, Self::List, Self::Update, Self::Delete];
        let grid = Kind::ALL.into_iter().flat_map(move |kind| verbs.map(|verb| verb(kind)));
        grid.chain([Self::ListTagsForResource, Self::TagResource, Self::UntagResource])
    }

    /// Every operation that App Mesh did not have.
    pub fn own() -> impl Iterator<Item = Self> {
        [Self::ListShares, Self::Share, Self::Unshare].into_iter()
    }

    /// The name in the service model, `CreateVirtualNode`.
    pub fn name(self) -> String {
        match self {
            Self::Create(kind) => format!("Create{}", kind.title()),
            Self::Describe(kind) => format!("Describe{}", kind.title()),
            Self::List(kind) => format!("List{}", plural(kind.title())),
            Self::Update(kind) => format!("Update{}", kind.title()),
            Self::Delete(kind) => format!("Delete{}", kind.title()),
            Self::ListTagsForResource => "ListTagsForResource".into(),
            Self::TagResource => "TagResource".into(),
            Self::UntagResource => "UntagResource".into(),
            Self::ListShares => "ListShares".into(),
            Self::Share => "Share".into(),
            Self::Unshare => "Unshare".into(),
        }
    }

    /// The HTTP method.
    pub const fn method(self) -> Method {
        match self {
            Self::Describe(_) | Self::List(_) | Self::ListTagsForResource | Self::ListShares => Method::GET,
            Self::Create(_) | Self::Update(_) | Self::TagResource | Self::UntagResource | Self::Share => Method::PUT,
            Self::Delete(_) | Self::Unshare => Method::DELETE,
        }
    }

    /// The path, with members in braces as the service model writes them.
    pub fn path(self) -> String {
        match self {
            Self::Create(kind) | Self::List(kind) => collection(kind),
            Self::Describe(kind) | Self::Update(kind) | Self::Delete(kind) => {
                format!("{}/{{{}}}", collection(kind), name_member(kind))
            }
            Self::ListTagsForResource => format!("{BASE}/tags"),
            Self::TagResource => format!("{BASE}/tag"),
            Self::UntagResource => format!("{BASE}/untag"),
            Self::ListShares => format!("{BASE}/meshes/{{meshName}}/shares"),
            Self::Share | Self::Unshare => format!("{BASE}/meshes/{{meshName}}/shares/{{accountId}}"),
        }
    }

    /// The kind of resource in the path; none for the tag operations, which take an ARN, and for shares.
    pub const fn kind(self) -> Option<Kind> {
        match self {
            Self::Create(kind) | Self::Describe(kind) | Self::List(kind) | Self::Update(kind) | Self::Delete(kind) => {
                Some(kind)
            }
            Self::ListTagsForResource | Self::TagResource | Self::UntagResource => None,
            Self::ListShares | Self::Share | Self::Unshare => None,
        }
    }

    pub(crate) fn filter(self) -> MethodFilter {
        match self.method() {
            Method::GET => MethodFilter::GET,
            Method::DELETE => MethodFilter::DELETE,
            _ => MethodFilter::PUT,
        }
    }
}

/// The member that holds a resource's name in requests and answers, `virtualNodeName`.
pub fn name_member(kind: Kind) -> String {
    format!("{kind}Name")
}

/// The member that holds a list of resources in answers, and the last part of their collection's path.
pub fn plural_member(kind: Kind) -> String {
    plural(kind.as_str())
}

fn plural(noun: &str) -> String {
    if noun.ends_with("sh") { format!("{noun}es") } else { format!("{noun}s") }
}

fn collection(kind: Kind) -> String {
    let mesh = format!("{BASE}/meshes");
    match (kind, kind.parent()) {
        (Kind::Mesh, _) => mesh,
        (_, None) => format!("{mesh}/{{meshName}}/{}", plural_member(kind)),
        (_, Some(parent)) => {
            format!("{mesh}/{{meshName}}/{parent}/{{{}}}/{}", name_member(parent), plural_member(kind))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grid_has_38_operations_with_names_of_their_own() {
        let names: std::collections::BTreeSet<_> = Operation::all().map(Operation::name).collect();
        assert_eq!(names.len(), 38);
        for name in ["ListMeshes", "CreateGatewayRoute", "DescribeVirtualService", "UpdateVirtualRouter", "DeleteRoute"]
        {
            assert!(names.contains(name), "{name}");
        }
    }

    #[test]
    fn routes_hang_under_the_singular() {
        assert_eq!(
            Operation::List(Kind::Route).path(),
            "/v20190125/meshes/{meshName}/virtualRouter/{virtualRouterName}/routes"
        );
        assert_eq!(
            Operation::Update(Kind::GatewayRoute).path(),
            "/v20190125/meshes/{meshName}/virtualGateway/{virtualGatewayName}/gatewayRoutes/{gatewayRouteName}"
        );
        assert_eq!(Operation::Delete(Kind::Mesh).path(), "/v20190125/meshes/{meshName}");
    }
}
