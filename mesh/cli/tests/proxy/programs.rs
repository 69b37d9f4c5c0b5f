//! `remesh` as a process.

use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A `remesh` that has said that it is ready; killed when dropped.
pub struct Running {
    child: Child,
    /// The ready line.
    pub ready: Value,
}

impl Running {
    pub fn start(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        Self { ready: serde_json::from_str(&line).unwrap_or_else(|_| panic!("no ready line: {line:?}")), child }
    }

    /// A URL of its API.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.ready["api"].as_str().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The whole control plane.
pub fn up() -> Running {
    let mut command = Command::new(env!("CARGO_BIN_EXE_remesh"));
    let any = "127.0.0.1:0";
    Running::start({
        command.args(["up", "--api-addr", any, "--xds-addr", any, "--admin-addr", any]);
        command
    })
}

/// A client that goes straight to where it is sent.
pub fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().unwrap()
}
