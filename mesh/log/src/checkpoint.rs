//! Checkpoints: a saved fold, so that a cold start reads a tail and not a history.

mod keep;

pub use keep::{Checkpointer, keep_checkpoints};

use crate::{EventLog, LogError};
use mesh_core::{MeshKey, MeshState, Seq};

/// The form of checkpoints written today. Others are ignored: a checkpoint can always be made again from the log.
///
/// Form 1 had a client token beside each resource, and neither shares nor the tokens of updates.
const FORM: u32 = 2;

/// A saved fold: compressed, and marked with the form it was written in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The mesh.
    pub mesh: MeshKey,
    /// The last record folded into it.
    pub seq: Seq,
    /// The form of `data`.
    pub form: u32,
    /// The state, JSON compressed by zstd.
    pub data: Vec<u8>,
}

impl Checkpoint {
    /// Saves a fold.
    ///
    /// # Errors
    ///
    /// When the state cannot be written, which does not happen to a state that was folded.
    pub fn of(state: &MeshState) -> Result<Self, LogError> {
        let damaged = |error: &dyn std::fmt::Display| LogError::Damaged(format!("checkpoint not written: {error}"));
        let json = serde_json::to_vec(state).map_err(|error| damaged(&error))?;
        let data = zstd::encode_all(json.as_slice(), 3).map_err(|error| damaged(&error))?;
        Ok(Self { mesh: state.key().clone(), seq: state.seq(), form: FORM, data })
    }

    /// The fold that was saved; `None` where it cannot be read, and the log has to be folded from its beginning.
    pub fn state(&self) -> Option<MeshState> {
        if self.form != FORM {
            return None;
        }
        let json = zstd::decode_all(self.data.as_slice()).ok()?;
        let state: MeshState = serde_json::from_slice(&json).ok()?;
        (*state.key() == self.mesh && state.seq() == self.seq).then_some(state)
    }
}

/// A mesh as it is now: its newest checkpoint and the records after it.
///
/// # Errors
///
/// When the log cannot be read, or holds records that do not fold.
pub async fn load(log: &(impl EventLog + ?Sized), mesh: &MeshKey) -> Result<MeshState, LogError> {
    let saved = log.checkpoint(mesh).await?.and_then(|checkpoint| checkpoint.state());
    let mut state = saved.unwrap_or_else(|| MeshState::new(mesh.clone()));
    for record in log.read(mesh, state.seq()).await? {
        state.apply(&record).map_err(|error| LogError::Damaged(error.to_string()))?;
    }
    Ok(state)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_of_a_former_form_is_none() {
        let saved = Checkpoint::of(&MeshState::new(MeshKey::new("1", "m"))).unwrap();
        assert!(saved.state().is_some());
        assert_eq!(Checkpoint { form: 1, ..saved }.state(), None);
    }
}
