//! What can be known of the files for Docker without Docker.

use mesh_tests::envoy;
use mesh_tests::tools::workspace;
use std::process::Command;

#[test]
fn every_image_is_pinned_and_every_mounted_file_is_there() {
    let compose = read("compose.yaml");
    let images: Vec<&str> = compose.lines().filter_map(|line| line.trim().strip_prefix("image: ")).collect();
    assert!(images.len() >= 5, "{images:?}");
    for image in images {
        let tag = image.split_once(':').map(|(_, tag)| tag);
        assert!(tag.is_some_and(|tag| tag.contains('.')), "{image} is not pinned");
    }
    for mounted in ["envoy.yaml", "init/ready.d/10-remesh.sh", "../infra/table.yaml", "../xds-relay/Dockerfile"] {
        assert!(workspace().join("localstack").join(mounted).exists(), "{mounted} is missing");
    }
}

/// Who each Envoy is, compose.yaml says on its command line.
#[tokio::test]
async fn a_real_envoy_takes_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("envoy.yaml");
    let node = "node: { id: mesh/demo/virtualGateway/edge, cluster: edge }\n";
    std::fs::write(&file, format!("{node}{}", read("envoy.yaml"))).unwrap();
    envoy::validate(&file).await.unwrap();
}

#[test]
fn every_script_is_one() {
    for script in ["install", "run", "init/ready.d/10-remesh.sh"] {
        let read = Command::new("bash").arg("-n").arg(workspace().join("localstack").join(script)).output().unwrap();
        assert!(read.status.success(), "{script}: {}", String::from_utf8_lossy(&read.stderr));
    }
}

#[test]
fn both_ways_use_the_template_that_aws_gets() {
    assert!(workspace().join("infra/table.yaml").exists());
    assert!(read("run").contains("infra/table.yaml"));
    assert!(read("compose.yaml").contains("../infra/table.yaml"));
}

fn read(name: &str) -> String {
    std::fs::read_to_string(workspace().join("localstack").join(name)).unwrap()
}
