//! Keeps the folds on this machine, once they are all there and then every few seconds those that changed. Only what the log held is kept, and one write
//! at a time; a disk that fails costs a warning.

use super::copies::Copies;
use super::standing::Standing;
use mesh_core::{MeshKey, MeshState, Seq};
use std::collections::HashMap;
use std::time::SystemTime;
use tokio::sync::oneshot::{self, error::TryRecvError};
use tokio::time::{Interval, MissedTickBehavior};

/// Keeps folds where there is a place for them.
pub(super) struct Keeper(Option<Place>);

struct Place {
    copies: Copies,
    times: Interval,
    kept: HashMap<MeshKey, Seq>,
    writing: Option<oneshot::Receiver<HashMap<MeshKey, Seq>>>,
}

impl Keeper {
    pub(super) fn new(copies: Option<Copies>) -> Self {
        Self(copies.map(|copies| {
            let mut times = tokio::time::interval(copies.every);
            times.set_missed_tick_behavior(MissedTickBehavior::Delay);
            Place { copies, times, kept: HashMap::new(), writing: None }
        }))
    }

    /// Ends when it is time to keep something; never where there is no place. Safe to cancel.
    pub(super) async fn due(&mut self) {
        match &mut self.0 {
            Some(place) => drop(place.times.tick().await),
            None => std::future::pending().await,
        }
    }

    /// Makes it time: what the log holds has just become known, and this run may end before the next time.
    pub(super) fn hurry(&mut self) {
        if let Some(place) = &mut self.0 {
            place.times.reset_immediately();
        }
    }

    /// Keeps what changed since the last time, if it is what the log holds.
    pub(super) fn keep<'a>(&mut self, standing: Standing, states: impl Iterator<Item = &'a MeshState>) {
        let Some(place) = self.0.as_mut().filter(|_| standing.following) else { return };
        match place.writing.as_mut().map(oneshot::Receiver::try_recv) {
            Some(Ok(written)) => place.kept.extend(written),
            Some(Err(TryRecvError::Empty)) => return,
            // What was not written is written now.
            Some(Err(TryRecvError::Closed)) | None => {}
        }
        let (mut all, mut changed) = (Vec::new(), Vec::new());
        for state in states {
            all.push(state.key().clone());
            if place.kept.get(state.key()) != Some(&state.seq()) {
                changed.push(state.clone());
            }
        }
        place.writing = Some(write(place.copies.clone(), changed, all));
    }
}

/// Answers what was kept, once it is.
fn write(copies: Copies, changed: Vec<MeshState>, all: Vec<MeshKey>) -> oneshot::Receiver<HashMap<MeshKey, Seq>> {
    let (done, writing) = oneshot::channel();
    let as_of = SystemTime::now();
    tokio::task::spawn_blocking(move || match copies.keep(&changed, &all, as_of) {
        Ok(()) => drop(done.send(changed.iter().map(|state| (state.key().clone(), state.seq())).collect())),
        Err(error) => {
            metrics::counter!("remesh_copies_failed_total").increment(1);
            tracing::warn!(%error, "the state cannot be kept on this machine");
        }
    });
    writing
}
