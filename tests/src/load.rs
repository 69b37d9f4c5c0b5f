//! Load on the API: writers and readers at once, each on a connection of its own, and what must be true of it.
//!
//! Writers update virtual nodes that they share; every 16th time one creates or deletes a node that all of them fight
//! about, which is refused to most. What they are told is kept, and has to fit: each version of a node was told to
//! exactly one of them, a reader's versions never go back and are never older than what was acknowledged before it
//! asked, and the log holds what was acknowledged, no more and no less.
//!
//! The client is as plain as can be, since in the benchmark it shares the processors with the server.

use mesh_core::{Event, MeshKey};
use mesh_log::EventLog;
use serde_json::json;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// One write in so many is about the node that all fight about.
const FIGHT: u64 = 16;

/// How many write and read what.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Meshes, over which writers and readers are spread.
    pub meshes: usize,
    /// Virtual nodes of each.
    pub nodes: usize,
    /// Who writes.
    pub writers: usize,
    /// Who reads for as long as there is writing.
    pub readers: usize,
    /// How long the writing goes on.
    pub until: Until,
}

/// How long the writing goes on.
#[derive(Debug, Clone, Copy)]
pub enum Until {
    /// Until each writer has written so often.
    Writes(u64),
    /// For so long.
    Time(Duration),
}

/// What was measured.
#[derive(Debug, Default)]
pub struct Measured {
    /// How long each acknowledged write took.
    pub writes: Vec<Duration>,
    /// How long each read took.
    pub reads: Vec<Duration>,
    /// Creates and deletes that were refused, as they should be.
    pub refused: usize,
    /// How long it went on.
    pub time: Duration,
}

/// Nodes as those who write and read them know them.
struct Shared {
    load: Load,
    addr: SocketAddr,
    /// The last version of each node that was acknowledged, mesh by mesh.
    acknowledged: Vec<AtomicU64>,
    over: AtomicBool,
}

/// What one writer was told.
#[derive(Default)]
struct Written {
    /// Nodes, and the version that each update made.
    versions: Vec<(usize, u64)>,
    created: usize,
    deleted: usize,
    refused: usize,
    times: Vec<Duration>,
}

/// Makes the meshes of a load, puts it on the API, and looks whether the API says what it should afterwards.
pub async fn run(addr: SocketAddr, load: Load) -> Measured {
    let acknowledged = (0..load.meshes * load.nodes).map(|_| AtomicU64::new(1)).collect();
    let shared = Arc::new(Shared { load, addr, acknowledged, over: AtomicBool::new(false) });
    shared.create().await;
    let begun = Instant::now();
    let mut writers: JoinSet<Written> = (0..load.writers).map(|writer| write(shared.clone(), writer)).collect();
    let readers: JoinSet<Vec<Duration>> = (0..load.readers).map(|reader| read(shared.clone(), reader)).collect();
    if let Until::Time(time) = load.until {
        tokio::time::sleep(time).await;
        shared.over.store(true, Ordering::Relaxed);
    }
    let mut written = Vec::new();
    while let Some(writer) = writers.join_next().await {
        written.push(writer.expect("a writer does not fail"));
    }
    let time = begun.elapsed();
    shared.over.store(true, Ordering::Relaxed);
    let reads = readers.join_all().await.into_iter().flatten().collect();
    shared.check(&written).await;
    let refused = written.iter().map(|writer| writer.refused).sum();
    Measured { writes: written.into_iter().flat_map(|writer| writer.times).collect(), reads, refused, time }
}

/// Looks whether the log holds what was measured: as many records as there were acknowledged writes, without a gap.
pub async fn check_log(log: &dyn EventLog, load: Load, measured: &Measured) {
    let mut changes = 0;
    for mesh in 0..load.meshes {
        let records = log.read(&MeshKey::new("000000000000", mesh_name(mesh)), 0).await.expect("the log is readable");
        for (record, seq) in records.iter().zip(1..) {
            assert_eq!(record.seq, seq, "no gap");
        }
        let requests: BTreeSet<_> = records.iter().map(|record| record.entry.request).collect();
        assert_eq!(requests.len(), records.len(), "every record is of a request of its own");
        changes += records.len() - 1 - load.nodes;
        assert!(matches!(records[0].entry.event, Event::Created { .. }));
    }
    assert_eq!(changes, measured.writes.len(), "what was acknowledged is in the log, and nothing else");
}

