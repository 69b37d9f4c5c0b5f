//! What the upstream answers: what it saw of the request, or what the request told it to.
//!
//! | header field | what it asks for |
//! | --- | --- |
//! | `x-app-status: 503` | this status |
//! | `x-app-grpc-status: 14` | this gRPC status |
//! | `x-app-times: 1` | ... only so many times for one `x-app-key`; then as usual |
//! | `x-app-delay-ms: 500` | an answer no sooner than this |
//! | `x-app-key: retried` | the name under which the request is counted |

use super::load::message;
use super::serve::CONTROL_PORT;
use bytes::Bytes;
use futures::stream::{self, Iter};
use http_body_util::StreamBody;
use hyper::body::{Frame, Incoming};
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue};
use hyper::{HeaderMap, Request, Response};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Mutex;
use std::time::Duration;

/// The frames of an answer: a body, and trailers for gRPC.
type Body = StreamBody<Iter<std::vec::IntoIter<Result<Frame<Bytes>, Infallible>>>>;

/// Requests by key.
#[derive(Debug, Default)]
pub struct Seen(Mutex<BTreeMap<String, u64>>);

impl Seen {
    /// Counts a request; the answer is how many there were with it.
    fn count(&self, key: &str) -> u64 {
        let mut counts = self.0.lock().expect("no holder panics");
        let count = counts.entry(key.into()).or_default();
        *count += 1;
        *count
    }

    fn counts(&self) -> Value {
        json!(*self.0.lock().expect("no holder panics"))
    }
}

/// Answers a request.
pub async fn answer(request: Request<Incoming>, port: u16, node: &str, seen: &Seen) -> Response<Body> {
    if port == CONTROL_PORT {
        return plain(200, &seen.counts());
    }
    let wish = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let number = |name: &str| wish(name).and_then(|value| value.parse::<u64>().ok());
    let count = seen.count(wish("x-app-key").unwrap_or_default());
    let told = number("x-app-times").is_none_or(|times| count <= times);
    if let Some(delay) = number("x-app-delay-ms").filter(|_| told) {
        tokio::time::sleep(Duration::from_millis(delay)).await;
    }
    let saw = saw(&request, port, node);
    if wish("content-type").is_some_and(|kind| kind.starts_with("application/grpc")) {
        return grpc(wish("x-app-grpc-status").filter(|_| told).unwrap_or("0"), &saw);
    }
    plain(number("x-app-status").filter(|_| told).and_then(|status| status.try_into().ok()).unwrap_or(200), &saw)
}

fn saw(request: &Request<Incoming>, port: u16, node: &str) -> Value {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let fields = request.headers().iter();
    let headers: BTreeMap<_, _> =
        fields.map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes()))).collect();
    json!({
        "node": node,
        "port": port,
        "method": request.method().as_str(),
        "path": request.uri().path(),
        "query": request.uri().query(),
        "authority": request.uri().authority().map(|authority| authority.as_str()).or(host),
        "protocol": format!("{:?}", request.version()),
        "headers": headers,
    })
}

fn plain(status: u16, content: &Value) -> Response<Body> {
    let frame = Frame::data(Bytes::from(content.to_string()));
    respond(status, "application/json", vec![Ok(frame)], None)
}

/// A message and its status; a call that failed has no message, so its status is in the header.
fn grpc(status: &str, content: &Value) -> Response<Body> {
    let value = HeaderValue::from_str(status).unwrap_or(HeaderValue::from_static("2"));
    if status != "0" {
        return respond(200, "application/grpc", Vec::new(), Some(value));
    }
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", value);
    let frames = vec![Ok(Frame::data(message(content.to_string().as_bytes()))), Ok(Frame::trailers(trailers))];
    respond(200, "application/grpc", frames, None)
}

fn respond(
    status: u16,
    kind: &'static str,
    frames: Vec<Result<Frame<Bytes>, Infallible>>,
    grpc_status: Option<HeaderValue>,
) -> Response<Body> {
    let mut response = Response::new(StreamBody::new(stream::iter(frames)));
    *response.status_mut() = status.try_into().unwrap_or_default();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Some(status) = grpc_status {
        response.headers_mut().insert("grpc-status", status);
    }
    response
}
