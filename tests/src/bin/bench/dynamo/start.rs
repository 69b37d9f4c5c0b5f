//! Cold starts: from the table alone, and from a checkpoint with a tail.

use super::{ACCOUNT, Arguments, Times, database, history};
use crate::fleet::Fleet;
use crate::process::Server;
use aws_sdk_dynamodb::types::AttributeValue;
use mesh_core::{MeshState, Record};
use mesh_log::dynamo::DynamoLog;
use mesh_log::dynamo::local::DynamoDbLocal;
use mesh_log::{Checkpoint, EventLog, load};
use std::path::PathBuf;
use std::time::{Duration, Instant};

const TABLE: &str = "history";
const EMPTY: &str = "nothing";
const MANY: &str = "many";

/// How long a start may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// Measures and prints.
pub async fn run(arguments: &Arguments) {
    let Arguments { events, services, tail, starts, meshes, .. } = *arguments;
    let (process, many) = small(starts, meshes).await;
    let database = &database().await;
    let log = fill(database, events, services).await;
    println!("\n{events} events of {services} virtual services; median of {starts}, and the spread\n");
    println!("| what | takes | spread | a second | beside the floor |\n| --- | ---: | --- | ---: | ---: |");
    let floor = timed(starts, async || raw(database).await).await;
    row("floor: the items queried, not looked at", &floor, Some(events), Some(&floor));
    let read = timed(starts, async || drop(log.read(&history::mesh(), 0).await.unwrap())).await;
    row("`read`: queried and parsed to records", &read, Some(events), Some(&floor));
    let loaded = timed(starts, async || drop(load(&log, &history::mesh()).await.unwrap())).await;
    row("`load`: read and folded", &loaded, Some(events), Some(&floor));
    let records = log.read(&history::mesh(), 0).await.unwrap();
    row("fold alone, of records in memory", &fold(starts, &records), Some(events), None);
    row("fold from JSON in memory", &fold_json(starts, &records), Some(events), None);

    row("`xds-relay` on an empty table, ready", &process, None, None);
    row(&format!("`xds-relay` on a table of {meshes} meshes of 5 events, ready"), &many, None, None);
    let cold = relays(database, TABLE, starts, 1).await;
    row("`xds-relay` from the table, ready", &cold.0, Some(events), Some(&floor));
    row("the same, first proxy served", &cold.1, None, Some(&floor));

    let checkpoint = save_checkpoint(&log, &records[..events - tail]).await;
    println!("| checkpoint of {} KiB at {} | | | | |", checkpoint.data.len() >> 10, checkpoint.seq);
    let fetched = timed(starts, async || drop(log.checkpoint(&history::mesh()).await.unwrap())).await;
    row("checkpoint fetched", &fetched, None, None);
    let opened = timed(starts, async || drop(checkpoint.state().unwrap())).await;
    row("checkpoint opened", &opened, None, None);
    let loaded = timed(starts, async || drop(load(&log, &history::mesh()).await.unwrap())).await;
    row("`load` from checkpoint and tail", &loaded, None, None);
    let warm = relays(database, TABLE, starts, 1).await;
    row("`xds-relay` from checkpoint and tail, ready", &warm.0, None, None);
    row("the same, first proxy served", &warm.1, None, None);
}

/// Starts on a table with nothing in it, and on one with many small meshes.
async fn small(starts: usize, meshes: usize) -> (Times, Times) {
    let database = database().await;
    for table in [EMPTY, MANY] {
        database.table(table).await;
    }
    history::write_meshes(&DynamoLog::new(database.client(), MANY), meshes).await;
    (relays(&database, EMPTY, starts, 0).await.0, relays(&database, MANY, starts, 0).await.0)
}

fn row(what: &str, times: &Times, events: Option<usize>, floor: Option<&Times>) {
    let rate = events.map_or(String::new(), |events| format!("{:.0}", events as f64 / times.p50() * 1e3));
    let ratio = floor.map_or(String::new(), |floor| format!("{:.2}", times.p50() / floor.p50()));
    println!("| {what} | {:.1} ms | {} | {rate} | {ratio} |", times.p50(), times.spread());
}

