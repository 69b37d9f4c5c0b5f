//! Reading: the tail of a mesh, and where every mesh is.

use super::DynamoLog;
use super::item::{self, Item, Stored, natural, text, word};
use super::table::{HEADS, PK, SK, head, parse, place, records};
use super::trouble::{damaged, unavailable};
use crate::LogError;
use mesh_core::{MeshKey, Record, Seq};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// How long a part of an append may be all that is seen of it. The rest is milliseconds behind.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long to wait for the rest.
const MOMENT: Duration = Duration::from_millis(10);

/// How many items a page has at most. In AWS a page ends with its megabyte, and few items are so small that this comes
/// first; DynamoDB Local looks at all that is left for every page, which without a bound takes it a minute for a long mesh.
const ITEMS: i32 = 2000;

/// How long a read that has begun stands still while DynamoDB refuses its next page: first, and at most. A long history
/// asks for more than a partition gives in a second, so it is told to slow down; beginning again would ask for more yet.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));

/// The records of a mesh after a sequence number, all that there are, every append whole.
pub(super) async fn whole_tail(log: &DynamoLog, mesh: &MeshKey, after: Seq) -> Result<Vec<Record>, LogError> {
    let (begun, mut tail) = (Instant::now(), Tail::new(after));
    loop {
        tail.fetch_all(log, mesh).await?;
        if tail.is_whole() {
            return Ok(tail.records);
        }
        if begun.elapsed() > PATIENCE {
            return Err(tail.missing(mesh));
        }
        tokio::time::sleep(MOMENT).await;
    }
}

/// The next records of a mesh after a sequence number that is known not to be its last: one page, without a gap.
pub(super) async fn page(log: &DynamoLog, mesh: &MeshKey, after: Seq) -> Result<Vec<Record>, LogError> {
    let (begun, mut tail) = (Instant::now(), Tail::new(after));
    loop {
        tail.fetch(log, mesh).await?;
        if !tail.records.is_empty() {
            return Ok(tail.records);
        }
        if begun.elapsed() > PATIENCE {
            return Err(tail.missing(mesh));
        }
        tokio::time::sleep(MOMENT).await;
    }
}

/// Where every mesh is.
pub(super) async fn heads(log: &DynamoLog, consistent: bool) -> Result<BTreeMap<MeshKey, Seq>, LogError> {
    let (mut heads, mut from) = (BTreeMap::new(), None);
    loop {
        let asked = log.client.query().table_name(&*log.table).consistent_read(consistent);
        let asked = asked.key_condition_expression("pk = :heads").expression_attribute_values(":heads", text(HEADS));
        let answer = asked.set_exclusive_start_key(from).send().await;
        let answer = answer.map_err(|error| unavailable("Query of the heads", &error))?;
        for item in answer.items() {
            let (mesh, seq) = head_of(item).map_err(|what| damaged(&"a head", &what))?;
            heads.insert(mesh, seq);
        }
        from = answer.last_evaluated_key;
        if from.is_none() {
            return Ok(heads);
        }
    }
}

/// Where one mesh is; 0 before its first record.
pub(super) async fn head_seq(log: &DynamoLog, mesh: &MeshKey) -> Result<Seq, LogError> {
    let asked = log.client.get_item().table_name(&*log.table).consistent_read(true);
    let asked = asked.key(PK, text(HEADS)).key(SK, text(head(mesh)));
    let answer = asked.send().await.map_err(|error| unavailable("GetItem of a head", &error))?;
    let Some(item) = answer.item else { return Ok(0) };
    natural(&item, "seq").map_err(|what| damaged(&format!("the head of mesh {mesh}"), &what))
}

/// The item of a record, where there is one.
pub(super) async fn record_item(log: &DynamoLog, mesh: &MeshKey, seq: Seq) -> Result<Option<Item>, LogError> {
    let asked = log.client.get_item().table_name(&*log.table).consistent_read(true);
    let asked = asked.key(PK, text(records(mesh))).key(SK, text(place(seq)));
    Ok(asked.send().await.map_err(|error| unavailable("GetItem of a record", &error))?.item)
}

fn head_of(item: &Item) -> Result<(MeshKey, Seq), String> {
    let mesh = parse(word(item, SK)?).ok_or("names no mesh")?;
    Ok((mesh, natural(item, "seq")?))
}

