//! Any bytes as a request to the API, over a small mesh.
//!
//! The bytes are read as HTTP/1 would be written: a line with method and target, headers, an empty line, the body. What
//! then must hold of the answer: a status the service model has, a request id, and for every refusal a modelled
//! exception with its status and a message in JSON, no longer than messages may be. It is never our failure. What was
//! appended folds, and a checkpoint of it is the same mesh.
//!
//! `functions/tests/whole_specs.rs` includes this file and asks the same of the seeds and of everything that was found.

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use axum::response::Response;
use functions::error::{ERROR_TYPE, Exception};
use functions::{App, AppConfig, router};
use http_body_util::BodyExt;
use mesh_core::{Entry, MeshKey, MeshState, Record, Seq};
use mesh_log::{AppendError, Checkpoint, EventLog, LogError};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::runtime::Runtime;
use tower::ServiceExt;

/// The most bytes of a refusal: a message of 4096 characters, each of them escaped.
const MAX_REFUSAL: usize = 32 << 10;

/// Asks the API, and everything that must hold of its answer.
///
/// # Panics
///
/// When something does not hold.
pub fn check(bytes: &[u8]) {
    let Some(request) = request(bytes) else { return };
    SERVED.with_borrow_mut(|served| served.check(request));
}

thread_local! {
    static SERVED: RefCell<Served> = RefCell::new(Served::new());
}

/// The request that the bytes are; `None` where no server would take them for one.
fn request(bytes: &[u8]) -> Option<Request<Body>> {
    let end = bytes.windows(2).position(|two| two == b"\n\n");
    let (head, body) = end.map_or((bytes, &[][..]), |end| (&bytes[..end], &bytes[end + 2..]));
    let mut lines = head.split(|byte| *byte == b'\n');
    let (method, target) = halves(lines.next()?, b' ')?;
    let method = Method::from_bytes(method).ok()?;
    let mut request = Request::builder().method(method).uri(Uri::try_from(target).ok()?);
    for line in lines {
        let (name, value) = halves(line, b':')?;
        request = request.header(HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value.trim_ascii()).ok()?);
    }
    request.body(Body::from(body.to_vec())).ok()
}

fn halves(line: &[u8], between: u8) -> Option<(&[u8], &[u8])> {
    let at = line.iter().position(|byte| *byte == between)?;
    Some((&line[..at], &line[at + 1..]))
}

/// The API over a mesh that is the same for every request.
struct Served {
    runtime: Runtime,
    seeded: Streams,
    log: Arc<Memory>,
    router: Router,
}

impl Served {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        let (log, router) = served(Streams::new());
        for (path, body) in mesh() {
            let request = Request::put(format!("/v20190125{path}")).body(Body::from(body.to_string()));
            let response = runtime.block_on(router.clone().oneshot(request.expect("a request"))).expect("an answer");
            assert_eq!(response.status(), StatusCode::OK, "{path} is not seeded");
        }
        let seeded = log.streams().clone();
        Self { runtime, seeded, log, router }
    }

    fn check(&mut self, request: Request<Body>) {
        let headless = request.method() == Method::HEAD;
        let (status, exception, body) = self.runtime.block_on(answer(&self.router, request));
        match (status, exception) {
            (StatusCode::OK, None) if headless => {}
            (StatusCode::OK, None) => drop(serde_json::from_slice::<Value>(&body).expect("an answer in JSON")),
            (_, Some(exception)) => check_refusal(status, exception, &body, headless),
            (status, None) => panic!("{status} without an exception"),
        }
        if *self.log.streams() != self.seeded {
            self.log.streams().iter().for_each(|(mesh, records)| check_stream(mesh, records));
            (self.log, self.router) = served(self.seeded.clone());
        }
    }
}

fn served(streams: Streams) -> (Arc<Memory>, Router) {
    let log = Arc::new(Memory(Mutex::new(streams)));
    let mut config = AppConfig::new("111122223333", "eu-west-1");
    config.access_keys.insert("AKIDOTHER".into(), "444455556666".into());
    (log.clone(), router(App::new(log, config)))
}

async fn answer(router: &Router, request: Request<Body>) -> (StatusCode, Option<Exception>, Bytes) {
    let response = router.clone().oneshot(request).await.expect("an answer");
    let id = response.headers().get("x-amzn-requestid").expect("a request id");
    assert_eq!(id.len(), 36, "{id:?}");
    let exception = exception(&response);
    let status = response.status();
    (status, exception, response.into_body().collect().await.expect("a body").to_bytes())
}

fn exception(response: &Response) -> Option<Exception> {
    let name = response.headers().get(ERROR_TYPE)?;
    let known = Exception::ALL.into_iter().find(|exception| exception.name() == name);
    Some(known.unwrap_or_else(|| panic!("{name:?} is no exception of the model")))
}

