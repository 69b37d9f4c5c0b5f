//! The program `xds-relay` as it is started, told to stop, and refused.
#![allow(clippy::unwrap_used, clippy::panic, reason = "what fails in a helper fails the test that uses it")]

use mesh_core::{AccountId, Caller, Entry, Event, Kind, MeshKey, ResourceId, Tags, Timestamp};
use mesh_log::EventLog;
use mesh_log::sqlite::SqliteLog;
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use xds_relay::world::Copies;
use xds_relay::{Relay, RelayConfig};

const SOON: Duration = Duration::from_secs(30);
const ACCOUNT: &str = "123456789012";

/// The program over a table that cannot be reached: nothing listens on port 9.
fn program(flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xds-relay"));
    command.args(["--table", "meshes", "--region", "eu-west-1", "--account", ACCOUNT]).args(flags);
    command.env("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:9");
    command.env("AWS_ACCESS_KEY_ID", "none").env("AWS_SECRET_ACCESS_KEY", "none");
    command.env("AWS_EC2_METADATA_DISABLED", "true").env_remove("AWS_PROFILE");
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

async fn ended(command: &mut Command) -> Output {
    soon(command.output()).await.unwrap()
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, future).await.unwrap_or_else(|_| panic!("it should have come by now"))
}

/// A running program, and what its ready line says.
async fn start(flags: &[&str]) -> (Child, Value) {
    let free = ["--xds-addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0"];
    let mut child = program(&[&free, flags].concat()).spawn().unwrap();
    let line = soon(BufReader::new(child.stdout.as_mut().unwrap()).lines().next_line()).await.unwrap().unwrap();
    (child, serde_json::from_str(&line).unwrap())
}

fn terminate(child: &Child) {
    let pid = rustix::process::Pid::from_raw(child.id().unwrap().cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
}

async fn get(url: &Value, path: &str) -> (u16, Value) {
    let addr = url.as_str().unwrap().trim_start_matches("http://");
    let mut connection = TcpStream::connect(addr).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), serde_json::from_str(body).unwrap_or(Value::Null))
}

/// A folder in which an earlier run over the same table has kept the node `web` of the mesh `shop`.
async fn kept(folder: &Path) {
    let log = SqliteLog::in_memory().unwrap();
    let mesh = ResourceId::new(Kind::Mesh, "shop");
    let web = ResourceId::new(Kind::VirtualNode, "web");
    let entries = vec![created(mesh, json!({ "mesh": {} })), created(web, json!({ "virtualNode": {} }))];
    log.append(&MeshKey::new(ACCOUNT, "shop"), 0, entries).await.unwrap();
    let any = "127.0.0.1:0".parse().unwrap();
    let mut config = RelayConfig::new(any, any, AccountId::from(ACCOUNT));
    let place = folder.join(format!("eu-west-1-{ACCOUNT}-meshes"));
    let mut copies = Copies::open(&place).unwrap();
    copies.every = Duration::from_millis(20);
    config.copies = Some(copies);
    let relay = Relay::start(Arc::new(log), config).await.unwrap();
    soon(async {
        while !place.join("as-of").exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    relay.stop().await;
}

fn created(resource: ResourceId, spec: Value) -> Entry {
    let (uid, owner, spec) = (uuid::Uuid::nil(), ACCOUNT.into(), serde_json::from_value(spec).unwrap());
    let event = Event::Created { resource, uid, owner, spec, tags: Tags::new(), token: None };
    Entry { at: Timestamp(1), caller: Caller { account: ACCOUNT.into(), principal: None }, request: uid, event }
}

#[tokio::test]
async fn an_address_beyond_loopback_needs_a_word_and_the_message_says_which_and_why() {
    for flag in ["--xds-addr", "--admin-addr"] {
        let output = ended(&mut program(&[flag, "0.0.0.0:0"])).await;
        assert_eq!(output.status.code(), Some(2));
        let said = String::from_utf8(output.stderr).unwrap();
        for word in [flag, "not authenticated", "--allow-unauthenticated"] {
            assert!(said.contains(word), "{word} in {said}");
        }
    }
}

#[tokio::test]
async fn that_word_can_be_a_variable_as_every_flag_can() {
    let mut command = program(&["--admin-addr", "127.0.0.1:0"]);
    command.env("REMESH_XDS_ADDR", "0.0.0.0:0").env("REMESH_ALLOW_UNAUTHENTICATED", "true");
    let mut child = command.spawn().unwrap();
    let line = soon(BufReader::new(child.stdout.as_mut().unwrap()).lines().next_line()).await.unwrap().unwrap();
    assert!(line.contains("http://0.0.0.0:"), "{line}");
    child.kill().await.unwrap();
}

#[tokio::test]
async fn flags_that_make_no_sense_are_refused_before_anything_starts() {
    for flags in [["--account", "12"], ["--tls-cert", "cert.pem"]] {
        assert_eq!(ended(&mut program(&flags)).await.status.code(), Some(2), "{flags:?}");
    }
}

#[tokio::test]
async fn without_its_table_it_lives_is_not_ready_and_stops_in_order() {
    let (mut child, ready) = start(&["--drain-seconds", "0"]).await;
    assert_eq!(get(&ready["admin"], "/healthz").await.0, 200);
    let (status, body) = get(&ready["admin"], "/readyz").await;
    assert_eq!((status, &body["state"]["caughtUp"]), (503, &false.into()), "{body}");
    terminate(&child);
    let mut said = String::new();
    soon(child.stderr.take().unwrap().read_to_string(&mut said)).await.unwrap();
    assert!(soon(child.wait()).await.unwrap().success());
    let lines: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.last().unwrap()["message"], "stopped", "one JSON object a line: {said}");
}

#[tokio::test]
async fn without_its_table_it_serves_what_it_kept() {
    let folder = tempfile::tempdir().unwrap();
    kept(folder.path()).await;
    let (_child, ready) = start(&["--state-dir", folder.path().to_str().unwrap()]).await;
    let (status, dump) = soon(get(&ready["admin"], "/snapshot?node=mesh/shop/virtualNode/web")).await;
    assert_eq!((status, &dump["seq"]), (200, &2.into()), "{dump}");
    let (status, body) = get(&ready["admin"], "/readyz").await;
    assert_eq!(status, 503);
    assert!(body["state"]["ageSeconds"].as_f64().unwrap() > 0.0, "{body}");
}
