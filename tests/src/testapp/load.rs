//! The client: sends what a [`Plan`] says and counts what comes back.
//!
//! It retries nothing: a request that fails is a failed request. The one exception is the one every HTTP client makes: a
//! request that was never written, because the peer had closed an idle connection, goes out on a new one.

use super::input_ended;
use super::plan::{Answer, Plan, Report, Speaks};
use bytes::{BufMut, Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::header::HOST;
use hyper::{HeaderMap, Request, Response, Uri, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// Why there was no answer.
type Failure = String;

/// Sends everything and reports.
pub async fn load(plan: Plan) -> Report {
    let work = Arc::new(Work { left: AtomicU64::new(plan.count), ended: AtomicBool::new(false), plan });
    if work.plan.until_input_ends {
        let work = work.clone();
        tokio::spawn(async move {
            input_ended().await;
            work.ended.store(true, Ordering::Relaxed);
        });
    }
    let connections: Vec<_> = (0..work.plan.connections).map(|_| tokio::spawn(connection(work.clone()))).collect();
    let mut report = Report::default();
    for connection in connections {
        report.add(connection.await.expect("a connection does not panic"));
    }
    report
}

struct Work {
    plan: Plan,
    left: AtomicU64,
    ended: AtomicBool,
}

impl Work {
    /// Whether there is another request to send.
    fn take(&self) -> bool {
        if self.plan.until_input_ends {
            return !self.ended.load(Ordering::Relaxed);
        }
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    }
}

async fn connection(work: Arc<Work>) -> Report {
    let (plan, mut report, mut sender) = (&work.plan, Report::default(), None);
    while work.take() {
        let started = Instant::now();
        let patience = Duration::from_millis(plan.patience_ms);
        let outcome = tokio::time::timeout(patience, exchange(plan, &mut sender)).await;
        let outcome = outcome.unwrap_or_else(|_| Err("no answer in time".into()));
        if outcome.is_err() {
            sender = None;
        }
        count(&mut report, outcome);
        report.slowest_ms = report.slowest_ms.max(started.elapsed().as_millis() as u64);
        tokio::time::sleep(Duration::from_millis(plan.pause_ms)).await;
    }
    report
}

fn count(report: &mut Report, outcome: Result<Answer, Failure>) {
    report.sent += 1;
    let answer = match outcome {
        Ok(answer) => answer,
        Err(failure) => {
            report.failed += 1;
            return *report.errors.entry(failure).or_default() += 1;
        }
    };
    *report.statuses.entry(answer.status).or_default() += 1;
    if let Some(node) = answer.body["node"].as_str() {
        *report.nodes.entry(node.into()).or_default() += 1;
    }
    // A response without a body carries the status of the call in its header.
    if let Some(status) = answer.trailers.get("grpc-status").or_else(|| answer.headers.get("grpc-status")) {
        *report.grpc_statuses.entry(status.clone()).or_default() += 1;
    }
    report.last = Some(answer);
}

async fn exchange(plan: &Plan, sender: &mut Option<Sender>) -> Result<Answer, Failure> {
    let uri: Uri = plan.url.parse().map_err(|error| format!("`{}`: {error}", plan.url))?;
    let host = (uri.host().ok_or("the URL names no host")?, uri.port_u16().unwrap_or(80));
    if plan.speaks == Speaks::Tcp {
        return line(host).await;
    }
    let mut request = request(plan, &uri)?;
    loop {
        let reused = sender.as_ref().is_some_and(Sender::open);
        if !reused {
            *sender = Some(Sender::connect(host, plan.speaks).await?);
        }
        let Some(open) = sender.as_mut() else { return Err("no connection".into()) };
        match open.send(request).await {
            Ok(response) => return answer(response).await,
            Err((_, Some(unsent))) if reused => (*sender, request) = (None, *unsent),
            Err((failure, _)) => return Err(failure),
        }
    }
}

/// One line there, one line back.
async fn line(host: (&str, u16)) -> Result<Answer, Failure> {
    let mut stream = TcpStream::connect(host).await.map_err(|error| format!("connect: {error}"))?;
    stream.write_all(b"hello\n").await.map_err(|error| format!("write: {error}"))?;
    let mut line = String::new();
    let read = BufReader::new(stream).read_line(&mut line).await.map_err(|error| format!("read: {error}"))?;
    if read == 0 {
        return Err("closed without an answer".into());
    }
    Ok(Answer { status: 200, body: serde_json::json!({ "node": line.trim() }), ..Answer::default() })
}

fn request(plan: &Plan, uri: &Uri) -> Result<Request<Full<Bytes>>, Failure> {
    let authority = plan.authority.as_deref().or(uri.authority().map(|host| host.as_str())).unwrap_or_default();
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut request = Request::builder().method(plan.method.as_str());
    request = match plan.speaks {
        Speaks::Http1 => request.uri(path).header(HOST, authority),
        _ => request.uri(format!("http://{authority}{path}")).version(Version::HTTP_2),
    };
    if plan.speaks == Speaks::Grpc {
        request = request.header("content-type", "application/grpc").header("te", "trailers");
    }
    for (name, value) in &plan.headers {
        request = request.header(name, value);
    }
    let body = if plan.speaks == Speaks::Grpc { message(b"{}") } else { Bytes::new() };
    request.body(Full::new(body)).map_err(|error| error.to_string())
}

/// A gRPC message: whether it is compressed, its length, itself.
pub(super) fn message(content: &[u8]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(5 + content.len());
    bytes.put_u8(0);
    bytes.put_u32(content.len() as u32);
    bytes.put_slice(content);
    bytes.freeze()
}

async fn answer(response: Response<Incoming>) -> Result<Answer, Failure> {
    let (head, body) = response.into_parts();
    let body = body.collect().await.map_err(|error| format!("the answer broke off: {error}"))?;
    let trailers = body.trailers().map(fields).unwrap_or_default();
    let headers = fields(&head.headers);
    let bytes = body.to_bytes();
    let grpc = headers.get("content-type").is_some_and(|kind| kind.starts_with("application/grpc"));
    let content = if grpc { bytes.get(5..).unwrap_or_default() } else { &bytes };
    let body =
        serde_json::from_slice(content).unwrap_or_else(|_| Value::from(String::from_utf8_lossy(content).as_ref()));
    Ok(Answer { status: head.status.as_u16(), headers, trailers, body })
}

fn fields(map: &HeaderMap) -> BTreeMap<String, String> {
    map.iter().map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into())).collect()
}

