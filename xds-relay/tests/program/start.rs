//! How the program starts, what it refuses, and how it stops with nothing to follow.

use crate::bed::{ACCOUNT, Running, clean, ended, eventually, json_lines, program, soon};
use crate::table::created;
use mesh_core::{AccountId, Kind, MeshKey};
use mesh_log::EventLog;
use mesh_log::sqlite::SqliteLog;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::process::Command;
use xds_relay::world::Copies;
use xds_relay::{Relay, RelayConfig};

/// A folder in which an earlier run over the same table has kept the node `web` of the mesh `shop`.
async fn kept(folder: &Path) {
    let log = SqliteLog::in_memory().unwrap();
    let entries = vec![created(Kind::Mesh, "shop", json!({})), created(Kind::VirtualNode, "web", json!({}))];
    log.append(&MeshKey::new(ACCOUNT, "shop"), 0, entries).await.unwrap();
    let any = "127.0.0.1:0".parse().unwrap();
    let mut config = RelayConfig::new(any, any, AccountId::from(ACCOUNT));
    let place = folder.join(format!("eu-west-1-{ACCOUNT}-meshes"));
    config.copies = Some(Copies::open(&place).unwrap());
    let relay = Relay::start(Arc::new(log), config).await.unwrap();
    eventually("a copy", async || place.join("as-of").exists().then_some(())).await;
    relay.stop().await;
}

