//! A server in a process of its own, and what the kernel says of its CPU time and memory.

use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The kernel's clock ticks a second, which Linux has long fixed at 100 for user space.
const TICKS: u64 = 100;

/// A running server; killed when dropped.
pub struct Server {
    child: Child,
    ready: Value,
}

impl Server {
    /// Starts a program and waits for the line of JSON in which it says where it listens.
    pub fn start(program: &Path, arguments: &[&str]) -> Self {
        Self::start_with(program, arguments, &[])
    }

    /// The same with variables of the environment.
    pub fn start_with(program: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut child = Command::new(program)
            .args(arguments)
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .env("RUST_LOG", "error")
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {}: {error}", program.display()));
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready = serde_json::from_str(&line).expect("a ready line of JSON");
        Self { child, ready }
    }

    /// An address of the ready line.
    pub fn address(&self, name: &str) -> String {
        let address = self.ready[name].as_str().unwrap_or_else(|| panic!("no address {name} in {}", self.ready));
        if address.starts_with("http") { address.to_owned() } else { format!("http://{address}") }
    }

    /// CPU time used so far, user and system.
    pub fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        // The name, in brackets, may hold spaces; utime and stime are the 12th and 13th field after it.
        let fields: Vec<&str> = stat[stat.rfind(')').unwrap() + 2..].split(' ').collect();
        let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        Duration::from_millis(ticks * 1000 / TICKS)
    }

    /// Resident memory in bytes.
    pub fn resident(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The `remesh` binary of the same build.
pub fn remesh_beside_this() -> PathBuf {
    let path = std::env::current_exe().unwrap().with_file_name("remesh");
    assert!(path.exists(), "{} is missing: cargo build --release -p remesh, or pass --remesh", path.display());
    path
}
