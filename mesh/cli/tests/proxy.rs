//! `remesh proxy` in front of a server that does as AWS does: it signs what it was sent again, compares, and only then
//! passes it to the API.
#![allow(clippy::unwrap_used, clippy::panic, reason = "what fails here fails the test")]

#[path = "proxy/clients.rs"]
mod clients;
#[path = "proxy/encrypted.rs"]
mod encrypted;
#[path = "proxy/gate.rs"]
mod gate;
#[path = "proxy/programs.rs"]
mod programs;

use encrypted::Encrypted;
use gate::{Gate, KEY, SECRET, TOKEN};
use programs::{Running, client, up};
use serde_json::{Value, json};
use std::process::{Command, Output};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A proxy with credentials of its own, and none of the machine's.
fn proxy(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_remesh"));
    command.arg("proxy").args(arguments).args(["--listen", "127.0.0.1:0"]).env_clear();
    command.env("AWS_CONFIG_FILE", "/dev/null").env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    command.env("AWS_EC2_METADATA_DISABLED", "true").env("HOME", "/nonexistent");
    command
}

fn with_credentials(arguments: &[&str], secret: &str) -> Command {
    let mut command = proxy(arguments);
    command.env("AWS_ACCESS_KEY_ID", KEY).env("AWS_SECRET_ACCESS_KEY", secret).env("AWS_SESSION_TOKEN", TOKEN);
    command
}