/// What it says when it does not start: one JSON object a line, and nothing on standard output.
async fn refused(command: &mut Command, code: i32) -> String {
    let output = ended(command).await;
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(output.stdout.is_empty());
    let last = json_lines(&said).pop().unwrap();
    assert_eq!(last["level"], "ERROR", "{last}");
    last["message"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_address_beyond_loopback_needs_a_word_and_the_message_says_which_and_why() {
    for (flag, addr) in [("--xds-addr", "0.0.0.0:0"), ("--admin-addr", "0.0.0.0:0"), ("--xds-addr", "[::]:0")] {
        let message = refused(&mut program(&[flag, addr]), 2).await;
        for word in [flag, "not authenticated", "every proxy in every mesh", "--allow-unauthenticated"] {
            assert!(message.contains(word), "{word} in {message}");
        }
    }
}

#[tokio::test]
async fn that_word_can_be_a_variable_as_every_flag_can() {
    let mut command = program(&["--admin-addr", "127.0.0.1:0"]);
    command.env("REMESH_XDS_ADDR", "0.0.0.0:0").env("REMESH_ALLOW_UNAUTHENTICATED", "true");
    let relay = Running::of(&mut command).await;
    assert!(relay.xds().starts_with("http://0.0.0.0:"), "{}", relay.xds());
    eventually("it warns", async || relay.said().contains("proxies are not authenticated").then_some(())).await;
    let mut command = program(&["--xds-addr", "0.0.0.0:0"]);
    refused(command.env("REMESH_ALLOW_UNAUTHENTICATED", "false"), 2).await;
}

#[tokio::test]
async fn every_flag_can_be_a_variable() {
    let (folder, mut command) = (tempfile::tempdir().unwrap(), Command::new(env!("CARGO_BIN_EXE_xds-relay")));
    clean(&mut command);
    kept(folder.path()).await;
    for (name, value) in [
        ("REMESH_TABLE", "meshes"),
        ("REMESH_REGION", "eu-west-1"),
        ("REMESH_ACCOUNT", ACCOUNT),
        ("REMESH_XDS_ADDR", "127.0.0.1:0"),
        ("REMESH_ADMIN_ADDR", "127.0.0.1:0"),
        ("REMESH_STATE_DIR", folder.path().to_str().unwrap()),
        ("REMESH_FEED", "stream"),
        ("REMESH_DRAIN_SECONDS", "0"),
        ("REMESH_LOG_FORMAT", "text"),
        ("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:9"),
    ] {
        command.env(name, value);
    }
    let relay = Running::of(&mut command).await;
    assert_eq!(soon(relay.get("/snapshot?node=mesh/shop/virtualNode/web")).await.0, 200);
    let said = relay.said();
    assert!(said.contains("INFO") && serde_json::from_str::<Value>(said.lines().next().unwrap()).is_err(), "{said}");
}

#[tokio::test]
async fn flags_that_make_no_sense_are_refused_before_anything_starts() {
    for (flags, word) in [
        (["--tls-cert", "cert.pem"], "--tls-key"),
        (["--feed", "pigeon"], "pigeon"),
        (["--drain-seconds", "soon"], "--drain-seconds"),
        (["--no-such", "flag"], "--no-such"),
    ] {
        let message = refused(&mut program(&flags), 2).await;
        assert!(message.contains(word) && message.contains("--help"), "{word} in {message}");
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_xds-relay"));
    clean(&mut command);
    let message = refused(&mut command, 2).await;
    assert!(message.contains("--table") && message.contains("--account"), "{message}");
    let message = refused(command.args(["--table", "meshes", "--account", "12"]), 2).await;
    assert!(message.contains("twelve digits"), "{message}");
}

#[tokio::test]
async fn what_keeps_it_from_starting_is_said_in_one_line() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    let free = ["--xds-addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0"];
    let message = refused(&mut program(&["--xds-addr", &addr]), 1).await;
    assert!(message.contains(&addr) && message.contains("in use"), "{message}");
    let message = refused(&mut program(&[&free[..], &["--state-dir", "/dev/null/state"]].concat()), 1).await;
    assert!(message.contains("/dev/null/state"), "{message}");
    let mut command = Command::new(env!("CARGO_BIN_EXE_xds-relay"));
    clean(&mut command);
    let message = refused(command.args(["--table", "meshes", "--account", ACCOUNT]).args(free), 1).await;
    assert!(message.contains("--region"), "{message}");
}

#[tokio::test]
async fn help_and_version_are_for_people() {
    for flag in ["--help", "--version"] {
        let output = ended(&mut program(&[flag])).await;
        assert!(output.status.success() && output.stderr.is_empty());
        assert!(String::from_utf8(output.stdout).unwrap().contains("xds-relay"));
    }
}

#[tokio::test]
async fn a_wish_for_messages_that_makes_no_sense_is_left_aside_with_a_warning() {
    let mut command = program(&["--xds-addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0"]);
    let relay = Running::of(command.env("RUST_LOG", "=loud=")).await;
    eventually("it warns", async || relay.said().contains("RUST_LOG").then_some(())).await;
    json_lines(&relay.said());
}

#[tokio::test]
async fn without_its_table_it_lives_is_not_ready_and_stops_in_order() {
    let relay = Running::start(&["--drain-seconds", "1"]).await;
    assert_eq!(relay.get("/healthz").await.0, 200);
    let (status, body) = relay.get("/readyz").await;
    assert_eq!((status, &body["state"]["caughtUp"]), (503, &false.into()), "{body}");
    assert_eq!(relay.metric("remesh_ready").await, Some(0.0));
    assert_eq!(relay.metric("remesh_build_info").await, Some(1.0));
    // Somebody who connects and says nothing does not hold it up.
    let _silent = TcpStream::connect(relay.xds_addr()).await.unwrap();
    let begun = Instant::now();
    relay.terminate();
    let (status, said) = relay.end().await;
    assert_eq!(status.code(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(1 + 5), "{:?}", begun.elapsed());
    assert_eq!(json_lines(&said).last().unwrap()["message"], "stopped", "{said}");
}

#[tokio::test]
async fn told_twice_it_stops_at_once() {
    let relay = Running::start(&["--drain-seconds", "600"]).await;
    let _silent = TcpStream::connect(relay.xds_addr()).await.unwrap();
    relay.signal(rustix::process::Signal::INT);
    relay.readyz_is(503).await;
    eventually("it drains", async || relay.said().contains("stopping").then_some(())).await;
    relay.terminate();
    assert_eq!(relay.end().await.0.code(), Some(0));
}

#[tokio::test]
async fn without_its_table_it_serves_what_it_kept() {
    let folder = tempfile::tempdir().unwrap();
    kept(folder.path()).await;
    let relay = Running::start(&["--state-dir", folder.path().to_str().unwrap()]).await;
    let (status, dump) = soon(relay.get("/snapshot?node=mesh/shop/virtualNode/web")).await;
    assert_eq!((status, &dump["seq"]), (200, &2.into()), "{dump}");
    let (status, body) = relay.get("/readyz").await;
    assert_eq!(status, 503);
    assert!(body["state"]["ageSeconds"].as_f64().unwrap() > 0.0, "{body}");
}
