//! `remesh up`: everything in one process, until it is told to stop.

use crate::diagnostics::{self, Failure, LogFormat};
use crate::signals::Signals;
use clap::Args;
use mesh_core::quota::{self, NoQuota};
use mesh_core::{AccountId, Quota, Quotas};
use mesh_local::{Config, Running};
use serde::Serialize;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;

/// The flags of `remesh up`.
#[derive(Debug, Args)]
pub struct Up {
    /// Keep everything in this SQLite file; without it, state is in memory and ends with the process
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// Find the instances of virtual nodes with awsCloudMap discovery in this JSON file, which is watched
    #[arg(long, value_name = "FILE")]
    instances: Option<PathBuf>,
    /// Where the App Mesh API listens; port 0 means any free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8480")]
    api_addr: SocketAddr,
    /// Where Envoys connect
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:18000")]
    xds_addr: SocketAddr,
    /// Where the admin endpoints listen: /healthz /readyz /metrics /proxies /snapshot /instances
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8481")]
    admin_addr: SocketAddr,
    /// The AWS account in ARNs, twelve digits
    #[arg(long, value_name = "ACCOUNT", default_value = "000000000000")]
    account: String,
    /// The AWS region in ARNs
    #[arg(long, value_name = "REGION", default_value = "us-east-1")]
    region: String,
    /// A client that signs with this access key belongs to this account, and everybody else to --account; may be repeated.
    /// Keys are believed, not verified
    #[arg(long = "access-key", value_name = "KEY=ACCOUNT", value_parser = access_key)]
    access_keys: Vec<(String, AccountId)>,
    /// How many there may be of something, such as virtual-nodes-per-mesh=200; may be repeated
    #[arg(long = "quota", value_name = "NAME=NUMBER", value_parser = quota_limit)]
    quotas: Vec<(Quota, usize)>,
}

fn access_key(text: &str) -> Result<(String, AccountId), String> {
    let (key, account) = text.split_once('=').ok_or("give KEY=ACCOUNT, such as AKIDTEAMB=111122223333")?;
    if !is_access_key(key) {
        return Err("give KEY=ACCOUNT, where the key has up to 128 letters, digits and `_`".into());
    }
    let account = AccountId::parse(account).ok_or("give KEY=ACCOUNT, where the account is twelve digits")?;
    Ok((key.to_owned(), account))
}

/// Whether the API finds this in a signature: it looks for nothing that cannot be an access key.
pub fn is_access_key(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn quota_limit(text: &str) -> Result<(Quota, usize), NoQuota> {
    quota::parse(text)
}

impl Up {
    /// Runs until a signal.
    pub fn run(self, log_format: LogFormat) -> Result<(), Failure> {
        diagnostics::start(log_format, "info");
        let runtime = tokio::runtime::Runtime::new()?;
        let done = runtime.block_on(serve(self.config()));
        // What still blocks a thread now has nothing left to say.
        runtime.shutdown_background();
        done
    }

    fn config(self) -> Config {
        Config {
            data: self.data,
            instances: self.instances,
            api_addr: self.api_addr,
            xds_addr: self.xds_addr,
            admin_addr: self.admin_addr,
            account: self.account,
            region: self.region,
            access_keys: self.access_keys.into_iter().collect(),
            quotas: self.quotas.into_iter().fold(Quotas::default(), |quotas, (quota, limit)| quotas.with(quota, limit)),
        }
    }
}

async fn serve(config: Config) -> Result<(), Failure> {
    let mut signals = Signals::catch()?;
    say_what_to_know(&config);
    let running = mesh_local::start(config).await?;
    say_ready(&running)?;
    let signal = signals.caught().await;
    tracing::info!(signal, "stopping");
    running.stop().await;
    tracing::info!("stopped");
    Ok(())
}

fn say_what_to_know(config: &Config) {
    match &config.data {
        Some(file) => tracing::info!(file = %file.display(), "state is kept in a file"),
        None => tracing::warn!("state is in memory only and ends with this process; pass --data FILE to keep it"),
    }
    for (flag, addr) in
        [("--api-addr", config.api_addr), ("--xds-addr", config.xds_addr), ("--admin-addr", config.admin_addr)]
    {
        if !addr.ip().is_loopback() {
            tracing::warn!(
                flag,
                %addr,
                "not a loopback address: callers are not authenticated, so let only those reach it who may use it"
            );
        }
    }
}

/// The line a script waits for.
#[derive(Serialize)]
struct Ready {
    ready: bool,
    api: String,
    xds: String,
    admin: String,
}

fn say_ready(running: &Running) -> Result<(), Failure> {
    let url = |addr: SocketAddr| format!("http://{addr}");
    let (api, xds, admin) = (url(running.api_addr()), url(running.xds_addr()), url(running.admin_addr()));
    tracing::info!(api, xds, admin, "ready");
    let line = serde_json::to_string(&Ready { ready: true, api, xds, admin })?;
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{line}")?;
    Ok(stdout.flush()?)
}
