//! The command line as scripts rely on it: flags, the ready line, exit codes, messages, signals.
#![allow(clippy::unwrap_used, clippy::panic, reason = "what fails here fails the test")]

#[path = "command_line/quotas.rs"]
mod quotas;
#[path = "command_line/sharing.rs"]
mod sharing;

use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

fn remesh(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_remesh"));
    command.args(arguments).env_remove("RUST_LOG").stdin(Stdio::null());
    command
}

fn output(arguments: &[&str]) -> Output {
    remesh(arguments).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A running `remesh up`; killed when dropped.
struct Up {
    child: Child,
    ready: Value,
}

impl Up {
    fn start(arguments: &[&str]) -> Self {
        let mut command = remesh(&["up", "--api-addr", "127.0.0.1:0", "--xds-addr", "127.0.0.1:0"]);
        command.args(["--admin-addr", "127.0.0.1:0"]).args(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        Self { ready: serde_json::from_str(&line).unwrap_or_else(|_| panic!("no ready line: {line:?}")), child }
    }

    fn with_data(file: &Path) -> Self {
        Self::start(&["--data", file.to_str().unwrap()])
    }

    fn url(&self, key: &str) -> &str {
        self.ready[key].as_str().unwrap()
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }

    /// Its exit code, how long it took, and everything it said on standard error.
    fn end(mut self, signal: &str) -> (Option<i32>, Duration, String) {
        let told = Instant::now();
        self.signal(signal);
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        let status = self.child.wait().unwrap();
        (status.code(), told.elapsed(), said)
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn get(url: &str) -> Value {
    let body = async { reqwest::Client::builder().no_proxy().build()?.get(url).send().await?.text().await };
    let text = tokio::runtime::Runtime::new().unwrap().block_on(body).unwrap();
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}

fn put(url: &str, body: Value) -> Value {
    let answer =
        async { reqwest::Client::builder().no_proxy().build()?.put(url).json(&body).send().await?.json().await };
    tokio::runtime::Runtime::new().unwrap().block_on(answer).unwrap()
}

#[test]
fn without_a_command_the_commands_are_shown() {
    let shown = output(&[]);
    assert_eq!(shown.status.code(), Some(2));
    for command in ["up", "bootstrap", "demo", "share", "unshare", "proxy"] {
        assert!(stderr(&shown).contains(command), "{}", stderr(&shown));
    }
}

#[test]
fn unknown_flags_and_senseless_values_exit_with_two() {
    for arguments in [
        &["up", "--no-such-flag"][..],
        &["up", "--api-addr", "8480"],
        &["up", "--log-format", "xml"],
        &["down"],
        &["bootstrap"],
        &["demo", "--duration", "soon"],
        &["demo", "--duration", "1"],
    ] {
        let refused = output(arguments);
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}: {}", stderr(&refused));
        assert!(stdout(&refused).is_empty() && stderr(&refused).starts_with("error: "), "{arguments:?}");
    }
}

#[test]
fn the_ready_line_has_the_addresses_and_nothing_else_is_on_standard_output() {
    let mut up = Up::start(&[]);
    let keys: Vec<&String> = up.ready.as_object().unwrap().keys().collect();
    assert_eq!(keys.len(), 4, "{keys:?}");
    assert_eq!(up.ready["ready"], true);
    for key in ["api", "xds", "admin"] {
        let port = up.url(key).strip_prefix("http://127.0.0.1:").unwrap();
        assert_ne!(port.parse::<u16>().unwrap(), 0);
    }
    let listed = get(&format!("{}/v20190125/meshes", up.url("api")));
    assert_eq!(listed["meshes"], Value::Array(Vec::new()));
    assert!(!get(&format!("{}/proxies", up.url("admin"))).is_null());
    up.signal("-TERM");
    let mut rest = String::new();
    up.child.stdout.take().unwrap().read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
}

#[test]
fn sigterm_and_sigint_end_it_within_five_seconds_and_with_success() {
    for signal in ["-TERM", "-INT"] {
        let up = Up::start(&[]);
        // A client that keeps its connection, and one that never finishes its request.
        let api = up.url("api").strip_prefix("http://").unwrap().to_owned();
        let idle = std::net::TcpStream::connect(&api).unwrap();
        let mut slow = std::net::TcpStream::connect(&api).unwrap();
        std::io::Write::write_all(&mut slow, b"PUT /v20190125/meshes HTTP/1.1\r\ncontent-length: 100\r\n\r\n{")
            .unwrap();
        let (code, took, said) = up.end(signal);
        assert_eq!(code, Some(0), "{said}");
        assert!(took < Duration::from_secs(5), "{took:?}: {said}");
        drop((idle, slow));
    }
}

#[test]
fn without_a_data_file_it_says_that_state_is_in_memory() {
    let (_, _, said) = Up::start(&[]).end("-TERM");
    assert!(said.contains("in memory only") && said.contains("--data FILE"), "{said}");
}

#[test]
fn messages_are_json_where_asked_for() {
    let (_, _, said) = Up::start(&["--log-format", "json"]).end("-TERM");
    let lines: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().any(|line| line["message"] == "ready"), "{said}");
}

#[test]
fn rust_log_decides_what_is_said() {
    let quiet = remesh(&["up", "--account", "1"]).env("RUST_LOG", "off").output().unwrap();
    assert_eq!(stderr(&quiet).lines().count(), 1);
}

#[test]
fn an_account_or_region_that_is_none_is_refused_with_an_example() {
    for (flag, value, example) in [("--account", "12", "123456789012"), ("--region", "Europe", "us-east-1")] {
        let refused = output(&["up", flag, value]);
        assert_eq!(refused.status.code(), Some(1));
        assert!(stderr(&refused).contains(flag) && stderr(&refused).contains(example), "{}", stderr(&refused));
    }
}

#[test]
fn an_occupied_port_is_named_with_its_flag_and_a_remedy() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    let flags = ["--api-addr", "--xds-addr", "--admin-addr"];
    for flag in flags {
        let mut arguments = vec!["up"];
        for each in flags {
            arguments.extend([each, if each == flag { &addr } else { "127.0.0.1:0" }]);
        }
        let refused = output(&arguments);
        let said = stderr(&refused);
        assert_eq!(refused.status.code(), Some(1), "{said}");
        assert!(stdout(&refused).is_empty());
        let error = said.lines().find(|line| line.starts_with("error: ")).unwrap();
        assert!(error.contains(&addr) && error.contains("in use") && error.contains(flag), "{error}");
    }
}

#[test]
fn a_data_file_keeps_everything() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mesh.db");
    let up = Up::with_data(&file);
    let made = put(&format!("{}/v20190125/meshes", up.url("api")), serde_json::json!({ "meshName": "shop" }));
    up.end("-TERM");
    let up = Up::with_data(&file);
    let described = get(&format!("{}/v20190125/meshes/shop", up.url("api")));
    assert_eq!(described["metadata"]["uid"], made["metadata"]["uid"]);
    assert!(described["metadata"]["uid"].is_string(), "{described}");
}

