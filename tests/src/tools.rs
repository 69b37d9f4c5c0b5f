//! Where the programs are that tests need. `tests/run` installs them; nothing here downloads anything.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The workspace's root folder.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ is in the workspace")
}

/// The real Envoy: `REMESH_ENVOY`, or where `tests/run` put it.
pub fn envoy() -> PathBuf {
    installed(std::env::var_os("REMESH_ENVOY").map_or_else(|| folder().join("envoy"), PathBuf::from))
}

/// A program of the Python environment: `python`, `aws`.
pub fn python_tool(name: &str) -> PathBuf {
    installed(folder().join("venv/bin").join(name))
}

/// Why there is no LocalStack on this machine, where there is none: it is heavy, and needs Java and npm.
pub fn localstack() -> Result<(), String> {
    let stamp = folder().join("localstack/installed");
    stamp.exists().then_some(()).ok_or_else(|| format!("{} is missing: run `localstack/install`", stamp.display()))
}

/// Docker Compose, which reads its files without Docker as well.
pub fn docker_compose() -> PathBuf {
    installed(folder().join("compose/docker-compose"))
}

/// moto, which stands in for Cloud Map.
pub fn moto_server() -> PathBuf {
    installed(folder().join("moto/bin/moto_server"))
}

fn folder() -> PathBuf {
    workspace().join("target/tools")
}

fn installed(path: PathBuf) -> PathBuf {
    assert!(path.exists(), "{} is missing: run `tests/run`, which installs what tests need", path.display());
    path
}

/// The `remesh` program, built from what is in the tree now.
pub fn remesh_binary() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| build("remesh", "remesh")).clone()
}

/// The test application.
pub fn testapp_binary() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| build("mesh-tests", "testapp")).clone()
}

/// The folder of `appmesh-api`, `checkpoint` and `xds-relay`, the programs that run in AWS.
pub fn aws_programs() -> PathBuf {
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(|| {
        build("functions", "appmesh-api");
        build("functions", "checkpoint");
        build("xds-relay", "xds-relay");
    });
    target_folder()
}

/// Cargo builds binaries of a package only for tests of that package, so a test asks for the ones of others itself.
/// `REMESH_PREBUILT` says that they are all there, which they are when the whole workspace is tested. This package is
/// always asked for as well: without its features cargo would compile dependencies anew for the other one.
fn build(package: &str, binary: &str) -> PathBuf {
    let folder = target_folder();
    if std::env::var_os("REMESH_PREBUILT").is_some() {
        return installed(folder.join(binary));
    }
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(workspace()).args(["build", "--quiet", "--package", "mesh-tests", "--package", package]);
    cargo.args(["--bin", binary]);
    if folder.ends_with("release") {
        cargo.arg("--release");
    }
    let status = cargo.status().expect("cargo runs");
    assert!(status.success(), "`{binary}` does not build");
    folder.join(binary)
}

/// `target/debug` or `target/release`: a test lies in `deps` there, a benchmark in the folder itself.
fn target_folder() -> PathBuf {
    let test = std::env::current_exe().expect("a process knows its program");
    let folder = test.parent().expect("a program lies in a folder");
    if folder.ends_with("deps") { folder.parent().expect("deps lies in a folder").into() } else { folder.into() }
}
