//! The wish to stop: Ctrl-C, `kill`, a closed terminal.

use std::io;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that end a command in an orderly way.
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Option<Signal>,
}

impl Signals {
    /// From now on SIGINT and SIGTERM end nothing by themselves. SIGHUP keeps its meaning, so that `nohup` keeps its.
    pub fn catch() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: None,
        })
    }

    /// Nor does SIGHUP: for what belongs to a terminal and has to be tidied up when that is closed.
    pub fn catch_with_hangup() -> io::Result<Self> {
        Ok(Self { hangup: Some(signal(SignalKind::hangup())?), ..Self::catch()? })
    }

    /// Waits for the first one and answers its name.
    pub async fn caught(&mut self) -> &'static str {
        let Self { interrupt, terminate, hangup } = self;
        tokio::select! {
            _ = interrupt.recv() => "SIGINT",
            _ = terminate.recv() => "SIGTERM",
            () = received(hangup) => "SIGHUP",
        }
    }
}

async fn received(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}
