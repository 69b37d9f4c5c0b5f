//! What a request leaves behind: a record that knows who asked, and in which request.

use crate::api::{ACCOUNT, Api};
use axum::body::Body;
use axum::http::Request;
use mesh_core::MeshKey;
use mesh_log::EventLog;
use mesh_log::sqlite::SqliteLog;
use serde_json::json;
use std::sync::Arc;

const SIGNATURE: &str = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261122/eu-west-1/appmesh/aws4_request, \
                         SignedHeaders=host, Signature=abc";

fn signed_creation() -> Request<Body> {
    let request = Request::put("/v20190125/meshes").header("authorization", SIGNATURE);
    request.body(json!({ "meshName": "m" }).to_string().into()).unwrap()
}

#[tokio::test]
async fn a_record_names_the_caller_and_the_request_that_was_answered() {
    let log = Arc::new(SqliteLog::in_memory().unwrap());
    let api = Api::over(log.clone());
    let answer = api.raw(signed_creation()).await;
    let id = answer.headers["x-amzn-requestid"].to_str().unwrap().to_owned();
    answer.ok();
    api.put("/meshes/m/virtualNodes", json!({ "virtualNodeName": "n", "spec": {} })).await.ok();
    let records = log.read(&MeshKey::new(ACCOUNT, "m"), 0).await.unwrap();
    let entry = &records[0].entry;
    assert_eq!((entry.request.to_string(), entry.caller.account.as_str()), (id, ACCOUNT));
    assert_eq!(entry.caller.principal.as_deref(), Some("AKIDEXAMPLE"));
    assert_eq!(records[1].entry.caller.principal, None);
}

#[tokio::test]
async fn every_request_has_an_id_of_its_own() {
    let api = Api::with_one_of_each().await;
    let mut ids = std::collections::BTreeSet::new();
    for path in ["/meshes", "/meshes", "/meshes/x", "/nowhere", "/meshes?limit=0"] {
        ids.insert(api.get(path).await.headers["x-amzn-requestid"].clone().to_str().unwrap().to_owned());
    }
    assert_eq!(ids.len(), 5);
}
