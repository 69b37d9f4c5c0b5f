//! A control plane for one test: in this process, or as the `remesh` program where a test wants to end it.

use crate::api::{Api, GUEST, GUEST_KEY};
use crate::namespace::Namespace;
use crate::tools::{aws_programs, remesh_binary, workspace};
use crate::wait::{PATIENCE, eventually};
use functions::{App, AppConfig};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use mesh_log::EventLog;
use serde_json::{Value, json};
use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use xds_relay::discovery::InstanceSource;

/// How long LocalStack and all that stands on it may take to start: Python and Java on a busy machine.
const LOCALSTACK_PATIENCE: Duration = Duration::from_secs(180);

/// API, relay and admin, started for one test.
#[derive(Debug)]
pub struct ControlPlane {
    api: Api,
    admin: Admin,
    addresses: Addresses,
    runs: Runs,
}

/// Where a control plane listens; port 0 before it was started.
#[derive(Debug, Clone, Copy)]
pub struct Addresses {
    /// The App Mesh API.
    pub api: SocketAddr,
    /// xDS.
    pub xds: SocketAddr,
    /// The admin endpoints.
    pub admin: SocketAddr,
}

#[derive(Debug)]
enum Runs {
    Here(Box<mesh_local::Running>),
    AsProgram(Box<Child>),
    /// Its parts are the test's own.
    Elsewhere,
}

impl Addresses {
    /// Free ports of this address.
    pub const fn free(ip: IpAddr) -> Self {
        let any = SocketAddr::new(ip, 0);
        Self { api: any, xds: any, admin: any }
    }
}

impl ControlPlane {
    /// In this process, in memory, on free ports of the loopback interface.
    pub async fn start() -> Self {
        Self::start_on(IpAddr::V4(Ipv4Addr::LOCALHOST)).await
    }

    /// In this process, in memory, on free ports of an address.
    pub async fn start_on(ip: IpAddr) -> Self {
        Self::running(mesh_local::start(config_on(ip)).await)
    }

    /// The same with instances from elsewhere.
    pub async fn start_discovering(ip: IpAddr, instances: Arc<dyn InstanceSource>) -> Self {
        Self::running(mesh_local::start_discovering(config_on(ip), instances).await)
    }

    fn running(started: Result<mesh_local::Running, mesh_local::StartError>) -> Self {
        let running = started.unwrap_or_else(|error| panic!("no control plane: {error}"));
        let addresses = Addresses { api: running.api_addr(), xds: running.xds_addr(), admin: running.admin_addr() };
        Self::new(addresses, Runs::Here(Box::new(running)))
    }

    /// As `remesh up --data FILE`, a process that can be stopped or killed and started again on the same addresses.
    pub async fn start_program(data: &Path, at: Addresses) -> Self {
        let mut program = Command::new(remesh_binary());
        program.arg("up").arg("--data").arg(data).stdout(Stdio::piped()).kill_on_drop(true);
        program.stderr(Stdio::from(log_beside(data))).args(["--access-key", &format!("{GUEST_KEY}={GUEST}")]);
        for (flag, addr) in [("--api-addr", at.api), ("--xds-addr", at.xds), ("--admin-addr", at.admin)] {
            program.args([flag, &addr.to_string()]);
        }
        let mut child = program.spawn().expect("`remesh up` starts");
        let addresses = addresses(&ready(&mut child, PATIENCE).await);
        Self::new(addresses, Runs::AsProgram(Box::new(child)))
    }

    /// As `localstack/run`: Lambda functions, a table on LocalStack and the relay, with Cloud Map. Its ports are fixed, so
    /// it has a namespace to itself, and ends with it. What its parts write is below `folder`.
    pub async fn start_localstack(namespace: &Namespace, listen: Ipv4Addr, folder: &Path) -> Self {
        let (child, line) = localstack(namespace, &["--listen", &listen.to_string()], folder).await;
        Self::new(addresses(&line), Runs::AsProgram(Box::new(child)))
    }

    /// Of parts that the test runs itself.
    pub fn of_parts(addresses: Addresses) -> Self {
        Self::new(addresses, Runs::Elsewhere)
    }

