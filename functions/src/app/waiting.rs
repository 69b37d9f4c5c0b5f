//! Step 2: wishes that wait for their mesh's turn, in the order in which they came.

use super::Asker;
use super::warm::locked;
use crate::error::ApiError;
use mesh_core::{Change, Command, Quotas, Resource, Spec, Tags};
use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use tokio::sync::oneshot::{Receiver, Sender, channel};
use tokio::time::Instant;

/// How many share a turn at most. Every log takes the append of fifty small entries.
const MOST: usize = 50;

/// How many bytes of specs and tags share a turn at most, but for one that has more by itself: what is small does not wait
/// long for what is large.
const MOST_BYTES: usize = 1 << 20;

/// What becomes of a wish.
pub type Answer = Result<Arc<Resource>, ApiError>;

/// A wish that waits for its mesh's turn.
pub struct Wish {
    /// The wish.
    pub command: Command,
    /// Whose it is.
    pub by: Asker,
    /// What there may be.
    pub room: Room,
    /// When nobody waits for it any more.
    pub until: Instant,
    bytes: usize,
    answer: Sender<Answer>,
}

/// How much a deployment has room for, and what a mesh does not know of how much there is.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// How many there may be of what.
    pub quotas: Quotas,
    /// How many meshes the account has, where one is wished for. Two that are created at once do not know of each other:
    /// the log orders one mesh, not an account's.
    pub meshes: usize,
}

/// A wish, and where its answer comes.
pub fn wish(command: Command, by: Asker, room: Room, until: Instant) -> (Wish, Receiver<Answer>) {
    let (answer, answered) = channel();
    let bytes = bytes(&command.change);
    (Wish { command, by, room, until, bytes, answer }, answered)
}

impl Wish {
    /// Answers whoever waits, if anybody still does.
    pub fn answer(self, answer: Answer) {
        let _ = self.answer.send(answer);
    }
}

/// The wishes that wait to change one mesh. While there are any, a turn is on its way for them.
#[derive(Default)]
pub struct Waiting(Mutex<VecDeque<Wish>>);

impl Waiting {
    /// Waits; `true` for the first, who has to see to it that there is a turn.
    pub fn push(&self, wish: Wish) -> bool {
        let mut waiting = locked(&self.0);
        waiting.push_back(wish);
        waiting.len() == 1
    }

    /// Takes those who share a turn, without those who left, and says whether others go on waiting for another one.
    pub fn take(&self) -> (Vec<Wish>, bool) {
        let mut waiting = locked(&self.0);
        waiting.retain(|wish| !wish.answer.is_closed());
        let (mut count, mut bytes) = (0, 0);
        for wish in waiting.iter().take(MOST) {
            bytes += wish.bytes;
            if count > 0 && bytes > MOST_BYTES {
                break;
            }
            count += 1;
        }
        let taken = waiting.drain(..count).collect();
        (taken, !waiting.is_empty())
    }
}

/// About how much a change adds to the log.
fn bytes(change: &Change) -> usize {
    match change {
        Change::Create { spec, tags, .. } => of_spec(spec) + of_tags(tags),
        Change::Update { spec, .. } => of_spec(spec),
        Change::Tag(tags) => of_tags(tags),
        Change::Untag(keys) => keys.iter().map(String::len).sum(),
        Change::Delete | Change::Share(_) | Change::Unshare(_) => 0,
    }
}

fn of_spec(spec: &Spec) -> usize {
    let mut bytes = Counted(0);
    // Counting does not fail.
    let _ = serde_json::to_writer(&mut bytes, spec);
    bytes.0
}

fn of_tags(tags: &Tags) -> usize {
    tags.iter().map(|(key, value)| key.len() + value.len()).sum()
}

/// Keeps nothing of what is written but its length.
struct Counted(usize);

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
