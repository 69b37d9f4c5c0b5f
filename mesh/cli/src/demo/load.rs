//! Steady traffic to the front, and what became of every request.

use super::definitions::BACKENDS;
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Callers at the same time, each with a pause between its calls: about 300 requests a second.
const CALLERS: u32 = 8;
const PAUSE: Duration = Duration::from_millis(25);

/// How long what became of a request is remembered.
const MEMORY: Duration = Duration::from_secs(120);

/// The status noted for a request that had no answer.
pub const NO_ANSWER: u16 = 0;

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// When it was sent.
    pub sent: Instant,
    /// How long the answer took.
    pub took: Duration,
    /// The answer's status.
    pub status: u16,
    /// Which version answered: its place among the backends.
    pub version: Option<usize>,
}

impl Sample {
    /// When the answer was there.
    pub fn answered(&self) -> Instant {
        self.sent + self.took
    }
}

/// Running traffic; dropping it ends it.
#[derive(Debug)]
pub struct Load {
    seen: Arc<Mutex<Seen>>,
    _callers: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Seen {
    samples: VecDeque<Sample>,
    statuses: BTreeMap<u16, u64>,
}

impl Load {
    /// Starts calling the front at its Envoy.
    pub fn start(client: &reqwest::Client, front: SocketAddr) -> Self {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let mut callers = JoinSet::new();
        for number in 0..CALLERS {
            callers.spawn(keep_calling(client.clone(), front, seen.clone(), PAUSE * number / CALLERS));
        }
        Self { seen, _callers: callers }
    }

    /// What became of the requests sent since then.
    pub fn since(&self, moment: Instant) -> Vec<Sample> {
        let seen = lock(&self.seen);
        seen.samples.iter().filter(|sample| sample.sent >= moment).copied().collect()
    }

    /// All statuses since the start, and how often.
    pub fn statuses(&self) -> BTreeMap<u16, u64> {
        lock(&self.seen).statuses.clone()
    }
}

impl Seen {
    fn note(&mut self, sample: Sample) {
        *self.statuses.entry(sample.status).or_default() += 1;
        self.samples.push_back(sample);
        while self.samples.front().is_some_and(|oldest| oldest.sent.elapsed() > MEMORY) {
            self.samples.pop_front();
        }
    }
}

/// Calls the front once.
pub async fn call(client: &reqwest::Client, front: SocketAddr) -> Sample {
    let sent = Instant::now();
    let (status, version) = ask(client, front).await.unwrap_or((NO_ANSWER, None));
    Sample { sent, took: sent.elapsed(), status, version }
}

async fn ask(client: &reqwest::Client, front: SocketAddr) -> Result<(u16, Option<usize>), reqwest::Error> {
    let answer = client.get(format!("http://{front}/")).send().await?;
    let status = answer.status().as_u16();
    let text = answer.text().await?;
    let body: Value = serde_json::from_str(&text).unwrap_or_default();
    let version = BACKENDS.iter().position(|name| body["backend"]["service"] == *name);
    Ok((status, version))
}

/// The callers start one after the other, so that their calls do not come in volleys.
async fn keep_calling(client: reqwest::Client, front: SocketAddr, seen: Arc<Mutex<Seen>>, offset: Duration) {
    tokio::time::sleep(offset).await;
    let mut pause = tokio::time::interval(PAUSE);
    pause.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        pause.tick().await;
        let sample = call(&client, front).await;
        lock(&seen).note(sample);
    }
}

/// Nothing can fail while it is held, so a poisoned lock holds what it should.
fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}