    fn new(addresses: Addresses, runs: Runs) -> Self {
        Self { api: Api::at(addresses.api), admin: Admin::at(addresses.admin), addresses, runs }
    }

    /// Its App Mesh API.
    pub const fn api(&self) -> &Api {
        &self.api
    }

    /// Its admin endpoints.
    pub const fn admin(&self) -> &Admin {
        &self.admin
    }

    /// Where it listens.
    pub const fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Where Envoys connect.
    pub const fn xds_addr(&self) -> SocketAddr {
        self.addresses.xds
    }

    /// Waits until the relay has folded everything the API has accepted for a mesh so far.
    ///
    /// The relay folds a mesh in order, so once it knows a resource it knows all that was written before it.
    pub async fn caught_up(&self, mesh: &str) {
        static MARKS: AtomicU32 = AtomicU32::new(0);
        let mark = format!("caught-up-{}", MARKS.fetch_add(1, Ordering::Relaxed));
        let nodes = format!("/meshes/{mesh}/virtualNodes");
        self.api.put(&nodes, json!({ "virtualNodeName": mark, "spec": {} })).await;
        let node = format!("mesh/{mesh}/virtualNode/{mark}");
        eventually("the relay folds what was written", async || self.admin.snapshot(&node).await.map(drop)).await;
        self.api.delete(&format!("{nodes}/{mark}")).await;
    }

    /// Ends it in an orderly way: SIGTERM where it is a program.
    pub async fn stop(self) {
        match self.runs {
            Runs::Here(running) => running.stop().await,
            Runs::AsProgram(child) => end(*child).await,
            Runs::Elsewhere => {}
        }
    }
}

