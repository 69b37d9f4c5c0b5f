//! The examples: what App Mesh asked of a task, and a health check that a real Envoy passes.

use super::properties;
use mesh_tests::{eventually, tools};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};

const MESHED: &str = "infra/examples/meshed-service.yaml";
const GATEWAY: &str = "infra/examples/gateway.yaml";

/// An Envoy with an admin interface and nothing else; killed when dropped.
struct Bare(Child);

impl Drop for Bare {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn container<'a>(task: &'a Value, name: &str) -> &'a Value {
    let containers = task["ContainerDefinitions"].as_array().expect("a task has containers");
    containers.iter().find(|it| it["Name"] == name).unwrap_or_else(|| panic!("no container {name}"))
}

#[test]
fn a_meshed_task_is_captured_as_app_mesh_captured_it() {
    let task = properties(MESHED, "Task");
    let proxy = &task["ProxyConfiguration"];
    assert_eq!((&proxy["Type"], &proxy["ContainerName"]), (&json!("APPMESH"), &json!("envoy")));
    let settings = proxy["ProxyConfigurationProperties"].as_array().expect("settings").iter();
    let settings: BTreeMap<_, _> = settings.map(|it| (it["Name"].as_str().expect("a name"), &it["Value"])).collect();
    assert_eq!(settings["IgnoredUID"], &container(task, "envoy")["User"]);
    assert_eq!((settings["ProxyIngressPort"], settings["ProxyEgressPort"]), (&json!("15000"), &json!("15001")));
    assert_eq!(settings["EgressIgnoredIPs"], "169.254.170.2,169.254.169.254");
    let waits = &container(task, "app")["DependsOn"][0];
    assert_eq!((&waits["ContainerName"], &waits["Condition"]), (&json!("envoy"), &json!("HEALTHY")));
}

#[test]
fn a_gateway_is_not_captured() {
    let task = properties(GATEWAY, "Task");
    assert!(task.get("ProxyConfiguration").is_none());
    assert!(container(task, "envoy").get("User").is_none());
}

#[tokio::test]
async fn a_real_envoy_passes_the_health_check_once_it_is_ready() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("admin");
    let config = "admin: { address: { socket_address: { address: 127.0.0.1, port_value: 0 } } }";
    let mut envoy = Command::new(tools::envoy());
    envoy.args(["--config-yaml", config, "--disable-hot-restart", "--concurrency", "1", "--admin-address-path"]);
    let _envoy = Bare(envoy.arg(&file).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("Envoy starts"));
    for template in [MESHED, GATEWAY] {
        let command = &container(properties(template, "Task"), "envoy")["HealthCheck"]["Command"];
        let script = command[3].as_str().expect("a script");
        assert!(script.contains("/127.0.0.1/9901"), "{script}");
        eventually("a passed health check", async || {
            let address = std::fs::read_to_string(&file).map_err(|error| error.to_string())?;
            let port = address.rsplit(':').next().unwrap_or_default().to_owned();
            let check = Command::new("bash").args(["-c", &script.replace("9901", port.trim())]).output();
            let check = check.map_err(|error| error.to_string())?;
            check.status.success().then_some(()).ok_or_else(|| String::from_utf8_lossy(&check.stderr).into_owned())
        })
        .await;
    }
}
