//! The way from the log to the fold: everything it holds, then whatever comes, and word of when it cannot be reached.
//!
//! A task of its own, because a log that is away must not keep the fold from answering. It holds no state but a cursor;
//! what it reads it hands over.
//!
//! What an earlier run kept is handed over while the log cannot be read, and never mixed with what the log says. To fold
//! the log's tail onto a copy would save a moment, and give a wrong state without a word where the table has been made
//! anew meanwhile and its records happen to go with the copy.
//!
//! A mesh of which a record makes no sense here, because it is spoilt or of a newer release, keeps no other from being
//! served: it is passed over, loudly, and stays as it was.

use super::copies::{Copies, Kept};
use futures::{StreamExt, stream};
use mesh_core::{MeshKey, MeshState, Record};
use mesh_log::{Cursor, Log, LogError};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::mpsc;

/// How long a log that failed is left alone: at first, and at most.
const RETRY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// How long the log may take to tell everything before the folds of an earlier run are served in the meantime. Serving
/// them takes Envoys back to what they had then, so it is not done lightly.
const PATIENCE: Duration = Duration::from_secs(3);

/// How many meshes are loaded at a time.
const ABREAST: usize = 8;

/// What the fold hears.
#[derive(Debug)]
pub(super) enum News {
    /// The log cannot be read for now. This is what an earlier run had folded, and when that was what the log held.
    Copies(Vec<MeshState>, SystemTime),
    /// Everything the log holds.
    Loaded(Vec<MeshState>),
    /// What was appended since.
    Records(Vec<Record>),
    /// The log cannot be reached.
    Away,
    /// It can again, and all it holds has been told.
    Back,
}

/// The fold is gone, and nobody listens.
struct Over;

/// Follows a log until the fold is gone.
pub(super) async fn run(log: Arc<dyn Log>, copies: Option<Copies>, news: mpsc::Sender<News>) {
    let kept = match copies {
        Some(copies) => copies.load().await,
        None => Kept::default(),
    };
    let feed = Feed { log, news };
    tokio::select! {
        () = feed.news.closed() => {}
        _ = feed.run(kept) => {}
    }
}

struct Feed {
    log: Arc<dyn Log>,
    news: mpsc::Sender<News>,
}

impl Feed {
    async fn run(&self, kept: Kept) -> Result<(), Over> {
        let (cursor, passed) = self.load(kept).await?;
        self.follow(cursor, passed).await
    }

    async fn tell(&self, news: News) -> Result<(), Over> {
        self.news.send(news).await.map_err(|_| Over)
    }

