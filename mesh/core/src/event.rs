//! Step 3: what has happened to a mesh, and the record in which the log keeps it.
//!
//! Events are for ever: names and shapes written once never change. A new need is a new optional member or a new event;
//! `tests/events/` holds one stored sample of every event ever written, and each must load.

use crate::resource::{AccountId, Kind, MeshKey, ResourceId, Tags};
use crate::spec::Spec;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The position of a record in its mesh's stream: 1 for the first, then without gaps. 0 means "before the first".
pub type Seq = u64;

/// A moment: milliseconds since 1970 began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// Seconds since 1970 began, with the milliseconds as a fraction: how the API writes it.
    pub fn epoch_seconds(self) -> f64 {
        self.0 as f64 / 1000.0
    }
}

/// Who asked for a change.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Caller {
    /// The account.
    pub account: AccountId,
    /// The access key or role that signed the request, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
}

/// Something that happened to one resource of a mesh.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Event {
    /// The resource came to be.
    Created {
        /// Which.
        resource: ResourceId,
        /// Its unique id.
        uid: Uuid,
        /// The account that made it.
        owner: AccountId,
        /// What was asked for.
        spec: Spec,
        /// Its first tags.
        #[serde(default, skip_serializing_if = "Tags::is_empty")]
        tags: Tags,
        /// The client token of the request.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token: Option<String>,
    },
    /// The resource's spec was replaced.
    Updated {
        /// Which.
        resource: ResourceId,
        /// What was asked for.
        spec: Spec,
        /// The client token of the request.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token: Option<String>,
    },
    /// The resource is gone.
    Deleted {
        /// Which.
        resource: ResourceId,
    },
    /// Tags were set.
    Tagged {
        /// Which resource's.
        resource: ResourceId,
        /// The tags set; others stay.
        tags: Tags,
    },
    /// Tags were taken away.
    Untagged {
        /// Which resource's.
        resource: ResourceId,
        /// The keys taken away.
        keys: Vec<String>,
    },
    /// The mesh was opened to another account (§13.11).
    Shared {
        /// The mesh.
        resource: ResourceId,
        /// The account.
        with: AccountId,
    },
    /// The mesh was closed to another account.
    Unshared {
        /// The mesh.
        resource: ResourceId,
        /// The account.
        with: AccountId,
    },
}

impl Event {
    /// The resource it happened to.
    pub fn resource(&self) -> &ResourceId {
        match self {
            Self::Created { resource, .. }
            | Self::Updated { resource, .. }
            | Self::Deleted { resource }
            | Self::Tagged { resource, .. }
            | Self::Untagged { resource, .. }
            | Self::Shared { resource, .. }
            | Self::Unshared { resource, .. } => resource,
        }
    }

    /// The readable type that is stored beside the event, such as `VirtualNodeUpdated`.
    pub fn name(&self) -> String {
        let kind: Kind = self.resource().kind;
        let verb = match self {
            Self::Created { .. } => "Created",
            Self::Updated { .. } => "Updated",
            Self::Deleted { .. } => "Deleted",
            Self::Tagged { .. } => "Tagged",
            Self::Untagged { .. } => "Untagged",
            Self::Shared { .. } => "Shared",
            Self::Unshared { .. } => "Unshared",
        };
        format!("{}{verb}", kind.title())
    }
}

/// An event with what is known about its happening: what is handed to the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When it was decided.
    pub at: Timestamp,
    /// Who asked for it.
    pub caller: Caller,
    /// The request that asked, as its answer named it.
    pub request: Uuid,
    /// What happened.
    pub event: Event,
}

/// An entry as the log keeps it: with its mesh and its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The mesh it happened to.
    pub mesh: MeshKey,
    /// Its place in the mesh's stream.
    pub seq: Seq,
    /// What was appended.
    pub entry: Entry,
}
