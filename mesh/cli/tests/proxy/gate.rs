//! What stands in front of the API in AWS: signs what it was sent again, compares, and only then passes it on.

use super::programs::{Running, client};
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Response, StatusCode};
use serde_json::json;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};
use tokio::net::TcpListener;

/// Whose signatures it takes.
pub const KEY: &str = "AKIDEXAMPLE";
pub const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
pub const TOKEN: &str = "a/session+token==";

/// Headers that end with a connection, or tell of another one's signature: none may arrive.
const NOT_FOR_IT: [&str; 8] =
    ["te", "trailer", "transfer-encoding", "upgrade", "keep-alive", "expect", "proxy-authorization", "x-private"];

/// What stands in front of the API in AWS.
#[derive(Clone)]
pub struct Gate {
    /// Where it listens.
    pub addr: SocketAddr,
    arrived: Arc<Mutex<Vec<HeaderMap>>>,
    service: &'static str,
    stage: &'static str,
    api: String,
    client: reqwest::Client,
}

impl Gate {
    /// Opens it.
    pub async fn open(service: &'static str, stage: &'static str, api: &Running) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let gate = Self { addr, arrived: Arc::default(), service, stage, api: api.url(""), client: client() };
        let router = Router::new().fallback(pass).with_state(gate.clone());
        tokio::spawn(async { axum::serve(listener, router).await });
        gate
    }

    /// The headers of every request so far.
    pub fn arrived(&self) -> Vec<HeaderMap> {
        self.arrived.lock().unwrap().clone()
    }
}

/// A request whose signature is right goes to the API, without the stage.
async fn pass(State(gate): State<Gate>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    gate.arrived.lock().unwrap().push(parts.headers.clone());
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
    if let Some(name) = NOT_FOR_IT.iter().find(|name| headers.contains_key(**name)) {
        return Err(format!("{name} has no business here"));
    }
    let signed = part("SignedHeaders").unwrap();
    // AWS wants these to be signed when they are there.
    let has_to_be = |name: &str| name == "host" || name == "content-type" || name.starts_with("x-amz-");
    if let Some(name) = headers
        .keys()
        .map(|name| name.as_str())
        .find(|name| has_to_be(name) && !signed.split(';').any(|it| it == *name))
    {
        return Err(format!("{name} is not signed"));
    }
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
