//! Following: who has moved, and their tails.
//!
//! A task reads ahead by a page and hands over; so a follower's wait may be cancelled at any moment, and what it would
//! have been given is given to the next one. The task ends with its follower.

use super::stream::TableStream;
use super::{DynamoLog, query};
use crate::{Cursor, Follower, LogError};
use async_trait::async_trait;
use futures::future::join_all;
use mesh_core::{MeshKey, Record, Seq};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

/// How many meshes are read at a time.
const ABREAST: usize = 8;

/// How long a log that fails is left alone: first, and at most.
const PATIENCE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// How long a stream that cannot be read is left alone.
const STREAM_REST: Duration = Duration::from_secs(60);

/// How often a follower looks at rest where a look is cheap, and how much longer it waits for each page of heads (4 KiB,
/// half a read unit): so that a month at rest costs no more than about $2.30 a follower (`docs/cost.md`).
const CHEAP: Duration = Duration::from_millis(250);
const A_PAGE: Duration = Duration::from_millis(70);

/// How many heads a page has.
const HEADS: usize = 80;

/// How often a follower looks whether anything has moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// While things happen.
    pub busy: Duration,
    /// At most, when nothing has happened for a while; in between it slows down by and by. Where there are few meshes a
    /// look costs little, and it looks more often than that.
    pub idle: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { busy: Duration::from_millis(50), idle: Duration::from_secs(1) }
    }
}

/// Follows a [`DynamoLog`].
pub(super) struct DynamoFollower {
    log: DynamoLog,
    cursor: Cursor,
    /// None before the first wait, and when the task has come to grief.
    reader: Option<Reader>,
}

impl DynamoFollower {
    pub(super) fn new(log: DynamoLog, cursor: Cursor) -> Self {
        Self { log, cursor, reader: None }
    }
}

#[async_trait]
impl Follower for DynamoFollower {
    async fn next(&mut self) -> Result<Vec<Record>, LogError> {
        let reader = self.reader.get_or_insert_with(|| Reader::start(self.log.clone(), self.cursor.clone()));
        match reader.pages.recv().await {
            Some(Ok(records)) => {
                self.cursor.extend(records.iter().map(|record| (record.mesh.clone(), record.seq)));
                Ok(records)
            }
            Some(Err(error)) => Err(error),
            None => {
                self.reader = None;
                Err(LogError::Unavailable("its reader has stopped".into()))
            }
        }
    }
}

type Pages = mpsc::Sender<Result<Vec<Record>, LogError>>;

/// The task, as its follower holds it.
struct Reader {
    pages: mpsc::Receiver<Result<Vec<Record>, LogError>>,
    task: AbortHandle,
}

