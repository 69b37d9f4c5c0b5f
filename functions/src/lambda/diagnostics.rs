//! What goes to CloudWatch: tracing, one JSON object a line.

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

/// What decides how much is said, in this order: ours, and what Lambda sets from the function's logging configuration.
const VARIABLES: [&str; 2] = ["RUST_LOG", "AWS_LAMBDA_LOG_LEVEL"];

/// Sends tracing to standard output, from where Lambda takes it.
pub fn start() {
    let said = VARIABLES.iter().find_map(|name| std::env::var(name).ok()?.parse().ok());
    let targets = said.unwrap_or_else(|| Targets::new().with_default(tracing::Level::INFO));
    let lines = fmt::layer().json().flatten_event(true).with_span_list(false).with_filter(targets);
    // Fails only where tracing is set up already, which is as good.
    let _ = tracing_subscriber::registry().with(lines).try_init();
}
