//! The test bed: a control plane and pods, all in network namespaces of one test.
//!
//! ```text
//!                      hub (bridge, control plane, the test itself)
//!        ┌──────────────────────────┼─────────────────────────┐
//!   pod `client`               pod `red`                  pod `gateway`
//!   load → 15001 Envoy ──────► 15000 Envoy → app          Envoy on its own ports
//! ```
//!
//! A pod is what an ECS task is: an application, an Envoy, and iptables rules that take the application's traffic through
//! it without the application knowing.

use crate::api::Mesh;
use crate::control_plane::{Addresses, ControlPlane};
use crate::envoy::{Envoy, Options};
use crate::names::Names;
use crate::namespace::{HUB, Namespace};
use crate::testapp::{CONTROL_PORT, Plan, Report};
use crate::tools;
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout};
use xds_relay::discovery::InstanceSource;

/// A control plane and pods for one test.
#[derive(Debug)]
pub struct Bed {
    plane: Option<ControlPlane>,
    addresses: Addresses,
    made: u8,
    pods: BTreeMap<String, Pod>,
    names: Names,
    hub: Namespace,
    folder: TempDir,
}

/// Runs a test in a bed of its own whose control plane runs in this process.
pub fn run(test: impl AsyncFnOnce(&mut Bed) + Send) {
    in_namespace(async |bed| {
        bed.plane = Some(ControlPlane::start_on(IpAddr::V4(HUB)).await);
        test(bed).await;
    });
}

/// Runs a test in a bed of its own whose control plane is `remesh up --data FILE`, so that the test can restart it.
pub fn run_with_program(test: impl AsyncFnOnce(&mut Bed) + Send) {
    in_namespace(async |bed| {
        bed.start_plane().await;
        test(bed).await;
    });
}

/// Runs a test in a bed of its own whose control plane is `localstack/run`: the shape it has in AWS.
pub fn run_on_localstack(test: impl AsyncFnOnce(&mut Bed) + Send) {
    tools::aws_programs();
    in_namespace(async |bed| {
        bed.plane = Some(ControlPlane::start_localstack(&bed.hub, HUB, bed.folder.path()).await);
        test(bed).await;
    });
}

/// Runs a test in a bed of its own whose control plane runs in this process and finds instances elsewhere: `source` is
/// given the address of the hub, and answers the source and what the test shall have of it.
pub fn run_discovering<T>(
    source: impl AsyncFnOnce(IpAddr) -> (Arc<dyn InstanceSource>, T) + Send,
    test: impl AsyncFnOnce(&mut Bed, &T) + Send,
) {
    in_namespace(async |bed| {
        let (instances, rest) = source(IpAddr::V4(HUB)).await;
        bed.plane = Some(ControlPlane::start_discovering(IpAddr::V4(HUB), instances).await);
        test(bed, &rest).await;
    });
}

/// Runs a test in a bed of its own whose control plane is made of parts that the test runs and breaks itself: `start` is
/// given the address of the hub, and answers where they listen and what the test shall have of them.
pub fn run_on_parts<T>(
    start: impl AsyncFnOnce(IpAddr) -> (Addresses, T) + Send,
    test: impl AsyncFnOnce(&mut Bed, &mut T) + Send,
) {
    in_namespace(async |bed| {
        let (addresses, mut parts) = start(IpAddr::V4(HUB)).await;
        bed.plane = Some(ControlPlane::of_parts(addresses));
        test(bed, &mut parts).await;
    });
}

fn in_namespace(test: impl AsyncFnOnce(&mut Bed) + Send) {
    tools::testapp_binary();
    tools::remesh_binary();
    in_hub(async |hub| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (pods, names) = (BTreeMap::new(), Names::serve(HUB).await);
        let addresses = Addresses::free(IpAddr::V4(HUB));
        let mut bed = Bed { plane: None, addresses, made: 0, pods, names, hub, folder };
        test(&mut bed).await;
        bed.end().await;
    });
}

/// Runs a test in a network namespace of its own, which ends with it. The test's thread moves into the hub, so its
/// runtime and everything it starts are there.
pub fn in_hub(test: impl AsyncFnOnce(Namespace) + Send) {
    let hub = Namespace::hub();
    let outcome = std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            hub.enter();
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
            runtime.expect("a runtime").block_on(test(hub));
        });
        thread.join()
    });
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

impl Bed {
    /// The control plane.
    pub fn plane(&self) -> &ControlPlane {
        self.plane.as_ref().expect("the control plane runs")
    }

    /// Creates a mesh.
    pub async fn mesh(&self, name: &str, spec: Value) -> Mesh {
        self.plane().api().create_mesh(name, spec).await
    }

    /// Ends the control plane and starts it again on the same addresses with the same data; only for
    /// [`run_with_program`].
    pub async fn restart_plane(&mut self) {
        self.stop_plane().await;
        self.start_plane().await;
    }

    /// Ends the control plane.
    pub async fn stop_plane(&mut self) {
        if let Some(plane) = self.plane.take() {
            self.addresses = plane.addresses();
            plane.stop().await;
        }
    }