impl Reader {
    fn start(log: DynamoLog, cursor: Cursor) -> Self {
        let (send, pages) = mpsc::channel(1);
        let waker = Waker::new(&log);
        let ahead = Ahead { log, cursor, heads: Cursor::new(), begun: false, waker, pages: send };
        Self { pages, task: tokio::spawn(ahead.run()).abort_handle() }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The task itself.
struct Ahead {
    log: DynamoLog,
    /// What was handed over.
    cursor: Cursor,
    /// Where the meshes are known to be.
    heads: Cursor,
    begun: bool,
    waker: Waker,
    pages: Pages,
}

impl Ahead {
    async fn run(mut self) {
        let mut patience = PATIENCE.0;
        while !self.pages.is_closed() {
            match self.advance().await {
                Ok(()) => patience = PATIENCE.0,
                Err(error) => {
                    if self.pages.send(Err(error)).await.is_err() {
                        return;
                    }
                    tokio::time::sleep(patience).await;
                    patience = (patience * 2).min(PATIENCE.1);
                }
            }
        }
    }

    /// One step: read the meshes that are known to have moved, or find out which have.
    async fn advance(&mut self) -> Result<(), LogError> {
        if !self.begun {
            return self.begin().await;
        }
        let behind = self.behind();
        if !behind.is_empty() {
            self.waker.moved();
            return self.read(behind).await;
        }
        match self.waker.wait(&self.log, self.heads.len()).await {
            Moved::To(heads) => self.know(heads),
            Moved::Ask { consistent } => self.know(query::heads(&self.log, consistent).await?),
        }
        Ok(())
    }

    /// The first look at the heads: they must not be behind the cursor.
    async fn begin(&mut self) -> Result<(), LogError> {
        let heads = query::heads(&self.log, true).await?;
        for (mesh, had) in &self.cursor {
            let head = heads.get(mesh).copied().unwrap_or(0);
            if head < *had {
                return Err(LogError::Damaged(format!(
                    "mesh {mesh} is at {head}, a follower had it at {had}: this is not the log it followed"
                )));
            }
        }
        self.know(heads);
        self.begun = true;
        Ok(())
    }

    /// A look may be older than the one before it: heads only move on.
    fn know(&mut self, heads: Cursor) {
        for (mesh, head) in heads {
            let known = self.heads.entry(mesh).or_insert(0);
            *known = head.max(*known);
        }
    }

    fn behind(&self) -> Vec<(MeshKey, Seq)> {
        let had = |mesh| self.cursor.get(mesh).copied().unwrap_or(0);
        let behind = self.heads.iter().filter(|(mesh, head)| had(mesh) < **head);
        behind.map(|(mesh, _)| (mesh.clone(), had(mesh))).collect()
    }

    /// Hands over a page of each; one that cannot be read does not keep the others back.
    async fn read(&mut self, behind: Vec<(MeshKey, Seq)>) -> Result<(), LogError> {
        let mut failed = None;
        for some in behind.chunks(ABREAST) {
            let pages = join_all(some.iter().map(|(mesh, after)| query::page(&self.log, mesh, *after))).await;
            let mut records = Vec::new();
            for page in pages {
                match page {
                    Ok(page) => records.extend(page),
                    Err(error) => failed = Some(error),
                }
            }
            self.hand_over(records).await;
        }
        failed.map_or(Ok(()), Err)
    }

    async fn hand_over(&mut self, records: Vec<Record>) {
        if !records.is_empty() {
            self.cursor.extend(records.iter().map(|record| (record.mesh.clone(), record.seq)));
            // Nobody there: the task ends at its next step.
            let _ = self.pages.send(Ok(records)).await;
        }
    }
}

/// What is known after a wait.
pub(super) enum Moved {
    /// These meshes have moved so far.
    To(Cursor),
    /// Something may have moved.
    Ask {
        /// Whether a look has to see everything that was acknowledged before it: it may be the last for a while.
        consistent: bool,
    },
}

/// How a reader waits: for its table's stream, or for a time that grows while nothing happens.
struct Waker {
    pace: Pace,
    interval: Duration,
    stream: Option<TableStream>,
    /// Until when the stream is left alone.
    resting: Option<Instant>,
}

impl Waker {
    fn new(log: &DynamoLog) -> Self {
        let stream = log.streams.clone().map(TableStream::new);
        Self { pace: log.pace, interval: log.pace.busy, stream, resting: None }
    }

    /// Something has moved, so something else may soon.
    fn moved(&mut self) {
        self.interval = self.pace.busy;
    }

    async fn wait(&mut self, log: &DynamoLog, meshes: usize) -> Moved {
        let interval = self.interval;
        // By an eighth each time: from often to seldom in some seconds.
        self.interval = (interval * 9 / 8).clamp(self.pace.busy.min(self.pace.idle), self.pace.idle);
        if self.resting.is_some_and(|until| until <= Instant::now()) {
            self.resting = None;
        }
        if let (Some(stream), None) = (&mut self.stream, self.resting) {
            match stream.wait(log, interval).await {
                Ok(moved) => return moved,
                Err(error) => {
                    tracing::warn!(%error, "the table's stream cannot be read; the table is polled for a while");
                    self.resting = Some(Instant::now() + STREAM_REST);
                }
            }
        }
        tokio::time::sleep(interval.min(affordable(meshes))).await;
        Moved::Ask { consistent: false }
    }
}

/// How long to wait at rest before the heads of so many meshes are looked at again.
fn affordable(meshes: usize) -> Duration {
    let pages = u32::try_from(meshes / HEADS + 1).unwrap_or(u32::MAX);
    A_PAGE.saturating_mul(pages).max(CHEAP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_at_rest_stays_affordable_however_many_meshes_there_are() {
        const MONTH: f64 = 2_592_000.0;
        for meshes in [0, 1, 79, 80, 300, 1000, 10_000, usize::MAX] {
            let units = 0.5 * (meshes / HEADS + 1) as f64;
            let dollars = MONTH / affordable(meshes).as_secs_f64() * units * 0.125 / 1_000_000.0;
            assert!(dollars < 2.5 || meshes == usize::MAX, "{meshes} meshes: ${dollars}");
        }
        assert_eq!(affordable(80), CHEAP, "few meshes are looked at often");
    }
}
