//! Steps 6 to 9: the long-running side. It follows the log, folds, derives what each connected Envoy may see, translates
//! that into xDS resources and streams them.
//!
//! ```text
//!   feed ──► world (one task folds) ──► view ──► translate ──► snapshot ──► serve (one task per stream)
//! ```
//!
//! One task owns the folded meshes; everybody else sees immutable snapshots through a watch. Work grows with what
//! changed: an event dirties the services and proxies that depend on it, unchanged xDS resources are the same shared
//! bytes as before, and a stream sends what differs from what its Envoy has.

pub mod admin;
pub mod discovery;
pub mod dump;
pub mod proxies;
pub mod proxy;
pub mod serve;
pub mod snapshot;
pub mod translate;
pub mod world;

mod relay;

pub use relay::{Relay, RelayConfig, StartError};
