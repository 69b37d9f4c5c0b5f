//! Many at once on a real `remesh up --data FILE`, over HTTP: nothing lost, nothing twice, nothing stale.
//!
//! The short form of what `bench api` does for a minute (docs/performance.md). How fast it is, no test asserts.

#![expect(clippy::unwrap_used, reason = "what fails here is the test")]

use mesh_log::sqlite::SqliteLog;
use mesh_tests::ControlPlane;
use mesh_tests::control_plane::Addresses;
use mesh_tests::load::{self, Load, Until};
use std::net::{IpAddr, Ipv4Addr};

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_writers_of_one_mesh_and_many_readers_agree_on_what_happened() {
    agree(Load { meshes: 1, nodes: 8, writers: 64, readers: 128, until: Until::Writes(32) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_writers_of_several_meshes_and_many_readers_agree_on_what_happened() {
    agree(Load { meshes: 8, nodes: 4, writers: 64, readers: 128, until: Until::Writes(32) }).await;
}

async fn agree(load: Load) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("remesh.db");
    let remesh = ControlPlane::start_program(&data, Addresses::free(IpAddr::V4(Ipv4Addr::LOCALHOST))).await;
    let measured = load::run(remesh.addresses().api, load).await;
    remesh.stop().await;
    assert!(measured.reads.len() >= load.readers);
    load::check_log(&SqliteLog::open(&data).unwrap(), load, &measured).await;
}
