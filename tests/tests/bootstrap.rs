//! What `remesh bootstrap` prints, judged by a real Envoy.
#![allow(clippy::unwrap_used, clippy::panic, reason = "what fails here fails the test")]

use mesh_tests::envoy;
use mesh_tests::remesh_binary;
use std::process::Command;

const NODE: &str = "mesh/shop/virtualNode/cart";
const GATEWAY: &str = "arn:aws:appmesh:eu-west-1:111122223333:mesh/shop/virtualGateway/edge";

#[tokio::test]
async fn envoy_accepts_every_variant() {
    for arguments in [
        &[NODE][..],
        &[NODE, "--sotw"],
        &[GATEWAY, "--xds-addr", "relay.example:443"],
        &[GATEWAY, "--xds-addr", "https://relay.example:443"],
        &[NODE, "--sotw", "--xds-addr", "https://[::1]:443", "--xds-ca", "/etc/ssl/certs/ca-certificates.crt"],
        &["mesh/shop@111122223333/virtualNode/cart", "--xds-addr", "[::1]:18000"],
        &[NODE, "--bind", "127.0.0.11", "--admin-addr", "[::1]:0"],
        &[NODE, "--cluster", "a \"name\": with # all {sorts} of 'marks', *and* ünïcode"],
    ] {
        let printed = Command::new(remesh_binary()).arg("bootstrap").args(arguments).output().unwrap();
        assert!(printed.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&printed.stderr));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("bootstrap.yaml");
        std::fs::write(&file, &printed.stdout).unwrap();
        if let Err(refused) = envoy::validate(&file).await {
            panic!("{arguments:?}: {refused}\n{}", String::from_utf8_lossy(&printed.stdout));
        }
    }
}
