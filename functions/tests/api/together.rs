//! Changes of one mesh that share an append: each is answered as if it had been alone, and only when the append is done.
//!
//! The log is a real one that does as it is told: while it holds an append, others come to wait and share the next.

use crate::api::{ACCOUNT, Answer, Api, node_spec};
use async_trait::async_trait;
use futures::future::{BoxFuture, join_all};
use futures::{FutureExt, poll};
use mesh_core::{Entry, Event, Kind, MeshKey, Record, ResourceId, Seq, Spec};
use mesh_log::sqlite::SqliteLog;
use mesh_log::{AppendError, Checkpoint, EventLog, LogError};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::Semaphore;
use uuid::Uuid;

/// What becomes of an append.
#[derive(Debug, Clone)]
enum Fate {
    /// It is written and answered.
    Done,
    /// It waits until it is let go, and is done then.
    Held,
    /// It is done, and nobody is told before it is let go.
    HeldAfterwards,
    /// It is written, but the answer is lost.
    AnswerLost,
    /// It is not written.
    NotWritten,
    /// Another process is faster, with this.
    Overtaken(Event),
    /// It is refused if it has more entries than so many.
    TooLargeAbove(usize),
    /// A bug.
    Panic,
}

struct Told {
    log: SqliteLog,
    fates: Mutex<VecDeque<Fate>>,
    letting_go: Semaphore,
    /// How many entries each append had.
    appends: Mutex<Vec<usize>>,
    /// What is told of the next reads; those after them are done.
    reads: Mutex<VecDeque<Reading>>,
    /// How many reads there were.
    asked: AtomicUsize,
}

/// What becomes of a read.
enum Reading {
    /// What was read is answered when it is let go.
    Held,
    /// It cannot be read.
    Failed,
}

impl Told {
    /// What becomes of the next appends; those after them are done.
    fn tell(&self, fates: impl IntoIterator<Item = Fate>) {
        *self.fates.lock().unwrap() = fates.into_iter().collect();
        self.appends.lock().unwrap().clear();
    }

    fn let_go(&self) {
        self.letting_go.add_permits(1);
    }

    fn appends(&self) -> Vec<usize> {
        self.appends.lock().unwrap().clone()
    }

    async fn held(&self) {
        self.letting_go.acquire().await.unwrap().forget();
    }

    async fn records(&self) -> Vec<Record> {
        self.log.read(&key(), 0).await.unwrap()
    }

    /// What was created, in order.
    async fn created(&self) -> Vec<String> {
        let created = |record: &Record| matches!(record.entry.event, Event::Created { .. });
        let name = |record: &Record| record.entry.event.resource().name.to_string();
        self.records().await.iter().filter(|record| created(record)).map(name).collect()
    }
}

#[async_trait]
impl EventLog for Told {
    async fn read(&self, mesh: &MeshKey, after: Seq) -> Result<Vec<Record>, LogError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let records = self.log.read(mesh, after).await;
        let reading = self.reads.lock().unwrap().pop_front();
        match reading {
            Some(Reading::Held) => self.held().await,
            Some(Reading::Failed) => return Err(LogError::Unavailable("down".into())),
            None => {}
        }
        records
    }

    async fn append(&self, mesh: &MeshKey, expected: Seq, entries: Vec<Entry>) -> Result<Seq, AppendError> {
        self.appends.lock().unwrap().push(entries.len());
        let fate = self.fates.lock().unwrap().pop_front().unwrap_or(Fate::Done);
        let lost = || AppendError::Log(LogError::Unavailable("timed out".into()));
        match fate {
            Fate::Done => {}
            Fate::Held => self.held().await,
            Fate::HeldAfterwards => {
                let seq = self.log.append(mesh, expected, entries).await?;
                self.held().await;
                return Ok(seq);
            }
            Fate::AnswerLost => {
                self.log.append(mesh, expected, entries).await?;
                return Err(lost());
            }
            Fate::NotWritten => return Err(lost()),
            Fate::Overtaken(event) => {
                let entry = Entry { request: Uuid::new_v4(), event, ..entries[0].clone() };
                self.log.append(mesh, expected, vec![entry]).await?;
            }
            Fate::TooLargeAbove(most) if entries.len() > most => {
                return Err(AppendError::TooLarge(format!("{} entries", entries.len())));
            }
            Fate::TooLargeAbove(_) => {}
            Fate::Panic => panic!("a bug"),
        }
        self.log.append(mesh, expected, entries).await
    }

    async fn heads(&self) -> Result<BTreeMap<MeshKey, Seq>, LogError> {
        self.log.heads().await
    }

    async fn checkpoint(&self, mesh: &MeshKey) -> Result<Option<Checkpoint>, LogError> {
        self.log.checkpoint(mesh).await
    }

    async fn save_checkpoint(&self, checkpoint: Checkpoint) -> Result<(), LogError> {
        self.log.save_checkpoint(checkpoint).await
    }
}