/// The API alone, in this process, over any log: on a free port of an address, for as long as the runtime runs.
pub async fn serve_api(ip: IpAddr, log: Arc<dyn EventLog>) -> SocketAddr {
    let config = AppConfig::new("000000000000", "us-east-1");
    let service = TowerToHyperService::new(functions::router(App::new(log, config)));
    let listener = TcpListener::bind((ip, 0)).await.expect("the API listens");
    let addr = listener.local_addr().expect("it has an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (service, _) = (service.clone(), stream.set_nodelay(true));
            tokio::spawn(async move {
                // Whoever called may leave at any moment.
                let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    addr
}

/// In memory, on free ports of an address.
fn config_on(ip: IpAddr) -> mesh_local::Config {
    let any = SocketAddr::new(ip, 0);
    let access_keys = [(GUEST_KEY.to_owned(), GUEST.into())].into();
    mesh_local::Config { data: None, api_addr: any, xds_addr: any, admin_addr: any, access_keys, ..Default::default() }
}

/// What the program says goes to a file beside its data, one for all of its runs.
fn log_beside(data: &Path) -> File {
    let file = data.with_extension("log");
    File::options().create(true).append(true).open(file).expect("a folder of the test can be written")
}

/// Starts `localstack/run` in a namespace, and gives what it says once it is ready. Its files are below a folder.
pub async fn localstack(namespace: &Namespace, options: &[&str], folder: &Path) -> (Child, Value) {
    let mut command = namespace.command(workspace().join("localstack/run"));
    command.args(options).env("REMESH_PROGRAMS", aws_programs()).env("TMPDIR", folder).stdout(Stdio::piped());
    // Seldom enough that not every record makes one, often enough that a test's few do.
    command.env("REMESH_CHECKPOINT_EVERY", "5");
    let mut child = command.spawn().expect("`localstack/run` starts");
    let line = ready(&mut child, LOCALSTACK_PATIENCE).await;
    (child, line)
}

/// The ready line of a program.
async fn ready(child: &mut Child, patience: Duration) -> Value {
    let mut lines = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
    let line = tokio::time::timeout(patience, lines.next_line()).await.expect("the program gets ready");
    let line = line.expect("stdout can be read").expect("the program says that it is ready before it ends");
    serde_json::from_str(&line).expect("the ready line is JSON")
}

/// The addresses of a ready line.
fn addresses(line: &Value) -> Addresses {
    let addr = |key: &str| {
        let url = line[key].as_str().unwrap_or_else(|| panic!("no `{key}` in {line}"));
        url.trim_start_matches("http://").parse().unwrap_or_else(|_| panic!("`{url}` is no http://ADDRESS:PORT"))
    };
    Addresses { api: addr("api"), xds: addr("xds"), admin: addr("admin") }
}

/// Ends a program in an orderly way, by SIGTERM.
pub async fn end(mut child: Child) {
    let pid = child.id().and_then(|pid| rustix::process::Pid::from_raw(pid.cast_signed())).expect("the program runs");
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("a child can be told to end");
    let status = child.wait().await.expect("the program can be waited for");
    assert!(status.success(), "the program ended with {status} on SIGTERM");
}

/// A client of the admin endpoints.
#[derive(Debug, Clone)]
pub struct Admin {
    base: String,
    http: reqwest::Client,
}

impl Admin {
    /// A client of the admin endpoints that listen there.
    pub fn at(addr: SocketAddr) -> Self {
        Self { base: format!("http://{addr}"), http: reqwest::Client::new() }
    }

    /// Where they listen, `http://127.0.0.1:8481`.
    pub fn url(&self) -> &str {
        &self.base
    }

    /// `GET /proxies`: every connected proxy.
    pub async fn proxies(&self) -> Vec<Value> {
        let answer = self.get("/proxies", &[]).await.unwrap_or_else(|reason| panic!("GET /proxies: {reason}"));
        let list = answer.get("proxies").unwrap_or(&answer);
        list.as_array().unwrap_or_else(|| panic!("GET /proxies answers no list: {answer}")).clone()
    }

    /// The connected proxies of a resource, `mesh/M/virtualNode/N`.
    pub async fn proxies_of(&self, resource: &str) -> Vec<Value> {
        let mut proxies = self.proxies().await;
        proxies.retain(|proxy| proxy["resource"] == resource);
        proxies
    }

    /// Waits until a proxy of the resource is connected and all are in sync.
    pub async fn wait_until_in_sync(&self, resource: &str) {
        eventually(&format!("{resource} in sync"), async || {
            let proxies = self.proxies_of(resource).await;
            let ready = !proxies.is_empty() && proxies.iter().all(|proxy| proxy["inSync"] == true);
            ready.then_some(()).ok_or_else(|| format!("{proxies:#?}"))
        })
        .await;
    }

    /// `GET /snapshot?node=…`: the xDS resources a node is served.
    pub async fn snapshot(&self, node: &str) -> Result<Value, String> {
        self.get("/snapshot", &[("node", node)]).await
    }

    /// `GET /metrics`: the value of a Prometheus series, or the sum where a name has several; 0 where it has none yet.
    pub async fn metric(&self, name: &str) -> f64 {
        let text = self.http.get(format!("{}/metrics", self.base)).send().await.expect("GET /metrics answers");
        let text = text.text().await.expect("GET /metrics answers in text");
        let ours = |line: &&str| line.split(['{', ' ']).next() == Some(name);
        text.lines().filter(ours).filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    /// `PUT path` with a body.
    pub async fn put(&self, path: &str, body: &Value) {
        let call = self.http.put(format!("{}{path}", self.base)).header("content-type", "application/json");
        let answer = call.body(body.to_string()).send().await.expect("PUT answers");
        assert!(answer.status().is_success(), "PUT {path}: {} {:?}", answer.status(), answer.text().await);
    }

    /// `DELETE path`.
    pub async fn delete(&self, path: &str) {
        let answer = self.http.delete(format!("{}{path}", self.base)).send().await.expect("DELETE answers");
        assert!(answer.status().is_success(), "DELETE {path}: {} {:?}", answer.status(), answer.text().await);
    }

    async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Value, String> {
        let query: Vec<String> = query.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let url = format!("{}{path}?{}", self.base, query.join("&"));
        let answer = self.http.get(url).send().await.map_err(|error| error.to_string())?;
        let status = answer.status();
        let body = answer.text().await.map_err(|error| error.to_string())?;
        if !status.is_success() {
            return Err(format!("{status}: {body}"));
        }
        serde_json::from_str(&body).map_err(|error| format!("{error} in {body}"))
    }
}
