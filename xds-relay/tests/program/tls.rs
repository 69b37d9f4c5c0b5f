//! TLS on the xDS port, with real Envoys, and certificates that change under them.

use crate::bed::{Running, eventually, json_lines, program};
use crate::envoy::{DELTA, Envoy, SOTW, app};
use crate::network::Network;
use crate::table::Table;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// An authority, and its certificate as a file.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    file: PathBuf,
}

impl Authority {
    fn new(folder: &Path, name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let file = folder.join(format!("{name}.pem"));
        std::fs::write(&file, params.self_signed(&key).unwrap().pem()).unwrap();
        Self { issuer: Issuer::new(params, key), file }
    }

    /// A pair for this machine in a folder, as Kubernetes names them.
    fn issue(&self, folder: &Path) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(folder.join("tls.crt"), certificate.pem()).unwrap();
        std::fs::write(folder.join("tls.key"), key.serialize_pem()).unwrap();
    }
}

/// Files as Kubernetes mounts a secret: links through `..data`, which is turned in one move.
fn turn_data_to(folder: &Path, data: &str) {
    let (new, link) = (folder.join("..data_tmp"), folder.join("..data"));
    symlink(data, &new).unwrap();
    std::fs::rename(new, link).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn envoys_connect_by_tls_and_new_certificates_are_for_those_who_come_after() {
    let (port, folder) = (app().await, tempfile::tempdir().unwrap());
    let folder = folder.path();
    let (old, new) = (Authority::new(folder, "old"), Authority::new(folder, "new"));
    old.issue(&folder.join("..one"));
    turn_data_to(folder, "..one");
    for file in ["tls.crt", "tls.key"] {
        symlink(Path::new("..data").join(file), folder.join(file)).unwrap();
    }
    let Some(table) = Table::of_shop("by-tls", port).await else { return };
    let files = ["tls.crt", "tls.key"].map(|file| folder.join(file).to_str().unwrap().to_owned());
    let relay = table.caught_up(&["--tls-cert", &files[0], "--tls-key", &files[1]]).await;
    assert!(relay.xds().starts_with("https://"), "{}", relay.xds());
    let network = Network::to(relay.xds_addr()).await;
    let start = |api, authority: &Authority| Envoy::start(api, network.addr(), Some(&authority.file));
    let Some(first) = start(DELTA, &old) else { return };
    let traffic = first.traffic(port).await;
    relay.in_sync(1, 4).await;

    new.issue(&folder.join("..two"));
    turn_data_to(folder, "..two");
    says(&relay, "new certificates are in use").await;
    assert_eq!(relay.metric("remesh_tls_files_usable").await, Some(1.0));
    let Some(second) = start(SOTW, &new) else { return };
    let more = second.traffic(port).await;
    relay.in_sync(2, 4).await;
    let head = table.add_backend("extra").await;
    relay.in_sync(2, head).await;

    // Half of a pair: what is in use stays, and whoever connects again is let in.
    std::fs::create_dir(folder.join("..three")).unwrap();
    std::fs::copy(folder.join("..one/tls.crt"), folder.join("..three/tls.crt")).unwrap();
    turn_data_to(folder, "..three");
    says(&relay, "the earlier ones stay in use").await;
    assert_eq!(relay.metric("remesh_tls_files_usable").await, Some(0.0));
    network.shake();
    drop((first, traffic));
    eventually("the first cannot come back, the second can", async || {
        let (_, list) = relay.get("/proxies").await;
        let list = list["proxies"].as_array().unwrap();
        (list.len() == 1 && list[0]["protocol"] == "sotw" && list[0]["inSync"] == true).then_some(())
    })
    .await;
    more.assert_all_answered().await;
    json_lines(&relay.said());
}

async fn says(relay: &Running, message: &str) {
    eventually(message, async || relay.said().contains(message).then_some(())).await;
}

#[tokio::test]
async fn files_that_cannot_be_used_are_named_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    Authority::new(folder, "ours").issue(folder);
    Authority::new(folder, "others").issue(&folder.join("others"));
    std::fs::write(folder.join("empty.pem"), "").unwrap();
    std::fs::write(folder.join("half.pem"), "-----BEGIN CERTIFICATE-----\nMIIB").unwrap();
    for (certificate, key, words) in [
        ("none.pem", "tls.key", ["none.pem", "cannot be read"]),
        ("empty.pem", "tls.key", ["empty.pem", "no certificate chain"]),
        ("half.pem", "tls.key", ["half.pem", "ends within a section"]),
        ("tls.key", "tls.key", ["tls.key", "no certificate chain"]),
        ("tls.crt", "none.key", ["none.key", "cannot be read"]),
        ("tls.crt", "empty.pem", ["empty.pem", "no private key"]),
        ("tls.crt", "tls.crt", ["tls.crt", "no private key"]),
        ("tls.crt", "others/tls.key", ["tls.crt", "the key must be the one"]),
    ] {
        let files = [certificate, key].map(|file| folder.join(file).to_str().unwrap().to_owned());
        let flags = ["--xds-addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0"];
        let mut command = program(&[&flags[..], &["--tls-cert", &files[0], "--tls-key", &files[1]]].concat());
        let output = crate::bed::ended(&mut command).await;
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        let lines = json_lines(&said);
        let message = lines.last().unwrap()["message"].as_str().unwrap();
        assert!(words.iter().all(|word| message.contains(word)), "{words:?} in {message}");
        assert!(output.stdout.is_empty(), "it was never ready");
    }
}
