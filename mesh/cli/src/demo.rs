//! `remesh demo`: the first minute with Remesh.
//!
//! ```text
//!   load ──► front's Envoy ──► front ──► front's Envoy ──► backend-v1's Envoy ──► backend-v1
//!            127.0.0.11                  as egress    └──► backend-v2's Envoy ──► backend-v2
//! ```
//!
//! Nothing is pretended: the control plane is that of `remesh up`, the mesh is made through its API, the Envoys are
//! Envoy's own binaries. Applications listen on 127.0.0.1, each Envoy on an address of its own, because a machine
//! without privileges redirects no traffic to a sidecar. With a terminal the numbers are live and the weights can be
//! changed; without one the demo changes them itself, measures, and judges the figures.

mod bounded;
mod control;
mod definitions;
mod envoy;
mod fetch;
mod frame;
mod keys;
mod live;
mod load;
mod ports;
mod proxy;
mod scene;
mod screen;
mod services;
mod stats;

use crate::diagnostics::{self, Failure, LogFormat};
use crate::signals::Signals;
use clap::Args;
use scene::Scene;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

/// How long it runs where nobody can end it by a key.
const BOUNDED: Duration = Duration::from_secs(10);

/// The shortest time in which the figures say something.
const SHORTEST: u64 = 4;

/// The flags of `remesh demo`.
#[derive(Debug, Args)]
pub struct Demo {
    /// End after so many seconds; without a terminal the default is 10
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(SHORTEST..=86_400))]
    duration: Option<u64>,
    /// The Envoy to run, 1.36 or newer; else REMESH_ENVOY, `envoy` on the PATH, or one that is fetched
    #[arg(long, value_name = "PATH")]
    envoy: Option<PathBuf>,
}

/// Why the demo did not run, or ran and did not show what it should.
#[derive(Debug, thiserror::Error)]
enum DemoError {
    #[error(
        "the demo needs Linux: it gives each Envoy a loopback address of its own (127.0.0.11 to 127.0.0.13), which other \
         systems do not have without setting them up; `remesh up` and `remesh bootstrap` work here"
    )]
    NotLinux,
    #[error("the figures are not what the weights ask for: {0}")]
    Unexpected(String),
}

impl Demo {
    /// Runs it.
    pub fn run(self, log_format: LogFormat) -> Result<(), Failure> {
        let screen = std::io::stdout().is_terminal();
        // Messages would be written over the table; whoever sets RUST_LOG knows, and redirects standard error.
        diagnostics::start(log_format, if screen && std::io::stderr().is_terminal() { "off" } else { "warn" });
        let runtime = tokio::runtime::Runtime::new()?;
        let done = runtime.block_on(self.until_told_to_stop(screen));
        runtime.shutdown_background();
        done
    }

    /// A signal drops whatever is going on; everything that was started ends with the value that owns it.
    async fn until_told_to_stop(self, screen: bool) -> Result<(), Failure> {
        let mut signals = Signals::catch_with_hangup()?;
        tokio::select! {
            done = self.show(screen) => done,
            signal = signals.caught() => stopped_by(signal, screen),
        }
    }

    async fn show(self, screen: bool) -> Result<(), Failure> {
        if !cfg!(target_os = "linux") {
            return Err(DemoError::NotLinux.into());
        }
        let envoy = envoy::find(self.envoy).await?;
        let duration = self.duration.map(Duration::from_secs);
        let scene = Scene::start(envoy).await?;
        let shown = match screen {
            true => live::run(&scene, duration).await,
            false => bounded::run(&scene, duration.unwrap_or(BOUNDED)).await,
        };
        scene.stop().await;
        shown
    }
}

/// With a terminal a signal is one way to end the demo; without one it is a run that measured nothing.
fn stopped_by(signal: &str, screen: bool) -> Result<(), Failure> {
    if screen {
        return Ok(());
    }
    Err(DemoError::Unexpected(format!("stopped by {signal} before they were complete")).into())
}
