//! Everything in one process: the API, the log, the relay and its admin endpoints.
//!
//! ```text
//!   client ──► API (functions) ──► log (SQLite) ──► relay (xds-relay) ──► Envoys
//! ```
//!
//! This is what `remesh up` runs and what whole-system tests start, on port 0 and with their own log. It joins the two
//! sides and adds nothing: no path, no rule, no xDS. Both sides share one log and know nothing of each other.

pub mod bootstrap;

mod config;
mod error;
mod running;
mod server;

pub use config::Config;
pub use error::{Side, StartError};
pub use running::Running;

use mesh_core::AccountId;
use mesh_log::sqlite::SqliteLog;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use xds_relay::discovery::{InstanceSource, Registry};
use xds_relay::{Relay, RelayConfig};

/// Records after which a mesh's fold is saved anew: a start then reads at most this many records of a mesh.
const CHECKPOINT_EVERY: u64 = 1000;

/// Starts everything. When this returns, all three addresses accept connections.
///
/// # Errors
///
/// When an address cannot be listened on, the data file cannot be used, or the configuration makes no sense. The
/// message says what to do about it. Nothing is left running.
pub async fn start(config: Config) -> Result<Running, StartError> {
    let instances = match &config.instances {
        Some(file) => Registry::of_file(file).map_err(StartError::Instances)?,
        None => Registry::default(),
    };
    start_discovering(config, Arc::new(instances)).await
}

/// The same with instances from elsewhere, whatever the configuration says of them.
///
/// # Errors
///
/// As for [`start`].
pub async fn start_discovering(config: Config, instances: Arc<dyn InstanceSource>) -> Result<Running, StartError> {
    config.check()?;
    let log = open(&config)?;
    let api = listen(Side::Api, config.api_addr).await?;
    let api_addr = api.local_addr().map_err(|source| StartError::listen(Side::Api, config.api_addr, source))?;
    let relay = start_relay(&log, &config, instances).await?;
    let app = functions::App::new(Arc::new(log.clone()), app_config(&config));
    let checkpointer = config.data.is_some().then(|| tokio::spawn(keep_checkpoints(log.clone())));
    Ok(Running::new(api, api_addr, functions::router(app), relay, checkpointer, log))
}

fn open(config: &Config) -> Result<SqliteLog, StartError> {
    let opened = match &config.data {
        Some(file) => SqliteLog::open(file),
        None => SqliteLog::in_memory(),
    };
    opened.map_err(StartError::Log)
}

/// Listens where a side of the process was asked to.
async fn listen(side: Side, addr: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(addr).await.map_err(|source| StartError::listen(side, addr, source))
}

async fn start_relay(
    log: &SqliteLog,
    config: &Config,
    instances: Arc<dyn InstanceSource>,
) -> Result<Relay, StartError> {
    let account = AccountId::from(config.account.as_str());
    let relay = RelayConfig { instances, ..RelayConfig::new(config.xds_addr, config.admin_addr, account) };
    Relay::start(Arc::new(log.clone()), relay).await.map_err(StartError::relay)
}

fn app_config(config: &Config) -> functions::AppConfig {
    functions::AppConfig {
        access_keys: config.access_keys.clone(),
        quotas: config.quotas,
        ..functions::AppConfig::new(config.account.as_str(), config.region.as_str())
    }
}

/// A checkpoint that cannot be saved costs time at the next start and nothing else, so it stops nothing.
async fn keep_checkpoints(log: SqliteLog) {
    mesh_log::keep_checkpoints(Arc::new(log), CHECKPOINT_EVERY).await;
}
