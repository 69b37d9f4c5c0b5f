//! Step 8: the consistent set of xDS resources for one proxy.
//!
//! A resource is encoded once, when it is made; its version is a hash of those bytes, so it is the same on every relay
//! and after every restart, and a reconnecting Envoy is sent nothing it already has. Snapshots share resources: the next
//! snapshot of a proxy holds the same `Arc` for everything that did not change. A copy of a snapshot shares whole types.

use crate::discovery::Selection;
use bytes::Bytes;
use mesh_core::Seq;
use prost::Message;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// The types of xDS resources, in the order in which additions are sent: make before break (§13.12).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResourceType {
    /// CDS
    Cluster,
    /// EDS
    Endpoint,
    /// LDS
    Listener,
    /// RDS
    Route,
    /// SDS
    Secret,
}

impl ResourceType {
    /// Every type, in sending order.
    pub const ALL: [Self; 5] = [Self::Cluster, Self::Endpoint, Self::Listener, Self::Route, Self::Secret];

    /// The type URL, `type.googleapis.com/…`.
    pub const fn url(self) -> &'static str {
        match self {
            Self::Cluster => "type.googleapis.com/envoy.config.cluster.v3.Cluster",
            Self::Endpoint => "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
            Self::Listener => "type.googleapis.com/envoy.config.listener.v3.Listener",
            Self::Route => "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
            Self::Secret => "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
        }
    }

    /// The type whose URL this is.
    pub fn from_url(url: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|of| of.url() == url)
    }

    /// The usual abbreviation in lower case: `cds`, `eds`, `lds`, `rds`, `sds`.
    pub const fn short(self) -> &'static str {
        match self {
            Self::Cluster => "cds",
            Self::Endpoint => "eds",
            Self::Listener => "lds",
            Self::Route => "rds",
            Self::Secret => "sds",
        }
    }

    /// Whether Envoy asks for all there are rather than by name.
    pub const fn wildcard(self) -> bool {
        matches!(self, Self::Cluster | Self::Listener)
    }
}

/// What a resource's bytes hash to; its text is what Envoy is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u128);

impl Version {
    /// The version of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(xxhash_rust::xxh3::xxh3_128(bytes))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// An xDS resource, encoded once.
#[derive(Clone, PartialEq, Eq)]
pub struct XdsResource {
    /// Its type.
    pub of: ResourceType,
    /// Its name.
    pub name: Arc<str>,
    /// The hash of its bytes.
    pub version: Version,
    /// Its protobuf bytes, what an `Any` carries as its value.
    pub body: Bytes,
}

impl XdsResource {
    /// Encodes a resource.
    ///
    /// The message must hold no protobuf map with two entries or more: prost writes those in no particular order, and
    /// equal resources would get different versions.
    pub fn new(of: ResourceType, name: impl Into<Arc<str>>, message: &impl Message) -> Arc<Self> {
        Self::from_bytes(of, name, message.encode_to_vec().into())
    }

    /// A resource that is already encoded.
    pub fn from_bytes(of: ResourceType, name: impl Into<Arc<str>>, body: Bytes) -> Arc<Self> {
        Arc::new(Self { of, name: name.into(), version: Version::of(&body), body })
    }
}

impl fmt::Debug for XdsResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}@{}", self.of.short(), self.name, self.version)
    }
}

/// The resources of one type, by name.
pub type Resources = BTreeMap<Arc<str>, Arc<XdsResource>>;

/// A field of an App Mesh resource that this snapshot does not carry out yet, and what happens instead.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NotInEffect {
    /// The resource: `virtualNode cart`.
    pub resource: String,
    /// The field: `spec.listeners[0].tls`.
    pub field: String,
    /// What happens instead: "connections to this listener are refused".
    pub instead: String,
}

/// The consistent set of xDS resources for one proxy. Cheap to clone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    resources: [Arc<Resources>; 5],
    /// The instances whose load assignments discovery puts in, by cluster.
    pub awaits: BTreeMap<Arc<str>, Arc<Selection>>,
    /// The last change of the mesh that was folded when this was made: what caused it, unless an earlier one did.
    pub seq: Seq,
    /// What it does not carry out yet, in order.
    pub not_in_effect: Vec<NotInEffect>,
    /// What was asked for and cannot be had, in words for the user: two protocols on one port and the like (§5.4).
    pub warnings: Vec<String>,
}

impl Snapshot {
    /// Adds a resource, or puts it in place of the one of that name.
    pub fn insert(&mut self, resource: Arc<XdsResource>) {
        Arc::make_mut(&mut self.resources[resource.of as usize]).insert(resource.name.clone(), resource);
    }

    /// The resources of a type.
    pub fn of(&self, of: ResourceType) -> &Resources {
        &self.resources[of as usize]
    }

    /// Whether the two say the same, whatever caused them.
    pub fn same_content(&self, other: &Self) -> bool {
        self.resources == other.resources
            && self.awaits == other.awaits
            && self.not_in_effect == other.not_in_effect
            && self.warnings == other.warnings
    }

    /// Takes the resources that are equal to another snapshot's from there, so that both hold the same bytes.
    pub fn share(&mut self, other: &Self) {
        for (mine, theirs) in self.resources.iter_mut().zip(&other.resources) {
            for (name, resource) in Arc::make_mut(mine) {
                if let Some(known) = theirs.get(name).filter(|known| known.version == resource.version) {
                    *resource = known.clone();
                }
            }
        }
    }

    /// Every resource, types in sending order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<XdsResource>> {
        self.resources.iter().flat_map(|resources| resources.values())
    }
}