type Sent = BoxFuture<'static, Answer>;

/// A mesh `m` on a log that does as it is told.
async fn with_mesh() -> (Arc<Told>, Api) {
    let log = Told {
        log: SqliteLog::in_memory().unwrap(),
        fates: Mutex::default(),
        letting_go: Semaphore::new(0),
        appends: Mutex::default(),
        reads: Mutex::default(),
        asked: AtomicUsize::new(0),
    };
    let log = Arc::new(log);
    let api = Api::over(log.clone());
    api.put("/meshes", json!({ "meshName": "m" })).await.ok();
    (log, api)
}

/// Has requests come to wait behind one that the log holds, and lets it go: what waits shares the next append, whose fate
/// is the next that was told. Answers their answers.
async fn behind_one_held(log: &Told, api: &Api, fates: impl IntoIterator<Item = Fate>, sent: Vec<Sent>) -> Vec<Answer> {
    log.tell([Fate::Held].into_iter().chain(fates));
    let (first, waiting) = waiting_behind(api, sent).await;
    log.let_go();
    first.await.ok();
    join_all(waiting).await
}

/// Sends a request that the log holds, and others behind it. A request waits as soon as it was polled: nothing on its way
/// there makes it wait before, since there is no socket.
async fn waiting_behind(api: &Api, sent: Vec<Sent>) -> (Sent, Vec<Sent>) {
    let mut first = create(api, "first");
    let mut waiting = sent;
    assert!(poll!(&mut first).is_pending());
    // The turn is taken in a task of its own, which runs now.
    tokio::task::yield_now().await;
    for request in &mut waiting {
        assert!(poll!(request).is_pending());
    }
    (first, waiting)
}

fn create(api: &Api, name: &str) -> Sent {
    put(api, "/meshes/m/virtualNodes", json!({ "virtualNodeName": name, "spec": {} }))
}

fn put(api: &Api, path: &str, body: Value) -> Sent {
    let (api, path) = (api.clone(), path.to_owned());
    async move { api.put(&path, body).await }.boxed()
}

fn get(api: &Api, path: &str) -> Sent {
    let (api, path) = (api.clone(), path.to_owned());
    async move { api.get(&path).await }.boxed()
}

fn delete(api: &Api, path: &str) -> Sent {
    let (api, path) = (api.clone(), path.to_owned());
    async move { api.delete(&path).await }.boxed()
}

fn creates(api: &Api, names: impl IntoIterator<Item = u32>) -> Vec<Sent> {
    names.into_iter().map(|n| create(api, &format!("n{n}"))).collect()
}

fn key() -> MeshKey {
    MeshKey::new(ACCOUNT, "m")
}

fn node_created(name: &str) -> Event {
    Event::Created {
        resource: ResourceId::new(Kind::VirtualNode, name),
        uid: Uuid::new_v4(),
        owner: ACCOUNT.into(),
        spec: Spec::VirtualNode(Arc::default()),
        tags: BTreeMap::new(),
        token: None,
    }
}

#[tokio::test]
async fn changes_that_wait_share_an_append() {
    let (log, api) = with_mesh().await;
    let answers = behind_one_held(&log, &api, [], creates(&api, 0..20)).await;
    assert_eq!(log.appends(), [1, 20]);
    for (n, answer) in answers.into_iter().enumerate() {
        assert_eq!(answer.ok()["virtualNodeName"], format!("n{n}"));
    }
    assert_eq!(log.created().await.len(), 22);
}