impl Shared {
    async fn create(&self) {
        let mut api = Connection::open(self.addr).await;
        for mesh in 0..self.load.meshes {
            let body = json!({ "meshName": mesh_name(mesh) }).to_string();
            assert_eq!(api.ask("PUT", "/v20190125/meshes", &body).await.status, 200);
            for node in 0..self.load.nodes {
                let collection = format!("/v20190125/meshes/{}/virtualNodes", mesh_name(mesh));
                let body = format!(r#"{{"virtualNodeName":"n{node}",{}}}"#, spec("new"));
                assert_eq!(api.ask("PUT", &collection, &body).await.status, 200);
            }
        }
    }

    /// The node that somebody turns to for the `n`th time: each goes round his mesh, from a place of his own.
    fn node(&self, who: usize, n: u64) -> usize {
        let (mesh, start) = (who % self.load.meshes, who / self.load.meshes);
        let round = (start as u64 + n) % self.load.nodes as u64;
        mesh * self.load.nodes + usize::try_from(round).expect("a small number")
    }

    fn path(&self, node: usize) -> String {
        let (mesh, node) = (node / self.load.nodes, node % self.load.nodes);
        format!("/v20190125/meshes/{}/virtualNodes/n{node}", mesh_name(mesh))
    }

    /// Whether there is an end to it after `n` writes.
    fn over(&self, n: u64) -> bool {
        match self.load.until {
            Until::Writes(most) => n >= most,
            Until::Time(_) => self.over.load(Ordering::Relaxed),
        }
    }

    /// Every version was told to one writer, the API shows the last, and what was fought about is as often gone as deleted.
    async fn check(&self, written: &[Written]) {
        let mut api = Connection::open(self.addr).await;
        for node in 0..self.acknowledged.len() {
            let told = written.iter().flat_map(|writer| &writer.versions).filter(|(of, _)| *of == node);
            let told: Vec<u64> = told.map(|(_, version)| *version).collect();
            let last = told.len() as u64 + 1;
            assert_eq!(
                told.into_iter().collect::<BTreeSet<_>>(),
                (2..=last).collect(),
                "versions of {}",
                self.path(node)
            );
            assert_eq!(api.ask("GET", &self.path(node), "").await.version(), last);
        }
        let (mut created, mut deleted, mut left) = (0, 0, 0);
        written.iter().for_each(|writer| (created, deleted) = (created + writer.created, deleted + writer.deleted));
        for mesh in 0..self.load.meshes {
            left += usize::from(api.ask("GET", &fought(mesh), "").await.status == 200);
        }
        assert_eq!(created, deleted + left, "creates that won, and deletes that did");
    }
}

async fn write(shared: Arc<Shared>, writer: usize) -> Written {
    let mut api = Connection::open(shared.addr).await;
    let mut written = Written::default();
    let mesh = writer % shared.load.meshes;
    let mut n = 0;
    while !shared.over(n) {
        n += 1;
        let begun = Instant::now();
        let accepted = match n % FIGHT {
            0 => written.fight(&mut api, mesh, n).await,
            _ => written.update(&mut api, &shared, writer, n).await,
        };
        if accepted {
            written.times.push(begun.elapsed());
        }
    }
    written
}

impl Written {
    async fn update(&mut self, api: &mut Connection, shared: &Shared, writer: usize, n: u64) -> bool {
        let node = shared.node(writer, n);
        let mark = format!("w{writer}-{n}");
        let answer = api.ask("PUT", &shared.path(node), &format!("{{{}}}", spec(&mark))).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert!(answer.body.contains(&format!("\"{mark}.local\"")), "{mark}: {}", answer.body);
        let version = answer.version();
        shared.acknowledged[node].fetch_max(version, Ordering::SeqCst);
        self.versions.push((node, version));
        true
    }

