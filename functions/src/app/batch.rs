//! Steps 2 to 4 for all who share a turn: one after the other is decided against what the earlier ones leave, and what
//! follows from all of them is one append.
//!
//! ```text
//!   readers' fold   … 7                                      … 7 8 9     nothing that is not acknowledged
//!   the fold ahead  … 7 ─▶ 8 ─▶ 9 ── append(7, [8, 9]) ── yes ─▲         thrown away where the append was not
//!   answers              a    b  c ─────────────────────────▶ sent       c was refused because of 8
//! ```
//!
//! An append is done as a whole or not at all, so the batch is: nobody is answered before all that his answer may rest
//! on is durable, and a refusal may rest on an earlier wish of the batch as an acceptance does. One who is alone, as in
//! Lambda everybody is, is decided against the readers' fold, and no fold ahead is made for him.

use super::waiting::{Answer, Room, Wish};
use super::{Asker, Shared, WarmMesh};
use crate::error::{ApiError, Exception};
use crate::serve::panicked;
use mesh_core::{Context, Decision, Entry, MeshKey, MeshState, Record, Seq, Timestamp};
use mesh_log::{AppendError, LogError};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use uuid::Uuid;

/// How often wishes are decided anew when others keep being faster.
const TRIES: u32 = 12;

/// Why a batch comes to nothing.
enum Failure {
    /// It is more than the log takes at once.
    TooLarge(String),
    /// For a reason that all of its wishes are told.
    Told(ApiError),
}

impl Shared {
    /// Gives every wish its answer.
    pub(super) async fn settle(
        &self,
        mesh: &MeshKey,
        warm: &WarmMesh,
        ahead: &mut Option<MeshState>,
        wishes: Vec<Wish>,
    ) {
        match self.decide_and_append(mesh, warm, ahead, &wishes).await {
            Ok(answers) => wishes.into_iter().zip(answers).for_each(|(wish, answer)| wish.answer(answer)),
            // One by one, so that only what is too large by itself is refused.
            Err(Failure::TooLarge(_)) if wishes.len() > 1 => {
                for wish in wishes {
                    Box::pin(self.settle(mesh, warm, ahead, vec![wish])).await;
                }
            }
            Err(failure) => {
                let error = ApiError::from(failure);
                wishes.into_iter().for_each(|wish| wish.answer(Err(error.clone())));
            }
        }
    }

    async fn decide_and_append(
        &self,
        mesh: &MeshKey,
        warm: &WarmMesh,
        ahead: &mut Option<MeshState>,
        wishes: &[Wish],
    ) -> Result<Vec<Answer>, Failure> {
        for attempt in 0..TRIES {
            warm.catch_up(&*self.log, mesh).await?;
            // Whatever goes wrong from here on leaves no fold ahead, rather than one that knows what did not happen.
            let mut drafted = ahead.take();
            let Draft { records, answers } = draft(warm, &mut drafted, wishes)?;
            if self.append(mesh, &records).await? {
                warm.acknowledged(&records);
                *ahead = drafted.and_then(|state| in_step(state, &records));
                return Ok(answers);
            }
            tokio::time::sleep(pause(attempt, wishes)).await;
        }
        let message = format!("Mesh {} is being changed by too many requests at once. Please try again.", mesh.name);
        Err(Failure::Told(ApiError::new(Exception::TooManyRequests, message)))
    }

    /// Appends; `false` when something else was appended first.
    async fn append(&self, mesh: &MeshKey, records: &[Record]) -> Result<bool, Failure> {
        let Some(first) = records.first() else { return Ok(true) };
        let (expected, request) = (first.seq - 1, first.entry.request);
        let entries = records.iter().map(|record| record.entry.clone()).collect();
        match self.log.append(mesh, expected, entries).await {
            Ok(_) => Ok(true),
            Err(AppendError::Conflict { .. }) => Ok(self.stands(mesh, expected, request).await? == Some(true)),
            Err(AppendError::TooLarge(what)) => Err(Failure::TooLarge(what)),
            Err(AppendError::Log(error)) => Ok(self.stands(mesh, expected, request).await?.ok_or(error)?),
        }
    }

