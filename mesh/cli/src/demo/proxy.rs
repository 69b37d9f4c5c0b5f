//! A running Envoy of the demo.
//!
//! It must never outlive the demo, not even one that is killed. So the process is started by a shell that becomes Envoy,
//! and leaves behind a reader of a pipe whose other end only the demo has: when that end closes, for whatever reason,
//! the reader ends Envoy.

use super::envoy::Envoy;
use mesh_local::bootstrap::{self, Bootstrap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use tokio::process::{Child, ChildStdin, Command};

/// Reads nothing from its standard input, waits for its end, and ends Envoy then.
const LEASH: &str = r#"envoy=$$; exec 3<&0 </dev/null; (read -r _ <&3; kill -9 "$envoy" 2>/dev/null) & exec 3<&- "$@""#;

/// Lines of Envoy's log that explain why it ended.
const LAST_WORDS: usize = 5;

/// A running Envoy; dropping it ends it.
#[derive(Debug)]
pub struct Proxy {
    name: &'static str,
    log: PathBuf,
    /// Closed first: what holds the reader, and with it Envoy.
    _leash: Option<ChildStdin>,
    child: Child,
}

/// Why there is no running Envoy.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// It could not be started.
    #[error("the Envoy of {name} could not be started")]
    Start {
        /// The virtual node.
        name: &'static str,
        /// Why.
        source: io::Error,
    },
    /// It ended.
    #[error("the Envoy of {name} ended ({status}); its last words: {words}")]
    Ended {
        /// The virtual node.
        name: &'static str,
        /// How it ended.
        status: ExitStatus,
        /// The end of its log.
        words: String,
    },
}

impl Proxy {
    /// Starts an Envoy for a virtual node, its files in this folder.
    pub fn start(envoy: &Envoy, name: &'static str, of: &Bootstrap, folder: &Path) -> Result<Self, ProxyError> {
        let file = |ending: &str| folder.join(format!("{name}.{ending}"));
        let log = file("log");
        let started = || {
            fs::write(file("yaml"), bootstrap::bootstrap(of))?;
            let output = fs::File::create(file("out"))?;
            let mut child = command(envoy, &file("yaml"), &log, output).spawn()?;
            Ok((child.stdin.take(), child))
        };
        let (leash, child) = started().map_err(|source| ProxyError::Start { name, source })?;
        Ok(Self { name, log, _leash: leash, child })
    }

    /// An error if it has ended.
    pub fn check(&mut self) -> Result<(), ProxyError> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(ProxyError::Ended { name: self.name, status, words: self.last_words() }),
            Err(source) => Err(ProxyError::Start { name: self.name, source }),
        }
    }

    fn last_words(&self) -> String {
        let said = |file: &Path| fs::read_to_string(file).unwrap_or_default();
        let text = said(&self.log) + &said(&self.log.with_extension("out"));
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        lines[lines.len().saturating_sub(LAST_WORDS)..].join(" | ")
    }
}

/// In a process group of its own, so that Ctrl-C reaches the demo alone, which then ends things in order.
fn command(envoy: &Envoy, bootstrap: &Path, log: &Path, output: fs::File) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", LEASH, "envoy"]).arg(&envoy.path).arg("--config-path").arg(bootstrap);
    command.args(["--disable-hot-restart", "--concurrency", "1", "--log-level", "warning"]);
    command.arg("--log-path").arg(log);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(output);
    command.process_group(0).kill_on_drop(true);
    command
}
