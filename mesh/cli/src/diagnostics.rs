//! What goes to standard error: tracing, and the one line about a failure.

use clap::ValueEnum;
use std::error::Error;
use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

/// How messages are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

/// Sends tracing to standard error. `RUST_LOG` decides what is said; without it, `usual` does.
pub fn start(format: LogFormat, usual: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(usual));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Fails only where tracing is set up already, which is as good.
    let _ = match format {
        LogFormat::Text => builder.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
}

/// Why a command did not do what it was asked to: what is told to the person, and nothing of how it is made.
#[derive(Debug)]
pub struct Failure {
    message: String,
}

impl Failure {
    /// Says it on standard error. Where even that is closed, the exit code has to do.
    pub fn report(&self) -> ExitCode {
        let _ = writeln!(std::io::stderr(), "error: {}", self.message);
        ExitCode::FAILURE
    }
}

impl<E: Error> From<E> for Failure {
    /// Errors say their own level only, so their sources are appended.
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let text = cause.to_string();
            // Transparent errors repeat their source, others may quote it: once is enough.
            if !message.contains(&text) {
                let _ = write!(message, ": {text}");
            }
            source = cause.source();
        }
        Self { message }
    }
}
