//! `remesh bootstrap` for a control plane behind TLS, by a real Envoy: what stands in front of the relay in AWS takes TLS
//! and passes plain text on, as here.
#![allow(clippy::unwrap_used, clippy::panic, reason = "what fails here fails the test")]

#[path = "proxy/encrypted.rs"]
mod encrypted;
#[path = "proxy/programs.rs"]
mod programs;

use encrypted::Encrypted;
use programs::{Running, client, up};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const NODE: &str = "mesh/shop/virtualNode/cart";

/// An Envoy; killed when dropped.
struct Envoy {
    child: Child,
    log: PathBuf,
}

impl Envoy {
    fn start(bootstrap: &str, folder: &Path) -> Self {
        let log = folder.join("envoy.log");
        let mut command = Command::new(envoy());
        command.args(["--config-yaml", bootstrap, "--disable-hot-restart", "--concurrency", "1"]);
        command.stdout(Stdio::null()).stderr(std::fs::File::create(&log).unwrap());
        Self { child: command.spawn().unwrap(), log }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn envoy() -> PathBuf {
    let usual = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/envoy");
    let path = std::env::var_os("REMESH_ENVOY").map_or_else(usual, PathBuf::from);
    assert!(path.exists(), "{} is missing: run `tests/run`, which installs what tests need", path.display());
    path
}

fn bootstrap(door: &Encrypted, authority: &Path, more: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_remesh"));
    let addr = format!("https://localhost:{}", door.port);
    command.args(["bootstrap", NODE, "--xds-addr", &addr, "--admin-addr", "127.0.0.1:0", "--xds-ca"]);
    let printed = command.arg(authority).args(more).output().unwrap();
    assert!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
    String::from_utf8(printed.stdout).unwrap()
}

/// A control plane with a node that listens nowhere.
async fn with_node() -> (Running, Encrypted) {
    let plane = up();
    let meshes = plane.url("/v20190125/meshes");
    let node = json!({ "virtualNodeName": "cart", "spec": {} });
    for (url, body) in [(meshes.clone(), json!({ "meshName": "shop" })), (format!("{meshes}/shop/virtualNodes"), node)]
    {
        let made = client().put(url).json(&body).send().await.unwrap();
        assert!(made.status().is_success(), "{made:?}");
    }
    let xds = plane.ready["xds"].as_str().unwrap().trim_start_matches("http://").parse().unwrap();
    let door = Encrypted::in_front_of(xds, b"h2").await;
    (plane, door)
}

async fn proxies(plane: &Running) -> Value {
    let url = format!("{}/proxies", plane.ready["admin"].as_str().unwrap());
    client().get(url).send().await.unwrap().json().await.unwrap()
}

/// Asks until it is so.
async fn eventually(what: &str, envoy: &Envoy, mut so: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !so().await {
        assert!(begun.elapsed() < Duration::from_secs(30), "{what}: {}", envoy.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_envoy_connects_by_tls_to_a_control_plane_that_its_authorities_vouch_for() {
    let (plane, door) = with_node().await;
    let folder = tempfile::tempdir().unwrap();
    for (protocol, more) in [("delta", &["--bind", "127.0.0.81"][..]), ("sotw", &["--bind", "127.0.0.81", "--sotw"])] {
        let envoy = Envoy::start(&bootstrap(&door, &door.authority(), more), folder.path());
        eventually("a proxy in sync", &envoy, async || {
            let listed = proxies(&plane).await;
            listed["proxies"].as_array().unwrap().iter().any(|it| it["protocol"] == protocol && it["inSync"] == true)
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_envoy_does_not_talk_to_a_control_plane_that_nobody_vouches_for() {
    let (plane, door) = with_node().await;
    let (_, another) = with_node().await;
    let folder = tempfile::tempdir().unwrap();
    let envoy = Envoy::start(&bootstrap(&door, &another.authority(), &["--bind", "127.0.0.81"]), folder.path());
    eventually("a refused certificate", &envoy, async || envoy.log().contains("CERTIFICATE_VERIFY_FAILED")).await;
    assert_eq!(proxies(&plane).await["proxies"], json!([]));
}

#[test]
fn a_bootstrap_fits_into_a_parameter_of_cloudformation() {
    let node = format!("mesh/{0}/virtualGateway/{0}", "n".repeat(255));
    let name = format!("https://{}.example:443", "x".repeat(60));
    let mut command = Command::new(env!("CARGO_BIN_EXE_remesh"));
    let printed = command.args(["bootstrap", &node, "--xds-addr", &name]).output().unwrap();
    assert!(printed.status.success() && printed.stdout.len() < 4096, "{}", printed.stdout.len());
}
