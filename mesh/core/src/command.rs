//! Step 2: a wish to change one resource of a mesh, and what has to be known to decide it.

use crate::event::{Caller, Timestamp};
use crate::quota::Quotas;
use crate::resource::{AccountId, ResourceId, Tags};
use crate::spec::Spec;
use uuid::Uuid;

/// A wish to change one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The resource.
    pub target: ResourceId,
    /// The wish.
    pub change: Change,
}

/// What is wished for a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// That it come to be.
    Create {
        /// As this.
        spec: Spec,
        /// With these tags.
        tags: Tags,
        /// The client's name for this wish, by which a repetition is recognised.
        token: Option<String>,
    },
    /// That its spec be replaced.
    Update {
        /// By this.
        spec: Spec,
        /// The client's name for this wish.
        token: Option<String>,
    },
    /// That it be gone.
    Delete,
    /// That these tags be set.
    Tag(Tags),
    /// That the tags with these keys be gone.
    Untag(Vec<String>),
    /// That the mesh be open to this account (§13.11).
    Share(AccountId),
    /// That it no longer be.
    Unshare(AccountId),
}

/// What a decision needs besides the mesh and the wish: the outside world, as values.
#[derive(Debug, Clone)]
pub struct Context {
    /// Now.
    pub now: Timestamp,
    /// An id nothing else has, for a resource that comes to be.
    pub uid: Uuid,
    /// Who asks.
    pub caller: Caller,
    /// How many there may be of what.
    pub quotas: Quotas,
    /// How many meshes the caller's account has. Only looked at where a mesh is to be made.
    pub meshes: usize,
}
