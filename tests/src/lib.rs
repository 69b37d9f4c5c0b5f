//! The test bed: control planes on free ports, real Envoys in network namespaces of their own, a test application.
//!
//! A test says what the mesh is, through the App Mesh API, and then sends traffic as a client would. Everything between
//! is real: `remesh`, Envoy, iptables. Whatever goes wrong here fails the test that asked for it, with a message, so the
//! harness panics freely.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what fails in the harness fails the test that uses it, with a message"
)]

pub mod api;
pub mod bed;
pub mod control_plane;
pub mod envoy;
pub mod load;
pub mod moto;
pub mod names;
pub mod namespace;
pub mod spec;
pub mod testapp;
pub mod tools;
pub mod wait;

pub use api::{Api, Refusal};
pub use bed::{Bed, Pod};
pub use control_plane::{Admin, ControlPlane};
pub use envoy::Envoy;
pub use testapp::{Plan, Report};
pub use tools::remesh_binary;
pub use wait::eventually;
