//! The shape Remesh has in AWS, around DynamoDB Local: how fast a relay starts from the table, and how long a change
//! takes through it.
//!
//! DynamoDB Local is a Java program on the same machine, and says nothing of how fast AWS is. So everything is set beside
//! a floor: the same items read by the same client without being looked at, a write seen by whoever reads the stream.

mod change;
mod history;
mod start;
mod watched;

use mesh_log::dynamo::local::DynamoDbLocal;
use std::time::Duration;

/// The mesh that is measured.
const MESH: &str = "bench";

/// Its owner.
const ACCOUNT: &str = "000000000000";

/// What is measured.
#[derive(clap::Args)]
pub struct Arguments {
    /// Events in the table a relay starts from.
    #[arg(long, default_value_t = 100_000)]
    events: usize,
    /// Virtual services among them, each with a virtual node.
    #[arg(long, default_value_t = 10_000)]
    services: usize,
    /// Events after the checkpoint.
    #[arg(long, default_value_t = 1_000)]
    tail: usize,
    /// Meshes of a few events in a table of their own.
    #[arg(long, default_value_t = 300)]
    meshes: usize,
    /// How often each start is measured.
    #[arg(long, default_value_t = 5)]
    starts: usize,
    /// Changes whose way is measured while things happen.
    #[arg(long, default_value_t = 200)]
    changes: usize,
    /// Changes whose way is measured after a rest.
    #[arg(long, default_value_t = 20)]
    rests: usize,
}

/// Measures and prints tables as Markdown.
pub async fn run(arguments: &Arguments) {
    if arguments.events > 0 {
        start::run(arguments).await;
    }
    if arguments.changes > 0 {
        change::run(&database().await, arguments).await;
    }
}

/// A new one for each measurement: one that holds a lot writes slowly, also to other tables.
async fn database() -> DynamoDbLocal {
    DynamoDbLocal::start().await.expect("DynamoDB Local is installed: tests/run --tools")
}

/// Durations, in order.
struct Times(Vec<Duration>);

impl Times {
    fn new(mut times: Vec<Duration>) -> Self {
        times.sort();
        Self(times)
    }

    fn p50(&self) -> f64 {
        self.at(50)
    }

    fn p99(&self) -> f64 {
        self.at(99)
    }

    /// Milliseconds.
    fn at(&self, percent: usize) -> f64 {
        let place = (self.0.len() * percent / 100).min(self.0.len() - 1);
        self.0[place].as_secs_f64() * 1e3
    }

    fn spread(&self) -> String {
        format!("{:.0}–{:.0} ms", self.at(0), self.at(100))
    }
}
