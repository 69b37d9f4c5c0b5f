//! Which Envoy to run: the one that is named, one that is at hand, or one that is fetched.

use super::fetch;
use std::env;
use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::process::Command;

/// The oldest that understands what it is sent.
const OLDEST: Version = Version { major: 1, minor: 36, patch: 0 };

/// An Envoy that runs on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envoy {
    /// The binary.
    pub path: PathBuf,
    /// Its version.
    pub version: Version,
}

/// A version of Envoy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    major: u32,
    minor: u32,
    patch: u32,
}

/// Why a binary is not an Envoy to run.
#[derive(Debug, thiserror::Error)]
pub enum EnvoyError {
    /// It does not run.
    #[error("{} does not run; name an Envoy {OLDEST} or newer", path.display())]
    DoesNotRun {
        /// The binary.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It runs and is something else.
    #[error("{} is not an Envoy: `--version` prints no version of one; name an Envoy {OLDEST} or newer", path.display())]
    NotEnvoy {
        /// The binary.
        path: PathBuf,
    },
    /// It is too old.
    #[error("{} is Envoy {version}, and Remesh needs {OLDEST} or newer", path.display())]
    TooOld {
        /// The binary.
        path: PathBuf,
        /// Its version.
        version: Version,
    },
    /// None is at hand, and none could be fetched.
    #[error(transparent)]
    Fetch(#[from] fetch::FetchError),
}

/// The Envoy to run. One that is named is taken or refused; one that is merely there is passed over where it does not fit.
pub async fn find(named: Option<PathBuf>) -> Result<Envoy, EnvoyError> {
    let from_environment = || env::var_os("REMESH_ENVOY").filter(|path| !path.is_empty()).map(PathBuf::from);
    if let Some(path) = named.or_else(from_environment) {
        return check(path).await;
    }
    if let Some(envoy) = at_hand().await {
        return Ok(envoy);
    }
    check(fetch::envoy().await?).await
}

async fn at_hand() -> Option<Envoy> {
    let path = on_path(&env::var_os("PATH")?)?;
    match check(path).await {
        Ok(envoy) => Some(envoy),
        Err(error) => {
            fetch::say(&format!("Not using the Envoy on the PATH: {error}"));
            None
        }
    }
}

fn on_path(path: &OsStr) -> Option<PathBuf> {
    env::split_paths(path).map(|folder| folder.join("envoy")).find(|file| file.is_file())
}

/// Asks a binary which Envoy it is.
pub async fn check(path: PathBuf) -> Result<Envoy, EnvoyError> {
    let output = Command::new(&path).arg("--version").stdin(Stdio::null()).kill_on_drop(true).output().await;
    let output = match output {
        Ok(output) => output,
        Err(source) => return Err(EnvoyError::DoesNotRun { path, source }),
    };
    match Version::parse(&String::from_utf8_lossy(&output.stdout)) {
        None => Err(EnvoyError::NotEnvoy { path }),
        Some(version) if version < OLDEST => Err(EnvoyError::TooOld { path, version }),
        Some(version) => Ok(Envoy { path: absolute(&path), version }),
    }
}

/// A relative path means the folder the demo was started in, whatever becomes of it.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

impl Version {
    /// The version in `envoy  version: 9e55…/1.40.0/Clean/RELEASE/BoringSSL`.
    fn parse(text: &str) -> Option<Self> {
        let number = text.split_once("version:")?.1.split('/').nth(1)?;
        let number = number.split_once('-').map_or(number, |(release, _)| release);
        let mut parts = number.split('.').map(|part| part.parse().ok());
        Some(Self { major: parts.next()??, minor: parts.next()??, patch: parts.next()?? })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_from_what_envoy_prints() {
        let release = "\nenvoy  version: 9e5580933739775e/1.40.0/Clean/RELEASE/BoringSSL\n\n";
        assert_eq!(Version::parse(release).unwrap().to_string(), "1.40.0");
        let development = "envoy  version: abc/1.41.0-dev/Modified/DEBUG/BoringSSL";
        assert_eq!(Version::parse(development).unwrap().to_string(), "1.41.0");
        assert_eq!(Version::parse("GNU bash, version 5.2"), None);
        assert!(Version { major: 1, minor: 9, patch: 1 } < OLDEST);
    }

    #[tokio::test]
    async fn what_is_no_envoy_is_refused() {
        assert!(matches!(check("/bin/true".into()).await, Err(EnvoyError::NotEnvoy { .. })));
        assert!(matches!(check("/nowhere/envoy".into()).await, Err(EnvoyError::DoesNotRun { .. })));
    }
}
