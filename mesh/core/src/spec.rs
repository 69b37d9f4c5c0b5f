//! Step 0, the vocabulary: what a user may ask for.
//!
//! One set of types is the request body, the event payload, the folded state and the API's answer; App Mesh updates
//! replace whole specs, so a second set would say nothing new. The shape is the service model's
//! (`appmesh/2019-01-25`): members keep their names, unions are enums with exactly one member, twin structures (a
//! virtual node's and a virtual gateway's) are one type.
//!
//! What is deliberately absent: limits, patterns and cross-field rules. They live in [`crate::rules`], because a spec is
//! also read back from events written years ago, and a rule tightened today must not make an old log unreadable.
//! For the same reason numbers are as wide as JSON carries them, and unknown members are ignored.

mod discovery;
mod duration;
mod gateway_route;
mod listener;
mod logging;
mod matching;
mod mesh;
mod route;
mod tls;
mod virtual_gateway;
mod virtual_node;
mod virtual_router;
mod virtual_service;

pub use discovery::*;
pub use duration::*;
pub use gateway_route::*;
pub use listener::*;
pub use logging::*;
pub use matching::*;
pub use mesh::*;
pub use route::*;
pub use tls::*;
pub use virtual_gateway::*;
pub use virtual_node::*;
pub use virtual_router::*;
pub use virtual_service::*;

/// Gives an API structure its derives: JSON members in camelCase, absent members left out rather than sent as null.
macro_rules! structure {
    ($(#[$meta:meta])* pub struct $name:ident { $($body:tt)* }) => {
        $(#[$meta])*
        #[serde_with::skip_serializing_none]
        #[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "camelCase")]
        pub struct $name { $($body)* }
    };
}

/// Gives an API union its derives: exactly one member, whose name is the JSON key.
macro_rules! union {
    ($(#[$meta:meta])* pub enum $name:ident { $($body:tt)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "camelCase")]
        pub enum $name { $($body)* }
    };
}

/// Gives an API string enumeration its derives and the text of each value.
macro_rules! enumeration {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$vmeta:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$vmeta])* #[serde(rename = $text)] $variant,)* }

        impl $name {
            /// The value as the API writes it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

pub(crate) use {enumeration, structure, union};

use crate::resource::Kind;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The spec of a resource of any kind. Shared, since the state, its views and the answers all hold it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Spec {
    /// What a mesh is asked to be.
    Mesh(Arc<MeshSpec>),
    /// What a virtual gateway is asked to be.
    VirtualGateway(Arc<VirtualGatewaySpec>),
    /// What a gateway route is asked to be.
    GatewayRoute(Arc<GatewayRouteSpec>),
    /// What a virtual node is asked to be.
    VirtualNode(Arc<VirtualNodeSpec>),
    /// What a virtual router is asked to be.
    VirtualRouter(Arc<VirtualRouterSpec>),
    /// What a route is asked to be.
    Route(Arc<RouteSpec>),
    /// What a virtual service is asked to be.
    VirtualService(Arc<VirtualServiceSpec>),
}

impl Spec {
    /// The kind of resource this is the spec of.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Mesh(_) => Kind::Mesh,
            Self::VirtualGateway(_) => Kind::VirtualGateway,
            Self::GatewayRoute(_) => Kind::GatewayRoute,
            Self::VirtualNode(_) => Kind::VirtualNode,
            Self::VirtualRouter(_) => Kind::VirtualRouter,
            Self::Route(_) => Kind::Route,
            Self::VirtualService(_) => Kind::VirtualService,
        }
    }
}
