//! Everything the demo runs, started in order and ended together.

use super::control::{Control, ControlError};
use super::definitions::{BACKENDS, FRONT, MESH, Weights};
use super::envoy::Envoy;
use super::load::{self, Load, Sample};
use super::ports::{NoPort, Places};
use super::proxy::{Proxy, ProxyError};
use super::services::Services;
use mesh_local::bootstrap::Bootstrap;
use mesh_local::{Config, Running, Side, StartError};
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How the demo begins.
pub const FIRST: Weights = Weights([90, 10]);

/// How long the Envoys may take to become ready. They take well below a second where nothing else runs.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often readiness is looked for.
const GLANCE: Duration = Duration::from_millis(50);

/// The running demo. The order is that of ending where it is dropped: callers before what they call.
#[derive(Debug)]
pub struct Scene {
    /// The traffic.
    pub load: Load,
    /// A client of the control plane.
    pub control: Control,
    /// Where the Envoys listen.
    pub places: Places,
    /// The Envoy that runs.
    pub envoy: Envoy,
    _proxies: Vec<Proxy>,
    _services: Services,
    running: Running,
    _folder: TempDir,
}

/// Why the demo did not start.
#[derive(Debug, thiserror::Error)]
pub enum SceneError {
    /// A folder, a listener or a client could not be made.
    #[error("the demo could not be set up")]
    SetUp(#[from] io::Error),
    /// There is no room on the loopback addresses.
    #[error(transparent)]
    NoPort(#[from] NoPort),
    /// There is no HTTP client.
    #[error("no HTTP client")]
    Client(#[from] reqwest::Error),
    /// The control plane did not start.
    #[error(transparent)]
    ControlPlane(#[from] StartError),
    /// The mesh could not be made.
    #[error("the demo's mesh could not be made")]
    Mesh(#[from] ControlError),
    /// An Envoy did not start, or ended.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// No request came through in time.
    #[error("after {} s no request has come through the Envoys; the last answer had status {status}", PATIENCE.as_secs())]
    NotReady {
        /// The last status, 0 for no answer.
        status: u16,
    },
}

impl Scene {
    /// Starts everything; when this returns, requests come through.
    pub async fn start(envoy: Envoy) -> Result<Self, SceneError> {
        let folder = TempDir::with_prefix("remesh-demo-")?;
        let (places, listeners) = Places::choose()?;
        let client = reqwest::Client::builder().no_proxy().build()?;
        let running = start_control_plane().await?;
        let services = Services::start(listeners, &places, client.clone())?;
        let control = Control::of(&running, client.clone());
        control.define(&places, FIRST).await?;
        let mut proxies = start_proxies(&envoy, &running, &places, &folder)?;
        await_first_answer(&client, &places, &mut proxies).await?;
        let load = Load::start(&client, places.front);
        Ok(Self { load, control, places, envoy, _proxies: proxies, _services: services, running, _folder: folder })
    }

    /// Ends everything.
    pub async fn stop(self) {
        let Self { load, _proxies: proxies, _services: services, running, _folder: folder, .. } = self;
        drop((load, proxies, services));
        running.stop().await;
        drop(folder);
    }
}

/// On the API's usual port, so that the line to copy is the same every time; on any where somebody else has it.
async fn start_control_plane() -> Result<Running, StartError> {
    let usual = Config { api_addr: Config::default().api_addr, ..Config::on_free_ports() };
    match mesh_local::start(usual).await {
        Err(StartError::Listen { side: Side::Api, .. }) => mesh_local::start(Config::on_free_ports()).await,
        started => started,
    }
}

fn start_proxies(
    envoy: &Envoy,
    running: &Running,
    places: &Places,
    folder: &TempDir,
) -> Result<Vec<Proxy>, SceneError> {
    let [v1, v2] = places.backends;
    let start = |(name, place): (&'static str, SocketAddr)| {
        let node = format!("mesh/{MESH}/virtualNode/{name}").parse().map_err(io::Error::other)?;
        let admin = SocketAddr::from(([127, 0, 0, 1], 0));
        let of = Bootstrap { bind: Some(place.ip()), admin, ..Bootstrap::new(node, running.xds_addr()) };
        Ok(Proxy::start(envoy, name, &of, folder.path())?)
    };
    [(FRONT, places.front), (BACKENDS[0], v1), (BACKENDS[1], v2)].into_iter().map(start).collect()
}

/// Waits until both versions have answered, so that no Envoy that is still starting counts as a failure.
async fn await_first_answer(
    client: &reqwest::Client,
    places: &Places,
    proxies: &mut [Proxy],
) -> Result<(), SceneError> {
    let since = Instant::now();
    let mut answered = [false; BACKENDS.len()];
    loop {
        proxies.iter_mut().try_for_each(Proxy::check)?;
        let Sample { status, version, .. } = load::call(client, places.front).await;
        if let Some(seen) = version.and_then(|version| answered.get_mut(version)) {
            *seen = true;
        }
        if answered == [true; BACKENDS.len()] {
            return Ok(());
        }
        if since.elapsed() > PATIENCE {
            return Err(SceneError::NotReady { status });
        }
        if status != 200 {
            tokio::time::sleep(GLANCE).await;
        }
    }
}
