//! `remesh proxy` in front of a server that does as AWS does: it signs what it was sent again, compares, and only then
//! passes it to the API.
#![allow(clippy::unwrap_used, clippy::panic, reason = "what fails here fails the test")]

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Response, StatusCode};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, SystemTime};
use tokio::net::TcpListener;

const KEY: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const TOKEN: &str = "a/session+token==";

/// A `remesh` that has said that it is ready; killed when dropped.
struct Running {
    child: Child,
    ready: Value,
}

impl Running {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        Self { ready: serde_json::from_str(&line).unwrap_or_else(|_| panic!("no ready line: {line:?}")), child }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.ready["api"].as_str().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn up() -> Running {
    let mut command = Command::new(env!("CARGO_BIN_EXE_remesh"));
    let any = "127.0.0.1:0";
    Running::start({
        command.args(["up", "--api-addr", any, "--xds-addr", any, "--admin-addr", any]);
        command
    })
}

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

/// What stands in front of the API in AWS.
#[derive(Clone)]
struct Gate {
    service: &'static str,
    stage: &'static str,
    api: String,
    client: reqwest::Client,
}

impl Gate {
    /// Opens it; answers its address.
    async fn open(service: &'static str, stage: &'static str, api: &Running) -> SocketAddr {
        let gate = Self { service, stage, api: api.url(""), client: client() };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let router = Router::new().fallback(pass).with_state(gate);
        tokio::spawn(async { axum::serve(listener, router).await });
        addr
    }
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().unwrap()
}

/// A request whose signature is right goes to the API, without the stage.
async fn pass(State(gate): State<Gate>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let path = parts.uri.path_and_query().unwrap().as_str();
    if let Err(reason) = verified(gate.service, parts.method.as_str(), path, &parts.headers, &body) {
        let mut refused = Response::new(Body::from(json!({ "Message": reason }).to_string()));
        *refused.status_mut() = StatusCode::FORBIDDEN;
        return refused;
    }
    let url = format!("{}{}", gate.api, path.strip_prefix(gate.stage).unwrap());
    let answer = gate.client.request(parts.method, url).body(body).send().await.unwrap();
    let mut response = Response::new(Body::empty());
    (*response.status_mut(), *response.headers_mut()) = (answer.status(), answer.headers().clone());
    response.headers_mut().remove("content-length");
    *response.body_mut() = Body::from(answer.bytes().await.unwrap());
    response
}

/// Signs again what has arrived, with the secret that belongs to the key.
fn verified(service: &str, method: &str, path: &str, headers: &HeaderMap, body: &[u8]) -> Result<(), String> {
    let header = |name: &str| headers.get(name).map(|it| it.to_str().unwrap()).ok_or(format!("no {name}"));
    let authorization = header("authorization")?;
    let part = |name: &str| {
        let parts = authorization.split([',', ' ']);
        parts.filter_map(|part| part.split_once('=')).find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
    };
    let date = header("x-amz-date")?;
    let scope = format!("{KEY}/{}/eu-west-1/{service}/aws4_request", date.get(..8).unwrap());
    if part("Credential").as_deref() != Some(&scope) {
        return Err(format!("another scope than {scope}: {authorization}"));
    }
    if header("x-amz-security-token")? != TOKEN {
        return Err("another session".into());
    }
    let signed = part("SignedHeaders").unwrap();
    let own = ["host", "x-amz-date", "x-amz-security-token"];
    let others: Vec<&str> = signed.split(';').filter(|name| !own.contains(name)).collect();
    let others = others.iter().map(|name| header(name).map(|value| (*name, value))).collect::<Result<Vec<_>, _>>()?;
    let identity = Credentials::new(KEY, SECRET, Some(TOKEN.to_owned()), None, "test").into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region("eu-west-1")
        .name(service)
        .time(time(date))
        .settings(SigningSettings::default())
        .build()
        .unwrap()
        .into();
    let url = format!("http://{}{path}", header("host")?);
    let request = SignableRequest::new(method, url, others.into_iter(), SignableBody::Bytes(body)).unwrap();
    let (_, signature) = sign(request, &parameters).unwrap().into_parts();
    if part("Signature").as_deref() == Some(&signature) { Ok(()) } else { Err("another signature".into()) }
}

/// `20261122T134500Z` as a time, which has to be about now.
fn time(date: &str) -> SystemTime {
    let now = SystemTime::now();
    let written = |time: SystemTime| {
        let seconds = time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() as i64;
        let text = Command::new("date").args(["-u", "-d", &format!("@{seconds}"), "+%Y%m%dT%H%M%SZ"]).output().unwrap();
        String::from_utf8(text.stdout).unwrap().trim().to_owned()
    };
    let candidates = (0..30).map(|ago| now - Duration::from_secs(ago));
    candidates.into_iter().find(|time| written(*time) == date).unwrap_or_else(|| panic!("{date} is not now"))
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
    let url = format!("http://{gate}");
    let arguments = [&url, "--service", "lambda", "--region", "eu-west-1"];
    use_the_api(&Running::start(with_credentials(&arguments, SECRET))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_reach_a_stage_of_api_gateway_with_a_signature_that_it_accepts() {
    let api = up();
    let gate = Gate::open("execute-api", "/prod", &api).await;
    let url = format!("http://{gate}/prod/");
    let arguments = [&url, "--service", "execute-api", "--region", "eu-west-1"];
    use_the_api(&Running::start(with_credentials(&arguments, SECRET))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_signature_is_told_to_the_client() {
    let api = up();
    let gate = Gate::open("lambda", "", &api).await;
    let url = format!("http://{gate}");
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
    let mut exposed = Command::new(env!("CARGO_BIN_EXE_remesh"));
    let exposed = refused(exposed.args(["proxy", function, "--listen", "0.0.0.0:0"]).output().unwrap());
    assert!(exposed.contains("loopback"), "{exposed}");
}
