//! `remesh share` and `remesh unshare` against `remesh up`, as the people of several accounts type them.

use super::{Up, get, output, put, remesh, stderr, stdout};
use serde_json::json;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Command, Output};

/// The account of everybody who names no key that is known.
const OWN: &str = "000000000000";
const TEAM: &str = "111122223333";
const OTHERS: &str = "444455556666";

/// A control plane of three accounts, with the mesh `shop` of the first.
fn up() -> Up {
    let up = Up::start(&["--access-key", &format!("AKIDTEAM={TEAM}"), "--access-key", &format!("AKIDOTHERS={OTHERS}")]);
    put(&format!("{}/v20190125/meshes", up.url("api")), json!({ "meshName": "shop" }));
    up
}

/// `remesh` with arguments against a control plane, in an environment that says nothing of its own.
fn asked(up: &Up, arguments: &[&str]) -> Command {
    let mut command = remesh(arguments);
    command.args(["--api", up.url("api")]).env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_ENDPOINT_URL_APP_MESH");
    command
}

fn told(up: &Up, arguments: &[&str]) -> String {
    let output = asked(up, arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", stderr(&output));
    stdout(&output)
}

/// The one line that a refusal is.
#[track_caller]
fn refusal(output: &Output, code: i32) -> String {
    let said = stderr(output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(stdout(output).is_empty() && said.starts_with("error: "), "{said}");
    said
}

#[test]
fn a_mesh_is_shared_told_and_unshared() {
    let up = up();
    let nobody = asked(&up, &["share", "shop"]).output().unwrap();
    assert_eq!((nobody.status.code(), stdout(&nobody).as_str()), (Some(0), ""));
    assert_eq!(stderr(&nobody), "mesh shop is shared with nobody\n");
    assert_eq!(told(&up, &["share", "shop", OTHERS]), format!("{OTHERS}\n"));
    assert_eq!(told(&up, &["share", "shop", TEAM]), format!("{TEAM}\n{OTHERS}\n"));
    assert_eq!(told(&up, &["share", "shop", TEAM]), format!("{TEAM}\n{OTHERS}\n"), "once is enough");
    assert_eq!(told(&up, &["share", "shop"]), format!("{TEAM}\n{OTHERS}\n"));
    assert_eq!(told(&up, &["unshare", "shop", OTHERS]), format!("{TEAM}\n"));
    assert_eq!(told(&up, &["unshare", "shop", OTHERS]), format!("{TEAM}\n"));
    assert_eq!(told(&up, &["unshare", "shop", TEAM]), "");
}

#[test]
fn who_asks_is_the_access_key_of_the_flag_or_of_the_environment() {
    let up = up();
    let as_team = asked(&up, &["share", "shop", OTHERS, "--access-key", "AKIDTEAM"]).output().unwrap();
    let said = refusal(&as_team, 1);
    assert_eq!(said, format!("error: Mesh with name shop is not present for account {TEAM}\n"));
    let by_environment = asked(&up, &["share", "shop"]).env("AWS_ACCESS_KEY_ID", "AKIDOTHERS").output().unwrap();
    assert!(refusal(&by_environment, 1).contains(OTHERS));
    // The flag counts before the environment, and a key that nobody knows is everybody's account.
    let own =
        asked(&up, &["share", "shop", TEAM, "--access-key", "any"]).env("AWS_ACCESS_KEY_ID", "AKIDOTHERS").output();
    assert_eq!(stdout(&own.unwrap()), format!("{TEAM}\n"));
    for key in ["", "AKID TEAM", "AKID/TEAM", "AKID-TEAM"] {
        let refused = asked(&up, &["share", "shop", "--access-key", key]).output().unwrap();
        assert!(refusal(&refused, 2).contains("letters, digits"), "{key}");
    }
    let refused = asked(&up, &["share", "shop"]).env("AWS_ACCESS_KEY_ID", "AKID-TEAM").output().unwrap();
    assert!(refusal(&refused, 1).contains("AWS_ACCESS_KEY_ID"));
}

#[test]
fn the_api_is_found_by_the_variable_that_clients_are_pointed_with() {
    let up = up();
    let mut command = remesh(&["share", "shop", TEAM]);
    command.env_remove("AWS_ACCESS_KEY_ID").env("AWS_ENDPOINT_URL_APP_MESH", format!("{}/", up.url("api")));
    assert_eq!(stdout(&command.output().unwrap()), format!("{TEAM}\n"));
    let shares = get(&format!("{}/v20190125/meshes/shop/shares", up.url("api")));
    assert_eq!(shares, json!({ "meshName": "shop", "meshOwner": OWN, "sharedWith": [TEAM] }));
}

#[test]
fn what_the_api_refuses_is_said_in_its_words() {
    let up = up();
    for (arguments, says) in [
        (["share", "nowhere", TEAM], "Mesh with name nowhere is not present for account 000000000000"),
        (["share", "shop", "1234"], "1234"),
        (["share", "shop", OWN], "owns the mesh"),
        (["unshare", "shop", "me"], "`me`"),
    ] {
        let refused = asked(&up, &arguments).output().unwrap();
        let said = refusal(&refused, 1);
        assert!(said.contains(says) && said.lines().count() == 1, "{said}");
    }
}

#[test]
fn without_an_api_it_says_what_to_start() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let said = refusal(&output(&["share", "shop", TEAM, "--api", &url]), 1);
    assert!(said.contains(&url) && said.contains("`remesh up`") && said.contains("`remesh proxy`"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}

#[test]
fn something_else_that_speaks_http_is_told_from_the_api() {
    for answer in ["404 Not Found\r\ncontent-length: 2\r\n\r\nno", "200 OK\r\ncontent-length: 2\r\n\r\n{}"] {
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", other.local_addr().unwrap());
        let answering = std::thread::spawn(move || {
            let (mut client, _) = other.accept().unwrap();
            let lines = BufReader::new(client.try_clone().unwrap()).lines().map_while(Result::ok);
            assert!(lines.take_while(|line| !line.is_empty()).count() > 1, "a request has headers");
            write!(client, "HTTP/1.1 {answer}").unwrap();
        });
        let said = refusal(&output(&["share", "shop", TEAM, "--api", &url]), 1);
        assert!(said.contains(&url) && said.contains("not the API of Remesh") && said.contains(&answer[..3]), "{said}");
        answering.join().unwrap();
    }
}

#[test]
fn commands_about_nothing_make_no_sense() {
    for arguments in [
        &["share"][..],
        &["unshare", "shop"],
        &["share", "shop", TEAM, OTHERS],
        &["share", "shop", "--api", "127.0.0.1:8480"],
        &["up", "--access-key", "AKIDTEAM"],
        &["up", "--access-key", "AKIDTEAM=12"],
        &["up", "--access-key", "AKID-TEAM=111122223333"],
        &["up", "--access-key", "=111122223333"],
    ] {
        refusal(&output(arguments), 2);
    }
}

#[test]
fn shares_are_kept_in_the_data_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mesh.db");
    let up = Up::with_data(&file);
    put(&format!("{}/v20190125/meshes", up.url("api")), json!({ "meshName": "shop" }));
    told(&up, &["share", "shop", TEAM]);
    up.end("-TERM");
    assert_eq!(told(&Up::with_data(&file), &["share", "shop"]), format!("{TEAM}\n"));
}
