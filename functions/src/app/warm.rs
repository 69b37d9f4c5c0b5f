//! Step 6, on this side: meshes that stay folded between requests.
//!
//! A fold only ever grows. Whoever finds records beyond it folds them; two who find the same fold them once. The lock
//! around a fold is held for a look or a few records, never while the log is asked.

use super::waiting::Waiting;
use mesh_core::{MeshKey, MeshState, Record, Seq};
use mesh_log::{EventLog, LogError, load};
use std::collections::HashMap;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The meshes that have been asked for.
#[derive(Default)]
pub struct Warm(Mutex<HashMap<MeshKey, Arc<WarmMesh>>>);

/// One mesh: its fold, where it has been loaded, and those who wish to change it.
#[derive(Default)]
pub struct WarmMesh {
    /// Who waits for a turn.
    pub waiting: Waiting,
    /// Whose turn it is: first come, first served. What goes from turn to turn is a second fold, which may know more than
    /// is acknowledged; see [`super::batch`].
    pub turn: tokio::sync::Mutex<Option<MeshState>>,
    fold: Mutex<Option<MeshState>>,
    /// How many have asked what the log has now.
    asked: AtomicU64,
    /// What they were told, while nobody asks the log.
    told: tokio::sync::Mutex<Told>,
}

/// What so many of those who asked have been told, and why they were not told what the log has.
#[derive(Default)]
struct Told {
    asked: u64,
    failure: Option<LogError>,
}

impl Warm {
    /// A mesh, loaded or not.
    pub fn mesh(&self, key: &MeshKey) -> Arc<WarmMesh> {
        locked(&self.0).entry(key.clone()).or_default().clone()
    }

    /// A mesh for a visit, after which it is forgotten if the log has never heard of it, also where the visitor leaves
    /// before the end.
    pub fn visited(&self, key: &MeshKey) -> Visited<'_> {
        Visited { warm: self, mesh: self.mesh(key), key: key.clone() }
    }

    /// Forgets a mesh that the log has never heard of: anybody may ask for any name. Who still holds it goes on with it;
    /// should it come to be just now, the log's condition keeps two folds of it apart.
    pub fn forget_unless_used(&self, key: &MeshKey) {
        let mut meshes = locked(&self.0);
        if meshes.get(key).is_some_and(|mesh| mesh.seq().unwrap_or(0) == 0) {
            meshes.remove(key);
        }
    }
}

/// A mesh, for as long as somebody looks at it.
pub struct Visited<'a> {
    warm: &'a Warm,
    mesh: Arc<WarmMesh>,
    key: MeshKey,
}

impl Deref for Visited<'_> {
    type Target = WarmMesh;

    fn deref(&self) -> &WarmMesh {
        &self.mesh
    }
}

impl Drop for Visited<'_> {
    fn drop(&mut self) {
        self.warm.forget_unless_used(&self.key);
    }
}

impl WarmMesh {
    /// Folds everything the log has now.
    ///
    /// One asks the log for all: whoever comes meanwhile waits, and those who wait share the next answer, since it was
    /// asked for after they had come. Else every reader would fetch the same records after each change.
    pub async fn catch_up(&self, log: &dyn EventLog, key: &MeshKey) -> Result<(), LogError> {
        let number = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        let mut told = self.told.lock().await;
        if told.asked < number {
            let asked = self.asked.load(Ordering::SeqCst);
            let failure = self.ask(log, key).await.err();
            *told = Told { asked, failure };
        }
        told.failure.as_ref().map_or(Ok(()), |failure| Err(again(failure)))
    }

    async fn ask(&self, log: &dyn EventLog, key: &MeshKey) -> Result<(), LogError> {
        match self.seq() {
            Some(seq) => self.fold(&log.read(key, seq).await?),
            None => {
                self.install(load(log, key).await?);
                Ok(())
            }
        }
    }

    /// Folds at least as far as a sequence number that the log was seen to have.
    pub async fn catch_up_to(&self, log: &dyn EventLog, key: &MeshKey, seq: Seq) -> Result<(), LogError> {
        if self.seq().is_some_and(|folded| folded >= seq) {
            return Ok(());
        }
        self.catch_up(log, key).await
    }

    /// Looks at the fold.
    pub fn look<T>(&self, look: impl FnOnce(&MeshState) -> T) -> Result<T, LogError> {
        match &*locked(&self.fold) {
            Some(state) => Ok(look(state)),
            None => Err(LogError::Unavailable("the mesh has to be read again".into())),
        }
    }

    /// Folds the records that are not folded yet. While it works the fold is taken out, so that whatever goes wrong
    /// leaves none rather than half of one, and the next request loads it anew.
    pub fn fold(&self, records: &[Record]) -> Result<(), LogError> {
        let mut fold = locked(&self.fold);
        let Some(mut state) = fold.take() else { return Ok(()) };
        for record in records {
            if record.seq > state.seq() {
                state.apply(record).map_err(|error| LogError::Damaged(error.to_string()))?;
            }
        }
        *fold = Some(state);
        Ok(())
    }

    fn install(&self, loaded: MeshState) {
        let mut fold = locked(&self.fold);
        if fold.as_ref().is_none_or(|state| state.seq() < loaded.seq()) {
            *fold = Some(loaded);
        }
    }

    fn seq(&self) -> Option<Seq> {
        locked(&self.fold).as_ref().map(MeshState::seq)
    }
}

/// The same failure, for another who waited.
fn again(failure: &LogError) -> LogError {
    match failure {
        LogError::Unavailable(why) => LogError::Unavailable(why.clone()),
        LogError::Damaged(why) => LogError::Damaged(why.clone()),
    }
}

/// A panic under the lock leaves a whole fold or none, so its mark is of no interest.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
