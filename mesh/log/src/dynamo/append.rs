//! Appending: one transaction, and the truth about it whatever becomes of its answer.
//!
//! | what DynamoDB says | what it means |
//! | --- | --- |
//! | done | appended |
//! | the head is elsewhere | a conflict, unless what stands in our place is ours: then an earlier attempt was done |
//! | another transaction is at it | neither may have won: wait a random moment and try again |
//! | less, please | wait longer, try again, and give up in the end |
//! | nothing, or nothing sensible | look what stands in our place: ours, another's, or nothing yet |

use super::item::{self, Item, is_of, number, text};
use super::query::{head_seq, record_item};
use super::table::{HEADS, PK, SK, head};
use super::trouble::{throttled, unavailable};
use super::{DynamoLog, item::size};
use crate::{AppendError, LogError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{CancellationReason, Put, TransactWriteItem, Update};
use mesh_core::{Entry, MeshKey, Seq};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// What one transaction takes: actions, one of which moves the head, and bytes.
const ACTIONS: usize = 100;
const BYTES: usize = 4 << 20;

/// How long an append that meets others, or is told to slow down, is tried again.
const PATIENCE: Duration = Duration::from_secs(8);

/// Appends all entries after `expected`, or says why not.
pub(super) async fn append(
    log: &DynamoLog,
    mesh: &MeshKey,
    expected: Seq,
    entries: &[Entry],
) -> Result<Seq, AppendError> {
    let count = Seq::try_from(entries.len()).unwrap_or(Seq::MAX);
    let Some(last) = expected.checked_add(count).filter(|_| count > 0) else {
        return at(log, mesh, expected).await;
    };
    let append = Append { log, mesh, expected, last, id: Uuid::new_v4() };
    let actions = append.actions(entries)?;
    append.run(actions).await
}

/// Only checks the expectation.
async fn at(log: &DynamoLog, mesh: &MeshKey, expected: Seq) -> Result<Seq, AppendError> {
    match head_seq(log, mesh).await? {
        actual if actual == expected => Ok(actual),
        actual => Err(AppendError::Conflict { mesh: mesh.clone(), expected, actual }),
    }
}

/// One append on its way.
struct Append<'a> {
    log: &'a DynamoLog,
    mesh: &'a MeshKey,
    expected: Seq,
    last: Seq,
    id: Uuid,
}

/// What one attempt came to, if not to success.
enum Attempt {
    /// The condition does not hold.
    Elsewhere,
    /// Nothing was written, and the next attempt may.
    Hindered(LogError),
    /// What was written is not known.
    Unknown(LogError),
    /// Nothing was written, and no attempt will.
    Refused(AppendError),
}

