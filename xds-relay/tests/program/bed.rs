//! A running `xds-relay`: what it was given, what it says, how it ends.

use serde_json::Value;
use std::process::{ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

/// The longest a test waits for something that should come at once.
const SOON: Duration = Duration::from_secs(60);

pub const ACCOUNT: &str = "123456789012";

/// Port 9: nothing listens there.
const NOWHERE: &str = "http://127.0.0.1:9";

/// The program over a table that cannot be reached.
pub fn program(flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xds-relay"));
    command.args(["--table", "meshes", "--region", "eu-west-1", "--account", ACCOUNT]).args(flags);
    clean(&mut command);
    reach(&mut command, NOWHERE);
    command
}

/// Nothing of this machine's own configuration.
pub fn clean(command: &mut Command) {
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("AWS_") || name.starts_with("REMESH_")) {
        command.env_remove(name);
    }
    command.env("AWS_ACCESS_KEY_ID", "none").env("AWS_SECRET_ACCESS_KEY", "none");
    command.env("AWS_EC2_METADATA_DISABLED", "true").env("AWS_CONFIG_FILE", "/dev/null").env_remove("RUST_LOG");
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
}

/// Where it finds DynamoDB.
pub fn reach(command: &mut Command, url: &str) {
    command.env("AWS_ENDPOINT_URL_DYNAMODB", url).env("AWS_ENDPOINT_URL_DYNAMODB_STREAMS", url);
}

pub async fn ended(command: &mut Command) -> Output {
    soon(command.output()).await.unwrap()
}

pub async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, future).await.unwrap_or_else(|_| panic!("it should have come by now"))
}

/// Waits until something is so, and answers it.
pub async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SOON, looking).await.unwrap_or_else(|_| panic!("{what}: not by now"))
}

/// Every line must be one JSON object that says when, how grave and what.
pub fn json_lines(said: &str) -> Vec<Value> {
    let lines = said.lines().map(|line| {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        for field in ["timestamp", "level", "message"] {
            assert!(line[field].is_string(), "{field} in {line}");
        }
        line
    });
    lines.collect()
}

/// A running program.
pub struct Running {
    child: Child,
    ready: Value,
    said: Arc<Mutex<String>>,
    reader: JoinHandle<()>,
}

impl Running {
    /// On free ports, over a table that cannot be reached.
    pub async fn start(flags: &[&str]) -> Self {
        let free = ["--xds-addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0"];
        Self::of(&mut program(&[&free, flags].concat())).await
    }

    pub async fn of(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let said = Arc::new(Mutex::new(String::new()));
        let (to, mut from) = (said.clone(), BufReader::new(child.stderr.take().unwrap()).lines());
        let reader = tokio::spawn(async move {
            while let Ok(Some(line)) = from.next_line().await {
                let mut said = to.lock().unwrap();
                said.push_str(&line);
                said.push('\n');
            }
        });
        let line = soon(BufReader::new(child.stdout.take().unwrap()).lines().next_line()).await.unwrap();
        let line = line.unwrap_or_else(|| panic!("it does not start: {}", said.lock().unwrap()));
        Self { child, ready: serde_json::from_str(&line).unwrap(), said, reader }
    }

    /// The URL of its ready line.
    pub fn xds(&self) -> &str {
        self.ready["xds"].as_str().unwrap()
    }

    pub fn xds_addr(&self) -> std::net::SocketAddr {
        self.xds().rsplit("//").next().unwrap().parse().unwrap()
    }

    /// What it has said so far.
    pub fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        let (status, body) = self.text(path).await;
        (status, serde_json::from_str(&body).unwrap_or(Value::Null))
    }

    pub async fn text(&self, path: &str) -> (u16, String) {
        let addr = self.ready["admin"].as_str().unwrap().trim_start_matches("http://");
        let mut connection = TcpStream::connect(addr).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n");
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        soon(connection.read_to_string(&mut answer)).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    /// The sum over a metric's series; nothing where there is none.
    pub async fn metric(&self, name: &str) -> Option<f64> {
        let (status, text) = self.text("/metrics").await;
        assert_eq!(status, 200);
        let values = text.lines().filter_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            (series.split('{').next() == Some(name)).then(|| value.parse::<f64>().unwrap())
        });
        values.fold(None, |sum, value| Some(sum.unwrap_or(0.0) + value))
    }

    /// Waits until `/readyz` answers so, and answers its body.
    pub async fn readyz_is(&self, expected: u16) -> Value {
        eventually(&format!("/readyz {expected}"), async || {
            let (status, body) = self.get("/readyz").await;
            (status == expected).then_some(body)
        })
        .await
    }

    /// Waits until so many proxies are connected and have accepted everything up to a change.
    pub async fn in_sync(&self, proxies: usize, seq: u64) -> Vec<Value> {
        let what = format!("{proxies} proxies in sync at {seq}");
        eventually(&what, async || {
            let (_, body) = self.get("/proxies").await;
            let list = body["proxies"].as_array().unwrap().clone();
            let all = list.len() == proxies && list.iter().all(|it| it["inSync"] == true && it["acceptedSeq"] == seq);
            all.then_some(list)
        })
        .await
    }

    /// SIGTERM.
    pub fn terminate(&self) {
        self.signal(rustix::process::Signal::TERM);
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_raw(self.child.id().unwrap().cast_signed()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// How it ended, and everything it said.
    pub async fn end(mut self) -> (ExitStatus, String) {
        let status = soon(self.child.wait()).await.unwrap();
        soon(&mut self.reader).await.unwrap();
        let said = self.said();
        (status, said)
    }

    /// SIGKILL.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }
}