#[tokio::test]
async fn no_more_share_an_append_than_every_log_takes() {
    let (log, api) = with_mesh().await;
    let answers = behind_one_held(&log, &api, [], creates(&api, 0..120)).await;
    assert_eq!(log.appends(), [1, 50, 50, 20]);
    answers.into_iter().for_each(|answer| drop(answer.ok()));
}

#[tokio::test]
async fn what_is_small_does_not_wait_for_all_that_is_large() {
    let (log, api) = with_mesh().await;
    let backends: Vec<Value> =
        (0..5000).map(|n| json!({ "virtualService": { "virtualServiceName": format!("{n:0>80}.local") } })).collect();
    let large = json!({ "backends": backends });
    let create = |n| json!({ "virtualNodeName": format!("n{n}"), "spec": large });
    let sent = (0..3).map(|n| put(&api, "/meshes/m/virtualNodes", create(n))).collect();
    let answers = behind_one_held(&log, &api, [], sent).await;
    assert_eq!(log.appends(), [1, 1, 1, 1]);
    answers.into_iter().for_each(|answer| drop(answer.ok()));
}

#[tokio::test]
async fn each_is_decided_against_what_the_earlier_ones_leave() {
    let (log, api) = with_mesh().await;
    let service = |target: &str| {
        let provider = json!({ "virtualNode": { "virtualNodeName": target } });
        json!({ "virtualServiceName": "s", "spec": { "provider": provider } })
    };
    let sent = vec![
        create(&api, "a"),
        create(&api, "a"),
        put(&api, "/meshes/m/virtualNodes/a", json!({ "spec": node_spec(8080) })),
        put(&api, "/meshes/m/virtualNodes/a", json!({ "spec": node_spec(8080) })),
        put(&api, "/meshes/m/virtualServices", service("b")),
        create(&api, "b"),
        put(&api, "/meshes/m/virtualServices", service("b")),
        delete(&api, "/meshes/m/virtualNodes/b"),
        put(&api, "/meshes/m/virtualNodes/a", json!({ "spec": node_spec(8081) })),
        delete(&api, "/meshes/m/virtualNodes/a"),
        delete(&api, "/meshes/m/virtualNodes/a"),
        create(&api, "a"),
    ];
    let answers = behind_one_held(&log, &api, [], sent).await;
    let told: Vec<_> = answers.iter().map(|answer| (answer.error(), &answer.body["metadata"]["version"])).collect();
    let [none, one, two, three, four] = [json!(null), json!(1), json!(2), json!(3), json!(4)];
    let expected = [
        ("none", &one),
        ("ConflictException", &none),
        ("none", &two),
        ("none", &two),
        ("NotFoundException", &none),
        ("none", &one),
        ("none", &one),
        ("ResourceInUseException", &none),
        ("none", &three),
        ("none", &four),
        ("NotFoundException", &none),
        ("none", &one),
    ];
    assert_eq!(told, expected);
    assert_eq!(log.appends(), [1, 7]);
    assert_eq!(log.records().await.len(), 2 + 7);
    api.get("/meshes/m/virtualServices/s").await.ok();
    assert_eq!(api.get("/meshes/m/virtualNodes/a").await.ok()["spec"]["listeners"], json!([]));
}

#[tokio::test]
async fn each_record_is_of_its_own_request() {
    let (log, api) = with_mesh().await;
    let answers = behind_one_held(&log, &api, [], creates(&api, 0..10)).await;
    let requests: Vec<_> = answers.iter().map(|answer| answer.headers["x-amzn-requestid"].to_str().unwrap()).collect();
    let recorded: Vec<_> = log.records().await[2..].iter().map(|record| record.entry.request.to_string()).collect();
    assert_eq!(recorded, requests);
}

/// A refusal because of an earlier change is as little true as that one, as long as it is not durable.
#[tokio::test]
async fn nothing_is_answered_or_shown_before_it_is_durable() {
    let (log, api) = with_mesh().await;
    log.tell([Fate::Held, Fate::Held]);
    let (first, mut waiting) = waiting_behind(&api, vec![create(&api, "a"), create(&api, "a")]).await;
    log.let_go();
    first.await.ok();
    while log.appends().len() < 2 {
        tokio::task::yield_now().await;
    }
    api.get("/meshes/m/virtualNodes/a").await.refused(404, "NotFoundException");
    assert_eq!(api.get("/meshes/m/virtualNodes").await.ok()["virtualNodes"].as_array().unwrap().len(), 1);
    for request in &mut waiting {
        assert!(poll!(request).is_pending());
    }
    log.let_go();
    let [created, refused] = join_all(waiting).await.try_into().ok().unwrap();
    created.ok();
    refused.refused(409, "ConflictException");
    api.get("/meshes/m/virtualNodes/a").await.ok();
}

