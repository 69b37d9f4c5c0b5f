//! The translation, from mesh to xDS: golden pairs, rules that hold for every mesh, and a real Envoy's opinion.
//!
//! A golden case is a folder in `cases/`: `mesh.json` says what the mesh is, one file for each of its proxies what that
//! proxy is served. `UPDATE_GOLDEN=1 cargo test -p xds-relay --test golden` writes the latter anew; read the difference.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what fails in a helper fails the test that uses it, with a message"
)]

mod envoy;
mod mesh_file;
mod pairs;
mod pretty;
mod random;
mod references;
mod rules;
mod whole;