#[test]
fn a_file_that_another_process_uses_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mesh.db");
    let up = Up::with_data(&file);
    let refused = refused_data(&file);
    assert!(refused.contains("in use"), "{refused}");
    assert!(get(&format!("{}/healthz", up.url("admin"))) != Value::Null);
}

#[test]
fn a_file_that_is_no_log_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("letter.txt");
    std::fs::write(&file, "Dear reader,\n".repeat(1000)).unwrap();
    let refused = refused_data(&file);
    assert!(refused.contains("left as it is"), "{refused}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "Dear reader,\n".repeat(1000));
}

#[test]
fn a_folder_and_a_missing_folder_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    assert!(refused_data(folder.path()).contains("is a folder"));
    assert!(refused_data(&folder.path().join("none/mesh.db")).contains("does not exist"));
}

/// The one line that `remesh up --data` ends with; nothing of it is a dump.
fn refused_data(file: &Path) -> String {
    let any = "127.0.0.1:0";
    let mut command = remesh(&["up", "--api-addr", any, "--xds-addr", any, "--admin-addr", any, "--data"]);
    let refused = command.arg(file).output().unwrap();
    let said = stderr(&refused);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    let errors: Vec<&str> = said.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(errors.len(), 1, "{said}");
    assert!(errors[0].contains(file.to_str().unwrap()) && !errors[0].contains("Error {"), "{said}");
    errors[0].to_owned()
}

#[test]
fn instances_come_from_a_file_that_is_watched() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("instances.json");
    let one = |address: &str| serde_json::json!({ "id": "one", "ipv4": address, "healthy": true });
    let instances = |address: &str| serde_json::json!({ "shop.local": { "cart": [one(address)] } });
    std::fs::write(&file, instances("10.0.0.1").to_string()).unwrap();
    let up = Up::start(&["--instances", file.to_str().unwrap()]);
    let shown = || get(&format!("{}/instances", up.url("admin")));
    assert_eq!(shown(), instances("10.0.0.1"));
    std::fs::write(&file, instances("10.0.0.2").to_string()).unwrap();
    let changed = Instant::now();
    while shown() != instances("10.0.0.2") {
        assert!(changed.elapsed() < Duration::from_secs(20), "{}", shown());
    }
}