/// The items of a mesh after a record, as many as DynamoDB gives at once: about a megabyte.
struct Page {
    items: Vec<Item>,
    /// The last record of the page, where there may be more.
    more_after: Option<Seq>,
}

async fn ask(log: DynamoLog, mesh: MeshKey, after: Seq) -> Result<Page, LogError> {
    let asked = log.client.query().table_name(&*log.table).consistent_read(true).limit(ITEMS);
    let asked = asked
        .key_condition_expression("pk = :mesh AND sk > :after")
        .expression_attribute_values(":mesh", text(records(&mesh)))
        .expression_attribute_values(":after", text(place(after)));
    let answer = asked.send().await.map_err(|error| unavailable("Query of a mesh", &error))?;
    let more_after = answer.last_evaluated_key.as_ref().map(seq_of).transpose();
    let more_after = more_after.map_err(|what| damaged(&format!("a page of mesh {mesh}"), &what))?;
    Ok(Page { items: answer.items.unwrap_or_default(), more_after })
}

/// The same for a page that others came before: what was read already is worth some patience.
async fn insist(log: DynamoLog, mesh: MeshKey, after: Seq) -> Result<Page, LogError> {
    let (begun, mut pause) = (Instant::now(), PAUSE.0);
    loop {
        match ask(log.clone(), mesh.clone(), after).await {
            Err(LogError::Unavailable(_)) if begun.elapsed() < PATIENCE => tokio::time::sleep(pause).await,
            answer => return answer,
        }
        pause = (pause * 2).min(PAUSE.1);
    }
}

fn seq_of(key: &Item) -> Result<Seq, String> {
    word(key, SK)?.parse().map_err(|_| "ends at no sequence number".into())
}

/// What has been read of a tail.
struct Tail {
    records: Vec<Record>,
    /// The last record that is here.
    seen: Seq,
    /// The last record of the append of that one: committed together, so it exists.
    promised: Seq,
    /// A record after a gap was seen: what is between was committed before it, and exists.
    beyond: bool,
}

impl Tail {
    fn new(after: Seq) -> Self {
        Self { records: Vec::new(), seen: after, promised: after, beyond: false }
    }

    /// Asks for the next page, and takes it.
    async fn fetch(&mut self, log: &DynamoLog, mesh: &MeshKey) -> Result<(), LogError> {
        let page = ask(log.clone(), mesh.clone(), self.seen).await?;
        self.take_page(mesh, &page.items)?;
        Ok(())
    }

    /// Asks for all pages that there are. While one is made records of, the next one is on its way.
    async fn fetch_all(&mut self, log: &DynamoLog, mesh: &MeshKey) -> Result<(), LogError> {
        let mut page = ask(log.clone(), mesh.clone(), self.seen).await?;
        let mut ahead = JoinSet::new();
        loop {
            if let Some(after) = page.more_after {
                ahead.spawn(insist(log.clone(), mesh.clone(), after));
            }
            if !self.take_page(mesh, &page.items)? {
                return Ok(());
            }
            let Some(next) = ahead.join_next().await else { return Ok(()) };
            page = next.map_err(|error| LogError::Unavailable(format!("a page was given up: {error}")))??;
        }
    }

    /// Takes the records of a page up to the first that is not the next; answers whether all were.
    fn take_page(&mut self, mesh: &MeshKey, items: &[Item]) -> Result<bool, LogError> {
        self.beyond = false;
        for item in items {
            if !self.take(item::read(mesh, item))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Takes the next record; answers whether it was the next.
    fn take(&mut self, stored: Result<Stored, LogError>) -> Result<bool, LogError> {
        let Stored { record, last } = stored?;
        self.beyond = self.seen.checked_add(1) != Some(record.seq);
        if !self.beyond {
            (self.seen, self.promised) = (record.seq, last);
            self.records.push(record);
        }
        Ok(!self.beyond)
    }

    fn is_whole(&self) -> bool {
        !self.beyond && self.promised <= self.seen
    }

    fn missing(&self, mesh: &MeshKey) -> LogError {
        LogError::Damaged(format!("record {} of mesh {mesh} is missing", self.seen.saturating_add(1)))
    }
}
