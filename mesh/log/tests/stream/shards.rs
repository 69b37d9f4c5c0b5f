//! Between a reader and the stream of DynamoDB Local: shards that split, iterators that expire, and a service that refuses.
//!
//! DynamoDB Local keeps one shard for hours and forgets nothing, and nothing else that runs here does better. So its one
//! shard is shown as a row of shards, each the parent of the next, and what happens to them is by order. The records and
//! the table are its own.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

/// A running shim.
pub struct Shards {
    addr: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    to: String,
    client: reqwest::Client,
    state: Mutex<Row>,
}

#[derive(Default)]
struct Row {
    /// How many splits there were: the newest shard has this number.
    newest: usize,
    /// The next reads are refused with this error, so many times.
    refused: Option<(&'static str, u32)>,
    /// Reads are not answered at all.
    silent: bool,
    calls: BTreeMap<String, u32>,
    /// Reads of each shard.
    reads: BTreeMap<usize, u32>,
}

impl Shards {
    pub async fn before(to: String) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let shared = Arc::new(Shared { to, client: reqwest::Client::new(), state: Mutex::default() });
        let router = Router::new().route("/", routing::post(answer)).with_state(shared.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { addr, shared }
    }

    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The newest shard ends here and now; what comes is in its child.
    pub fn split(&self) -> usize {
        let mut row = self.shared.state.lock().unwrap();
        row.newest += 1;
        row.newest
    }

    /// The next reads are refused with this error; answers how many reads of the first shard there were until now.
    pub fn refuse(&self, code: &'static str, times: u32) -> u32 {
        let mut row = self.shared.state.lock().unwrap();
        row.refused = Some((code, times));
        row.reads.get(&0).copied().unwrap_or(0)
    }

    /// From now on no read is answered.
    pub fn fall_silent(&self) {
        self.shared.state.lock().unwrap().silent = true;
    }

    pub fn calls(&self, operation: &str) -> u32 {
        self.shared.state.lock().unwrap().calls.get(operation).copied().unwrap_or(0)
    }

    /// How often a shard was read.
    pub fn reads(&self, shard: usize) -> u32 {
        self.shared.state.lock().unwrap().reads.get(&shard).copied().unwrap_or(0)
    }
}

async fn answer(State(shared): State<Arc<Shared>>, headers: HeaderMap, asked: String) -> Response {
    let asked: Value = serde_json::from_str(&asked).unwrap();
    let target = headers["x-amz-target"].to_str().unwrap().to_owned();
    let operation = target.split('.').next_back().unwrap();
    *shared.state.lock().unwrap().calls.entry(operation.to_owned()).or_default() += 1;
    match operation {
        "DescribeStream" => describe(&shared, &headers, asked).await,
        "GetShardIterator" => iterator(&shared, &headers, asked).await,
        "GetRecords" => records(&shared, &headers, asked).await,
        _ => Json(pass(&shared, &headers, &asked).await).into_response(),
    }
}

/// One shard a page, so that whoever lists them has to turn pages.
async fn describe(shared: &Shared, headers: &HeaderMap, mut asked: Value) -> Response {
    let after = asked.as_object_mut().unwrap().remove("ExclusiveStartShardId");
    let number = after.map_or(0, |shard| split_off(shard.as_str().unwrap()).1 + 1);
    let mut told = pass(shared, headers, &asked).await;
    let newest = shared.state.lock().unwrap().newest;
    let description = &mut told["StreamDescription"];
    let shards = description["Shards"].as_array().unwrap();
    let real = shards.iter().find(|shard| shard["SequenceNumberRange"]["EndingSequenceNumber"].is_null()).unwrap();
    let (id, start) = (real["ShardId"].as_str().unwrap(), &real["SequenceNumberRange"]["StartingSequenceNumber"]);
    let name = |number| format!("{id}#{number}");
    let mut shard = json!({"ShardId": name(number), "SequenceNumberRange": {"StartingSequenceNumber": start}});
    if number > 0 {
        shard["ParentShardId"] = name(number - 1).into();
    }
    if number < newest {
        shard["SequenceNumberRange"]["EndingSequenceNumber"] = start.clone();
        description["LastEvaluatedShardId"] = name(number).into();
    }
    description["Shards"] = json!([shard]);
    Json(told).into_response()
}

async fn iterator(shared: &Shared, headers: &HeaderMap, mut asked: Value) -> Response {
    let shard = asked["ShardId"].as_str().unwrap().to_owned();
    let (real, number) = split_off(&shard);
    asked["ShardId"] = real.into();
    let mut told = pass(shared, headers, &asked).await;
    told["ShardIterator"] = format!("{}#{number}", told["ShardIterator"].as_str().unwrap()).into();
    Json(told).into_response()
}

async fn records(shared: &Shared, headers: &HeaderMap, mut asked: Value) -> Response {
    let iterator = asked["ShardIterator"].as_str().unwrap().to_owned();
    let (real, number) = split_off(&iterator);
    if shared.state.lock().unwrap().silent {
        std::future::pending::<()>().await;
    }
    {
        let mut row = shared.state.lock().unwrap();
        *row.reads.entry(number).or_default() += 1;
        if let Some((code, times)) = &mut row.refused
            && *times > 0
        {
            *times -= 1;
            let body = json!({"__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": "by order"});
            return (StatusCode::BAD_REQUEST, Json(body)).into_response();
        }
        if number < row.newest {
            // It ended right after it was read last.
            return Json(json!({"Records": []})).into_response();
        }
    }
    asked["ShardIterator"] = real.into();
    let mut told = pass(shared, headers, &asked).await;
    if let Some(next) = told["NextShardIterator"].as_str() {
        told["NextShardIterator"] = format!("{next}#{number}").into();
    }
    Json(told).into_response()
}

async fn pass(shared: &Shared, headers: &HeaderMap, asked: &Value) -> Value {
    let mut headers = headers.clone();
    headers.remove("host");
    headers.remove("content-length");
    let sent = shared.client.post(&shared.to).headers(headers).body(asked.to_string()).send().await.unwrap();
    sent.json().await.unwrap()
}

fn split_off(name: &str) -> (&str, usize) {
    let (real, number) = name.rsplit_once('#').unwrap();
    (real, number.parse().unwrap())
}
