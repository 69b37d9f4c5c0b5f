//! `cargo lambda watch`: the Runtime API that functions ask for work, and the URLs that give it to them.
//!
//! It starts no function and compiles nothing here: the programs are there already, and are started as Lambda would.

use serde_json::Value;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// How often the tests' functions save checkpoints.
pub const CHECKPOINT_EVERY: u64 = 12;

/// How long it may take to start on a busy machine.
const START: Duration = Duration::from_secs(60);

/// The folder of what `tests/run` installs.
pub fn tools() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools")
}

/// A running emulator. It ends when it is dropped.
pub struct Emulator {
    addr: SocketAddr,
    _process: Child,
}

impl Emulator {
    /// Starts one on a free port; `None`, and loudly, where it is not installed.
    pub async fn start() -> Option<Self> {
        let program = tools().join("cargo-lambda/bin/cargo-lambda");
        if !program.exists() {
            eprintln!("\n!!! SKIPPED: cargo-lambda is not installed (`tests/run --tools`)\n");
            return None;
        }
        let begun = Instant::now();
        loop {
            if let Some(started) = Self::try_start(&program).await {
                return Some(started);
            }
            assert!(begun.elapsed() < START, "cargo lambda watch does not start");
        }
    }

    async fn try_start(program: &Path) -> Option<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let addr = listener.local_addr().expect("it has a number");
        drop(listener);
        let mut process = Command::new(program)
            .args(["lambda", "watch", "--only-lambda-apis", "--ignore-changes", "--invoke-address", "127.0.0.1"])
            .args(["--invoke-port", &addr.port().to_string()])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("cargo-lambda runs");
        let begun = Instant::now();
        while begun.elapsed() < START && process.try_wait().ok()?.is_none() {
            if TcpStream::connect(addr).await.is_ok() {
                return Some(Self { addr, _process: process });
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        None
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What `AWS_LAMBDA_RUNTIME_API` is for a function.
    pub fn runtime_api(&self, function: &str) -> String {
        format!("http://{}/.rt/{function}", self.addr)
    }

    /// The URL that a function answers.
    pub fn function_url(&self, function: &str) -> String {
        format!("http://{}/lambda-url/{function}", self.addr)
    }

    /// Invokes a function with an event.
    pub async fn invoke(&self, function: &str, event: &Value) -> Value {
        let path = format!("/2015-03-31/functions/{function}/invocations");
        self.send("POST", &path, Some(event)).await.1
    }

    /// Sends a request through a function's URL: status and body.
    pub async fn ask(&self, function: &str, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        self.send(method, &format!("/lambda-url/{function}{path}"), body).await
    }

    /// One request on a connection of its own. So small a client is no reason for the crate to have one.
    async fn send(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let body = body.map(Value::to_string).unwrap_or_default();
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n\r\n{body}",
            self.addr
        );
        let mut stream = TcpStream::connect(self.addr).await.expect("the emulator listens");
        stream.write_all(request.as_bytes()).await.expect("the emulator reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("the emulator answers");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer}"));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let text = body.get(body.find('{').unwrap_or(0)..=body.rfind('}').unwrap_or(0)).unwrap_or_default();
        let body = serde_json::from_str(text).unwrap_or_else(|_| panic!("not JSON: {answer}"));
        (status.unwrap_or_else(|| panic!("no status: {head}")), body)
    }
}

/// An instance of a function. It ends when it is dropped.
pub struct Function(Child);

impl Function {
    /// Starts a program with the environment that Lambda and the template give it.
    pub fn start(program: &str, runtime_api: &str, database: &str) -> Self {
        let name = Path::new(program).file_name().expect("a program has a name");
        let process = Command::new(program)
            .env("AWS_LAMBDA_RUNTIME_API", runtime_api)
            .env("AWS_LAMBDA_FUNCTION_NAME", name)
            .envs([("AWS_LAMBDA_FUNCTION_VERSION", "1"), ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")])
            .envs([("AWS_REGION", "eu-west-1"), ("AWS_ENDPOINT_URL_DYNAMODB", database)])
            .envs([("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "secret")])
            .envs([("REMESH_TABLE", super::TABLE), ("REMESH_ACCOUNT", "123456789012")])
            .env("REMESH_CHECKPOINT_EVERY", CHECKPOINT_EVERY.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("the function starts");
        Self(process)
    }

    /// Ends it at once.
    pub async fn kill(mut self) {
        self.0.kill().await.expect("the function ends");
    }
}
