//! The table's stream, as a bell: it says which meshes have moved, and their tails are read from the table.
//!
//! Nothing depends on it. Shards end and split, iterators expire after fifteen minutes, records after a day, two readers
//! are all a shard bears: whenever anything is not as it was, the shards are looked for anew, from now on, and then the
//! heads in the table say what was missed.

use super::DynamoLog;
use super::feed::Moved;
use super::table::{HEADS, PK, SK, parse};
use super::trouble::unavailable;
use crate::{Cursor, LogError};
use aws_sdk_dynamodbstreams::Client;
use aws_sdk_dynamodbstreams::config::timeout::TimeoutConfig;
use aws_sdk_dynamodbstreams::operation::get_records::GetRecordsError;
use aws_sdk_dynamodbstreams::types::{AttributeValue, Record, Shard, ShardIteratorType};
use mesh_core::{MeshKey, Seq};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A shard is read no more often.
const OFTEN: Duration = Duration::from_millis(250);

/// How long nothing but the stream is believed.
const BELIEF: Duration = Duration::from_secs(30);

/// How long the shards are believed to be all there are.
const SHARDS: Duration = Duration::from_secs(300);

/// How long one attempt of a call may take, and all of them: a stream that says nothing for so long is given up for a
/// while, and the table is polled.
const ATTEMPT: Duration = Duration::from_secs(5);
const CALL: Duration = Duration::from_secs(12);

/// A client whose calls end.
pub(super) fn limited(client: &Client) -> Client {
    let limits = TimeoutConfig::builder()
        .connect_timeout(ATTEMPT)
        .operation_attempt_timeout(ATTEMPT)
        .operation_timeout(CALL)
        .build();
    Client::from_conf(client.config().to_builder().timeout_config(limits).build())
}

/// A reader of all shards of a table's stream.
pub(super) struct TableStream {
    client: Client,
    /// Where the next records of each open shard are.
    iterators: BTreeMap<String, String>,
    /// When the shards were looked for; `None` when they have to be.
    found: Option<Instant>,
    /// When the heads were last asked for.
    asked: Instant,
}

impl TableStream {
    pub(super) fn new(client: Client) -> Self {
        Self { client, iterators: BTreeMap::new(), found: None, asked: Instant::now() }
    }

    /// Waits for a while and answers what has moved; an empty answer is none.
    pub(super) async fn wait(&mut self, log: &DynamoLog, interval: Duration) -> Result<Moved, LogError> {
        let known = self.wait_for_records(log, interval).await;
        if known.is_err() {
            self.iterators.clear();
            self.found = None;
        }
        known
    }

    async fn wait_for_records(&mut self, log: &DynamoLog, interval: Duration) -> Result<Moved, LogError> {
        if self.found.is_none_or(|found| found.elapsed() > SHARDS) {
            self.find_shards(log).await?;
            return Ok(self.ask());
        }
        if self.asked.elapsed() > BELIEF {
            return Ok(self.ask());
        }
        tokio::time::sleep(interval.max(OFTEN)).await;
        let moved = self.read().await?;
        Ok(Moved::To(moved))
    }

    fn ask(&mut self) -> Moved {
        self.asked = Instant::now();
        Moved::Ask { consistent: true }
    }

    /// Finds the open shards and stands at the end of those that are new.
    async fn find_shards(&mut self, log: &DynamoLog) -> Result<(), LogError> {
        let stream = self.stream(log).await?;
        let shards = self.shards(&stream).await?;
        let open = shards.iter().filter(|shard| is_open(shard)).filter_map(Shard::shard_id);
        let open: Vec<&str> = open.collect();
        self.iterators.retain(|shard, _| open.contains(&shard.as_str()));
        for shard in open {
            if !self.iterators.contains_key(shard)
                && let Some(iterator) = self.end_of(&stream, shard).await?
            {
                self.iterators.insert(shard.to_owned(), iterator);
            }
        }
        if self.iterators.is_empty() {
            return Err(LogError::Unavailable("the table's stream has no open shard".into()));
        }
        self.found = Some(Instant::now());
        Ok(())
    }

    async fn stream(&self, log: &DynamoLog) -> Result<String, LogError> {
        let described = log.client.describe_table().table_name(&*log.table).send().await;
        let described = described.map_err(|error| unavailable("DescribeTable", &error))?;
        let stream = described.table.and_then(|table| table.latest_stream_arn);
        stream.ok_or_else(|| LogError::Unavailable(format!("table {} has no stream", log.table)))
    }

    async fn shards(&self, stream: &str) -> Result<Vec<Shard>, LogError> {
        let (mut shards, mut from) = (Vec::new(), None);
        loop {
            let asked = self.client.describe_stream().stream_arn(stream).set_exclusive_start_shard_id(from);
            let answer = asked.send().await.map_err(|error| unavailable("DescribeStream", &error))?;
            let Some(described) = answer.stream_description else { return Ok(shards) };
            shards.extend(described.shards.unwrap_or_default());
            from = described.last_evaluated_shard_id;
            if from.is_none() {
                return Ok(shards);
            }
        }
    }

    async fn end_of(&self, stream: &str, shard: &str) -> Result<Option<String>, LogError> {
        let asked = self.client.get_shard_iterator().stream_arn(stream).shard_id(shard);
        let answer = asked.shard_iterator_type(ShardIteratorType::Latest).send().await;
        Ok(answer.map_err(|error| unavailable("GetShardIterator", &error))?.shard_iterator)
    }

    /// Reads every shard once.
    async fn read(&mut self) -> Result<Cursor, LogError> {
        let mut moved = Cursor::new();
        for (shard, iterator) in self.iterators.clone() {
            match self.client.get_records().shard_iterator(iterator).send().await {
                Ok(answer) => {
                    for (mesh, head) in answer.records.iter().flatten().filter_map(head_of) {
                        let known = moved.entry(mesh).or_insert(0);
                        *known = head.max(*known);
                    }
                    self.go_on(shard, answer.next_shard_iterator);
                }
                Err(error) if error.as_service_error().is_some_and(is_over) => self.go_on(shard, None),
                Err(error) => return Err(unavailable("GetRecords", &error)),
            }
        }
        Ok(moved)
    }

    fn go_on(&mut self, shard: String, next: Option<String>) {
        match next {
            Some(next) => drop(self.iterators.insert(shard, next)),
            None => {
                self.iterators.remove(&shard);
                self.found = None;
            }
        }
    }
}

/// Whether an iterator leads nowhere any more.
fn is_over(error: &GetRecordsError) -> bool {
    error.is_expired_iterator_exception()
        || error.is_trimmed_data_access_exception()
        || error.is_resource_not_found_exception()
}

fn is_open(shard: &Shard) -> bool {
    shard.sequence_number_range().is_none_or(|range| range.ending_sequence_number().is_none())
}

/// The move of a head that a stream's record tells of.
fn head_of(record: &Record) -> Option<(MeshKey, Seq)> {
    let change = record.dynamodb()?;
    let key = |name| change.keys()?.get(name)?.as_s().ok();
    if key(PK)? != HEADS {
        return None;
    }
    let seq: &AttributeValue = change.new_image()?.get("seq")?;
    Some((parse(key(SK)?)?, seq.as_n().ok()?.parse().ok()?))
}
