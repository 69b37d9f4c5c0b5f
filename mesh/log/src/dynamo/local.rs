//! DynamoDB Local, Amazon's own, for whoever tests against it. `tests/run` installs it.

#![expect(clippy::expect_used, reason = "tests without a database that starts have failed")]

use super::create_table;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::process::{Child, Command};

/// How long it may take to start on a busy machine.
const START: Duration = Duration::from_secs(60);

/// A running DynamoDB Local, in memory. It ends with this value, and with this process however that ends.
pub struct DynamoDbLocal {
    addr: SocketAddr,
    _process: Child,
}

impl DynamoDbLocal {
    /// Starts one on a free port; `None`, and loudly, where it is not installed.
    ///
    /// # Panics
    ///
    /// When it is installed and does not start.
    pub async fn start() -> Option<Self> {
        let Some(folder) = installed() else {
            eprintln!("\n!!! SKIPPED: DynamoDB Local is not installed (java, and `tests/run --tools`)\n");
            return None;
        };
        let begun = Instant::now();
        loop {
            if let Some(started) = Self::try_start(&folder).await {
                return Some(started);
            }
            assert!(begun.elapsed() < START, "DynamoDB Local does not start");
        }
    }

    async fn try_start(folder: &Path) -> Option<Self> {
        let addr = free_port();
        // The shell waits for the end of its input, which is the end of this process at the latest.
        let script = r#"java -Xmx512m -Djava.library.path=./DynamoDBLocal_lib -jar DynamoDBLocal.jar -inMemory -sharedDb -disableTelemetry -port "$0" & cat; kill $!"#;
        let process = Command::new("sh")
            .args(["-c", script, &addr.port().to_string()])
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell starts");
        let started = Self { addr, _process: process };
        let client = started.client();
        let begun = Instant::now();
        while begun.elapsed() < START / 3 {
            if client.list_tables().send().await.is_ok() {
                return Some(started);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        None
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Its URL.
    pub fn url(&self) -> String {
        url(self.addr)
    }

    /// A client of it.
    pub fn client(&self) -> aws_sdk_dynamodb::Client {
        client(self.addr)
    }

    /// A client of its tables' streams.
    pub fn streams(&self) -> aws_sdk_dynamodbstreams::Client {
        streams(self.addr)
    }

    /// Makes a table.
    ///
    /// # Panics
    ///
    /// When it cannot be made.
    pub async fn table(&self, name: &str) {
        create_table(&self.client(), name).await.expect("a table is made");
    }
}

/// A client of whatever speaks DynamoDB there.
pub fn client(addr: SocketAddr) -> aws_sdk_dynamodb::Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(credentials())
        .endpoint_url(url(addr));
    aws_sdk_dynamodb::Client::from_conf(config.build())
}

/// A client of whatever speaks DynamoDB Streams there.
pub fn streams(addr: SocketAddr) -> aws_sdk_dynamodbstreams::Client {
    let config = aws_sdk_dynamodbstreams::Config::builder()
        .behavior_version(aws_sdk_dynamodbstreams::config::BehaviorVersion::latest())
        .region(aws_sdk_dynamodbstreams::config::Region::new("us-east-1"))
        .credentials_provider(credentials())
        .endpoint_url(url(addr));
    aws_sdk_dynamodbstreams::Client::from_conf(config.build())
}

fn url(addr: SocketAddr) -> String {
    format!("http://{addr}")
}

fn credentials() -> Credentials {
    Credentials::new("AKIDEXAMPLE", "secret", None, None, "tests")
}

/// The folder with the program: named by the environment, or where `tests/run` puts it.
fn installed() -> Option<PathBuf> {
    let named = std::env::var_os("REMESH_DYNAMODB_LOCAL").map(PathBuf::from);
    let usual = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/dynamodb-local");
    Some(named.unwrap_or_else(usual)).filter(|folder| folder.join("DynamoDBLocal.jar").is_file())
}

fn free_port() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    listener.local_addr().expect("it has a number")
}
