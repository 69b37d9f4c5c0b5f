//! Why a command was refused. The texts are App Mesh's where one was seen in public (§13.6).

use crate::quota::Quota;
use crate::resource::{AccountId, Kind, MeshKey, ResourceId};
use crate::rules::Violation;

/// Why a command was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The request breaks rules; all of them are named.
    #[error("{}", list(.0))]
    Invalid(Vec<Violation>),
    /// The resource, or the mesh or parent it is made in, does not exist.
    #[error("{} with name {} is not present under mesh {} for account {}", .id.kind.title(), .id.name, .mesh.name, .mesh.owner)]
    NotPresent {
        /// What does not exist.
        id: ResourceId,
        /// Where.
        mesh: MeshKey,
    },
    /// The mesh does not exist.
    #[error("Mesh with name {} is not present for account {}", .0.name, .0.owner)]
    MeshNotPresent(MeshKey),
    /// Something the spec refers to does not exist.
    #[error("{} with name {} is missing", .0.kind.title(), .0.name)]
    Missing(ResourceId),
    /// A resource of that name exists.
    #[error("{}", already_exists(.id, .mesh))]
    AlreadyExists {
        /// Which.
        id: ResourceId,
        /// Where.
        mesh: MeshKey,
    },
    /// The client token was another request's (§13.3).
    #[error(
        "Client token `{0}` was used for another request within the last 24 hours. Please try again with a new one."
    )]
    TokenUsed(String),
    /// The caller has no access to the mesh, whether or not it exists (§13.11).
    #[error("Mesh {} of account {} is not shared with account {account}", .mesh.name, .mesh.owner)]
    NotShared {
        /// The mesh.
        mesh: MeshKey,
        /// The caller's account.
        account: AccountId,
    },
    /// Only the mesh's owner may.
    #[error("{}", owners_only(.id, .mesh))]
    OwnersOnly {
        /// What it was about.
        id: ResourceId,
        /// The mesh.
        mesh: MeshKey,
    },
    /// Only whoever made the resource may.
    #[error("{id} belongs to account {owner}; account {account} cannot change it")]
    MadeByAnother {
        /// The resource.
        id: ResourceId,
        /// Who made it.
        owner: AccountId,
        /// The caller's account.
        account: AccountId,
    },
    /// There would be more of something than there may be.
    #[error("{}", exceeded(*.quota, *.limit, *.wanted, .id, .mesh))]
    LimitExceeded {
        /// Of what.
        quota: Quota,
        /// How many there may be.
        limit: usize,
        /// How many there would be.
        wanted: usize,
        /// The resource that is too many, or has too many.
        id: ResourceId,
        /// Its mesh.
        mesh: MeshKey,
    },
    /// The mesh still has resources.
    #[error("Mesh {} for account {} has active {kind}s, please delete {kind}s before deleting the Mesh", .mesh.name, .mesh.owner, kind = .child.kind.title())]
    MeshNotEmpty {
        /// The mesh.
        mesh: MeshKey,
        /// One of them.
        child: ResourceId,
    },
    /// The router or gateway still has routes.
    #[error("{} with name {} has active {kind}s, please delete {kind}s before deleting the {}", .id.kind.title(), .id.name, .id.kind.title(), kind = .child.kind.title())]
    NotEmpty {
        /// The router or gateway.
        id: ResourceId,
        /// One of its routes.
        child: ResourceId,
    },
    /// Another resource needs this one.
    #[error("{}", in_use(.id, .by))]
    InUse {
        /// The resource that is needed.
        id: ResourceId,
        /// Those who need it, never empty.
        by: Vec<ResourceId>,
    },
    /// The resource would have more tags than it may.
    #[error("{id} would have {count} tags; a resource has {limit} at most")]
    TooManyTags {
        /// The resource.
        id: ResourceId,
        /// How many it would have.
        count: usize,
        /// How many it may have.
        limit: usize,
    },
}

fn list(violations: &[Violation]) -> String {
    violations.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn owners_only(id: &ResourceId, mesh: &MeshKey) -> String {
    let only = format!("Only account {}, the owner of mesh {}, may", mesh.owner, mesh.name);
    match id.kind {
        Kind::Mesh => format!("{only} change it or know whom it is shared with"),
        _ => format!("{only} change its virtual gateways and their routes, {id} among them"),
    }
}

fn exceeded(quota: Quota, limit: usize, wanted: usize, id: &ResourceId, mesh: &MeshKey) -> String {
    let within = if id.kind == Kind::Mesh { String::new() } else { format!(" under mesh {}", mesh.name) };
    let would = match quota {
        Quota::BackendsPerVirtualNode => format!("would have {wanted}"),
        _ => format!("would be number {wanted}"),
    };
    format!("The quota {quota} is {limit}, and {id}{within} for account {} {would}", mesh.owner)
}

fn already_exists(id: &ResourceId, mesh: &MeshKey) -> String {
    let within = if id.kind == Kind::Mesh { String::new() } else { format!(" under mesh {}", mesh.name) };
    format!("{} with name {} already exists{within} for account {}", id.kind.title(), id.name, mesh.owner)
}

fn in_use(id: &ResourceId, by: &[ResourceId]) -> String {
    use Kind::{GatewayRoute, Route, VirtualNode, VirtualRouter, VirtualService};
    let names = |kind| by.iter().filter(|user| user.kind == kind).map(|user| user.name.as_str()).collect::<Vec<_>>();
    match id.kind {
        VirtualService => {
            format!(
                "VirtualService {} is being referenced in the following: GATEWAY_ROUTE: [{}]",
                id.name,
                names(GatewayRoute).join(", ")
            )
        }
        VirtualRouter => {
            format!(
                "VirtualRouter with name {} cannot be deleted because it is a VirtualService provider: {}",
                id.name,
                names(VirtualService).join(", ")
            )
        }
        VirtualNode if names(Route).is_empty() => {
            format!(
                "VirtualNode with name {} cannot be deleted because it is a VirtualService provider: {}",
                id.name,
                names(VirtualService).join(", ")
            )
        }
        VirtualNode => {
            format!(
                "VirtualNode with name {} cannot be deleted because it is the target of one or more routes: {}",
                id.name,
                names(Route).join(", ")
            )
        }
        _ => format!("{id} is in use"),
    }
}
