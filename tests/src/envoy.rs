//! A real Envoy, started with the bootstrap that `remesh bootstrap` prints.

use crate::namespace::Namespace;
use crate::tools;
use crate::wait::eventually;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::process::{Child, Command};

/// Where the admin interface of an Envoy in a namespace listens.
const ADMIN_PORT: u16 = 9901;

/// A running Envoy. It ends when it is dropped.
#[derive(Debug)]
pub struct Envoy {
    node: String,
    admin: String,
    log: PathBuf,
    http: reqwest::Client,
    child: Child,
}

/// What an Envoy is started with.
#[derive(Debug, Clone)]
pub struct Options {
    /// Who it says it is: `mesh/M/virtualNode/N`.
    pub node: String,
    /// The control plane.
    pub xds: SocketAddr,
    /// State of the world instead of delta.
    pub state_of_the_world: bool,
}

impl Envoy {
    /// Starts one in a namespace whose address is `address`. Its files go to `folder`.
    pub fn start(namespace: &Namespace, address: Ipv4Addr, options: &Options, folder: &Path) -> Self {
        let bootstrap = folder.join("bootstrap.yaml");
        fs::write(&bootstrap, print_bootstrap(options)).expect("a folder of the test can be written");
        let log = folder.join("envoy.log");
        let stderr = File::create(&log).expect("a folder of the test can be written");
        let mut command = namespace.command_as_envoy(tools::envoy());
        command.arg("-c").arg(bootstrap).args(["--disable-hot-restart", "--concurrency", "1", "--log-level", "info"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr);
        let child = command.spawn().expect("Envoy starts");
        let admin = format!("http://{address}:{ADMIN_PORT}");
        Self { node: options.node.clone(), admin, log, http: reqwest::Client::new(), child }
    }

    /// Waits until it has taken its first configuration and serves.
    pub async fn ready(&self) {
        eventually(&format!("{} ready", self.node), async || {
            let answer =
                self.http.get(format!("{}/ready", self.admin)).send().await.map_err(|error| error.to_string())?;
            answer.status().is_success().then_some(()).ok_or_else(|| self.log_end())
        })
        .await;
    }

    /// Whether it serves at the moment.
    pub async fn is_ready(&self) -> bool {
        let answer = self.http.get(format!("{}/ready", self.admin)).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    /// Its counters and gauges whose names match a regular expression.
    pub async fn stats(&self, filter: &str) -> BTreeMap<String, u64> {
        let text = self.admin(&format!("/stats?filter={filter}")).await;
        let parse =
            |line: &str| line.split_once(": ").and_then(|(name, value)| Some((name.into(), value.parse().ok()?)));
        text.lines().filter_map(parse).collect()
    }

    /// One counter or gauge; 0 where Envoy has none of that name.
    pub async fn stat(&self, name: &str) -> u64 {
        self.stats(&format!("^{}$", name.replace('.', "\\."))).await.get(name).copied().unwrap_or(0)
    }

    /// Configuration that Envoy refused, as many times as it did.
    pub async fn nacks(&self) -> u64 {
        self.stats("update_rejected|listener_create_failure").await.values().sum()
    }

    /// What it was configured with.
    pub async fn config_dump(&self) -> Value {
        serde_json::from_str(&self.admin("/config_dump").await).expect("a config dump is JSON")
    }

    /// Fails the test if Envoy refused anything or has ended.
    pub async fn assert_accepted_everything(&mut self) {
        let ended = self.child.try_wait().expect("Envoy can be asked");
        assert!(ended.is_none(), "{} ended: {ended:?}\n{}", self.node, self.log_end());
        assert_eq!(self.nacks().await, 0, "{} refused configuration:\n{}", self.node, self.log_end());
    }

    /// Ends it at once; its ports are free afterwards.
    pub async fn end(mut self) {
        self.child.kill().await.expect("Envoy can be ended");
    }

    /// What it wrote, whole.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn log_end(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }

    async fn admin(&self, path: &str) -> String {
        let answer = self.http.get(format!("{}{path}", self.admin)).send().await;
        let answer = answer.unwrap_or_else(|error| panic!("{}: {error}\n{}", self.node, self.log_end()));
        answer.text().await.expect("Envoy answers in text")
    }
}

impl Drop for Envoy {
    /// A failing test shows what its proxies had to say.
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- {} wrote:\n{}", self.node, self.log_end());
        }
    }
}

/// What `remesh bootstrap` prints for it.
fn print_bootstrap(options: &Options) -> Vec<u8> {
    let mut command = std::process::Command::new(tools::remesh_binary());
    command.args(["bootstrap", &options.node, "--xds-addr", &options.xds.to_string()]);
    command.args(["--admin-addr", &SocketAddr::from((Ipv4Addr::UNSPECIFIED, ADMIN_PORT)).to_string()]);
    if options.state_of_the_world {
        command.arg("--sotw");
    }
    let output = command.output().expect("`remesh bootstrap` runs");
    assert!(output.status.success(), "`remesh bootstrap`: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Asks Envoy to judge a configuration file without serving it.
pub async fn validate(file: &Path) -> Result<(), String> {
    validate_with(&["-c", file.to_str().expect("a path in UTF-8")]).await
}

/// Asks Envoy to judge a command line without serving it.
pub async fn validate_with(arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(tools::envoy()).args(["--mode", "validate"]).args(arguments).output().await;
    let output = output.expect("Envoy runs");
    output.status.success().then_some(()).ok_or_else(|| String::from_utf8_lossy(&output.stderr).into_owned())
}
