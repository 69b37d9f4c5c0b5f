//! The propagation benchmark: how long a change takes from the API to the last proxy, and what it costs.
//!
//! Three processes on one machine: the server under test, this client with N simulated Envoys (one TCP connection and
//! one delta stream each, everything acknowledged), and in the same run a floor server that does nothing but hand out
//! bytes of the same size that were encoded beforehand. Figures are to be read as ratios to that floor; wall-clock
//! times of one machine say little. `docs/performance.md` tells how to repeat it and what was found.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a benchmark that cannot go on should stop loudly"
)]

mod api;
mod dynamo;
mod fleet;
mod floor;
mod load;
mod process;
mod report;

use clap::{Parser, Subcommand};
use fleet::Fleet;
use process::Server;
use report::{Report, Sample};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long a change may take to reach everybody before the run is given up.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Parser)]
#[command(about = "Measures how changes reach proxies, beside a floor in the same run")]
struct Arguments {
    #[command(subcommand)]
    role: Option<Role>,
    /// Numbers of proxies to measure with.
    #[arg(long, value_delimiter = ',', default_value = "20,1000")]
    proxies: Vec<usize>,
    /// Changes per measurement.
    #[arg(long, default_value_t = 200)]
    changes: usize,
    /// Virtual nodes among which the proxies are spread, each with the same backends.
    #[arg(long, default_value_t = 20)]
    nodes: usize,
    /// Virtual services, each a backend of every node.
    #[arg(long, default_value_t = 20)]
    services: usize,
    /// The `remesh` binary; the one beside this binary where absent.
    #[arg(long)]
    remesh: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Role {
    /// Is the floor server; started by the benchmark itself.
    Floor {
        /// Size of the resource sent with each change, in bytes.
        #[arg(long)]
        bytes: usize,
    },
    /// Measures the log in DynamoDB instead, on DynamoDB Local: cold starts, and the way of a change.
    Dynamo(dynamo::Arguments),
    /// Measures the API instead: many writers and readers of `remesh up --data FILE`.
    Api(load::Arguments),
    /// Is an HTTP server that does nothing; started by the benchmark itself.
    Nothing,
}

#[tokio::main]
async fn main() {
    let arguments = Arguments::parse();
    match arguments.role {
        Some(Role::Floor { bytes }) => return floor::serve(bytes).await,
        Some(Role::Dynamo(arguments)) => return dynamo::run(&arguments).await,
        Some(Role::Api(arguments)) => return load::run(&arguments).await,
        Some(Role::Nothing) => return load::serve_nothing().await,
        None => {}
    }
    let mut reports = Vec::new();
    for proxies in arguments.proxies.clone() {
        eprintln!("{proxies} proxies, {} changes …", arguments.changes);
        let (remesh, bytes) = measure_remesh(&arguments, proxies).await;
        let floor = measure_floor(&arguments, proxies, bytes).await;
        reports.push(Report { proxies, remesh, floor });
    }
    report::print(&arguments.nodes, &arguments.services, &reports);
}

/// Measures Remesh: every change moves the weights of one route that every proxy sees.
async fn measure_remesh(arguments: &Arguments, proxies: usize) -> (Sample, usize) {
    let binary = arguments.remesh.clone().unwrap_or_else(process::remesh_beside_this);
    let server =
        Server::start(&binary, &["up", "--api-addr=127.0.0.1:0", "--xds-addr=127.0.0.1:0", "--admin-addr=127.0.0.1:0"]);
    let api = api::Api::new(server.address("api"));
    api.create_mesh(arguments.nodes, arguments.services).await;
    let empty = server.resident();
    let nodes: Vec<String> =
        (0..proxies).map(|proxy| format!("mesh/bench/virtualNode/client-{}", proxy % arguments.nodes)).collect();
    let mut fleet = Fleet::connect(&server.address("xds"), &nodes).await;
    let connected = server.resident();
    fleet.forget();
    let mut latencies = Vec::new();
    let cpu = server.cpu();
    for change in 0..arguments.changes {
        let begun = Instant::now();
        api.change_weights(change).await;
        latencies.push(fleet.last_receipt(PATIENCE).await - begun);
    }
    let cpu = server.cpu() - cpu;
    let (messages, received) = fleet.totals();
    let sample = Sample::new(latencies, cpu, received, messages, connected.saturating_sub(empty), proxies);
    (sample, received / messages.max(1))
}

/// Measures the floor with resources of the size that Remesh sent.
async fn measure_floor(arguments: &Arguments, proxies: usize, bytes: usize) -> Sample {
    let this = std::env::current_exe().unwrap();
    let server = Server::start(&this, &["floor", &format!("--bytes={bytes}")]);
    let empty = server.resident();
    let nodes = vec!["floor".to_owned(); proxies];
    let mut fleet = Fleet::connect(&server.address("xds"), &nodes).await;
    let connected = server.resident();
    fleet.forget();
    let mut trigger = floor::Trigger::connect(&server.address("trigger")).await;
    let mut latencies = Vec::new();
    let cpu = server.cpu();
    for _ in 0..arguments.changes {
        let begun = Instant::now();
        trigger.pull().await;
        latencies.push(fleet.last_receipt(PATIENCE).await - begun);
    }
    let cpu = server.cpu() - cpu;
    let (messages, received) = fleet.totals();
    Sample::new(latencies, cpu, received, messages, connected.saturating_sub(empty), proxies)
}