    /// Tells everything the log holds, however long that takes; meanwhile what was kept. Answers how far that is, and which
    /// meshes were passed over.
    async fn load(&self, kept: Kept) -> Result<(Cursor, Cursor), Over> {
        let (mut loaded, mut passed) = (HashMap::new(), Cursor::new());
        let mut offer = Some(kept).filter(|kept| !kept.states.is_empty());
        let mut wait = RETRY.0;
        loop {
            let failed = match offer {
                None => self.load_once(&mut loaded, &mut passed).await.err(),
                Some(_) => match tokio::time::timeout(PATIENCE, self.load_once(&mut loaded, &mut passed)).await {
                    Ok(done) => done.err(),
                    Err(_) => Some(LogError::Unavailable(format!("no answer within {PATIENCE:?}"))),
                },
            };
            let Some(error) = failed else { break };
            tracing::warn!(%error, retry_ms = wait.as_millis() as u64, "cannot read the event log yet");
            metrics::counter!("remesh_log_errors_total").increment(1);
            self.tell(News::Away).await?;
            if let Some(kept) = offer.take() {
                // Of unknown age is as old as can be.
                let as_of = kept.as_of.unwrap_or(SystemTime::UNIX_EPOCH);
                self.tell(News::Copies(kept.states.into_values().collect(), as_of)).await?;
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(RETRY.1);
        }
        let mut cursor = passed.clone();
        cursor.extend(loaded.iter().map(|(key, state): (&MeshKey, &MeshState)| (key.clone(), state.seq())));
        self.tell(News::Loaded(loaded.into_values().collect())).await?;
        Ok((cursor, passed))
    }

    /// What is loaded stays loaded when another mesh fails.
    async fn load_once(&self, loaded: &mut HashMap<MeshKey, MeshState>, passed: &mut Cursor) -> Result<(), LogError> {
        let mut missing = self.log.heads().await?;
        missing.retain(|mesh, _| !loaded.contains_key(mesh) && !passed.contains_key(mesh));
        let loads =
            missing.into_iter().map(async |(mesh, head)| (mesh_log::load(self.log.as_ref(), &mesh).await, mesh, head));
        let mut loads = stream::iter(loads).buffer_unordered(ABREAST);
        while let Some((state, mesh, head)) = loads.next().await {
            match state {
                Ok(state) => drop(loaded.insert(mesh, state)),
                Err(LogError::Damaged(why)) => pass(mesh, head, &why, passed),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Follows on. Of a mesh that was passed over nothing is told any more: what comes does not go with what is known.
    async fn follow(&self, mut cursor: Cursor, mut passed: Cursor) -> Result<(), Over> {
        let mut follower = self.log.follow(cursor.clone());
        // Where the log was when it came back, until that is reached.
        let mut goal: Option<Cursor> = None;
        let mut wait = RETRY.0;
        loop {
            match follower.next().await {
                Ok(mut records) => {
                    wait = RETRY.0;
                    cursor.extend(records.iter().map(|record| (record.mesh.clone(), record.seq)));
                    records.retain(|record| !passed.contains_key(&record.mesh));
                    self.tell(News::Records(records)).await?;
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot follow the event log; serving what is known");
                    metrics::counter!("remesh_log_errors_total").increment(1);
                    self.tell(News::Away).await?;
                    let heads = self.heads(&mut wait).await;
                    if matches!(error, LogError::Damaged(_)) {
                        let senseless = self.senseless(&heads, &cursor).await;
                        cursor.extend(senseless.clone());
                        passed.extend(senseless);
                    }
                    goal = Some(heads);
                    // Anew: this one may have more errors in store, of the time that is over.
                    follower = self.log.follow(cursor.clone());
                }
            }
            if goal.as_ref().is_some_and(|goal| is_reached(goal, &cursor)) {
                goal = None;
                self.tell(News::Back).await?;
            }
        }
    }

    /// The meshes whose tails make no sense, and how far those go.
    async fn senseless(&self, heads: &Cursor, cursor: &Cursor) -> Cursor {
        let mut passed = Cursor::new();
        for (mesh, head) in heads {
            let had = cursor.get(mesh).copied().unwrap_or(0);
            if had < *head
                && let Err(LogError::Damaged(why)) = self.log.read(mesh, had).await
            {
                pass(mesh.clone(), *head, &why, &mut passed);
            }
        }
        passed
    }

    /// Waits until the log answers, and longer each time as long as nothing comes from it.
    async fn heads(&self, wait: &mut Duration) -> Cursor {
        loop {
            tokio::time::sleep(*wait).await;
            *wait = (*wait * 2).min(RETRY.1);
            match self.log.heads().await {
                Ok(heads) => return heads,
                Err(error) => tracing::debug!(%error, "the event log is still away"),
            }
        }
    }
}

fn pass(mesh: MeshKey, head: u64, why: &str, passed: &mut Cursor) {
    tracing::error!(%mesh, head, error = why, "a mesh cannot be read; it stays as it was, and the others go on");
    metrics::counter!("remesh_unreadable_meshes_total").increment(1);
    passed.insert(mesh, head);
}

fn is_reached(goal: &Cursor, cursor: &Cursor) -> bool {
    goal.iter().all(|(mesh, head)| cursor.get(mesh).is_some_and(|had| had >= head))
}
