//! How a relay stands to the log: whether it has caught up, whether it follows, and how old its state is.

use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How a relay stands to the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    /// Whether everything that the log held at the start has been folded. Once so, always so.
    pub caught_up: bool,
    /// Whether what is served is what the log holds, but for what is on its way.
    pub following: bool,
    /// The last moment at which it was; `None` where there is no state at all.
    pub as_of: Option<SystemTime>,
}

impl Standing {
    /// How old the state is: nothing while the log is followed, `None` where there is no state.
    pub fn age(&self) -> Option<Duration> {
        match (self.following, self.as_of) {
            (true, _) => Some(Duration::ZERO),
            (false, as_of) => as_of.map(|as_of| as_of.elapsed().unwrap_or_default()),
        }
    }

    /// The same for people and scripts.
    pub fn json(&self) -> Value {
        let as_of = self.as_of.filter(|_| !self.following);
        json!({
            "caughtUp": self.caught_up,
            "following": self.following,
            "ageSeconds": self.age().map(|age| age.as_secs_f64()),
            "asOf": as_of.map(|at| at.duration_since(UNIX_EPOCH).map_or(0.0, |at| at.as_millis() as f64 / 1000.0)),
        })
    }
}