    /// Starts the control plane where it was, with the data it had; only for [`run_with_program`].
    pub async fn start_plane(&mut self) {
        self.plane = Some(ControlPlane::start_program(&self.data(), self.addresses).await);
    }

    /// Starts pods for resources of a mesh, and waits until their Envoys serve.
    pub async fn start(&mut self, mesh: &Mesh, workloads: impl IntoIterator<Item = Workload>) {
        self.plane().caught_up(mesh.name()).await;
        let mut started = Vec::new();
        for workload in workloads {
            started.push(workload.pod.clone());
            self.add(mesh, workload);
        }
        for name in started {
            self.pod_mut(&name).ready().await;
        }
    }

    /// Another machine at the hub, with nothing on it.
    pub fn machine(&mut self) -> (Namespace, Ipv4Addr) {
        self.made += 1;
        let address = Ipv4Addr::new(10, 88, 1, self.made);
        (self.hub.join(address), address)
    }

    /// Starts a pod without waiting for its Envoy.
    pub fn add(&mut self, mesh: &Mesh, workload: Workload) {
        let (namespace, address) = self.machine();
        let folder = self.folder.path().join(&workload.pod);
        std::fs::create_dir(&folder).expect("a folder of the test can be written");
        self.names.set(&host_of(&workload.pod), vec![address]);
        let name = workload.pod.clone();
        let pod = Pod::start(namespace, address, mesh, workload, self.plane(), &folder);
        self.pods.insert(name, pod);
    }

    /// Waits until every pod's Envoy serves.
    pub async fn ready(&mut self) {
        for pod in self.pods.values_mut() {
            pod.ready().await;
        }
    }

    /// Kills a program that the control plane is made of, and says how many of it there were; only for
    /// [`run_on_localstack`].
    pub fn kill(&self, program: &str) -> usize {
        self.hub.kill(program)
    }

    /// What a part of the control plane has written; only for [`run_on_localstack`].
    pub fn log_of(&self, part: &str) -> String {
        let folders = std::fs::read_dir(self.folder.path()).into_iter().flatten().flatten();
        let logs = folders.map(|folder| folder.path().join(part).with_extension("log"));
        logs.filter_map(|log| std::fs::read_to_string(log).ok()).collect()
    }

    /// Makes a name resolve to pods; to several addresses where there are several pods.
    pub fn resolve(&self, host: &str, pods: &[&str]) {
        let addresses = pods.iter().map(|pod| self.pod(pod).address).collect();
        self.names.set(host, addresses);
    }

    /// Makes the name of a virtual service resolve, to an address that matters to nobody (§5.5).
    pub fn resolve_service(&self, name: &str) {
        self.names.set(name, vec![HUB]);
    }

    /// Sends requests from outside every pod: what a client of a gateway does.
    pub async fn load(&self, plan: &Plan) -> Report {
        Load::start(&self.hub, plan).report().await
    }

    /// A running pod.
    pub fn pod(&self, name: &str) -> &Pod {
        self.pods.get(name).unwrap_or_else(|| panic!("no pod `{name}`"))
    }

    /// A running pod, to change.
    pub fn pod_mut(&mut self, name: &str) -> &mut Pod {
        self.pods.get_mut(name).unwrap_or_else(|| panic!("no pod `{name}`"))
    }

    /// Ends a pod at once.
    pub fn remove(&mut self, name: &str) {
        self.pods.remove(name);
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("remesh.db")
    }

    /// What every test ends with: no proxy refused anything.
    async fn end(mut self) {
        for envoy in self.pods.values_mut().filter_map(|pod| pod.envoy.as_mut()) {
            envoy.assert_accepted_everything().await;
        }
        self.pods.clear();
        self.stop_plane().await;
    }
}

impl Drop for Bed {
    /// A failing test shows what its control plane had to say.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        let said = std::fs::read_to_string(self.data().with_extension("log")).unwrap_or_default();
        let parts = ["appmesh-api", "checkpoint", "event-source", "relay"].map(|part| (part, self.log_of(part)));
        for (program, said) in parts.into_iter().chain([("remesh up", said)]).filter(|(_, said)| !said.is_empty()) {
            eprintln!("--- `{program}` wrote:\n{said}");
        }
    }
}

/// The name under which a pod is found.
pub fn host_of(pod: &str) -> String {
    format!("{pod}.pods")
}

/// What runs in a pod.
#[derive(Debug, Clone)]
pub struct Workload {
    pod: String,
    resource: Option<String>,
    http: Vec<u16>,
    tcp: Vec<u16>,
    captured: bool,
    state_of_the_world: bool,
}

impl Workload {
    /// A sidecar of a virtual node, in a pod of the same name.
    pub fn node(name: &str) -> Self {
        Self { resource: Some(format!("virtualNode/{name}")), captured: true, ..Self::unmeshed(name) }
    }

    /// A virtual gateway: an Envoy alone, without capture (§4.3).
    pub fn gateway(name: &str) -> Self {
        Self { resource: Some(format!("virtualGateway/{name}")), ..Self::unmeshed(name) }
    }

