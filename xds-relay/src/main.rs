//! The relay alone: follows a log in DynamoDB and serves Envoys, as many of it side by side as there is need for.
//!
//! Every flag can be given as a variable of the environment, since that is what a container has. Exit codes: 0 when it
//! was told to stop, 1 for a failure, 2 for flags that make no sense. Standard output carries the ready line alone,
//! standard error one JSON object a line, whatever happens.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use clap::builder::BoolishValueParser;
use clap::{ArgAction, Parser, ValueEnum};
use mesh_core::AccountId;
use mesh_log::dynamo::DynamoLog;
use serde_json::json;
use std::error::Error;
use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;
use xds_relay::discovery::cloud_map::{Cadence, CloudMap};
use xds_relay::serve::tls::Certificates;
use xds_relay::world::Copies;
use xds_relay::{Relay, RelayConfig};

/// The Remesh relay: follows the event log in a DynamoDB table and serves xDS to Envoys.
#[derive(Debug, Parser)]
#[command(name = "xds-relay", version, about)]
struct Flags {
    /// The DynamoDB table that holds the event log
    #[arg(long, env = "REMESH_TABLE", value_name = "NAME")]
    table: String,
    /// The region of the table; without it, what the AWS configuration of the environment says
    #[arg(long, env = "REMESH_REGION", value_name = "REGION")]
    region: Option<String>,
    /// The AWS account of node ids that name none, twelve digits
    #[arg(long, env = "REMESH_ACCOUNT", value_name = "ACCOUNT", value_parser = account)]
    account: AccountId,
    /// Where Envoys connect; port 0 means any free one
    #[arg(long, env = "REMESH_XDS_ADDR", value_name = "ADDR", default_value = "127.0.0.1:18000")]
    xds_addr: SocketAddr,
    /// Where the admin endpoints listen: /healthz /readyz /metrics /proxies /snapshot
    #[arg(long, env = "REMESH_ADMIN_ADDR", value_name = "ADDR", default_value = "127.0.0.1:8481")]
    admin_addr: SocketAddr,
    /// Listen beyond loopback although nobody is authenticated: whoever reaches the xDS port can ask for the
    /// configuration of any proxy in any mesh, and whoever reaches the admin port can read all of it
    #[arg(long, env = "REMESH_ALLOW_UNAUTHENTICATED", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    allow_unauthenticated: bool,
    /// Keep the last state here, to be served when a start finds the log away
    #[arg(long, env = "REMESH_STATE_DIR", value_name = "FOLDER")]
    state_dir: Option<PathBuf>,
    /// The certificate chain of the xDS port, PEM; read again when it changes
    #[arg(long, env = "REMESH_TLS_CERT", value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The private key of that certificate, PEM
    #[arg(long, env = "REMESH_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Look at the table now and then, or be woken by its stream, which bears two readers
    #[arg(long, env = "REMESH_FEED", value_name = "WAY", default_value = "poll")]
    feed: Feed,
    /// Over how many seconds proxies are moved to other relays when this one is told to stop
    #[arg(long, env = "REMESH_DRAIN_SECONDS", value_name = "SECONDS", default_value = "5")]
    drain_seconds: u64,
    /// How messages on standard error are written; RUST_LOG chooses which
    #[arg(long, env = "REMESH_LOG_FORMAT", value_name = "FORMAT", default_value = "json")]
    log_format: LogFormat,
}

/// How the relay learns that something was appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Feed {
    /// By the stream of the table, by looking where that cannot be read
    Stream,
    /// By looking at the table: often while much changes, seldom while nothing does
    Poll,
}

/// How messages are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

fn account(text: &str) -> Result<AccountId, String> {
    AccountId::parse(text).ok_or_else(|| "an AWS account is twelve digits".into())
}

fn main() -> ExitCode {
    let flags = match Flags::try_parse() {
        Ok(flags) => flags,
        Err(error) => return refuse(&error),
    };
    start_tracing(flags.log_format);
    if let Some(message) = flags.is_exposed() {
        return fail(&message, ExitCode::from(2));
    }
    let done = tokio::runtime::Runtime::new().map_err(Into::into).and_then(|runtime| {
        let done = runtime.block_on(run(flags));
        // What still blocks a thread now has nothing left to say.
        runtime.shutdown_background();
        done
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&with_sources(error.as_ref()), ExitCode::FAILURE),
    }
}

/// Flags that make no sense, and questions about them. A person is shown how they are used; where nobody looks, whoever
/// reads the messages line by line gets a line.
fn refuse(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() || io::stderr().is_terminal() {
        error.exit();
    }
    start_tracing(LogFormat::Json);
    let said = error.to_string();
    let what = said.split("\n\nUsage").next().unwrap_or(&said).trim_start_matches("error: ");
    let what = what.split_whitespace().collect::<Vec<_>>().join(" ");
    fail(&format!("{what}; `xds-relay --help` says which flags there are"), ExitCode::from(2))
}

fn fail(message: &str, code: ExitCode) -> ExitCode {
    tracing::error!("{message}");
    code
}

/// Errors say their own level only.
fn with_sources(error: &dyn Error) -> String {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        if !message.contains(&text) {
            message = format!("{message}: {text}");
        }
        source = cause.source();
    }
    message
}