    /// Whether what now stands after `expected` is this request's, and with it all that was appended together; `None`
    /// where nothing does.
    ///
    /// An append whose answer got lost may have happened, and one that an adapter repeated conflicts with itself. The
    /// request's id in the record tells. Where nothing stands nothing may be repeated either: it could still arrive.
    async fn stands(&self, mesh: &MeshKey, expected: Seq, request: Uuid) -> Result<Option<bool>, LogError> {
        let tail = self.log.read(mesh, expected).await?;
        Ok(tail.first().map(|record| record.entry.request == request))
    }
}

impl WarmMesh {
    /// Shows readers what is durable now. Acknowledged is acknowledged: should the fold fail, the next request reads the
    /// log afresh and says so.
    fn acknowledged(&self, records: &[Record]) {
        if let Err(error) = self.fold(records) {
            tracing::error!(%error, "what was appended does not fold");
        }
    }
}

/// What follows from wishes, once it is durable.
#[derive(Default)]
struct Draft {
    records: Vec<Record>,
    answers: Vec<Answer>,
}

/// Decides all wishes; several on a fold ahead of the readers', which is made where there is none that fits.
fn draft(warm: &WarmMesh, ahead: &mut Option<MeshState>, wishes: &[Wish]) -> Result<Draft, LogError> {
    let mut draft = Draft::default();
    if let [wish] = wishes {
        warm.look(|state| draft.decide(state, wish))?;
        return Ok(draft);
    }
    let kept = ahead.take();
    let state = warm.look(|of| kept.filter(|kept| kept.seq() == of.seq()).unwrap_or_else(|| of.clone()))?;
    let state = ahead.insert(state);
    for wish in wishes {
        for record in draft.decide(state, wish) {
            state.apply(record).map_err(|error| LogError::Damaged(error.to_string()))?;
        }
    }
    Ok(draft)
}

impl Draft {
    /// Decides the next wish against the mesh as it will be by then, and gives what is to be recorded of it.
    fn decide(&mut self, state: &MeshState, wish: &Wish) -> &[Record] {
        let decided = self.records.len();
        let now = now();
        // A bug that one wish meets is no trouble of the others.
        let decision = catch_unwind(AssertUnwindSafe(|| decision(state, wish, now)));
        let answer = decision.unwrap_or_else(|panic| Err(panicked(&*panic))).map(|Decision { events, answer }| {
            let Asker { caller, request } = &wish.by;
            let entry = |event| Entry { at: now, caller: caller.clone(), request: *request, event };
            let record = |(event, seq)| Record { mesh: state.key().clone(), seq, entry: entry(event) };
            self.records.extend(events.into_iter().zip(state.seq() + 1..).map(record));
            answer
        });
        self.answers.push(answer);
        self.records.get(decided..).unwrap_or_default()
    }
}

fn decision(state: &MeshState, wish: &Wish, now: Timestamp) -> Result<Decision, ApiError> {
    let Room { quotas, meshes } = wish.room;
    let context = Context { now, uid: Uuid::new_v4(), caller: wish.by.caller.clone(), quotas, meshes };
    Ok(mesh_core::decide(state, &wish.command, &context)?)
}

/// A fold with records that it may or may not have; none where they do not follow.
fn in_step(mut state: MeshState, records: &[Record]) -> Option<MeshState> {
    let new = state.seq();
    records.iter().filter(|record| record.seq > new).try_for_each(|record| state.apply(record)).ok()?;
    Some(state)
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Longer after each lost race, and different for each request, so that the same racers do not meet again.
fn pause(attempt: u32, wishes: &[Wish]) -> Duration {
    let longest = 4u64 << attempt.min(6);
    let (random, _) = wishes.first().map_or((0, 0), |wish| wish.by.request.as_u64_pair());
    Duration::from_millis(longest / 2 + random.rotate_left(attempt * 5) % longest)
}

impl From<LogError> for Failure {
    fn from(error: LogError) -> Self {
        Self::Told(error.into())
    }
}

impl From<Failure> for ApiError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::TooLarge(what) => Self::bad_request(format!("The request is too large: {what}.")),
            Failure::Told(error) => error,
        }
    }
}
