//! Many at once: nothing lost, nothing twice.

use crate::api::{Api, node_spec};
use futures::future::join_all;
use mesh_log::EventLog;
use mesh_log::sqlite::SqliteLog;
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_updates_at_once_are_sixty_four_versions() {
    let api = Api::with_one_of_each().await;
    let updates = (0..64).map(|n| {
        let api = api.clone();
        let update =
            async move { api.put("/meshes/m/virtualNodes/x", json!({ "spec": node_spec(9000 + n) })).await.ok() };
        tokio::spawn(update)
    });
    let answers = join_all(updates).await;
    let versions = answers.iter().map(|answer| answer.as_ref().unwrap()["metadata"]["version"].as_u64().unwrap());
    assert_eq!(versions.collect::<BTreeSet<_>>(), (2..66).collect());
    assert_eq!(api.get("/meshes/m/virtualNodes/x").await.ok()["metadata"]["version"], 65);
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
    let apis = [Api::over(log.clone()), Api::over(log.clone()), Api::over(log)];
    apis[0].put("/meshes", json!({ "meshName": "m" })).await.ok();
    apis[1].put("/meshes/m/virtualNodes", json!({ "virtualNodeName": "x", "spec": {} })).await.ok();
    let updates = (0..30u16).map(|n| {
        let api = apis[usize::from(n) % 3].clone();
        tokio::spawn(async move { api.put("/meshes/m/virtualNodes/x", json!({ "spec": node_spec(9000 + n) })).await })
    });
    let answers: Vec<_> = join_all(updates).await.into_iter().map(Result::unwrap).collect();
    let accepted: Vec<_> = answers.into_iter().filter(|answer| answer.error() != "TooManyRequestsException").collect();
    let versions: BTreeSet<_> = accepted.iter().map(|answer| answer.body["metadata"]["version"].as_u64()).collect();
    assert_eq!(versions.len(), accepted.len());
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
