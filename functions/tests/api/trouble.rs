//! When the log fails, loses an answer, or a bug panics: an exception that says what to do, and no lost or doubled change.

use crate::api::Api;
use async_trait::async_trait;
use mesh_core::{Entry, Event, Kind, MeshKey, Record, ResourceId, Seq};
use mesh_log::sqlite::SqliteLog;
use mesh_log::{AppendError, Checkpoint, EventLog, LogError};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;

/// What goes wrong with the next append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    None,
    /// It is written, but the answer is lost.
    AnswerLost,
    /// It is written, the answer is lost, and the adapter's own repetition meets its own record.
    RepeatedByTheAdapter,
    /// It is not written.
    NotWritten,
    /// Another process is always faster, with something else.
    Overtaken,
    /// Nothing can be read or written.
    Unreachable,
    /// Nothing that is written is answered.
    Silent,
    /// A bug.
    Panic,
}

/// A real log with trouble in between.
struct Troubled {
    log: SqliteLog,
    trouble: Mutex<Trouble>,
}

impl Troubled {
    fn now(&self) -> Trouble {
        *self.trouble.lock().unwrap()
    }

    fn set(&self, trouble: Trouble) {
        *self.trouble.lock().unwrap() = trouble;
    }

    fn reachable(&self) -> Result<(), LogError> {
        match self.now() {
            Trouble::Unreachable => Err(LogError::Unavailable("down".into())),
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl EventLog for Troubled {
    async fn read(&self, mesh: &MeshKey, after: Seq) -> Result<Vec<Record>, LogError> {
        self.reachable()?;
        self.log.read(mesh, after).await
    }

    async fn append(&self, mesh: &MeshKey, expected: Seq, entries: Vec<Entry>) -> Result<Seq, AppendError> {
        self.reachable()?;
        let lost = || AppendError::Log(LogError::Unavailable("timed out".into()));
        match self.now() {
            Trouble::AnswerLost => {
                self.log.append(mesh, expected, entries).await?;
                Err(lost())
            }
            Trouble::RepeatedByTheAdapter => {
                self.log.append(mesh, expected, entries.clone()).await?;
                self.log.append(mesh, expected, entries).await
            }
            Trouble::NotWritten => Err(lost()),
            Trouble::Overtaken => {
                let others = entries.into_iter().map(|entry| tagging(entry, expected)).collect();
                let actual = self.log.append(mesh, expected, others).await?;
                Err(AppendError::Conflict { mesh: mesh.clone(), expected, actual })
            }
            Trouble::Silent => std::future::pending().await,
            Trouble::Panic => panic!("a bug"),
            Trouble::None | Trouble::Unreachable => self.log.append(mesh, expected, entries).await,
        }
    }

    async fn heads(&self) -> Result<BTreeMap<MeshKey, Seq>, LogError> {
        self.reachable()?;
        self.log.heads().await
    }

    async fn checkpoint(&self, mesh: &MeshKey) -> Result<Option<Checkpoint>, LogError> {
        self.reachable()?;
        self.log.checkpoint(mesh).await
    }

    async fn save_checkpoint(&self, checkpoint: Checkpoint) -> Result<(), LogError> {
        self.log.save_checkpoint(checkpoint).await
    }
}

/// Another request's entry in place of this one.
fn tagging(entry: Entry, seq: Seq) -> Entry {
    let tags = [("seq".to_owned(), seq.to_string())].into();
    let event = Event::Tagged { resource: ResourceId::new(Kind::Mesh, "m"), tags };
    Entry { request: uuid::Uuid::new_v4(), event, ..entry }
}

async fn with_mesh() -> (Arc<Troubled>, Api) {
    let log = SqliteLog::in_memory().unwrap();
    let log = Arc::new(Troubled { log, trouble: Mutex::new(Trouble::None) });
    let api = Api::over(log.clone());
    api.put("/meshes", json!({ "meshName": "m" })).await.ok();
    (log, api)
}

fn node() -> serde_json::Value {
    json!({ "virtualNodeName": "n", "spec": {} })
}

#[tokio::test]
async fn a_change_whose_answer_was_lost_is_found_and_answered_once() {
    for trouble in [Trouble::AnswerLost, Trouble::RepeatedByTheAdapter] {
        let (log, api) = with_mesh().await;
        log.set(trouble);
        let created = api.put("/meshes/m/virtualNodes", node()).await.ok();
        log.set(Trouble::None);
        assert_eq!(api.get("/meshes/m/virtualNodes/n").await.ok(), created, "{trouble:?}");
        assert_eq!(log.log.read(&MeshKey::new(crate::api::ACCOUNT, "m"), 0).await.unwrap().len(), 2);
    }
}

#[tokio::test]
async fn a_change_that_was_not_written_is_refused_and_can_be_repeated() {
    let (log, api) = with_mesh().await;
    log.set(Trouble::NotWritten);
    let message = api.put("/meshes/m/virtualNodes", node()).await.refused(503, "ServiceUnavailableException");
    assert!(!message.contains("timed out"), "{message}");
    log.set(Trouble::None);
    api.get("/meshes/m/virtualNodes/n").await.refused(404, "NotFoundException");
    api.put("/meshes/m/virtualNodes", node()).await.ok();
}

#[tokio::test]
async fn a_change_of_which_nothing_is_heard_again_is_given_up_in_time() {
    let (log, api) = with_mesh().await;
    log.set(Trouble::Silent);
    tokio::time::pause();
    api.put("/meshes/m/virtualNodes", node()).await.refused(503, "ServiceUnavailableException");
    tokio::time::resume();
    log.set(Trouble::None);
    api.put("/meshes/m/virtualNodes", node()).await.ok();
}

#[tokio::test]
async fn with_the_log_out_of_reach_everything_says_so_and_recovers() {
    let (log, api) = with_mesh().await;
    log.set(Trouble::Unreachable);
    api.get("/meshes").await.refused(503, "ServiceUnavailableException");
    api.get("/meshes/m").await.refused(503, "ServiceUnavailableException");
    api.put("/meshes/m/virtualNodes", node()).await.refused(503, "ServiceUnavailableException");
    log.set(Trouble::None);
    api.put("/meshes/m/virtualNodes", node()).await.ok();
}

#[tokio::test]
async fn a_command_that_others_keep_overtaking_gives_up_in_the_end() {
    let (log, api) = with_mesh().await;
    log.set(Trouble::Overtaken);
    api.put("/meshes/m/virtualNodes", node()).await.refused(429, "TooManyRequestsException");
    log.set(Trouble::None);
    api.put("/meshes/m/virtualNodes", node()).await.ok();
}

#[tokio::test]
async fn a_panic_is_an_answer_and_the_next_request_works() {
    let (log, api) = with_mesh().await;
    log.set(Trouble::Panic);
    let message = api.put("/meshes/m/virtualNodes", node()).await.refused(500, "InternalServerErrorException");
    assert!(!message.contains("a bug"), "{message}");
    log.set(Trouble::None);
    api.put("/meshes/m/virtualNodes", node()).await.ok();
    api.get("/meshes/m/virtualNodes/n").await.ok();
}
