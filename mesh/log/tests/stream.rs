//! The table's stream as it is in the long run: shards end and split, iterators expire, records are trimmed, and there
//! may be more readers than it bears. A follower loses nothing to that, and goes on hearing.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that finds nothing has failed")]

#[path = "stream/shards.rs"]
mod shards;

use mesh_core::{AccountId, Caller, Entry, Event, Kind, MeshKey, ResourceId, Timestamp};
use mesh_log::dynamo::local::{DynamoDbLocal, streams};
use mesh_log::dynamo::{DynamoLog, Pace};
use mesh_log::{Cursor, EventFeed, EventLog, Follower};
use shards::Shards;
use std::time::Duration;
use tokio::sync::OnceCell;
use uuid::Uuid;

const DEADLINE: Duration = Duration::from_secs(60);

/// How often the SDK asks before it gives up.
const ATTEMPTS: u32 = 3;

/// A table of its own, its follower, and the shards of its stream.
struct Bed {
    log: DynamoLog,
    shards: Shards,
    follower: Box<dyn Follower>,
    written: u64,
    heard: u64,
}

impl Bed {
    /// `None`, said loudly, without DynamoDB Local.
    async fn start(table: &str) -> Option<Self> {
        static DATABASE: OnceCell<Option<DynamoDbLocal>> = OnceCell::const_new();
        let database = DATABASE.get_or_init(DynamoDbLocal::start).await.as_ref()?;
        database.table(table).await;
        let shards = Shards::before(database.url()).await;
        let log = DynamoLog::new(database.client(), table).with_table_stream(streams(shards.addr()));
        // So seldom that what comes in time comes by the stream.
        let log = log.with_pace(Pace { busy: Duration::from_millis(50), idle: Duration::from_millis(250) });
        let follower = log.follow(Cursor::new());
        let mut bed = Self { log, shards, follower, written: 0, heard: 0 };
        bed.write().await;
        bed.hear().await;
        bed.is_read(0).await;
        Some(bed)
    }

    async fn write(&mut self) {
        let mesh = MeshKey::new("123456789012", "shop");
        let caller = Caller { account: AccountId::from("123456789012"), principal: None };
        let event = Event::Tagged { resource: ResourceId::new(Kind::Mesh, "shop"), tags: [].into() };
        let request = Uuid::from_u128(u128::from(self.written) + 1);
        let entry = Entry { at: Timestamp(1_700_000_000_000), caller, request, event };
        self.written = self.log.append(&mesh, self.written, vec![entry]).await.unwrap();
    }

    /// Waits for everything that was written, each record once and in order.
    async fn hear(&mut self) {
        while self.heard < self.written {
            for record in tokio::time::timeout(DEADLINE, self.follower.next()).await.unwrap().unwrap() {
                assert_eq!(record.seq, self.heard + 1);
                self.heard = record.seq;
            }
        }
    }

    /// Waits until a shard has been read once more.
    async fn is_read(&self, shard: usize) {
        let before = self.shards.reads(shard);
        until(|| self.shards.reads(shard) > before).await;
    }
}

async fn until(holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(DEADLINE, waiting).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shard_that_splits_is_followed_into_its_children() {
    let Some(mut bed) = Bed::start("splits").await else { return };
    for _ in 0..4 {
        bed.write().await;
        let child = bed.shards.split();
        bed.write().await;
        bed.hear().await;
        bed.is_read(child).await;
        bed.write().await;
        bed.hear().await;
    }
    assert_eq!(bed.heard, 13);
    let reads = bed.shards.reads(0);
    bed.is_read(4).await;
    assert_eq!(bed.shards.reads(0), reads, "a shard that has ended is not read again");
}

#[tokio::test(flavor = "multi_thread")]
async fn shards_that_split_twice_unseen_are_found() {
    let Some(mut bed) = Bed::start("splits-unseen").await else { return };
    bed.shards.split();
    let newest = bed.shards.split();
    bed.write().await;
    bed.hear().await;
    bed.is_read(newest).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_iterator_that_leads_nowhere_is_asked_for_anew_and_nothing_is_lost() {
    let Some(mut bed) = Bed::start("iterators").await else { return };
    for code in ["ExpiredIteratorException", "TrimmedDataAccessException", "ResourceNotFoundException"] {
        let asked = bed.shards.calls("GetShardIterator");
        bed.shards.refuse(code, 1);
        bed.write().await;
        bed.hear().await;
        until(|| bed.shards.calls("GetShardIterator") > asked).await;
        bed.is_read(0).await;
        bed.write().await;
        bed.hear().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_with_too_many_readers_is_left_alone_and_the_table_is_polled() {
    let Some(mut bed) = Bed::start("readers").await else { return };
    let before = bed.shards.refuse("LimitExceededException", u32::MAX);
    until(|| bed.shards.reads(0) >= before + ATTEMPTS).await;
    for _ in 0..5 {
        bed.write().await;
        bed.hear().await;
    }
    assert_eq!(bed.shards.reads(0), before + ATTEMPTS, "it rests");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_says_nothing_any_more_is_given_up() {
    let Some(mut bed) = Bed::start("silent").await else { return };
    bed.shards.fall_silent();
    for _ in 0..3 {
        bed.write().await;
        bed.hear().await;
    }
}