impl Append<'_> {
    async fn run(&self, actions: Vec<TransactWriteItem>) -> Result<Seq, AppendError> {
        let (begun, mut attempt) = (Instant::now(), 0);
        loop {
            match self.try_once(actions.clone()).await {
                Ok(()) => return Ok(self.last),
                Err(Attempt::Elsewhere) => return self.settle(None).await,
                Err(Attempt::Unknown(error)) => return self.settle(Some(error)).await,
                Err(Attempt::Refused(error)) => return Err(error),
                Err(Attempt::Hindered(error)) if begun.elapsed() > PATIENCE => return Err(error.into()),
                Err(Attempt::Hindered(_)) => tokio::time::sleep(self.pause(attempt)).await,
            }
            attempt += 1;
        }
    }

    /// What stands where this append wanted to be. Without an answer nothing is known; without a record nothing may be
    /// repeated, because the lost request could still arrive.
    async fn settle(&self, lost: Option<LogError>) -> Result<Seq, AppendError> {
        let first = record_item(self.log, self.mesh, self.expected.saturating_add(1)).await;
        match (first, lost) {
            (Ok(Some(item)), _) if is_of(&item, self.id) => Ok(self.last),
            (Ok(None), Some(lost)) | (Err(_), Some(lost)) => Err(lost.into()),
            (Err(error), None) => Err(error.into()),
            (Ok(found), _) => match head_seq(self.log, self.mesh).await? {
                actual if actual == self.expected && found.is_some() => Err(moving(self.mesh)),
                actual => Err(AppendError::Conflict { mesh: self.mesh.clone(), expected: self.expected, actual }),
            },
        }
    }

    async fn try_once(&self, actions: Vec<TransactWriteItem>) -> Result<(), Attempt> {
        let asked = self.log.client.transact_write_items().set_transact_items(Some(actions));
        // Whoever repeats a transaction with its token is told of the first one's success (for ten minutes).
        let answer = asked.client_request_token(self.id.to_string()).send().await;
        let Err(error) = answer else { return Ok(()) };
        let said = unavailable("TransactWriteItems", &error);
        Err(match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                why(cancelled.cancellation_reasons(), said)
            }
            Some(TransactWriteItemsError::TransactionInProgressException(_)) => Attempt::Hindered(said),
            _ => Attempt::Unknown(said),
        })
    }

    /// The head's move, and a record for each entry.
    fn actions(&self, entries: &[Entry]) -> Result<Vec<TransactWriteItem>, AppendError> {
        if entries.len() >= ACTIONS {
            let most = ACTIONS - 1;
            let many = format!("{} events at once, and DynamoDB takes {most} in one transaction", entries.len());
            return Err(AppendError::TooLarge(many));
        }
        let place = (self.expected.saturating_add(1)..).zip(entries);
        let written = place.map(|(seq, entry)| item::write(self.mesh, seq, self.last, self.id, entry));
        let items: Vec<Item> = written.collect::<Result<_, _>>()?;
        let bytes: usize = items.iter().map(size).sum();
        if bytes > BYTES - 1024 {
            let much = format!("{bytes} bytes of events at once, and DynamoDB takes {BYTES} in one transaction");
            return Err(AppendError::TooLarge(much));
        }
        let mut actions = vec![self.move_head()?];
        for item in items {
            actions.push(self.put(item)?);
        }
        Ok(actions)
    }

    fn move_head(&self) -> Result<TransactWriteItem, LogError> {
        let update = Update::builder()
            .table_name(&*self.log.table)
            .key(PK, text(HEADS))
            .key(SK, text(head(self.mesh)))
            .update_expression("SET seq = :last")
            .expression_attribute_values(":last", number(self.last));
        let update = match self.expected {
            0 => update.condition_expression("attribute_not_exists(pk)"),
            expected => update
                .condition_expression("seq = :expected")
                .expression_attribute_values(":expected", number(expected)),
        };
        let update = update.build().map_err(|error| LogError::Damaged(error.to_string()))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// The head alone would do; that nothing is ever written over, whatever has become of the head, is worth a word.
    fn put(&self, item: Item) -> Result<TransactWriteItem, LogError> {
        let put = Put::builder()
            .table_name(&*self.log.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk)");
        let put = put.build().map_err(|error| LogError::Damaged(error.to_string()))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// Longer after each attempt, and different for each append, so that the same two do not meet again.
    fn pause(&self, attempt: u32) -> Duration {
        let longest = 8_u64 << attempt.min(6);
        let (random, _) = self.id.as_u64_pair();
        Duration::from_millis(longest / 4 + random.rotate_left(attempt.wrapping_mul(7)) % longest)
    }
}

/// Why a transaction was cancelled: a condition that does not hold outweighs everything else.
fn why(reasons: &[CancellationReason], said: LogError) -> Attempt {
    let codes = || reasons.iter().filter_map(CancellationReason::code);
    if codes().any(|code| code == "ConditionalCheckFailed") {
        return Attempt::Elsewhere;
    }
    let refused = |reason: &CancellationReason| {
        matches!(reason.code(), Some("ValidationError" | "ItemCollectionSizeLimitExceeded"))
    };
    match reasons.iter().find(|reason| refused(reason)) {
        Some(reason) => Attempt::Refused(AppendError::TooLarge(reason.message().unwrap_or("refused").to_owned())),
        None if codes().any(|code| code == "TransactionConflict" || throttled(Some(code))) => Attempt::Hindered(said),
        None => Attempt::Unknown(said),
    }
}

/// A record stands after the head: somebody has written to the table by other ways than this.
fn moving(mesh: &MeshKey) -> AppendError {
    LogError::Damaged(format!("mesh {mesh} has records after its head")).into()
}