    /// An application without an Envoy.
    pub fn unmeshed(name: &str) -> Self {
        let (http, tcp) = (Vec::new(), Vec::new());
        Self { pod: name.into(), resource: None, http, tcp, captured: false, state_of_the_world: false }
    }

    /// In a pod of another name: one of several of a virtual node.
    pub fn in_pod(mut self, pod: &str) -> Self {
        self.pod = pod.into();
        self
    }

    /// With an application that speaks HTTP/1.1, HTTP/2 and gRPC on a port.
    pub fn http(mut self, port: u16) -> Self {
        self.http.push(port);
        self
    }

    /// With an application that answers lines on a port.
    pub fn tcp(mut self, port: u16) -> Self {
        self.tcp.push(port);
        self
    }

    /// With an Envoy that speaks state of the world instead of delta.
    pub const fn state_of_the_world(mut self) -> Self {
        self.state_of_the_world = true;
        self
    }
}

/// An application, an Envoy, and the rules between them.
#[derive(Debug)]
pub struct Pod {
    name: String,
    address: Ipv4Addr,
    envoy: Option<Envoy>,
    app: Option<App>,
    namespace: Namespace,
}

/// A running test application; it ends with its input.
#[derive(Debug)]
struct App {
    child: Child,
    _input: ChildStdin,
}

impl Pod {
    fn start(
        namespace: Namespace,
        address: Ipv4Addr,
        mesh: &Mesh,
        workload: Workload,
        plane: &ControlPlane,
        folder: &Path,
    ) -> Self {
        if workload.captured {
            namespace.capture(&[workload.http.as_slice(), &workload.tcp].concat());
        }
        let app = (workload.http.len() + workload.tcp.len() > 0).then(|| App::start(&namespace, &workload));
        let envoy = workload.resource.map(|resource| {
            let node = format!("mesh/{}/{resource}", mesh.identity());
            let options = Options { node, xds: plane.xds_addr(), state_of_the_world: workload.state_of_the_world };
            Envoy::start(&namespace, address, &options, folder)
        });
        Self { name: workload.pod, address, envoy, app, namespace }
    }

    async fn ready(&mut self) {
        if let Some(app) = &mut self.app {
            app.ready().await;
        }
        if let Some(envoy) = &self.envoy {
            envoy.ready().await;
        }
    }

    /// Its address.
    pub const fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// Its Envoy.
    pub fn envoy(&self) -> &Envoy {
        self.envoy.as_ref().unwrap_or_else(|| panic!("no Envoy in `{}`", self.name))
    }

    /// Sends requests from in here and reports.
    pub async fn load(&self, plan: &Plan) -> Report {
        self.start_load(plan).report().await
    }

    /// Sends a request from in here; the report of one.
    pub async fn get(&self, url: &str) -> Report {
        self.load(&Plan::get(url)).await
    }

    /// Starts sending requests from in here.
    pub fn start_load(&self, plan: &Plan) -> Load {
        Load::start(&self.namespace, plan)
    }

    /// How many requests with this `x-app-key` have reached the application.
    pub async fn arrived(&self, key: &str) -> u64 {
        let url = format!("http://{}:{CONTROL_PORT}/", self.address);
        let counts: Value = reqwest::get(url).await.expect("the application runs").json().await.expect("JSON");
        counts[key].as_u64().unwrap_or(0)
    }
}

impl App {
    fn start(namespace: &Namespace, workload: &Workload) -> Self {
        let mut command = namespace.command(tools::testapp_binary());
        command.args(["serve", "--node", &workload.pod]);
        for port in &workload.http {
            command.args(["--http", &port.to_string()]);
        }
        for port in &workload.tcp {
            command.args(["--tcp", &port.to_string()]);
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the application starts");
        let input = child.stdin.take().expect("stdin is piped");
        Self { child, _input: input }
    }

    async fn ready(&mut self) {
        let Some(output) = self.child.stdout.take() else { return };
        let line = BufReader::new(output).lines().next_line().await.expect("the application can be read");
        assert_eq!(line.as_deref(), Some("ready"), "the application did not start");
    }
}

/// Requests being sent.
#[derive(Debug)]
pub struct Load {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
}

impl Load {
    fn start(namespace: &Namespace, plan: &Plan) -> Self {
        let mut command = namespace.command(tools::testapp_binary());
        command.arg("load").arg(serde_json::to_string(plan).expect("a plan is JSON"));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the client starts");
        let input = child.stdin.take().expect("stdin is piped");
        let output = child.stdout.take().expect("stdout is piped");
        Self { child, input, output }
    }

    /// Tells a load without end to end, and reports.
    pub async fn end(self) -> Report {
        let Self { child, input, output } = self;
        drop(input);
        read_report(child, output).await
    }

    /// Waits for a load with an end, and reports.
    pub async fn report(self) -> Report {
        let Self { child, input, output } = self;
        let report = read_report(child, output).await;
        drop(input);
        report
    }
}

async fn read_report(mut child: Child, mut output: ChildStdout) -> Report {
    let mut text = String::new();
    output.read_to_string(&mut text).await.expect("the client can be read");
    child.wait().await.expect("the client ends");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("the client reported `{text}`: {error}"))
}