fn check_refusal(status: StatusCode, exception: Exception, body: &[u8], headless: bool) {
    assert_eq!(status, exception.status(), "{}", exception.name());
    assert!(!status.is_server_error(), "{}: {}", exception.name(), String::from_utf8_lossy(body));
    if headless {
        return;
    }
    assert!(body.len() <= MAX_REFUSAL, "a refusal of {} bytes", body.len());
    let refusal: Value = serde_json::from_slice(body).expect("a refusal in JSON");
    let message = refusal["message"].as_str().expect("a message");
    assert!(!message.is_empty() && refusal.as_object().expect("an object").len() == 1, "{refusal}");
}

/// What was appended folds, and is the same after a checkpoint.
fn check_stream(mesh: &MeshKey, records: &[Record]) {
    let mut state = MeshState::new(mesh.clone());
    records.iter().for_each(|record| state.apply(record).expect("what was appended folds"));
    let saved = serde_json::to_vec(&state).expect("a checkpoint");
    assert_eq!(serde_json::from_slice::<MeshState>(&saved).expect("the checkpoint again"), state);
}

/// The records of each mesh.
type Streams = BTreeMap<MeshKey, Vec<Record>>;

/// A log that is as quick as can be: nothing in it is durable, and nobody follows it.
struct Memory(Mutex<Streams>);

impl Memory {
    fn streams(&self) -> MutexGuard<'_, Streams> {
        self.0.lock().expect("nobody panicked with it")
    }
}

#[async_trait]
impl EventLog for Memory {
    async fn read(&self, mesh: &MeshKey, after: Seq) -> Result<Vec<Record>, LogError> {
        let streams = self.streams();
        let records = streams.get(mesh).into_iter().flatten();
        Ok(records.filter(|record| record.seq > after).cloned().collect())
    }

    async fn append(&self, mesh: &MeshKey, expected: Seq, entries: Vec<Entry>) -> Result<Seq, AppendError> {
        let mut streams = self.streams();
        let actual = streams.get(mesh).map_or(0, |records| records.len() as Seq);
        if actual != expected {
            return Err(AppendError::Conflict { mesh: mesh.clone(), expected, actual });
        }
        let records = entries.into_iter().zip(expected + 1..);
        let records: Vec<_> = records.map(|(entry, seq)| Record { mesh: mesh.clone(), seq, entry }).collect();
        if records.is_empty() {
            return Ok(expected);
        }
        let stream = streams.entry(mesh.clone()).or_default();
        stream.extend(records);
        Ok(stream.len() as Seq)
    }

    async fn heads(&self) -> Result<BTreeMap<MeshKey, Seq>, LogError> {
        Ok(self.streams().iter().map(|(mesh, records)| (mesh.clone(), records.len() as Seq)).collect())
    }

    async fn checkpoint(&self, _: &MeshKey) -> Result<Option<Checkpoint>, LogError> {
        Ok(None)
    }

    async fn save_checkpoint(&self, _: Checkpoint) -> Result<(), LogError> {
        Ok(())
    }
}

/// A mesh with one of every kind, in the names that the stored samples have; and what has a choice of ports.
fn mesh() -> [(&'static str, Value); 9] {
    let listener = |port| json!({ "portMapping": { "port": port, "protocol": "http" } });
    let listeners =
        |ports: &[u16]| json!({ "listeners": ports.iter().map(|port| listener(*port)).collect::<Vec<_>>() });
    let target = json!({ "target": { "virtualService": { "virtualServiceName": "cart.shop.local" } } });
    let weighted = json!({ "weightedTargets": [{ "virtualNode": "cart-v1", "weight": 1 }] });
    let provider = json!({ "provider": { "virtualRouter": { "virtualRouterName": "cart" } } });
    let all = json!({ "prefix": "/" });
    let tags = json!([{ "key": "stage", "value": "live" }]);
    [
        ("/meshes", json!({ "meshName": "shop", "tags": tags })),
        ("/meshes/shop/virtualNodes", json!({ "virtualNodeName": "cart-v1", "spec": listeners(&[8080]) })),
        ("/meshes/shop/virtualNodes", json!({ "virtualNodeName": "cart-v2", "spec": listeners(&[8080, 8081]) })),
        ("/meshes/shop/virtualRouters", json!({ "virtualRouterName": "cart", "spec": listeners(&[8080]) })),
        ("/meshes/shop/virtualRouters", json!({ "virtualRouterName": "stock", "spec": listeners(&[8080, 8081]) })),
        (
            "/meshes/shop/virtualRouter/cart/routes",
            json!({ "routeName": "all", "spec": { "httpRoute": { "match": all, "action": weighted } } }),
        ),
        ("/meshes/shop/virtualServices", json!({ "virtualServiceName": "cart.shop.local", "spec": provider })),
        ("/meshes/shop/virtualGateways", json!({ "virtualGatewayName": "edge", "spec": listeners(&[8080]) })),
        (
            "/meshes/shop/virtualGateway/edge/gatewayRoutes",
            json!({ "gatewayRouteName": "all", "spec": { "httpRoute": { "match": all, "action": target } } }),
        ),
    ]
}
