//! Real Envoys, an application behind them, and requests that go through without pause.
//!
//! `REMESH_ENVOY` names the binary; without it tests that want one say that they were left out.

use crate::bed::eventually;
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

pub const DELTA: &str = "DELTA_GRPC";
pub const SOTW: &str = "GRPC";

/// How long one request may take.
const REQUEST: Duration = Duration::from_secs(10);

/// An Envoy that stands for `web`. It ends when it is dropped.
pub struct Envoy {
    process: Child,
    /// Where it listens.
    bind: Ipv4Addr,
    folder: tempfile::TempDir,
}

impl Drop for Envoy {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::thread::panicking() {
            eprintln!("--- Envoy wrote:\n{}", self.log());
        }
    }
}

impl Envoy {
    /// Connects to a relay there, by TLS where an authority is given. `None`, said loudly, where there is no Envoy.
    pub fn start(api: &str, relay: SocketAddr, authority: Option<&Path>) -> Option<Self> {
        let Some(binary) = std::env::var_os("REMESH_ENVOY").map(PathBuf::from) else {
            eprintln!("\n!!! SKIPPED: REMESH_ENVOY names no Envoy\n");
            return None;
        };
        let (folder, bind) = (tempfile::tempdir().unwrap(), address());
        let config = folder.path().join("envoy.json");
        std::fs::write(&config, bootstrap(api, relay, authority, bind).to_string()).unwrap();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let mut envoy = Command::new(binary);
        envoy.arg("-c").arg(config).args(["--disable-hot-restart", "--concurrency", "1", "-l", "warning"]);
        let process = envoy.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        Some(Self { process, bind, folder })
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Waits until a request through it is answered, and goes on asking.
    pub async fn traffic(&self, port: u16) -> Traffic {
        let to = SocketAddr::from((self.bind, port));
        eventually("the first answer through Envoy", async || request(to).await.ok()).await;
        Traffic::start(to)
    }
}

/// An address of this machine that hardly anybody else takes: Linux answers to all of 127.0.0.0/8.
fn address() -> Ipv4Addr {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let [_, _, high, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, 64 + (high & 63), low.max(1), NEXT.fetch_add(1, Ordering::Relaxed) as u8)
}

fn bootstrap(api: &str, relay: SocketAddr, authority: Option<&Path>, bind: Ipv4Addr) -> Value {
    let ads = json!({ "ads": {}, "resource_api_version": "V3", "initial_fetch_timeout": "0s" });
    let service = json!({ "envoy_grpc": {
        "cluster_name": "relay",
        "retry_policy": { "retry_back_off": { "base_interval": "0.2s", "max_interval": "1s" } },
    } });
    json!({
        "node": {
            "id": "mesh/shop/virtualNode/web",
            "cluster": "web",
            "metadata": { "remesh": { "bind": bind.to_string() } },
        },
        "dynamic_resources": {
            "ads_config": {
                "api_type": api,
                "transport_api_version": "V3",
                "set_node_on_first_message_only": true,
                "grpc_services": [service],
            },
            "cds_config": ads,
            "lds_config": ads,
        },
        "static_resources": { "clusters": [relay_cluster(relay, authority)] },
    })
}

fn relay_cluster(relay: SocketAddr, authority: Option<&Path>) -> Value {
    let address = json!({ "socket_address": { "address": relay.ip().to_string(), "port_value": relay.port() } });
    let endpoints = json!([{ "lb_endpoints": [{ "endpoint": { "address": address } }] }]);
    let mut cluster = json!({
        "name": "relay",
        "type": "STATIC",
        "connect_timeout": "5s",
        "load_assignment": { "cluster_name": "relay", "endpoints": endpoints },
        "typed_extension_protocol_options": { "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": { "http2_protocol_options": {} },
        } },
    });
    if let Some(authority) = authority {
        cluster["transport_socket"] = json!({
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
                "common_tls_context": {
                    "alpn_protocols": ["h2"],
                    "validation_context": {
                        "trusted_ca": { "filename": authority },
                        "match_typed_subject_alt_names":
                            [{ "san_type": "IP_ADDRESS", "matcher": { "exact": relay.ip().to_string() } }],
                    },
                },
            },
        });
    }
    cluster
}

/// An application on this machine, at a port that is free on Envoy's addresses too; so is the next one.
pub async fn app() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let answer = axum::Router::new().fallback(async || "here");
    tokio::spawn(async move { axum::serve(listener, answer).await });
    port
}

/// Requests to `cart.local` through an Envoy, one after another without pause.
pub struct Traffic {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicU32>,
    task: JoinHandle<Vec<String>>,
}

impl Traffic {
    fn start(to: SocketAddr) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let answered = Arc::new(AtomicU32::new(0));
        let (told, count) = (stop.clone(), answered.clone());
        let task = tokio::spawn(async move {
            let mut failed = Vec::new();
            while !told.load(Ordering::SeqCst) {
                match request(to).await {
                    Ok(()) => drop(count.fetch_add(1, Ordering::SeqCst)),
                    Err(why) => failed.push(why),
                }
                tokio::time::sleep(Duration::from_millis(3)).await;
            }
            failed
        });
        Self { stop, answered, task }
    }

    /// None may have failed, of a hundred at least.
    pub async fn assert_all_answered(self) {
        eventually("a hundred answers", async || (self.answered.load(Ordering::SeqCst) > 100).then_some(())).await;
        self.stop.store(true, Ordering::SeqCst);
        let failed = self.task.await.unwrap();
        assert!(failed.is_empty(), "{} failed: {failed:?}", failed.len());
    }
}

async fn request(to: SocketAddr) -> Result<(), String> {
    let asked = async {
        let mut connection = TcpStream::connect(to).await?;
        connection.write_all(b"GET / HTTP/1.1\r\nhost: cart.local\r\nconnection: close\r\n\r\n").await?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await?;
        Ok(answer)
    };
    let answer: std::io::Result<String> = match tokio::time::timeout(REQUEST, asked).await {
        Ok(answer) => answer,
        Err(_) => return Err("no answer".into()),
    };
    match answer {
        Ok(answer) if answer.starts_with("HTTP/1.1 200 ") => Ok(()),
        Ok(answer) => Err(answer),
        Err(error) => Err(error.to_string()),
    }
}
