//! `remesh demo` without a terminal, with real Envoys: it judges itself, and leaves nothing behind.
#![allow(clippy::unwrap_used, clippy::panic, reason = "what fails here fails the test")]

use mesh_tests::{eventually, remesh_binary, tools};
use serde_json::Value;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};
use tokio::process::Command;

/// A demo whose temporary files go to this folder, by which its processes can be told from those of others.
fn demo(folder: &Path) -> Command {
    let mut command = Command::new(remesh_binary());
    command.arg("demo").arg("--envoy").arg(tools::envoy()).env("TMPDIR", folder);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

fn said(output: &Output) -> String {
    format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The Envoys of the demo that uses this folder.
fn envoys(folder: &Path) -> Vec<String> {
    let folder = folder.to_str().unwrap();
    let of = |entry: std::fs::DirEntry| {
        let arguments = std::fs::read(entry.path().join("cmdline")).ok()?;
        let line = String::from_utf8_lossy(&arguments).replace('\0', " ");
        (line.contains(folder) && line.contains("--config-path")).then_some(line)
    };
    std::fs::read_dir("/proc").unwrap().flatten().filter_map(of).collect()
}

async fn started(folder: &Path) {
    eventually("three Envoys of the demo run", async || {
        let count = envoys(folder).len();
        // Each is watched by a shell that carries its arguments as well.
        (count >= 3).then_some(()).ok_or_else(|| format!("{count} run"))
    })
    .await;
}

async fn ended(folder: &Path) {
    eventually("no Envoy of the demo runs", async || {
        let left = envoys(folder);
        if left.is_empty() { Ok(()) } else { Err(format!("{left:#?}")) }
    })
    .await;
}

#[tokio::test]
async fn the_shares_it_observes_are_the_weights_it_asks_for() {
    let folder = tempfile::tempdir().unwrap();
    let output = demo(folder.path()).args(["--duration", "8"]).output().await.unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(&output)));
    assert_eq!(report["ok"], true);
    let statuses: Vec<&String> = report["statuses"].as_object().unwrap().keys().collect();
    assert_eq!(statuses, ["200"]);
    let share = |phase: usize| report["phases"][phase]["versions"][0]["share"].as_f64().unwrap();
    assert!((0.75..1.0).contains(&share(0)) && (0.3..0.7).contains(&share(1)), "{report:#}");
    assert_eq!(report["proxies"].as_array().unwrap().len(), 3);
    assert!(report["change"]["fullEffectMs"].as_f64().unwrap() < 2000.0, "{report:#}");
    ended(folder.path()).await;
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "temporary files are left");
}

#[tokio::test]
async fn told_to_stop_it_ends_everything_within_five_seconds() {
    let folder = tempfile::tempdir().unwrap();
    let child = demo(folder.path()).spawn().unwrap();
    started(folder.path()).await;
    let told = Instant::now();
    kill("-TERM", child.id().unwrap());
    let output = child.wait_with_output().await.unwrap();
    assert!(told.elapsed() < Duration::from_secs(5), "{:?}", told.elapsed());
    assert_eq!(output.status.code(), Some(1), "an interrupted measurement is no success: {}", said(&output));
    ended(folder.path()).await;
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "temporary files are left");
}

#[tokio::test]
async fn killed_it_leaves_no_envoy_running() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = demo(folder.path()).spawn().unwrap();
    started(folder.path()).await;
    kill("-KILL", child.id().unwrap());
    child.wait().await.unwrap();
    ended(folder.path()).await;
}

fn kill(signal: &str, pid: u32) {
    assert!(std::process::Command::new("kill").args([signal, &pid.to_string()]).status().unwrap().success());
}