#[test]
fn without_a_file_instances_are_registered_at_the_admin_port() {
    let up = Up::start(&[]);
    let one = serde_json::json!({ "id": "one", "ipv4": "10.0.0.1", "healthy": true });
    let registered =
        put(&format!("{}/instances/shop.local/cart/one", up.url("admin")), serde_json::json!({ "ipv4": "10.0.0.1" }));
    assert_eq!(registered, one);
    assert_eq!(get(&format!("{}/instances", up.url("admin"))), serde_json::json!({ "shop.local": { "cart": [one] } }));
}

#[test]
fn a_file_of_instances_that_cannot_be_used_is_refused_with_what_is_expected() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("instances.json");
    for (text, says) in [(None, "cannot read"), (Some("[]"), "expected is {\"NAMESPACE\"")] {
        if let Some(text) = text {
            std::fs::write(&file, text).unwrap();
        }
        let any = "127.0.0.1:0";
        let mut command = remesh(&["up", "--api-addr", any, "--xds-addr", any, "--admin-addr", any, "--instances"]);
        let refused = command.arg(&file).output().unwrap();
        let said = stderr(&refused);
        assert_eq!(refused.status.code(), Some(1), "{said}");
        let error = said.lines().find(|line| line.starts_with("error: ")).unwrap();
        assert!(error.contains(file.to_str().unwrap()) && error.contains(says), "{error}");
    }
}

#[test]
fn a_bootstrap_names_the_node_and_the_control_plane() {
    let printed = output(&["bootstrap", "mesh/shop/virtualNode/cart", "--xds-addr", "relay.example:18000"]);
    assert_eq!(printed.status.code(), Some(0));
    let text = stdout(&printed);
    for part in ["id: \"mesh/shop/virtualNode/cart\"", "\"relay.example\"", "STRICT_DNS", "DELTA_GRPC", "9901"] {
        assert!(text.contains(part), "no {part} in {text}");
    }
    assert!(stderr(&printed).is_empty());
}

#[test]
fn a_bootstrap_has_the_variants_asked_for() {
    let node = "arn:aws:appmesh:eu-west-1:111122223333:mesh/shop/virtualGateway/edge";
    let flags = ["--sotw", "--bind", "127.0.0.11", "--cluster", "edges", "--admin-addr", "[::1]:9000"];
    let text = stdout(&remesh(&["bootstrap", node]).args(flags).output().unwrap());
    for part in
        [node, "api_type: GRPC\n", "{ bind: \"127.0.0.11\" }", "cluster: \"edges\"", "\"::1\", port_value: 9000"]
    {
        assert!(text.contains(part), "no {part} in {text}");
    }
}

#[test]
fn a_sidecar_is_not_bound_where_its_application_listens() {
    for bind in ["127.0.0.1", "0.0.0.0", "::", "::ffff:127.0.0.1"] {
        let refused = output(&["bootstrap", "mesh/shop/virtualNode/cart", "--bind", bind]);
        assert_eq!(refused.status.code(), Some(2), "{bind}");
        assert!(stdout(&refused).is_empty());
        let said = stderr(&refused);
        assert!(
            said.starts_with("error: --bind") && said.contains("call itself") && said.contains("127.0.0.11"),
            "{said}"
        );
        let gateway = output(&["bootstrap", "mesh/shop/virtualGateway/edge", "--bind", bind]);
        assert_eq!(gateway.status.code(), Some(0), "{}", stderr(&gateway));
    }
    assert_eq!(output(&["bootstrap", "mesh/shop/virtualNode/cart", "--bind", "127.0.0.2"]).status.code(), Some(0));
}

#[test]
fn a_node_that_cannot_be_served_is_refused_with_the_accepted_forms() {
    for node in ["cart", "mesh/shop/virtualRouter/cart", "mesh/shop/virtualNode/", "arn:aws:s3:::bucket"] {
        let refused = output(&["bootstrap", node]);
        assert_eq!(refused.status.code(), Some(2));
        assert!(stdout(&refused).is_empty());
        assert!(stderr(&refused).contains("mesh/MESH/virtualNode/NAME"), "{}", stderr(&refused));
    }
}

#[test]
fn a_demo_without_the_envoy_named_says_so() {
    let refused = output(&["demo", "--envoy", "/nowhere/envoy"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("/nowhere/envoy"), "{}", stderr(&refused));
    let refused = output(&["demo", "--envoy", "/bin/true"]);
    assert!(stderr(&refused).contains("is not an Envoy"), "{}", stderr(&refused));
}
