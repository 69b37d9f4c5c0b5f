//! Whole specs through the whole API: created, described, updated, and slightly broken.
//!
//! The specs are `mesh_core::strategies`', so that every argument of App Mesh goes this way, at the places of a mesh
//! ([`place`]) in which there is something to refer to and ports to choose from. What fuzzing began with and found is
//! asked here as well ([`fuzzed`]).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what fails in a helper fails the test that uses it, with a message"
)]

mod breaking;
mod fuzzed;
mod place;
mod round_trip;
mod served;
