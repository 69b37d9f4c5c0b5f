//! What was measured, as a table: each figure beside the floor's and as a ratio to it.

use std::time::Duration;

/// What was measured of one server.
pub struct Sample {
    p50: Duration,
    p99: Duration,
    cpu_per_change: Duration,
    bytes_per_change: usize,
    messages_per_change: f64,
    resident_per_proxy: usize,
}

impl Sample {
    /// Draws the figures from the latency of each change and the totals of all.
    pub fn new(
        mut latencies: Vec<Duration>,
        cpu: Duration,
        bytes: usize,
        messages: usize,
        resident: usize,
        proxies: usize,
    ) -> Self {
        latencies.sort();
        let changes = latencies.len();
        Self {
            p50: latencies[changes / 2],
            p99: latencies[(changes * 99 / 100).min(changes - 1)],
            cpu_per_change: cpu / u32::try_from(changes).unwrap_or(u32::MAX),
            bytes_per_change: bytes / changes,
            messages_per_change: messages as f64 / changes as f64,
            resident_per_proxy: resident / proxies,
        }
    }
}

/// Remesh and the floor with one number of proxies.
pub struct Report {
    /// How many proxies were told of every change.
    pub proxies: usize,
    /// Remesh.
    pub remesh: Sample,
    /// The floor, in the same run.
    pub floor: Sample,
}

/// Prints the table as Markdown.
pub fn print(nodes: &usize, services: &usize, reports: &[Report]) {
    println!(
        "{nodes} virtual nodes × {services} backends; every change moves one route's weights, seen by every proxy.\n"
    );
    println!("| proxies told | figure | Remesh | floor | ratio |");
    println!("| ---: | --- | ---: | ---: | ---: |");
    for Report { proxies, remesh, floor } in reports {
        let row = |figure: &str, ours: f64, theirs: f64, unit: &str| {
            println!("| {proxies} | {figure} | {ours:.2} {unit} | {theirs:.2} {unit} | {:.2} |", ours / theirs);
        };
        let ms = |duration: Duration| duration.as_secs_f64() * 1e3;
        row("change sent → last receipt, p50", ms(remesh.p50), ms(floor.p50), "ms");
        row("change sent → last receipt, p99", ms(remesh.p99), ms(floor.p99), "ms");
        row("server CPU per change", ms(remesh.cpu_per_change), ms(floor.cpu_per_change), "ms");
        row("bytes per change", remesh.bytes_per_change as f64, floor.bytes_per_change as f64, "B");
        row("messages per change", remesh.messages_per_change, floor.messages_per_change, "");
        let kib = |bytes: usize| bytes as f64 / 1024.0;
        row("resident memory per proxy", kib(remesh.resident_per_proxy), kib(floor.resident_per_proxy), "KiB");
    }
}
