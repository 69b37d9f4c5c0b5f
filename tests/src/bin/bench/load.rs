//! How many changes a second the API makes durable, and how long each takes, with writers and readers over HTTP.
//!
//! Beside it, in the same run, what could not be quicker: a file that is appended to and synced, the log alone with one
//! entry and with fifty an append, and the same kind of HTTP server with nothing behind it, asked by the same client.
//! Client and server share the processors, so the server's processor time for each request stands there as well.

use crate::process::{self, Server};
use mesh_core::{Caller, Entry, Event, Kind, MeshKey, ResourceId, Spec, Timestamp};
use mesh_log::EventLog;
use mesh_log::sqlite::SqliteLog;
use mesh_tests::load::{self, Connection, Load, Measured, Until};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use uuid::Uuid;

/// What is measured.
#[derive(clap::Args)]
pub struct Arguments {
    /// Seconds for writers and readers together.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Seconds for each of the other measurements.
    #[arg(long, default_value_t = 10)]
    short: u64,
    /// Virtual nodes of each mesh.
    #[arg(long, default_value_t = 16)]
    nodes: usize,
    /// A folder for the data; what is measured is the disk it is on.
    #[arg(long, default_value = ".")]
    folder: PathBuf,
    /// The `remesh` binary; the one beside this binary where absent.
    #[arg(long)]
    remesh: Option<PathBuf>,
}

/// Measures and prints tables as Markdown.
pub async fn run(arguments: &Arguments) {
    let folder = tempfile::tempdir_in(&arguments.folder).unwrap();
    let short = Duration::from_secs(arguments.short);
    println!("| floor | a second | p50 | p99 | server CPU each |\n| --- | ---: | ---: | ---: | ---: |");
    floor("600 bytes appended to a file and synced", 1, &synced(folder.path(), short.min(Duration::from_secs(3))));
    for entries in [1, 50] {
        let appends = appends(folder.path(), entries, short.min(Duration::from_secs(3))).await;
        floor(&format!("the log alone, {entries} entries an append"), entries, &appends);
    }
    for clients in [1, 64, 320] {
        no_op(clients, short).await;
    }
    println!(
        "\n| writers | readers | meshes | writes a second | p50 | p99 | reads a second | p50 | p99 | server CPU each |"
    );
    println!("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    let long = Duration::from_secs(arguments.seconds);
    for (writers, readers, meshes, time) in
        [(1, 0, 1, short), (64, 0, 1, short), (64, 0, 8, short), (64, 256, 1, long), (64, 256, 8, long)]
    {
        let load = Load { meshes, nodes: arguments.nodes, writers, readers, until: Until::Time(time) };
        remesh(arguments, folder.path(), load).await;
    }
}

async fn remesh(arguments: &Arguments, folder: &Path, load: Load) {
    let data = folder.join(format!("{}-{}-{}.db", load.writers, load.readers, load.meshes));
    let binary = arguments.remesh.clone().unwrap_or_else(process::remesh_beside_this);
    let data_flag = format!("--data={}", data.display());
    let anywhere = ["--api-addr=127.0.0.1:0", "--xds-addr=127.0.0.1:0", "--admin-addr=127.0.0.1:0"];
    let server = Server::start(&binary, &[&["up", &data_flag], anywhere.as_slice()].concat());
    let cpu = server.cpu();
    let measured = load::run(address(&server, "api"), load).await;
    let cpu = server.cpu() - cpu;
    drop(server);
    load::check_log(&SqliteLog::open(&data).unwrap(), load, &measured).await;
    let Measured { writes, reads, refused, time } = measured;
    let requests = writes.len() + reads.len() + refused;
    let (writes, reads) = (Sorted::new(writes), Sorted::new(reads));
    let Load { writers, readers, meshes, .. } = load;
    println!(
        "| {writers} | {readers} | {meshes} | {} | {} |",
        [writes.row(1, time), reads.row(1, time)].join(" | "),
        each(cpu, requests)
    );
}

/// The same requests and answers of about the same size, with nothing behind them.
async fn no_op(clients: usize, time: Duration) {
    let server = Server::start(&std::env::current_exe().unwrap(), &["nothing"]);
    let (addr, cpu, begun) = (address(&server, "api"), server.cpu(), Instant::now());
    let mut asking: JoinSet<Vec<Duration>> = (0..clients).map(|_| ask_nothing(addr, begun + time)).collect();
    let mut times = Vec::new();
    while let Some(asked) = asking.join_next().await {
        times.extend(asked.unwrap());
    }
    let (cpu, requests, elapsed) = (server.cpu() - cpu, times.len(), begun.elapsed());
    let row = Sorted::new(times).row(1, elapsed);
    println!("| an HTTP server that does nothing, {clients} clients | {row} | {} |", each(cpu, requests));
}

async fn ask_nothing(addr: SocketAddr, until: Instant) -> Vec<Duration> {
    let mut connection = Connection::open(addr).await;
    let (path, body) = ("/v20190125/meshes/load-0/virtualNodes/n0", "x".repeat(350));
    let mut times = Vec::new();
    while Instant::now() < until {
        let begun = Instant::now();
        connection.ask("PUT", path, &body).await;
        times.push(begun.elapsed());
    }
    times
}

/// Serves nothing until killed. Prints where.
pub async fn serve_nothing() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", serde_json::json!({ "api": listener.local_addr().unwrap().to_string() }));
    let answer = bytes::Bytes::from("x".repeat(700));
    let handler = |_: bytes::Bytes| async move { ([("content-type", "application/json")], answer) };
    let router = axum::Router::new().route("/v20190125/meshes/{mesh}/virtualNodes/{node}", axum::routing::put(handler));
    axum::serve(listener, router).await.unwrap();
}