async fn fill(database: &DynamoDbLocal, events: usize, services: usize) -> DynamoLog {
    let begun = Instant::now();
    database.table(TABLE).await;
    let log = DynamoLog::new(database.client(), TABLE);
    history::write(&log, events, services).await;
    eprintln!("{events} events written in {:.0?}", begun.elapsed());
    log
}

async fn timed(times: usize, work: impl AsyncFn()) -> Times {
    let mut taken = Vec::new();
    for _ in 0..times {
        let begun = Instant::now();
        work().await;
        taken.push(begun.elapsed());
    }
    Times::new(taken)
}

/// Every item of the mesh, page by page, by the client alone.
async fn raw(database: &DynamoDbLocal) {
    let (client, mut from) = (database.client(), None);
    let mesh = history::mesh();
    loop {
        let asked =
            client.query().table_name(TABLE).consistent_read(true).limit(2000).key_condition_expression("pk = :mesh");
        let key = AttributeValue::S(format!("mesh#{}#{}", mesh.owner, mesh.name));
        let answer = asked.expression_attribute_values(":mesh", key).set_exclusive_start_key(from).send().await;
        from = answer.expect("DynamoDB Local answers").last_evaluated_key;
        if from.is_none() {
            return;
        }
    }
}

fn fold(times: usize, records: &[Record]) -> Times {
    let once = || {
        let begun = Instant::now();
        let mut state = MeshState::new(history::mesh());
        records.iter().for_each(|record| state.apply(record).unwrap());
        begun.elapsed()
    };
    Times::new(std::iter::repeat_with(once).take(times).collect())
}

fn fold_json(times: usize, records: &[Record]) -> Times {
    let written: Vec<String> = records.iter().map(|record| serde_json::to_string(record).unwrap()).collect();
    let once = || {
        let begun = Instant::now();
        let mut state = MeshState::new(history::mesh());
        for record in &written {
            state.apply(&serde_json::from_str(record).unwrap()).unwrap();
        }
        begun.elapsed()
    };
    Times::new(std::iter::repeat_with(once).take(times).collect())
}

async fn save_checkpoint(log: &DynamoLog, records: &[Record]) -> Checkpoint {
    let mut state = MeshState::new(history::mesh());
    records.iter().for_each(|record| state.apply(record).unwrap());
    let checkpoint = Checkpoint::of(&state).unwrap();
    log.save_checkpoint(checkpoint.clone()).await.unwrap();
    checkpoint
}

/// From the start of the process until it is ready, and until a proxy has its routes.
async fn relays(database: &DynamoDbLocal, table: &str, times: usize, proxies: usize) -> (Times, Times) {
    let (mut ready, mut served) = (Vec::new(), Vec::new());
    for _ in 0..times {
        let begun = Instant::now();
        let relay = relay(database, table);
        until_ready(&relay).await;
        ready.push(begun.elapsed());
        if proxies > 0 {
            let nodes = vec![format!("mesh/{}/virtualNode/{}", super::MESH, history::CLIENT.0); proxies];
            Fleet::connect(&relay.address("xds"), &nodes).await;
            served.push(begun.elapsed());
        }
    }
    (Times::new(ready), Times::new(served))
}

fn relay(database: &DynamoDbLocal, table: &str) -> Server {
    let url = database.url();
    let arguments = ["--table", table, "--region=us-east-1", "--account", ACCOUNT, "--drain-seconds=0"];
    let addresses = ["--xds-addr=127.0.0.1:0", "--admin-addr=127.0.0.1:0"];
    let environment = [
        ("AWS_ENDPOINT_URL_DYNAMODB", url.as_str()),
        ("AWS_ENDPOINT_URL_DYNAMODB_STREAMS", url.as_str()),
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ];
    Server::start_with(&binary(), &[arguments.as_slice(), &addresses].concat(), &environment)
}

/// The `xds-relay` binary of the same build.
fn binary() -> PathBuf {
    let path = std::env::current_exe().unwrap().with_file_name("xds-relay");
    assert!(path.exists(), "{} is missing: cargo build --release -p xds-relay --features aws", path.display());
    path
}

async fn until_ready(relay: &Server) {
    let (url, begun) = (format!("{}/readyz", relay.address("admin")), Instant::now());
    while !reqwest::get(&url).await.is_ok_and(|answer| answer.status().is_success()) {
        assert!(begun.elapsed() < PATIENCE, "not ready within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
