//! Quotas: one is reached, named, raised, and bounds nothing that is there already.

use crate::api::{ACCOUNT, Api, SAMPLES, Sample};
use functions::AppConfig;
use mesh_core::{Quota, Quotas};
use mesh_log::sqlite::SqliteLog;
use serde_json::{Value, json};
use std::sync::Arc;

/// The API over a log, with these limits.
fn limited(log: &SqliteLog, limits: &[(Quota, usize)]) -> Api {
    let quotas = limits.iter().fold(Quotas::default(), |quotas, (quota, limit)| quotas.with(*quota, *limit));
    Api::configured(Arc::new(log.clone()), AppConfig { quotas, ..AppConfig::new(ACCOUNT, "eu-west-1") })
}

/// A log with one of every kind in a mesh.
async fn one_of_each() -> SqliteLog {
    let log = SqliteLog::in_memory().unwrap();
    let api = limited(&log, &[]);
    for sample in &SAMPLES {
        api.put(sample.collection, (sample.create)()).await.ok();
    }
    log
}

/// How many there may be of each kind, and of what else.
fn quota_of(sample: &Sample) -> Quota {
    match sample.kind {
        "mesh" => Quota::MeshesPerAccount,
        "virtualNode" => Quota::VirtualNodesPerMesh,
        "virtualRouter" => Quota::VirtualRoutersPerMesh,
        "route" => Quota::RoutesPerVirtualRouter,
        "virtualService" => Quota::VirtualServicesPerMesh,
        "virtualGateway" => Quota::VirtualGatewaysPerMesh,
        _ => Quota::GatewayRoutesPerVirtualGateway,
    }
}

/// Another one of a kind.
fn another(sample: &Sample, name: &str) -> Value {
    let mut body = (sample.create)();
    body[format!("{}Name", sample.kind)] = name.into();
    body
}

#[tokio::test]
async fn one_more_than_a_quota_of_any_kind_is_refused_until_it_is_raised_or_one_goes() {
    let log = one_of_each().await;
    for sample in &SAMPLES {
        let quota = quota_of(sample);
        let (one, two) = (limited(&log, &[(quota, 1)]), limited(&log, &[(quota, 2)]));
        let refused = one.put(sample.collection, another(sample, "y")).await;
        let message = refused.refused(400, "LimitExceededException");
        assert!(message.starts_with(&format!("The quota {quota} is 1, and {} ", sample.kind)), "{message}");
        assert!(message.ends_with("would be number 2"), "{message}");

        two.put(sample.collection, another(sample, "y")).await.ok();
        two.put(sample.collection, another(sample, "z")).await.refused(400, "LimitExceededException");
        two.delete(&format!("{}/y", sample.collection)).await.ok();
        two.put(sample.collection, another(sample, "z")).await.ok();
        two.delete(&format!("{}/z", sample.collection)).await.ok();
    }
    assert_eq!(SAMPLES.len() + 1, Quota::ALL.len(), "backends are the one that counts something else");
}

fn node_with(backends: usize) -> Value {
    let backend = |n| json!({ "virtualService": { "virtualServiceName": format!("s{n}.local") } });
    json!({ "backends": (0..backends).map(backend).collect::<Vec<_>>() })
}

#[tokio::test]
async fn a_node_has_no_more_backends_than_the_quota() {
    let log = one_of_each().await;
    let quota = Quota::BackendsPerVirtualNode;
    let (two, three) = (limited(&log, &[(quota, 2)]), limited(&log, &[(quota, 3)]));
    let create = |backends| json!({ "virtualNodeName": "n", "spec": node_with(backends) });
    let (nodes, node) = ("/meshes/m/virtualNodes", "/meshes/m/virtualNodes/n");
    let message = two.put(nodes, create(3)).await.refused(400, "LimitExceededException");
    assert_eq!(
        message,
        format!("The quota {quota} is 2, and virtualNode n under mesh m for account {ACCOUNT} would have 3")
    );
    two.put(nodes, create(2)).await.ok();
    two.put(node, json!({ "spec": node_with(3) })).await.refused(400, "LimitExceededException");
    three.put(node, json!({ "spec": node_with(3) })).await.ok();
    // As many as it had, and fewer, it may keep when the quota is lowered.
    let mut other = node_with(3);
    other["backends"][0]["virtualService"]["virtualServiceName"] = "other.local".into();
    two.put(node, json!({ "spec": other })).await.ok();
    two.put(node, json!({ "spec": node_with(4) })).await.refused(400, "LimitExceededException");
    two.put(node, json!({ "spec": node_with(1) })).await.ok();
}

