//! Waiting for something to become true, instead of for time to pass.

use std::time::{Duration, Instant};

/// How long things that take milliseconds may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Asks again until there is an answer; fails with the last reason given once [`PATIENCE`] is over.
pub async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Result<T, String>) -> T {
    let started = Instant::now();
    loop {
        match ask().await {
            Ok(answer) => return answer,
            Err(reason) if started.elapsed() > PATIENCE => panic!("{what}: not within {PATIENCE:?}: {reason}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}