/// An open connection.
enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

/// Why a request failed, and the request where not a byte of it was written.
type Unsent = (Failure, Option<Box<Request<Full<Bytes>>>>);

impl Sender {
    async fn connect(host: (&str, u16), speaks: Speaks) -> Result<Self, Failure> {
        let stream = TcpStream::connect(host).await.map_err(|error| format!("connect: {error}"))?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        let io = TokioIo::new(stream);
        if speaks == Speaks::Http1 {
            let (sender, connection) = http1::handshake(io).await.map_err(|error| error.to_string())?;
            tokio::spawn(connection);
            return Ok(Self::Http1(sender));
        }
        let (sender, connection) =
            http2::handshake(TokioExecutor::new(), io).await.map_err(|error| error.to_string())?;
        tokio::spawn(connection);
        Ok(Self::Http2(sender))
    }

    fn open(&self) -> bool {
        match self {
            Self::Http1(sender) => !sender.is_closed(),
            Self::Http2(sender) => !sender.is_closed(),
        }
    }

    async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Unsent> {
        let ready = match self {
            Self::Http1(sender) => sender.ready().await,
            Self::Http2(sender) => sender.ready().await,
        };
        if let Err(error) = ready {
            return Err((format!("{error:?}"), Some(Box::new(request))));
        }
        let sent = match self {
            Self::Http1(sender) => sender.try_send_request(request).await,
            Self::Http2(sender) => sender.try_send_request(request).await,
        };
        sent.map_err(|mut unsent| {
            let request = unsent.take_message().map(Box::new);
            (format!("{:?}", unsent.into_error()), request)
        })
    }
}