fn synced(folder: &Path, time: Duration) -> Vec<Duration> {
    use std::io::Write;
    let mut file = std::fs::File::create(folder.join("synced")).unwrap();
    until(time, || {
        file.write_all(&[b'x'; 600]).unwrap();
        file.sync_data().unwrap();
    })
}

fn until(time: Duration, mut work: impl FnMut()) -> Vec<Duration> {
    let (begun, mut times) = (Instant::now(), Vec::new());
    while begun.elapsed() < time {
        let begun = Instant::now();
        work();
        times.push(begun.elapsed());
    }
    times
}

/// Appends to one mesh, one append after the other.
async fn appends(folder: &Path, entries: usize, time: Duration) -> Vec<Duration> {
    let log = SqliteLog::open(&folder.join(format!("appends-{entries}.db"))).unwrap();
    let (mesh, entries) = (MeshKey::new("000000000000", "m"), vec![entry(); entries]);
    let (begun, mut times, mut seq) = (Instant::now(), Vec::new(), 0);
    while begun.elapsed() < time {
        let begun = Instant::now();
        seq = log.append(&mesh, seq, entries.clone()).await.unwrap();
        times.push(begun.elapsed());
    }
    log.close().await;
    times
}

/// One about as large as the load's.
fn entry() -> Entry {
    let spec = serde_json::from_str(&format!("{{{}}}", load::spec("appended")))
        .map(|mut whole: serde_json::Value| whole["spec"].take());
    let spec = serde_json::from_value(spec.unwrap()).unwrap();
    let resource = ResourceId::new(Kind::VirtualNode, "n0");
    let event = Event::Updated { resource, spec: Spec::VirtualNode(Arc::new(spec)), token: None };
    let caller = Caller { account: "000000000000".into(), principal: None };
    Entry { at: Timestamp(1_795_000_000_000), caller, request: Uuid::new_v4(), event }
}

fn address(server: &Server, name: &str) -> SocketAddr {
    server.address(name).trim_start_matches("http://").parse().unwrap()
}

fn floor(name: &str, entries: usize, times: &[Duration]) {
    let row = Sorted::new(times.to_vec()).row(entries, times.iter().sum());
    println!("| {name} | {row} | |");
}

fn each(cpu: Duration, requests: usize) -> String {
    format!("{:.0} µs", cpu.as_secs_f64() * 1e6 / requests.max(1) as f64)
}

/// Durations, in order.
struct Sorted(Vec<Duration>);

impl Sorted {
    fn new(mut times: Vec<Duration>) -> Self {
        times.sort();
        Self(times)
    }

    /// How many a second, where each counts for `weight`, and how long they took.
    fn row(&self, weight: usize, time: Duration) -> String {
        if self.0.is_empty() {
            return "– | – | –".into();
        }
        let rate = (self.0.len() * weight) as f64 / time.as_secs_f64();
        format!("{rate:.0} | {:.2} ms | {:.2} ms", self.at(50), self.at(99))
    }

    /// Milliseconds.
    fn at(&self, percent: usize) -> f64 {
        self.0.get(self.0.len() * percent / 100).map_or(0.0, |time| time.as_secs_f64() * 1e3)
    }
}