#[tokio::test]
async fn what_is_durable_is_shown_before_it_is_answered() {
    let (log, api) = with_mesh().await;
    log.tell([Fate::HeldAfterwards]);
    let (first, waiting) = waiting_behind(&api, creates(&api, 0..3)).await;
    while log.created().await.len() < 2 {
        tokio::task::yield_now().await;
    }
    api.get("/meshes/m/virtualNodes/first").await.ok();
    log.let_go();
    first.await.ok();
    join_all(waiting).await.into_iter().for_each(|answer| drop(answer.ok()));
}

#[tokio::test]
async fn all_of_an_append_that_was_not_written_are_refused_and_can_be_repeated() {
    let (log, api) = with_mesh().await;
    let sent = vec![create(&api, "a"), create(&api, "a"), create(&api, "b")];
    for answer in behind_one_held(&log, &api, [Fate::NotWritten], sent).await {
        answer.refused(503, "ServiceUnavailableException");
    }
    assert_eq!(log.created().await, ["m", "first"]);
    api.get("/meshes/m/virtualNodes/a").await.refused(404, "NotFoundException");
    api.delete("/meshes/m/virtualNodes/first").await.ok();
    let sent = vec![create(&api, "a"), create(&api, "b"), create(&api, "a")];
    let [a, b, again] = behind_one_held(&log, &api, [], sent).await.try_into().ok().unwrap();
    assert_eq!((a.ok()["metadata"]["version"].clone(), b.ok()["metadata"]["version"].clone()), (json!(1), json!(1)));
    again.refused(409, "ConflictException");
}

#[tokio::test]
async fn an_append_whose_answer_was_lost_is_found_and_all_are_answered_once() {
    let (log, api) = with_mesh().await;
    let sent = vec![create(&api, "a"), create(&api, "a"), create(&api, "b")];
    let [a, again, b] = behind_one_held(&log, &api, [Fate::AnswerLost], sent).await.try_into().ok().unwrap();
    a.ok();
    again.refused(409, "ConflictException");
    b.ok();
    assert_eq!(log.created().await, ["m", "first", "a", "b"]);
    assert_eq!(log.appends(), [1, 2]);
}

#[tokio::test]
async fn all_are_decided_again_when_another_process_was_faster() {
    let (log, api) = with_mesh().await;
    let fate = Fate::Overtaken(node_created("b"));
    let sent = vec![create(&api, "a"), create(&api, "b"), create(&api, "c")];
    let [a, b, c] = behind_one_held(&log, &api, [fate], sent).await.try_into().ok().unwrap();
    a.ok();
    b.refused(409, "ConflictException");
    c.ok();
    assert_eq!(log.created().await, ["m", "first", "b", "a", "c"]);
    assert_eq!(log.appends(), [1, 3, 2]);
}

#[tokio::test]
async fn what_is_too_large_together_is_appended_one_by_one() {
    let (log, api) = with_mesh().await;
    let answers = behind_one_held(&log, &api, [Fate::TooLargeAbove(2)], creates(&api, 0..3)).await;
    answers.into_iter().for_each(|answer| drop(answer.ok()));
    assert_eq!(log.appends(), [1, 3, 1, 1, 1]);
}

#[tokio::test]
async fn only_what_is_too_large_by_itself_is_refused() {
    let (log, api) = with_mesh().await;
    let fates = [Fate::TooLargeAbove(0), Fate::Done, Fate::TooLargeAbove(0), Fate::Done];
    let answers = behind_one_held(&log, &api, fates, creates(&api, 0..3)).await;
    let [one, two, three] = answers.try_into().ok().unwrap();
    one.ok();
    assert_eq!(two.refused(400, "BadRequestException"), "The request is too large: 1 entries.");
    three.ok();
    assert_eq!(log.created().await, ["m", "first", "n0", "n2"]);
}

