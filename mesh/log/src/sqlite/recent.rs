//! The last records that were committed, as they were appended: whoever keeps up is given these, and nothing is read back
//! from the file and parsed that was just written to it. Two follow in `remesh up` alone, the relay and the checkpoints.
//!
//! They are given only to who has everything before them. What is in doubt, because a commit failed, is forgotten.

use mesh_core::Record;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many records are kept, and how many bytes of events: what a follower is given at a time.
const MOST: (usize, usize) = (1000, 8 << 20);

/// A committed record.
pub(super) struct Committed {
    /// Where it is among the records of all meshes.
    pub(super) position: i64,
    /// The length of its event's text.
    pub(super) bytes: usize,
    /// The record.
    pub(super) record: Record,
}

/// The last committed records.
pub(super) struct Recent(Mutex<Kept>);

struct Kept {
    /// The position before the first that is kept.
    after: i64,
    records: VecDeque<Committed>,
    bytes: usize,
}

impl Recent {
    /// None yet, of those after a position.
    pub(super) fn after(position: i64) -> Self {
        Self(Mutex::new(Kept { after: position, records: VecDeque::new(), bytes: 0 }))
    }

    /// Keeps what a commit has brought, in place of the oldest. Where something was written that did not come this way, it
    /// begins anew, and whoever lacks that reads the file.
    pub(super) fn push(&self, committed: Vec<Committed>) {
        let mut kept = self.kept();
        for one in committed {
            if one.position.checked_sub(1) != Some(kept.last()) {
                *kept = Kept { after: one.position - 1, records: VecDeque::new(), bytes: 0 };
            }
            kept.bytes += one.bytes;
            kept.records.push_back(one);
        }
        while kept.records.len() > MOST.0 || kept.bytes > MOST.1 {
            let Some(oldest) = kept.records.pop_front() else { break };
            kept.bytes -= oldest.bytes;
            kept.after = oldest.position;
        }
    }

    /// Forgets everything; what is committed from now on comes after a position.
    pub(super) fn restart(&self, position: i64) {
        *self.kept() = Kept { after: position, records: VecDeque::new(), bytes: 0 };
    }

    /// Every record after a position, in order, each with its own; `None` where not all of them are here.
    pub(super) fn page(&self, after: i64) -> Option<Vec<(i64, Record)>> {
        let kept = self.kept();
        let later = || kept.records.iter().skip_while(|one| one.position <= after);
        (kept.after <= after).then(|| later().map(|one| (one.position, one.record.clone())).collect())
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn last(&self) -> i64 {
        self.records.back().map_or(self.after, |last| last.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mesh_core::{Caller, Entry, Event, Kind, MeshKey, ResourceId, Timestamp};

    fn committed(position: i64, bytes: usize) -> Committed {
        let event = Event::Deleted { resource: ResourceId::new(Kind::Mesh, "m") };
        let caller = Caller { account: "1".into(), principal: None };
        let entry = Entry { at: Timestamp(0), caller, request: uuid::Uuid::nil(), event };
        let record = Record { mesh: MeshKey::new("1", "m"), seq: position.unsigned_abs(), entry };
        Committed { position, bytes, record }
    }

    fn positions(recent: &Recent, after: i64) -> Option<Vec<i64>> {
        Some(recent.page(after)?.into_iter().map(|(position, _)| position).collect())
    }

    #[test]
    fn whoever_has_what_came_before_is_given_the_rest() {
        let recent = Recent::after(7);
        recent.push(vec![committed(8, 1), committed(9, 1)]);
        assert_eq!(positions(&recent, 7), Some(vec![8, 9]));
        assert_eq!(positions(&recent, 8), Some(vec![9]));
        assert_eq!(positions(&recent, 9), Some(vec![]));
        assert_eq!(positions(&recent, 6), None, "the one after 6 is not here");
    }

    #[test]
    fn the_oldest_go_when_there_are_many_or_they_are_large() {
        let recent = Recent::after(0);
        recent.push((1..=1001).map(|position| committed(position, 1)).collect());
        assert_eq!(positions(&recent, 0), None);
        assert_eq!(positions(&recent, 1).map(|page| page.len()), Some(1000));
        recent.push(vec![committed(1002, (8 << 20) - 1)]);
        assert_eq!(positions(&recent, 1001), Some(vec![1002]));
        assert_eq!(positions(&recent, 1000), Some(vec![1001, 1002]), "one more byte has room");
        recent.push(vec![committed(1003, 9 << 20)]);
        assert_eq!((positions(&recent, 1002), positions(&recent, 1003)), (None, Some(vec![])), "too large to keep");
    }

    #[test]
    fn nothing_is_left_out_in_silence() {
        let recent = Recent::after(0);
        recent.push(vec![committed(1, 1), committed(3, 1)]);
        assert_eq!((positions(&recent, 1), positions(&recent, 2)), (None, Some(vec![3])));
    }

    #[test]
    fn what_was_forgotten_is_not_here() {
        let recent = Recent::after(0);
        recent.push(vec![committed(1, 1)]);
        recent.restart(5);
        assert_eq!((positions(&recent, 1), positions(&recent, 5)), (None, Some(vec![])));
    }
}
