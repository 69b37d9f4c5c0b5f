//! Many at once: nothing lost, nothing twice.

use crate::api::{ACCOUNT, Answer, Api, node_spec};
use futures::future::join_all;
use mesh_core::MeshKey;
use mesh_log::EventLog;
use mesh_log::sqlite::SqliteLog;
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::task::JoinHandle;

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_updates_at_once_are_sixty_four_versions() {
    let log: Arc<dyn EventLog> = Arc::new(SqliteLog::in_memory().unwrap());
    let api = with_node(&log).await;
    let answers = join_all((0..64).map(|n| update(&api, 9000 + n))).await;
    let answers: Vec<_> = answers.into_iter().map(|answer| answer.unwrap().ok()).collect();
    let versions = answers.iter().map(|answer| answer["metadata"]["version"].as_u64().unwrap());
    assert_eq!(versions.collect::<BTreeSet<_>>(), (2..66).collect());
    for (n, answer) in (0..).zip(&answers) {
        assert_eq!(answer["spec"], node_spec(9000 + n));
    }
    let last = answers.iter().max_by_key(|answer| answer["metadata"]["version"].as_u64()).unwrap();
    assert_eq!(api.get("/meshes/m/virtualNodes/x").await.ok(), *last);
    assert_eq!(log.read(&MeshKey::new(ACCOUNT, "m"), 0).await.unwrap().len(), 2 + 64);
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_identical_updates_at_once_are_one_version() {
    let log: Arc<dyn EventLog> = Arc::new(SqliteLog::in_memory().unwrap());
    let api = with_node(&log).await;
    for answer in join_all((0..64).map(|_| update(&api, 9000))).await {
        assert_eq!(answer.unwrap().ok()["metadata"]["version"], 2);
    }
    assert_eq!(log.read(&MeshKey::new(ACCOUNT, "m"), 0).await.unwrap().len(), 3);
}

/// Whichever comes first, what is left never refers to what is gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_goes_while_references_to_it_come_leaves_none_dangling() {
    let api = Api::with_one_of_each().await;
    for round in 0..24 {
        let node = json!({ "virtualNodeName": "y", "spec": {} });
        api.put("/meshes/m/virtualNodes", node).await.ok();
        let provider = json!({ "virtualNode": { "virtualNodeName": "y" } });
        let body = |n| json!({ "virtualServiceName": format!("s{n}"), "spec": { "provider": provider } });
        let create = |n| {
            let (api, body) = (api.clone(), body(n));
            tokio::spawn(async move { api.put("/meshes/m/virtualServices", body).await })
        };
        let early: Vec<_> = (0..round % 4).map(create).collect();
        let delete = api.clone();
        let delete = tokio::spawn(async move { delete.delete("/meshes/m/virtualNodes/y").await });
        let late: Vec<_> = (4..8).map(create).collect();
        let deleted = delete.await.unwrap();
        let created = join_all(early.into_iter().chain(late)).await.into_iter().map(Result::unwrap);
        let created: Vec<_> = created.filter(|answer| answer.status == 200).map(|it| it.body).collect();
        if deleted.status == 200 {
            assert_eq!(created.len(), 0, "round {round}");
            api.get("/meshes/m/virtualNodes/y").await.refused(404, "NotFoundException");
            continue;
        }
        deleted.refused(409, "ResourceInUseException");
        assert!(!created.is_empty());
        api.get("/meshes/m/virtualNodes/y").await.ok();
        for service in created {
            let name = service["virtualServiceName"].as_str().unwrap();
            api.delete(&format!("/meshes/m/virtualServices/{name}")).await.ok();
        }
        api.delete("/meshes/m/virtualNodes/y").await.ok();
    }
}

async fn with_node(log: &Arc<dyn EventLog>) -> Api {
    let api = Api::over(log.clone());
    api.put("/meshes", json!({ "meshName": "m" })).await.ok();
    api.put("/meshes/m/virtualNodes", json!({ "virtualNodeName": "x", "spec": {} })).await.ok();
    api
}

fn update(api: &Api, port: u16) -> JoinHandle<Answer> {
    let api = api.clone();
    tokio::spawn(async move { api.put("/meshes/m/virtualNodes/x", json!({ "spec": node_spec(port) })).await })
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_creates_at_once_one_wins() {
    let api = Api::new();
    for (collection, body) in [
        ("/meshes", json!({ "meshName": "m" })),
        ("/meshes/m/virtualNodes", json!({ "virtualNodeName": "x", "spec": {} })),
    ] {
        let creates = (0..32).map(|_| {
            let (api, body) = (api.clone(), body.clone());
            tokio::spawn(async move { api.put(collection, body).await })
        });
        let answers: Vec<_> = join_all(creates).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
        assert_eq!(answers.iter().filter(|answer| answer.error() == "ConflictException").count(), 31);
    }
}

/// Two processes share a log but no lock: only the log's condition keeps them apart.
#[tokio::test(flavor = "multi_thread")]
async fn processes_that_write_to_one_mesh_lose_no_update() {
    let log: Arc<dyn EventLog> = Arc::new(SqliteLog::in_memory().unwrap());
    let apis = [with_node(&log).await, Api::over(log.clone()), Api::over(log.clone())];
    let updates = (0..60u16).map(|n| update(&apis[usize::from(n) % 3], 9000 + n));
    let answers: Vec<_> = join_all(updates).await.into_iter().map(Result::unwrap).collect();
    let accepted: Vec<_> = answers.into_iter().filter(|answer| answer.error() != "TooManyRequestsException").collect();
    let versions: BTreeSet<_> = accepted.iter().map(|answer| answer.body["metadata"]["version"].as_u64()).collect();
    assert_eq!(versions.len(), accepted.len());
    assert_eq!(log.read(&MeshKey::new(ACCOUNT, "m"), 0).await.unwrap().len(), 2 + accepted.len());
    for api in &apis {
        let version = api.get("/meshes/m/virtualNodes/x").await.ok()["metadata"]["version"].as_u64().unwrap();
        assert_eq!(version as usize, 1 + accepted.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_process_answered_another_shows_at_once() {
    let log: Arc<dyn EventLog> = Arc::new(SqliteLog::in_memory().unwrap());
    let (one, other) = (Api::over(log.clone()), Api::over(log));
    one.put("/meshes", json!({ "meshName": "m" })).await.ok();
    for n in 0..50u16 {
        let name = format!("n{n}");
        one.put("/meshes/m/virtualNodes", json!({ "virtualNodeName": name, "spec": {} })).await.ok();
        other.get(&format!("/meshes/m/virtualNodes/{name}")).await.ok();
        other.delete(&format!("/meshes/m/virtualNodes/{name}")).await.ok();
        one.get(&format!("/meshes/m/virtualNodes/{name}")).await.refused(404, "NotFoundException");
    }
    other.delete("/meshes/m").await.ok();
    assert_eq!(one.get("/meshes").await.ok(), json!({ "meshes": [] }));
}