#[tokio::test]
async fn who_leaves_while_he_waits_is_left_out() {
    let (log, api) = with_mesh().await;
    log.tell([Fate::Held]);
    let (first, mut waiting) = waiting_behind(&api, creates(&api, 0..4)).await;
    drop(waiting.remove(1));
    log.let_go();
    first.await.ok();
    join_all(waiting).await.into_iter().for_each(|answer| drop(answer.ok()));
    assert_eq!(log.created().await, ["m", "first", "n0", "n2", "n3"]);
}

/// The first of them as well, on whose behalf the turn was taken.
#[tokio::test]
async fn who_leaves_during_the_append_takes_nobody_with_him() {
    let (log, api) = with_mesh().await;
    log.tell([Fate::Held, Fate::Held]);
    let (first, mut waiting) = waiting_behind(&api, creates(&api, 0..4)).await;
    log.let_go();
    first.await.ok();
    while log.appends().len() < 2 {
        tokio::task::yield_now().await;
    }
    drop(waiting.remove(0));
    log.let_go();
    join_all(waiting).await.into_iter().for_each(|answer| drop(answer.ok()));
    // It was under way already.
    api.get("/meshes/m/virtualNodes/n0").await.ok();
    assert_eq!(log.appends(), [1, 4]);
}

#[tokio::test]
async fn a_panic_in_the_midst_is_an_answer_to_all_of_it_and_the_next_are_served() {
    let (log, api) = with_mesh().await;
    let mut sent = creates(&api, 0..51);
    let last = sent.len() - 1;
    let mut answers = behind_one_held(&log, &api, [Fate::Panic], std::mem::take(&mut sent)).await;
    answers.remove(last).ok();
    for answer in answers {
        let message = answer.refused(500, "InternalServerErrorException");
        assert!(!message.contains("a bug"), "{message}");
    }
    assert_eq!(log.created().await, ["m", "first", "n50"]);
}

/// 24 s is what a Lambda function has; whoever waits behind an append of which nothing is heard waits no longer either.
#[tokio::test]
async fn who_waits_behind_an_append_without_an_answer_is_told_in_time() {
    let (log, api) = with_mesh().await;
    log.tell([Fate::Held]);
    let (first, waiting) = waiting_behind(&api, creates(&api, 0..3)).await;
    tokio::time::pause();
    for answer in join_all(waiting.into_iter().chain([first])).await {
        answer.refused(503, "ServiceUnavailableException");
    }
    tokio::time::resume();
    create(&api, "later").await.ok();
    api.get("/meshes/m/virtualNodes/first").await.refused(404, "NotFoundException");
}

/// A read that began before they asked might not show them what was written before they asked.
#[tokio::test]
async fn those_who_ask_at_once_share_one_read_that_begins_after_they_asked() {
    let (log, api) = with_mesh().await;
    *log.reads.lock().unwrap() = [Reading::Held].into();
    let mut early = get(&api, "/meshes/m");
    assert!(poll!(&mut early).is_pending());
    let entry = Entry { request: Uuid::new_v4(), event: node_created("n"), ..log.records().await[0].entry.clone() };
    log.log.append(&key(), 1, vec![entry]).await.unwrap();
    let (asked, mut late) = (log.asked.load(Ordering::SeqCst), Vec::new());
    for _ in 0..40 {
        let mut request = get(&api, "/meshes/m/virtualNodes/n");
        assert!(poll!(&mut request).is_pending());
        late.push(request);
    }
    log.let_go();
    early.await.ok();
    join_all(late).await.into_iter().for_each(|answer| drop(answer.ok()));
    assert_eq!(log.asked.load(Ordering::SeqCst), asked + 1);
}

#[tokio::test]
async fn those_who_share_a_read_that_fails_are_told_so_at_once_and_the_next_is_served() {
    let (log, api) = with_mesh().await;
    *log.reads.lock().unwrap() = [Reading::Held, Reading::Failed].into();
    let mut early = get(&api, "/meshes/m");
    assert!(poll!(&mut early).is_pending());
    let mut late: Vec<_> = (0..10).map(|_| get(&api, "/meshes/m")).collect();
    for request in &mut late {
        assert!(poll!(request).is_pending());
    }
    log.let_go();
    early.await.ok();
    for answer in join_all(late).await {
        answer.refused(503, "ServiceUnavailableException");
    }
    api.get("/meshes/m").await.ok();
}

