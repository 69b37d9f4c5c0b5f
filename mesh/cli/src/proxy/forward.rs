//! One request: from a client on this machine, signed anew, to the API, and the answer back.
//!
//! Bodies are passed on whole. A request's is signed, so it has to be known to its end before its first byte can go; an
//! answer's is at most the 6 MB that Lambda gives, and one that breaks off midway is told as an error that clients
//! repeat, rather than as half a document.
//!
//! Nothing is tried twice here: clients know which of their requests may be repeated, and do so when told that a service
//! was unavailable, which is how everything that goes wrong on the way is told.

use super::signer::{Signer, SignerError};
use super::target::{Target, is_loopback};
use axum::body::{self, Body};
use axum::extract::{Request, State};
use axum::http::header::{CONNECTION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, ORIGIN};
use axum::http::{HeaderValue, Method, Response, StatusCode};
use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

/// What Lambda takes in one request.
const LARGEST: usize = 6 * 1024 * 1024;

/// Headers that are about one connection (RFC 9110), about the client's own signature, or made anew on the way.
const NOT_PASSED_ON: [&str; 16] = [
    "authorization",
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-amz-content-sha256",
    "x-amz-date",
    "x-amz-security-token",
];

/// The way to the API.
#[derive(Debug, Clone)]
pub struct Way {
    /// Where it is.
    pub target: Arc<Target>,
    /// What signs.
    pub signer: Arc<Signer>,
    /// What sends.
    pub client: reqwest::Client,
}

/// Why a request was not passed on, or not answered.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error(
        "remesh proxy answers clients on this machine that call it by a loopback name, and no web pages: call \
         http://127.0.0.1 or http://localhost"
    )]
    Stranger,
    #[error("the request is longer than the 6 MB that the API takes, or broke off")]
    Body,
    #[error("the request's path and query are no URL")]
    Url,
    #[error(transparent)]
    Unsigned(#[from] SignerError),
    #[error("the API does not answer")]
    Unanswered(#[from] reqwest::Error),
}

/// Answers a request.
pub async fn forward(State(way): State<Way>, request: Request) -> Response<Body> {
    let started = Instant::now();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = passed_on(&way, request).await.unwrap_or_else(|refusal| refusal.response());
    let duration_ms = started.elapsed().as_micros() as f64 / 1000.0;
    tracing::info!(%method, path, status = response.status().as_u16(), duration_ms, "answered");
    response
}

async fn passed_on(way: &Way, request: Request) -> Result<Response<Body>, Refusal> {
    let (parts, body) = request.into_parts();
    if is_from_a_stranger(&parts.headers) {
        return Err(Refusal::Stranger);
    }
    let url = way.target.url(parts.uri.path(), parts.uri.query()).ok_or(Refusal::Url)?;
    let body = body::to_bytes(body, LARGEST).await.map_err(|_| Refusal::Body)?;
    let mut headers = passing(&parts.headers);
    let signature = way.signer.sign(parts.method.as_str(), url.as_str(), &headers, &body).await?;
    for (name, value) in signature {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_str(&value).map_err(|_| Refusal::Url)?);
    }
    // A length is told where there is a body, or where one is expected.
    let sent = way.client.request(parts.method.clone(), url).headers(headers);
    let sent = if body.is_empty() && parts.method == Method::GET { sent } else { sent.body(body) };
    answer(sent.send().await?).await
}

async fn answer(from: reqwest::Response) -> Result<Response<Body>, Refusal> {
    let (status, headers) = (from.status(), passing(from.headers()));
    let mut response = Response::new(Body::from(from.bytes().await?));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

/// A page in a browser may send requests here, directly or by giving its own name our address. Such a request has an
/// `Origin`, or a `Host` that is no loopback name; those of AWS's clients have neither.
fn is_from_a_stranger(headers: &HeaderMap) -> bool {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|it| it.is_ascii_digit()));
    headers.contains_key(ORIGIN) || !is_loopback(name.map_or(host, |(name, _)| name))
}

fn passing(headers: &HeaderMap) -> HeaderMap {
    let named = named_by_connection(headers);
    let pass = |name: &HeaderName| !NOT_PASSED_ON.contains(&name.as_str()) && !named.contains(&name.as_str().into());
    headers.iter().filter(|(name, _)| pass(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// `Connection` may name further headers that are about the connection.
fn named_by_connection(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(|name| name.trim().to_ascii_lowercase()).collect()
}

impl Refusal {
    /// As App Mesh would say it, so that clients repeat what may be repeated and show the rest to the person.
    fn response(&self) -> Response<Body> {
        let (status, exception) = match self {
            Self::Stranger => (StatusCode::FORBIDDEN, "ForbiddenException"),
            Self::Unsigned(_) => (StatusCode::FORBIDDEN, "ForbiddenException"),
            Self::Body | Self::Url => (StatusCode::BAD_REQUEST, "BadRequestException"),
            Self::Unanswered(_) => (StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailableException"),
        };
        let message = with_causes(self);
        tracing::warn!(message, "not passed on");
        let body = serde_json::json!({ "message": message }).to_string();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(HeaderName::from_static("x-amzn-errortype"), HeaderValue::from_static(exception));
        response
    }
}

fn with_causes(error: &dyn Error) -> String {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        message = format!("{message}: {cause}");
        source = cause.source();
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter();
        pairs.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn only_clients_that_call_a_loopback_name_are_no_strangers() {
        for host in ["127.0.0.1:8480", "localhost:8480", "localhost", "[::1]:8480", "127.0.0.2"] {
            assert!(!is_from_a_stranger(&headers(&[("host", host)])), "{host}");
        }
        for host in ["evil.example:8480", "10.0.0.1", "localhost.evil.example", ""] {
            assert!(is_from_a_stranger(&headers(&[("host", host)])), "{host}");
        }
        assert!(is_from_a_stranger(&headers(&[("host", "127.0.0.1:8480"), ("origin", "http://127.0.0.1:8480")])));
        assert!(is_from_a_stranger(&HeaderMap::new()));
    }

    #[test]
    fn headers_of_the_connection_and_of_the_clients_signature_are_not_passed_on() {
        let passed = passing(&headers(&[
            ("authorization", "AWS4-HMAC-SHA256 x"),
            ("x-amz-date", "20261122T000000Z"),
            ("connection", "close, X-Private"),
            ("x-private", "1"),
            ("content-type", "application/json"),
            ("amz-sdk-invocation-id", "1"),
        ]));
        let names: Vec<&str> = passed.keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["content-type", "amz-sdk-invocation-id"]);
    }
}
