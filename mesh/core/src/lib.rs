//! The pure middle of Remesh, an open successor to AWS App Mesh.
//!
//! > request → command → event → log → feed → fold → view → snapshot → stream
//!
//! This crate holds the steps that are only thought: what may be asked for ([`spec`], [`rules`]), what is wished
//! ([`command`]), whether it may happen ([`mod@decide`]), what then has happened ([`event`]), what that makes of a mesh
//! ([`state`]) and what one Envoy may see of it ([`view`]). Read it in that order.
//!
//! The write side and the relay run the same fold, so the rules that refuse a change and the relay that publishes it
//! cannot disagree about what the mesh is.
//!
//! What is deliberately absent: an async runtime, AWS, protobuf, HTTP, files, the clock, randomness. Time and ids are
//! arguments, answers are values.
//!
//! `§` in a comment names a section of the App Mesh semantics that Remesh follows; `docs/appmesh.md` lists them.

pub mod command;
pub mod decide;
pub mod event;
pub mod quota;
pub mod rejection;
pub mod resource;
pub mod rules;
pub mod spec;
pub mod state;
#[cfg(feature = "strategies")]
pub mod strategies;
#[cfg(test)]
mod testing;
pub mod view;

pub use command::{Change, Command, Context};
pub use decide::{Decision, decide};
pub use event::{Caller, Entry, Event, Record, Seq, Timestamp};
pub use quota::{Quota, Quotas};
pub use rejection::Rejection;
pub use resource::{AccountId, Kind, MeshKey, Name, Resource, ResourceId, Tags};
pub use spec::Spec;
pub use state::MeshState;
