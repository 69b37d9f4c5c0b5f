//! Every acknowledged change survives kill -9, and nothing else does.
//!
//! Writers storm the API of a real `remesh up`, the process is killed in the midst of it, and then the file is looked at
//! twice: as a log, without the program, and through the API of the program started again. What one writer knows of its
//! own resources decides what may be found: the version that was acknowledged, or the one that was on its way.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what fails here is the test")]

#[path = "crash/found.rs"]
mod found;
#[path = "crash/writer.rs"]
mod writer;

use mesh_tests::control_plane::Addresses;
use mesh_tests::{ControlPlane, eventually};
use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use writer::Writer;

/// How often it is killed, each time with what the rounds before have left.
const ROUNDS: usize = 15;

/// How many write at a time.
const WRITERS: usize = 16;

/// A round is ended after so many acknowledged writes at most, so that it ends anywhere: in a commit, in a checkpoint
/// of SQLite or of ours, in the first request.
const MOST_WRITES: u64 = 600;

#[tokio::test(flavor = "multi_thread")]
async fn every_acknowledged_change_survives_kill_9_and_nothing_else_does() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("remesh.db");
    let mut program = start(&file).await;
    writer::create_meshes(program.api()).await;
    let mut writers: Vec<Writer> = (0..WRITERS).map(Writer::new).collect();
    for round in 0..ROUNDS {
        let writes = storm_until_killed(program, &mut writers).await;
        let log = eventually("the file of a killed program is free", async || found::open(&file)).await;
        let records = found::check_log(log, &mut writers).await;
        program = start(&file).await;
        found::check_api(program.api(), &writers).await;
        println!("round {round}: killed after {writes} acknowledged writes; {records} records are there");
    }
    program.stop().await;
    assert!(!folder.path().join("remesh.db-wal").exists(), "a program that stops in order leaves one whole file");
    found::check_log(found::open(&file).unwrap(), &mut writers).await;
}

async fn start(file: &Path) -> ControlPlane {
    ControlPlane::start_program(file, Addresses::free(IpAddr::V4(Ipv4Addr::LOCALHOST))).await
}

/// Lets all write, kills the program at a random write, and answers how many were acknowledged.
async fn storm_until_killed(program: ControlPlane, writers: &mut Vec<Writer>) -> u64 {
    let enough = RandomState::new().hash_one(()) % MOST_WRITES;
    let (acknowledged, api) = (Arc::new(AtomicU64::new(0)), program.api().url().to_owned());
    let storm = writers.drain(..).map(|mut writer| {
        let (api, acknowledged) = (api.clone(), acknowledged.clone());
        tokio::spawn(async move {
            writer.write_until_the_end(&api, &acknowledged).await;
            writer
        })
    });
    let storm: Vec<_> = storm.collect();
    while acknowledged.load(Ordering::Relaxed) < enough && !storm.iter().any(|task| task.is_finished()) {
        tokio::task::yield_now().await;
    }
    // SIGKILL: dropping it is how the program is killed.
    drop(program);
    for task in storm {
        writers.push(task.await.unwrap());
    }
    acknowledged.load(Ordering::Relaxed)
}