async fn json_of(answer: reqwest::Response) -> (u16, Value) {
    let status = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// Requests as App Mesh clients send them: signed for another service, or not at all.
async fn use_the_api(proxy: &Running) {
    let client = client();
    let meshes = proxy.url("/v20190125/meshes");
    let signed_otherwise = "AWS4-HMAC-SHA256 Credential=other/20260101/us-east-1/appmesh/aws4_request, \
                            SignedHeaders=host;x-amz-date, Signature=00";
    let created =
        client.put(&meshes).header("authorization", signed_otherwise).header("x-amz-date", "20260101T000000Z");
    let body = json!({ "meshName": "shop", "tags": [{ "key": "a b", "value": "ü/+" }] });
    let (status, made) = json_of(created.json(&body).send().await.unwrap()).await;
    assert_eq!(status, 200, "{made}");
    let arn = made["metadata"]["arn"].as_str().unwrap();
    let escaped = arn.replace(':', "%3A").replace('/', "%2F");
    for arn in [arn, &escaped] {
        let url = proxy.url(&format!("/v20190125/tags?resourceArn={arn}&limit=5"));
        let (status, tags) = json_of(client.get(url).send().await.unwrap()).await;
        assert_eq!((status, &tags["tags"]), (200, &body["tags"]), "{arn}: {tags}");
    }
    let refused = client.put(&meshes).json(&json!({ "meshName": "shop" })).send().await.unwrap();
    assert_eq!(refused.headers()["x-amzn-errortype"], "ConflictException", "the API's own words pass");
    let (status, gone) = json_of(client.delete(format!("{meshes}/shop")).send().await.unwrap()).await;
    assert_eq!((status, &gone["status"]["status"]), (200, &json!("DELETED")), "{gone}");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_reach_a_function_url_with_a_signature_that_it_accepts() {
    let api = up();
    let gate = Gate::open("lambda", "", &api).await;
    let url = format!("http://{}", gate.addr);
    let arguments = [&url, "--service", "lambda", "--region", "eu-west-1"];
    use_the_api(&Running::start(with_credentials(&arguments, SECRET))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_reach_a_stage_of_api_gateway_with_a_signature_that_it_accepts() {
    let api = up();
    let gate = Gate::open("execute-api", "/prod", &api).await;
    let url = format!("http://{}/prod/", gate.addr);
    let arguments = [&url, "--service", "execute-api", "--region", "eu-west-1"];
    use_the_api(&Running::start(with_credentials(&arguments, SECRET))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_signature_is_told_to_the_client() {
    let api = up();
    let gate = Gate::open("lambda", "", &api).await;
    let url = format!("http://{}", gate.addr);
    let arguments = [&url, "--service", "lambda", "--region", "eu-west-1"];
    let proxy = Running::start(with_credentials(&arguments, "another secret"));
    let answer = client().get(proxy.url("/v20190125/meshes")).send().await.unwrap();
    let (status, said) = json_of(answer).await;
    assert_eq!((status, said["Message"].as_str()), (403, Some("another signature")));
}

#[tokio::test(flavor = "multi_thread")]
async fn web_pages_and_foreign_names_are_refused_before_anything_is_signed() {
    let proxy = Running::start(with_credentials(
        &["http://127.0.0.1:9", "--service", "lambda", "--region", "eu-west-1"],
        SECRET,
    ));
    for (name, value) in [("origin", "https://evil.example"), ("host", "evil.example")] {
        let answer = client().get(proxy.url("/v20190125/meshes")).header(name, value).send().await.unwrap();
        assert_eq!(answer.headers()["x-amzn-errortype"], "ForbiddenException", "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_does_not_answer_is_an_error_that_clients_repeat() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{free}");
    let arguments = [&url, "--service", "lambda", "--region", "eu-west-1"];
    let proxy = Running::start(with_credentials(&arguments, SECRET));
    let answer = client().get(proxy.url("/v20190125/meshes")).send().await.unwrap();
    assert_eq!(answer.headers()["x-amzn-errortype"], "ServiceUnavailableException");
    let (status, said) = json_of(answer).await;
    assert_eq!(status, 503);
    assert!(said["message"].as_str().unwrap().contains("does not answer"), "{said}");
}

/// An HTTP client without manners: sends these bytes, and reads to the end.
async fn raw(proxy: &Running, request: &str) -> String {
    let addr = proxy.ready["api"].as_str().unwrap().trim_start_matches("http://");
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_in_chunks_arrives_whole_and_what_is_about_the_connection_does_not() {
    let api = up();
    let gate = Gate::open("lambda", "", &api).await;
    let url = format!("http://{}", gate.addr);
    let proxy = Running::start(with_credentials(&[&url, "--service", "lambda", "--region", "eu-west-1"], SECRET));
    let request = "PUT /v20190125/meshes HTTP/1.1\r\nHost: localhost\r\nConnection: close, X-Private\r\nX-Private: 1\r\n\
                   TE: trailers\r\nKeep-Alive: timeout=5\r\nProxy-Authorization: secret\r\nX-Amz-User-Agent: test/1\r\n\
                   Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n\
                   e\r\n{\"meshName\":\"s\r\n5\r\nhop\"}\r\n0\r\n\r\n";
    let answer = raw(&proxy, request).await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains(r#""meshName":"shop""#), "{answer}");
    let arrived = gate.arrived();
    assert_eq!(arrived[0]["x-amz-user-agent"], "test/1", "the client's other headers are kept, and signed");
    assert_eq!(arrived[0]["content-length"], "19", "its length is known by now");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_breaks_off_is_an_error_that_clients_repeat() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let half = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"meshes\":";
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(half).await;
        }
    });
    let proxy = Running::start(with_credentials(&[&url, "--service", "lambda", "--region", "eu-west-1"], SECRET));
    let answer = client().get(proxy.url("/v20190125/meshes")).send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["x-amzn-errortype"]),
        (503, &"ServiceUnavailableException".parse().unwrap())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encrypted_api_is_believed_by_the_authorities_that_aws_ca_bundle_names_and_by_no_others() {
    let api = up();
    let gate = Gate::open("execute-api", "/prod", &api).await;
    let door = Encrypted::in_front_of(gate.addr, b"http/1.1").await;
    let url = format!("https://localhost:{}/prod", door.port);
    let started = |authority: Option<&std::path::Path>| {
        let mut command = with_credentials(&[&url, "--service", "execute-api", "--region", "eu-west-1"], SECRET);
        command.envs(authority.map(|file| ("AWS_CA_BUNDLE", file)));
        Running::start(command)
    };
    use_the_api(&started(Some(&door.authority()))).await;
    let before = gate.arrived().len();
    let another = Encrypted::in_front_of(gate.addr, b"http/1.1").await;
    for proxy in [started(None), started(Some(&another.authority()))] {
        let (status, said) = json_of(client().get(proxy.url("/v20190125/meshes")).send().await.unwrap()).await;
        let why = said["message"].as_str().unwrap();
        assert!(status == 503 && why.contains("certificate"), "{said}");
    }
    assert_eq!(gate.arrived().len(), before, "nothing was said to somebody who is not believed");
}

#[test]
fn what_cannot_work_is_said_at_the_start() {
    let function = "https://abc.lambda-url.eu-west-1.on.aws";
    let refused = |output: Output| {
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(output.stdout.is_empty());
        said.lines().find(|line| line.starts_with("error: ")).unwrap_or_else(|| panic!("{said}")).to_owned()
    };
    let without = refused(proxy(&[function]).output().unwrap());
    assert!(without.contains("no AWS credentials"), "{without}");
    let own_name = refused(with_credentials(&["https://mesh.example.com"], SECRET).output().unwrap());
    assert!(own_name.contains("--service"), "{own_name}");
    let plain = refused(with_credentials(&["http://mesh.example.com"], SECRET).output().unwrap());
    assert!(plain.contains("https://"), "{plain}");
    let mut bundle = with_credentials(&[function], SECRET);
    let bundle = refused(bundle.env("AWS_CA_BUNDLE", "/nonexistent/bundle.pem").output().unwrap());
    assert!(bundle.contains("AWS_CA_BUNDLE") && bundle.contains("/nonexistent/bundle.pem"), "{bundle}");
    let mut exposed = Command::new(env!("CARGO_BIN_EXE_remesh"));
    let exposed = refused(exposed.args(["proxy", function, "--listen", "0.0.0.0:0"]).output().unwrap());
    assert!(exposed.contains("loopback"), "{exposed}");
}
