//! Each verb × each kind, and what an answer looks like.

use crate::api::{ACCOUNT, Api, SAMPLES, Sample};
use serde_json::{Value, json};

/// Asserts all of a resource but its spec.
#[track_caller]
fn check(sample: &Sample, body: &Value, version: u64, status: &str) {
    let metadata = &body["metadata"];
    assert_eq!(metadata["arn"], format!("arn:aws:appmesh:eu-west-1:{ACCOUNT}:{}", sample.arn));
    assert_eq!(metadata["version"], version, "{}", sample.kind);
    assert_eq!((&metadata["meshOwner"], &metadata["resourceOwner"]), (&json!(ACCOUNT), &json!(ACCOUNT)));
    assert!(metadata["createdAt"].is_f64() && metadata["lastUpdatedAt"].as_f64() >= metadata["createdAt"].as_f64());
    assert_eq!(body["status"], json!({ "status": status }));
    assert_eq!(metadata.as_object().unwrap().len(), 7);
    let parent = matches!(sample.kind, "route" | "gatewayRoute") as usize;
    let names = if sample.kind == "mesh" { 1 } else { 2 + parent };
    assert_eq!(body.as_object().unwrap().len(), 3 + names, "{body}");
    assert_eq!(body["meshName"], "m");
    assert!(body[format!("{}Name", sample.kind)].as_str().unwrap().starts_with(['m', 'x']));
}

#[tokio::test]
async fn every_kind_is_created_described_listed_updated_and_deleted() {
    let api = Api::new();
    for sample in &SAMPLES {
        let sent = (sample.create)();
        let created = api.put(sample.collection, sent.clone()).await.ok();
        check(sample, &created, 1, "ACTIVE");
        assert_eq!(created["spec"], with_lists(sample, sent["spec"].clone()));
        assert_eq!(api.get(sample.item).await.ok(), created);
        let listed = api.get(sample.collection).await.ok();
        assert_eq!(listed.as_object().unwrap().len(), 1);
        check_line(sample, &listed[plural(sample)][0], &created);
        let updated = api.put(sample.item, json!({ "spec": (sample.other_spec)() })).await.ok();
        check(sample, &updated, 2, "ACTIVE");
        assert_eq!(updated["spec"], with_lists(sample, (sample.other_spec)()));
        assert_eq!(updated["metadata"]["uid"], created["metadata"]["uid"]);
        assert_eq!(api.get(sample.item).await.ok(), updated);
    }
    for sample in SAMPLES.iter().rev() {
        check(sample, &api.delete(sample.item).await.ok(), 3, "DELETED");
        api.get(sample.item).await.refused(404, "NotFoundException");
        api.delete(sample.item).await.refused(404, "NotFoundException");
    }
    assert_eq!(api.get("/meshes").await.ok(), json!({ "meshes": [] }));
}

fn plural(sample: &Sample) -> String {
    if sample.kind == "mesh" { "meshes".into() } else { format!("{}s", sample.kind) }
}

/// The two lists that App Mesh fills in for a virtual node (§13.4).
fn with_lists(sample: &Sample, mut spec: Value) -> Value {
    if sample.kind == "virtualNode" {
        for list in ["backends", "listeners"] {
            spec.as_object_mut().unwrap().entry(list).or_insert(json!([]));
        }
    }
    spec
}

#[track_caller]
fn check_line(sample: &Sample, line: &Value, created: &Value) {
    for (member, value) in line.as_object().unwrap() {
        let whole = if member.ends_with("Name") { &created[member] } else { &created["metadata"][member] };
        assert_eq!(value, whole, "{} {member}", sample.kind);
    }
    assert!(line.get("uid").is_none() && line.get("spec").is_none() && line.get("status").is_none());
    assert!(line["arn"].is_string() && line["version"] == 1 && line["lastUpdatedAt"].is_f64());
}

#[tokio::test]
async fn an_update_that_changes_nothing_keeps_version_and_time() {
    let api = Api::with_one_of_each().await;
    for sample in &SAMPLES {
        let before = api.get(sample.item).await.ok();
        let spec = (sample.create)()["spec"].clone();
        assert_eq!(api.put(sample.item, json!({ "spec": spec })).await.ok(), before);
    }
}

#[tokio::test]
async fn what_was_not_asked_for_is_not_filled_in() {
    let api = Api::new();
    let mesh = api.put("/meshes", json!({ "meshName": "m" })).await.ok();
    assert_eq!(mesh["spec"], json!({}));
    let service = json!({ "virtualServiceName": "s", "spec": {} });
    assert_eq!(api.put("/meshes/m/virtualServices", service).await.ok()["spec"], json!({}));
    let node = json!({ "virtualNodeName": "n", "spec": {} });
    let node = api.put("/meshes/m/virtualNodes", node).await.ok();
    assert_eq!(node["spec"], json!({ "backends": [], "listeners": [] }));
}

#[tokio::test]
async fn updating_a_mesh_without_a_spec_empties_it() {
    let api = Api::with_one_of_each().await;
    let updated = api.put("/meshes/m", json!({})).await.ok();
    assert_eq!((&updated["spec"], &updated["metadata"]["version"]), (&json!({}), &json!(2)));
}

#[tokio::test]
async fn a_create_repeated_with_its_token_answers_again_and_any_other_conflicts() {
    let api = Api::new();
    for sample in &SAMPLES {
        let mut body = (sample.create)();
        body["clientToken"] = "token-1".into();
        let first = api.put(sample.collection, body.clone()).await.ok();
        assert_eq!(api.put(sample.collection, body.clone()).await.ok(), first, "{}", sample.kind);
        let mut other = body.clone();
        other["spec"] = (sample.other_spec)();
        api.put(sample.collection, other).await.refused(409, "ConflictException");
        body["clientToken"] = "token-2".into();
        api.put(sample.collection, body).await.refused(409, "ConflictException");
    }
}

#[tokio::test]
async fn a_resource_created_again_is_another_one() {
    let api = Api::new();
    let first = api.put("/meshes", json!({ "meshName": "m" })).await.ok();
    api.delete("/meshes/m").await.ok();
    let second = api.put("/meshes", json!({ "meshName": "m" })).await.ok();
    assert_eq!(second["metadata"]["version"], 1);
    assert_ne!(second["metadata"]["uid"], first["metadata"]["uid"]);
}

#[tokio::test]
async fn the_mesh_owner_names_whose_mesh_is_meant() {
    let api = Api::with_one_of_each().await;
    for sample in &SAMPLES {
        let own = api.get(&format!("{}?meshOwner={ACCOUNT}", sample.item)).await.ok();
        assert_eq!(own, api.get(sample.item).await.ok());
        let message =
            api.get(&format!("{}?meshOwner=210987654321", sample.item)).await.refused(403, "ForbiddenException");
        assert!(message.contains("210987654321"), "{message}");
        api.get(&format!("{}?meshOwner=me", sample.item)).await.refused(400, "BadRequestException");
    }
    for request in [api.put("/meshes?meshOwner=210987654321", json!({ "meshName": "n" }))] {
        request.await.refused(403, "ForbiddenException");
    }
    api.delete("/meshes/m?meshOwner=210987654321").await.refused(403, "ForbiddenException");
}

#[tokio::test]
async fn names_are_percent_decoded() {
    let api = Api::with_one_of_each().await;
    let service = api.get("/meshes/%6D/virtualServices/x%2Elocal").await.ok();
    assert_eq!(service["virtualServiceName"], "x.local");
}
