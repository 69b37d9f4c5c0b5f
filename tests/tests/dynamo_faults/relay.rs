//! The program `xds-relay`, to be killed and started again where it was.

use mesh_tests::{Admin, tools};
use serde_json::Value;
use std::fs::File;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// How a relay is started, every time.
pub struct Settings {
    /// Its folder: what it keeps, and what it says.
    pub folder: PathBuf,
    /// Where it finds DynamoDB.
    pub dynamodb: SocketAddr,
    /// The table.
    pub table: String,
    /// `stream` or `poll`.
    pub feed: &'static str,
    /// Where it listens for Envoys.
    pub xds: SocketAddr,
    /// Where it is asked.
    pub admin: SocketAddr,
}

/// A relay, running or killed.
pub struct Relay {
    settings: Settings,
    child: Option<Child>,
}

impl Relay {
    /// Starts one, which keeps its folds in its folder.
    pub async fn start(settings: Settings) -> Self {
        std::fs::create_dir_all(&settings.folder).expect("a folder of the test can be written");
        let mut relay = Self { settings, child: None };
        relay.start_again().await;
        relay
    }

    /// Starts it where it was; it listens when this returns, and may not have read the table yet.
    pub async fn start_again(&mut self) {
        let mut child = self.command().spawn().expect("xds-relay starts");
        let mut lines = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
        let line = lines.next_line().await.expect("stdout can be read");
        assert!(line.is_some(), "xds-relay ended: {}", self.said());
        self.child = Some(child);
    }

    /// SIGKILL, and waits until it is gone.
    pub async fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().await.expect("xds-relay runs until it is killed");
        }
    }

    /// Its admin endpoints.
    pub fn admin(&self) -> Admin {
        Admin::at(self.settings.admin)
    }

    /// How it stands to the log, as `/proxies` says it; nothing while it does not answer.
    pub async fn standing(&self) -> Value {
        let url = format!("http://{}/proxies", self.settings.admin);
        let Ok(answer) = reqwest::get(url).await else { return Value::Null };
        answer.json::<Value>().await.map_or(Value::Null, |list| list["state"].clone())
    }

    /// Whether it follows the log and has folded all of it.
    pub async fn follows(&self) -> Result<(), String> {
        let standing = self.standing().await;
        let follows = standing["caughtUp"] == true && standing["following"] == true;
        follows.then_some(()).ok_or_else(|| format!("{standing}\n{}", self.said()))
    }

    /// Whether the only mesh is kept in its folder as far as this sequence number.
    pub fn has_kept(&self, seq: u64) -> Result<(), String> {
        let table = self.settings.folder.join(format!("us-east-1-000000000000-{}", self.settings.table));
        let files = std::fs::read_dir(&table).into_iter().flatten().flatten().map(|entry| entry.path());
        let heads = files.filter_map(|file| {
            let bytes = std::fs::read(file).ok()?;
            serde_json::from_slice::<Value>(bytes.split(|byte| *byte == b'\n').next()?).ok()?["seq"].as_u64()
        });
        let kept = heads.max();
        (kept >= Some(seq)).then_some(()).ok_or_else(|| format!("{kept:?} is kept, and {seq} is there"))
    }

    fn command(&self) -> Command {
        let Settings { folder, dynamodb, table, feed, xds, admin } = &self.settings;
        let log = File::options().create(true).append(true).open(folder.join("log")).expect("a folder of the test");
        let mut command = Command::new(tools::aws_programs().join("xds-relay"));
        command.args(["--table", table, "--region", "us-east-1", "--account", "000000000000", "--feed", feed]);
        command.args(["--allow-unauthenticated", "--drain-seconds", "0"]);
        command.args(["--xds-addr", &xds.to_string(), "--admin-addr", &admin.to_string()]);
        command.arg("--state-dir").arg(folder);
        for service in ["DYNAMODB", "DYNAMODB_STREAMS"] {
            command.env(format!("AWS_ENDPOINT_URL_{service}"), format!("http://{dynamodb}"));
        }
        command.env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE").env("AWS_SECRET_ACCESS_KEY", "secret");
        command.env("AWS_EC2_METADATA_DISABLED", "true").env_remove("AWS_PROFILE").env_remove("RUST_LOG");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).kill_on_drop(true);
        command
    }

    fn said(&self) -> String {
        let said = std::fs::read_to_string(self.settings.folder.join("log")).unwrap_or_default();
        let lines: Vec<&str> = said.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

impl Drop for Relay {
    /// A failing test shows what its relays had to say.
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- xds-relay on {} wrote:\n{}", self.settings.xds, self.said());
        }
    }
}
