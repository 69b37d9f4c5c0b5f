//! The log in one DynamoDB table, for any number of writers and readers.
//!
//! ```text
//!   append ──▶ TransactWriteItems ┬─ the mesh's head moves from `expected`, or everything is refused
//!                                 └─ one item for each record
//!   read   ──▶ Query, strongly consistent, only what comes after
//!   follow ──▶ Query of all heads, in one partition: who has moved? ──▶ Query of their tails
//!                  ▲ now and then: often while things happen, seldom while nothing does
//!                  └ or when the table's stream says so
//! ```
//!
//! A transaction is atomic, but who queries while one is being committed may see some of its items and not yet the
//! others: DynamoDB isolates transactions from single reads only. So every item names the last record of its append,
//! and a reader that sees a part asks again for the rest.
//!
//! Every append has an id of its own in its items, so one whose answer was lost is recognised when it is met again.
//!
//! What is deliberately absent: a scan, an index, and a clock: no two machines need to agree on a time.
//! `docs/event-log.md` documents the table.

mod append;
mod checkpoints;
#[cfg(feature = "conformance")]
pub mod faults;
mod feed;
mod item;
#[cfg(feature = "conformance")]
pub mod local;
mod query;
mod stream;
mod table;
mod trouble;

pub use aws_sdk_dynamodb::Client;
pub use aws_sdk_dynamodbstreams::Client as StreamsClient;
pub use feed::Pace;
pub use table::{DEFINITION, create_table, mesh_of};

use crate::{AppendError, Checkpoint, Cursor, EventFeed, EventLog, Follower, LogError};
use async_trait::async_trait;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use mesh_core::{Entry, MeshKey, Record, Seq};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How long one attempt of a call may take, and all of them. Without limits an answer that never comes is waited for
/// for ever.
const ATTEMPT: Duration = Duration::from_secs(3);
const CALL: Duration = Duration::from_secs(10);

/// How often a call is tried.
const ATTEMPTS: u32 = 4;

/// A log in a DynamoDB table. A clone is another handle to the same one.
#[derive(Clone)]
pub struct DynamoLog {
    client: Client,
    table: Arc<str>,
    streams: Option<aws_sdk_dynamodbstreams::Client>,
    pace: Pace,
}

impl DynamoLog {
    /// The log in a table that exists. Time limits that the client does not have are given to it.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client: limited(&client), table: table.into().into(), streams: None, pace: Pace::default() }
    }

    /// Followers are woken by the table's stream; while it cannot be read they poll. A stream bears two readers at
    /// once, and every function it triggers is one.
    #[must_use]
    pub fn with_table_stream(mut self, streams: aws_sdk_dynamodbstreams::Client) -> Self {
        self.streams = Some(stream::limited(&streams));
        self
    }

    /// How often followers look.
    #[must_use]
    pub fn with_pace(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }

    /// The table's name.
    pub fn table(&self) -> &str {
        &self.table
    }
}

/// A client whose calls end.
fn limited(client: &Client) -> Client {
    let config = client.config();
    let theirs = config.timeout_config();
    let limits = TimeoutConfig::builder()
        .operation_attempt_timeout(theirs.and_then(TimeoutConfig::operation_attempt_timeout).unwrap_or(ATTEMPT))
        .operation_timeout(theirs.and_then(TimeoutConfig::operation_timeout).unwrap_or(CALL))
        .connect_timeout(theirs.and_then(TimeoutConfig::connect_timeout).unwrap_or(ATTEMPT))
        .build();
    let retries = RetryConfig::standard().with_max_attempts(ATTEMPTS).with_initial_backoff(Duration::from_millis(50));
    Client::from_conf(config.to_builder().timeout_config(limits).retry_config(retries).build())
}

#[async_trait]
impl EventLog for DynamoLog {
    async fn read(&self, mesh: &MeshKey, after: Seq) -> Result<Vec<Record>, LogError> {
        query::whole_tail(self, mesh, after).await
    }

    async fn append(&self, mesh: &MeshKey, expected: Seq, entries: Vec<Entry>) -> Result<Seq, AppendError> {
        append::append(self, mesh, expected, &entries).await
    }

    async fn heads(&self) -> Result<BTreeMap<MeshKey, Seq>, LogError> {
        query::heads(self, true).await
    }

    async fn checkpoint(&self, mesh: &MeshKey) -> Result<Option<Checkpoint>, LogError> {
        checkpoints::newest(self, mesh).await
    }

    async fn save_checkpoint(&self, checkpoint: Checkpoint) -> Result<(), LogError> {
        checkpoints::save(self, checkpoint).await
    }
}

impl EventFeed for DynamoLog {
    fn follow(&self, from: Cursor) -> Box<dyn Follower> {
        Box::new(feed::DynamoFollower::new(self.clone(), from))
    }
}