fn start_tracing(format: LogFormat) {
    let usual = "info,aws_config=warn,aws_runtime=warn";
    let wished = std::env::var("RUST_LOG").ok().filter(|wish| !wish.is_empty());
    let filter = wished.as_deref().map(EnvFilter::try_new).transpose();
    let misunderstood = filter.as_ref().err().map(ToString::to_string);
    let filter = filter.ok().flatten().unwrap_or_else(|| EnvFilter::new(usual));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    // Fails only where tracing is set up already, which is as good.
    let _ = match format {
        LogFormat::Text => builder.with_ansi(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    if let Some(error) = misunderstood {
        tracing::warn!(error, "RUST_LOG makes no sense and is left aside");
    }
    // A thread that ends in disorder says so in a line like any other.
    std::panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
}

impl Flags {
    /// Why these addresses need an explicit word, unless it was given.
    fn is_exposed(&self) -> Option<String> {
        let addresses = [("--xds-addr", self.xds_addr), ("--admin-addr", self.admin_addr)];
        let (flag, addr) = addresses.into_iter().find(|(_, addr)| !addr.ip().is_loopback())?;
        if self.allow_unauthenticated {
            return None;
        }
        Some(format!(
            "{flag} {addr} is not a loopback address, and proxies are not authenticated: whoever reaches it can read the \
             configuration of every proxy in every mesh. Let a network that only your proxies are in do what this relay \
             does not, and say so with --allow-unauthenticated (REMESH_ALLOW_UNAUTHENTICATED=true)"
        ))
    }

    async fn aws(&self) -> SdkConfig {
        let loader = aws_config::defaults(BehaviorVersion::latest());
        match &self.region {
            Some(region) => loader.region(Region::new(region.clone())).load().await,
            None => loader.load().await,
        }
    }

    fn log(&self, aws: &SdkConfig) -> DynamoLog {
        let log = DynamoLog::new(mesh_log::dynamo::Client::new(aws), self.table.clone());
        match self.feed {
            Feed::Stream => log.with_table_stream(mesh_log::dynamo::StreamsClient::new(aws)),
            Feed::Poll => log,
        }
    }

    fn relay(&self, aws: &SdkConfig) -> Result<RelayConfig, Box<dyn Error>> {
        let account = self.account.clone();
        let mut config = RelayConfig::new(self.xds_addr, self.admin_addr, account);
        config.copies = self.state_dir.as_ref().map(|_| self.copies(aws)).transpose()?;
        config.drain = Duration::from_secs(self.drain_seconds);
        config.instances = Arc::new(CloudMap::new(aws, Cadence::default()));
        if let (Some(certificate), Some(key)) = (&self.tls_cert, &self.tls_key) {
            config.tls = Some(Certificates::of(certificate, key)?);
        }
        Ok(config)
    }

    /// Folds of different tables must not meet, so each has a folder of its own.
    fn copies(&self, aws: &SdkConfig) -> Result<Copies, Box<dyn Error>> {
        let region = aws.region().map_or("no-region", AsRef::as_ref);
        let table: String = self
            .table
            .chars()
            .map(|it| if it.is_ascii_alphanumeric() || "-_.".contains(it) { it } else { '_' })
            .collect();
        let folder = self.state_dir.clone().unwrap_or_default().join(format!("{region}-{}-{table}", self.account));
        Copies::open(&folder).map_err(|error| format!("cannot keep state in {}: {error}", folder.display()).into())
    }
}

async fn run(flags: Flags) -> Result<(), Box<dyn Error>> {
    let mut signals = Signals::new()?;
    let relay = tokio::select! {
        relay = start(&flags) => relay?,
        () = signals.next() => return Ok(()),
    };
    say_ready(&relay, flags.tls_cert.is_some())?;
    if flags.allow_unauthenticated {
        tracing::warn!("proxies are not authenticated: let only those reach this relay who may read every mesh");
    }
    signals.next().await;
    tracing::info!(drain_seconds = flags.drain_seconds, "stopping: proxies are moved to other relays");
    tokio::select! {
        () = relay.stop() => tracing::info!("stopped"),
        () = signals.next() => tracing::warn!("told to stop again: stopped at once"),
    }
    Ok(())
}

async fn start(flags: &Flags) -> Result<Relay, Box<dyn Error>> {
    let aws = flags.aws().await;
    let region = aws.region().ok_or("no region: give --region (REMESH_REGION), or have AWS_REGION say it")?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), table = flags.table, %region, "starting");
    Ok(Relay::start(Arc::new(flags.log(&aws)), flags.relay(&aws)?).await?)
}

/// What tells a process to stop.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// The line a script waits for: both addresses accept connections now.
fn say_ready(relay: &Relay, tls: bool) -> io::Result<()> {
    let scheme = if tls { "https" } else { "http" };
    let (xds, admin) = (format!("{scheme}://{}", relay.xds_addr()), format!("http://{}", relay.admin_addr()));
    tracing::info!(xds, admin, "listening");
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{}", json!({ "ready": true, "xds": xds, "admin": admin }))?;
    stdout.flush()
}
