//! The way of a change: from the API through the table to the last of some proxies.
//!
//! The API and the relay are in this process, so that the moment in which the append is acknowledged and the one in which
//! its record comes to the relay are known; requests, the table, its stream and xDS go over sockets as always. Changes
//! are made at odd moments: one that followed the one before at once would always fall at the same place between two
//! readings of the stream.

use super::watched::{Notes, Watched};
use super::{ACCOUNT, Arguments, MESH, Times};
use crate::api::Api;
use crate::fleet::Fleet;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodbstreams::types::ShardIteratorType;
use mesh_core::AccountId;
use mesh_log::dynamo::DynamoLog;
use mesh_log::dynamo::local::DynamoDbLocal;
use mesh_tests::control_plane::serve_api;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use xds_relay::{Relay, RelayConfig};

const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Proxies that are told of every change.
const PROXIES: usize = 20;

/// How long a change may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often the relay reads the stream while things happen.
const CADENCE: Duration = Duration::from_millis(250);

/// Longer than it takes a follower to come to rest.
const REST: Duration = Duration::from_secs(12);

/// Measures and prints.
pub async fn run(database: &DynamoDbLocal, arguments: &Arguments) {
    println!(
        "\n{} changes at odd moments, {} after a rest; the last of {PROXIES} proxies\n",
        arguments.changes, arguments.rests
    );
    println!("| feed | from | to | p50 | p99 |\n| --- | --- | --- | ---: | ---: |");
    for (name, cadence) in
        [("floor, stream read all the time", Duration::ZERO), ("floor, stream read every 250 ms", CADENCE)]
    {
        let seen = floor(database, cadence, arguments.changes).await;
        row(name, "item acknowledged", "seen in the stream", &seen);
    }
    for (name, table, stream) in [("table stream", "streamed", true), ("polled", "polled", false)] {
        let mut bed = Bed::start(database, table, stream).await;
        bed.measure(arguments.changes, None).await.print(name);
        if arguments.rests > 0 {
            bed.measure(arguments.rests, Some(REST)).await.print(&format!("{name}, after a rest"));
        }
        bed.relay.stop().await;
    }
}

fn row(name: &str, from: &str, to: &str, times: &Times) {
    println!("| {name} | {from} | {to} | {:.1} ms | {:.1} ms |", times.p50(), times.p99());
}

/// A moment below a bit more than a cadence, the same ones in every run.
struct Odd(u64);

impl Odd {
    async fn moment(&mut self) {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        tokio::time::sleep(Duration::from_micros(self.0 % 400_000)).await;
    }
}

/// An API, a relay and proxies around a table.
struct Bed {
    api: Api,
    relay: Relay,
    fleet: Fleet,
    notes: Notes,
    odd: Odd,
    change: usize,
}

impl Bed {
    async fn start(database: &DynamoDbLocal, table: &str, stream: bool) -> Self {
        database.table(table).await;
        let notes = Notes::default();
        let log = |stream| {
            let log = DynamoLog::new(database.client(), table);
            let log = if stream { log.with_table_stream(database.streams()) } else { log };
            Arc::new(Watched { log, notes: notes.clone() })
        };
        let api = Api::new(format!("http://{}", serve_api(LOCAL, log(false)).await));
        api.create_mesh(PROXIES, PROXIES).await;
        let any = SocketAddr::new(LOCAL, 0);
        let relay = Relay::start(log(stream), RelayConfig::new(any, any, AccountId::from(ACCOUNT))).await.unwrap();
        let nodes: Vec<String> = (0..PROXIES).map(|proxy| format!("mesh/{MESH}/virtualNode/client-{proxy}")).collect();
        let fleet = Fleet::connect(&format!("http://{}", relay.xds_addr()), &nodes).await;
        Self { api, relay, fleet, notes, odd: Odd(0x2545_F491_4F6C_DD1D), change: 0 }
    }

    async fn measure(&mut self, changes: usize, rest: Option<Duration>) -> Ways {
        // The first one finds out how the stream is read.
        self.one().await;
        let mut ways = Vec::new();
        for _ in 0..changes {
            tokio::time::sleep(rest.unwrap_or_default()).await;
            self.odd.moment().await;
            ways.push(self.one().await);
        }
        Ways(ways)
    }

    async fn one(&mut self) -> Way {
        self.fleet.forget();
        let sent = Instant::now();
        self.api.change_weights(self.change).await;
        self.change += 1;
        let received = self.fleet.last_receipt(PATIENCE).await;
        let (acknowledged, arrived) = self.notes.last();
        Way { sent, acknowledged, arrived, received }
    }
}

/// One change.
struct Way {
    sent: Instant,
    acknowledged: Instant,
    arrived: Instant,
    received: Instant,
}

struct Ways(Vec<Way>);

impl Ways {
    fn print(&self, feed: &str) {
        let between = |from: fn(&Way) -> Instant, to: fn(&Way) -> Instant| {
            Times::new(self.0.iter().map(|way| to(way).saturating_duration_since(from(way))).collect())
        };
        row(feed, "request sent", "append acknowledged", &between(|way| way.sent, |way| way.acknowledged));
        row(feed, "append acknowledged", "record at the relay", &between(|way| way.acknowledged, |way| way.arrived));
        row(feed, "record at the relay", "last proxy acknowledges", &between(|way| way.arrived, |way| way.received));
        row(
            feed,
            "append acknowledged",
            "last proxy acknowledges",
            &between(|way| way.acknowledged, |way| way.received),
        );
        row(feed, "request sent", "last proxy acknowledges", &between(|way| way.sent, |way| way.received));
    }
}

/// An item put, and seen by whoever reads the stream: what a change through a stream takes at least.
async fn floor(database: &DynamoDbLocal, cadence: Duration, changes: usize) -> Times {
    let table = format!("floor-{}", cadence.as_millis());
    database.table(&table).await;
    let (client, streams) = (database.client(), database.streams());
    let described = client.describe_table().table_name(&table).send().await.unwrap().table.unwrap();
    let stream = described.latest_stream_arn.unwrap();
    let shards = streams.describe_stream().stream_arn(&stream).send().await.unwrap().stream_description.unwrap();
    let shard = shards.shards().first().and_then(|shard| shard.shard_id()).unwrap().to_owned();
    let iterator = streams.get_shard_iterator().stream_arn(&stream).shard_id(shard);
    let iterator = iterator.shard_iterator_type(ShardIteratorType::Latest).send().await.unwrap().shard_iterator;
    let (seen, mut arrivals) = tokio::sync::mpsc::unbounded_channel();
    let reader = tokio::spawn(async move {
        let mut next = iterator;
        loop {
            let answer = streams.get_records().set_shard_iterator(next).send().await.unwrap();
            let at = Instant::now();
            let _ = answer.records().iter().try_for_each(|_| seen.send(at));
            next = answer.next_shard_iterator;
            tokio::time::sleep(cadence).await;
        }
    });
    let (mut taken, mut odd) = (Vec::new(), Odd(0x9E37_79B9_7F4A_7C15));
    for change in 0..changes {
        odd.moment().await;
        let text = |text: String| AttributeValue::S(text);
        let put =
            client.put_item().table_name(&table).item("pk", text("floor".into())).item("sk", text(change.to_string()));
        put.send().await.unwrap();
        let begun = Instant::now();
        let at = tokio::time::timeout(PATIENCE, arrivals.recv()).await.expect("it comes").expect("it is read");
        taken.push(at.saturating_duration_since(begun));
    }
    reader.abort();
    Times::new(taken)
}