/// One who left while he asked for all has asked for nobody: the next asks himself.
#[tokio::test]
async fn who_leaves_while_he_asks_for_others_leaves_them_their_answer() {
    let (log, api) = with_mesh().await;
    *log.reads.lock().unwrap() = [Reading::Held].into();
    let (mut early, mut late) = (get(&api, "/meshes/m"), get(&api, "/meshes/m"));
    assert!(poll!(&mut early).is_pending() && poll!(&mut late).is_pending());
    drop(early);
    late.await.ok();
}

/// Writers, readers and a log with bad days: what was acknowledged is in the log exactly once, what was refused is not,
/// and nobody saw what was not in the log.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_the_log_does_acknowledged_is_written_once_and_seen_is_written() {
    let (log, api) = with_mesh().await;
    create(&api, "x").await.ok();
    let fates = (0..400u32).map(|n| match n * 7 % 10 {
        0 => Fate::AnswerLost,
        1 => Fate::NotWritten,
        2 => Fate::Overtaken(tagged(n)),
        3 => Fate::TooLargeAbove(1),
        _ => Fate::Done,
    });
    log.tell(fates);
    let writers = (0..32u16).map(|writer| tokio::spawn(write(api.clone(), writer)));
    let writing = join_all(writers);
    let readers = (0..8).map(|_| tokio::spawn(read(api.clone(), log.clone()))).collect::<Vec<_>>();
    let written: Vec<(u16, Answer)> = writing.await.into_iter().flat_map(Result::unwrap).collect();
    for reader in join_all(readers).await {
        reader.unwrap();
    }
    let ports: Vec<u16> = log.records().await.iter().filter_map(|record| port(&record.entry.event)).collect();
    let (acknowledged, refused): (Vec<_>, Vec<_>) = written.into_iter().partition(|(_, it)| it.status == 200);
    assert!(!acknowledged.is_empty() && !refused.is_empty());
    for (_, answer) in &refused {
        assert_eq!(answer.error(), "ServiceUnavailableException");
    }
    let expected: BTreeSet<u16> = acknowledged.iter().map(|(port, _)| *port).collect();
    assert_eq!((ports.len(), ports.into_iter().collect::<BTreeSet<_>>()), (expected.len(), expected));
    let versions: BTreeSet<_> = acknowledged.iter().map(|(_, it)| it.body["metadata"]["version"].as_u64()).collect();
    assert_eq!(versions.len(), acknowledged.len());
}

async fn write(api: Api, writer: u16) -> Vec<(u16, Answer)> {
    let mut answers = Vec::new();
    for n in 0..10u16 {
        let port = 1000 + writer * 10 + n;
        let answer = api.put("/meshes/m/virtualNodes/x", json!({ "spec": node_spec(port) })).await;
        if answer.status == 200 {
            assert_eq!(answer.body["spec"], node_spec(port));
        }
        answers.push((port, answer));
    }
    answers
}

/// Reads until it has seen many versions: each in the log already, and none older than one before.
async fn read(api: Api, log: Arc<Told>) {
    let (mut version, mut seq) = (0, 0);
    for _ in 0..300 {
        let seen = api.get("/meshes/m/virtualNodes/x").await.ok();
        let now = seen["metadata"]["version"].as_u64().unwrap();
        assert!(now >= version, "version {now} after {version}");
        if now > version && now > 1 {
            let seen = seen["spec"]["listeners"][0]["portMapping"]["port"].as_u64();
            let records = log.log.read(&key(), seq).await.unwrap();
            let written = records.iter().rfind(|record| port(&record.entry.event).map(u64::from) == seen);
            seq = written.unwrap_or_else(|| panic!("port {seen:?} is not in the log")).seq - 1;
        }
        version = now;
    }
}

fn tagged(n: u32) -> Event {
    Event::Tagged { resource: ResourceId::new(Kind::Mesh, "m"), tags: [("n".to_owned(), n.to_string())].into() }
}

fn port(event: &Event) -> Option<u16> {
    let Event::Updated { spec: Spec::VirtualNode(node), .. } = event else { return None };
    node.listeners.first().and_then(|listener| u16::try_from(listener.port_mapping.port).ok())
}