#[tokio::test]
async fn what_is_there_is_changed_tagged_and_deleted_whatever_the_quotas() {
    let log = one_of_each().await;
    let none = limited(&log, &Quota::ALL.map(|quota| (quota, 0)));
    for sample in &SAMPLES {
        none.put(sample.item, json!({ "spec": (sample.other_spec)() })).await.ok();
        let arn = format!("arn:aws:appmesh:eu-west-1:{ACCOUNT}:{}", sample.arn);
        none.put(&format!("/tag?resourceArn={arn}"), json!({ "tags": [{ "key": "k", "value": "v" }] })).await.ok();
        none.put(sample.collection, another(sample, "y")).await.refused(400, "LimitExceededException");
    }
    for sample in SAMPLES.iter().rev() {
        none.delete(sample.item).await.ok();
    }
    none.put("/meshes", json!({ "meshName": "m" })).await.refused(400, "LimitExceededException");
}

#[tokio::test]
async fn other_reasons_are_told_first_and_a_repetition_is_no_other_resource() {
    let log = one_of_each().await;
    let none = limited(&log, &Quota::ALL.map(|quota| (quota, 0)));
    for sample in &SAMPLES {
        none.put(sample.collection, (sample.create)()).await.refused(409, "ConflictException");
        none.put(sample.collection, another(sample, "no name")).await.refused(400, "BadRequestException");
    }
    let mut again = json!({ "virtualNodeName": "n", "spec": {}, "clientToken": "token" });
    let first = limited(&log, &[]).put("/meshes/m/virtualNodes", again.clone()).await.ok();
    assert_eq!(none.put("/meshes/m/virtualNodes", again.clone()).await.ok(), first);
    again["virtualNodeName"] = "o".into();
    none.put("/meshes/m/virtualNodes", again).await.refused(409, "ConflictException");
}

#[tokio::test]
async fn meshes_are_counted_by_account_and_deleted_ones_are_not() {
    let log = SqliteLog::in_memory().unwrap();
    let quotas = Quotas::default().with(Quota::MeshesPerAccount, 2);
    let of = |account: &str| {
        let config = AppConfig { quotas, ..AppConfig::new(account, "eu-west-1") };
        Api::configured(Arc::new(log.clone()), config)
    };
    for api in [of(ACCOUNT), of("111122223333")] {
        for name in ["a", "b", "c"] {
            api.put("/meshes", json!({ "meshName": name })).await.ok();
            api.delete(&format!("/meshes/{name}")).await.ok();
        }
        for name in ["a", "b"] {
            api.put("/meshes", json!({ "meshName": name })).await.ok();
        }
        let message = api.put("/meshes", json!({ "meshName": "c" })).await.refused(400, "LimitExceededException");
        assert!(message.contains("meshes-per-account is 2"), "{message}");
    }
}

#[tokio::test]
async fn parents_are_counted_one_by_one() {
    let log = one_of_each().await;
    let limits = [(Quota::RoutesPerVirtualRouter, 1), (Quota::GatewayRoutesPerVirtualGateway, 1)];
    let api = limited(&log, &limits);
    for (parent, child) in [(2, 3), (5, 6)] {
        api.put(SAMPLES[parent].collection, another(&SAMPLES[parent], "y")).await.ok();
        let collection = SAMPLES[child].collection.replace("/x/", "/y/");
        api.put(&collection, another(&SAMPLES[child], "x")).await.ok();
        api.put(&collection, another(&SAMPLES[child], "y")).await.refused(400, "LimitExceededException");
    }
}