    async fn fight(&mut self, api: &mut Connection, mesh: usize, n: u64) -> bool {
        let create = n / FIGHT % 2 == 1;
        let answer = if create {
            let body = format!(r#"{{"virtualNodeName":"fought",{}}}"#, spec("fought"));
            api.ask("PUT", &format!("/v20190125/meshes/{}/virtualNodes", mesh_name(mesh)), &body).await
        } else {
            api.ask("DELETE", &fought(mesh), "").await
        };
        match (answer.status, create) {
            (200, true) => self.created += 1,
            (200, false) => self.deleted += 1,
            (409, true) | (404, false) => self.refused += 1,
            _ => panic!("{}: {}", answer.status, answer.body),
        }
        answer.status == 200
    }
}

async fn read(shared: Arc<Shared>, reader: usize) -> Vec<Duration> {
    let mut api = Connection::open(shared.addr).await;
    let mut times = Vec::new();
    let mut seen = vec![0; shared.acknowledged.len()];
    for n in 0.. {
        if shared.over.load(Ordering::Relaxed) {
            break;
        }
        let node = shared.node(reader, n);
        let least = shared.acknowledged[node].load(Ordering::SeqCst).max(seen[node]);
        let begun = Instant::now();
        let answer = api.ask("GET", &shared.path(node), "").await;
        times.push(begun.elapsed());
        assert_eq!(answer.status, 200, "{}", answer.body);
        seen[node] = answer.version();
        assert!(seen[node] >= least, "version {} after {least}", seen[node]);
    }
    times
}

fn mesh_name(mesh: usize) -> String {
    format!("load-{mesh}")
}

fn fought(mesh: usize) -> String {
    format!("/v20190125/meshes/{}/virtualNodes/fought", mesh_name(mesh))
}

/// A virtual node's spec of an ordinary size, with a mark: the member `spec` of a body.
pub fn spec(mark: &str) -> String {
    format!(
        r#""spec":{{"listeners":[{{"portMapping":{{"port":8080,"protocol":"http"}},"healthCheck":{{"protocol":"http","path":"/ping","healthyThreshold":2,"unhealthyThreshold":3,"timeoutMillis":2000,"intervalMillis":5000}}}}],"serviceDiscovery":{{"dns":{{"hostname":"{mark}.local"}}}},"backends":[{{"virtualService":{{"virtualServiceName":"other.local"}}}}]}}"#
    )
}

/// A connection on which one request follows the other.
pub struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

/// An answer.
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: String,
}

impl Connection {
    /// Connects.
    pub async fn open(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect(addr).await.expect("the API accepts connections");
        stream.set_nodelay(true).expect("a socket");
        Self { stream, received: Vec::with_capacity(4096) }
    }

    /// Sends a request and waits for the answer.
    pub async fn ask(&mut self, method: &str, path: &str, body: &str) -> Answer {
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: api\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        self.stream.write_all(request.as_bytes()).await.expect("the API takes requests");
        self.received.clear();
        loop {
            let read = self.stream.read_buf(&mut self.received).await.expect("the API answers");
            assert!(read > 0, "the API closed the connection");
            if let Some(answer) = answer(&self.received) {
                return answer;
            }
        }
    }
}

/// What was received, once it is an answer.
fn answer(received: &[u8]) -> Option<Answer> {
    let text = std::str::from_utf8(received).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
    let length: usize = length.parse().expect("a number");
    let status = head.get(9..12).and_then(|status| status.parse().ok()).expect("a status");
    (body.len() >= length).then(|| Answer { status, body: body.to_owned() })
}

impl Answer {
    /// The version in it. It is looked for rather than parsed: there are very many.
    fn version(&self) -> u64 {
        let after = self.body.split_once("\"version\":").unwrap_or_else(|| panic!("no version: {}", self.body)).1;
        let digits = after.split(|c: char| !c.is_ascii_digit()).next();
        digits.and_then(|digits| digits.parse().ok()).expect("a number")
    }
}
