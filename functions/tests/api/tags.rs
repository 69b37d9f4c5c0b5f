//! Tags, by ARN.

use crate::api::{ACCOUNT, Api, SAMPLES};
use serde_json::{Value, json};

fn arn(tail: &str) -> String {
    format!("arn:aws:appmesh:eu-west-1:{ACCOUNT}:{tail}").replace(':', "%3A").replace('/', "%2F")
}

async fn tags(api: &Api, tail: &str) -> Value {
    api.get(&format!("/tags?resourceArn={}", arn(tail))).await.ok()["tags"].clone()
}

async fn tag(api: &Api, tail: &str, tags: Value) -> Value {
    api.put(&format!("/tag?resourceArn={}", arn(tail)), json!({ "tags": tags })).await.ok()
}

#[tokio::test]
async fn every_kind_is_tagged_listed_and_untagged() {
    let api = Api::with_one_of_each().await;
    for sample in &SAMPLES {
        assert_eq!(tags(&api, sample.arn).await, json!([]));
        let set = json!([{ "key": "team", "value": "a" }, { "key": "env", "value": "" }]);
        assert_eq!(tag(&api, sample.arn, set).await, json!({}));
        tag(&api, sample.arn, json!([{ "key": "team", "value": "b" }])).await;
        assert_eq!(
            tags(&api, sample.arn).await,
            json!([{ "key": "env", "value": "" }, { "key": "team", "value": "b" }])
        );
        let untag = format!("/untag?resourceArn={}", arn(sample.arn));
        assert_eq!(api.put(&untag, json!({ "tagKeys": ["env", "absent"] })).await.ok(), json!({}));
        assert_eq!(tags(&api, sample.arn).await, json!([{ "key": "team", "value": "b" }]));
        assert_eq!(api.get(sample.item).await.ok()["metadata"]["version"], 1);
    }
}

#[tokio::test]
async fn tags_given_at_creation_are_there() {
    let api = Api::new();
    for sample in &SAMPLES {
        let mut body = (sample.create)();
        body["tags"] = json!([{ "key": "k", "value": sample.kind }]);
        assert!(api.put(sample.collection, body).await.ok().get("tags").is_none());
        assert_eq!(tags(&api, sample.arn).await, json!([{ "key": "k", "value": sample.kind }]));
    }
}

#[tokio::test]
async fn a_list_of_tags_comes_in_pages() {
    let api = Api::with_one_of_each().await;
    let set: Vec<Value> = (0..50).map(|n| json!({ "key": format!("k{n:02}"), "value": "v" })).collect();
    tag(&api, "mesh/m", json!(set)).await;
    let path = format!("/tags?limit=30&resourceArn={}", arn("mesh/m"));
    let first = api.get(&path).await.ok();
    let second = api.get(&format!("{path}&nextToken={}", first["nextToken"].as_str().unwrap())).await.ok();
    let both = [first["tags"].as_array().unwrap().clone(), second["tags"].as_array().unwrap().clone()].concat();
    assert_eq!(both, set);
    assert!(second.get("nextToken").is_none());
}

#[tokio::test]
async fn a_resource_has_50_tags_at_most() {
    let api = Api::with_one_of_each().await;
    let set = |range: std::ops::Range<u8>| -> Value {
        range.map(|n| json!({ "key": format!("k{n}"), "value": "v" })).collect::<Vec<_>>().into()
    };
    tag(&api, "mesh/m", set(0..50)).await;
    let path = format!("/tag?resourceArn={}", arn("mesh/m"));
    api.put(&path, json!({ "tags": set(49..51) })).await.refused(400, "TooManyTagsException");
    api.put(&path, json!({ "tags": set(0..50) })).await.ok();
    let create = json!({ "meshName": "n", "tags": set(0..51) });
    api.put("/meshes", create).await.refused(400, "BadRequestException");
}

#[tokio::test]
async fn an_arn_of_nothing_is_not_found_and_no_arn_is_a_bad_request() {
    let api = Api::with_one_of_each().await;
    let bodies = [("/tags", None), ("/tag", Some(json!({ "tags": [] }))), ("/untag", Some(json!({ "tagKeys": [] })))];
    for (path, body) in bodies {
        let ask = async |arn: &str| match &body {
            None => api.get(&format!("{path}?resourceArn={arn}")).await,
            Some(body) => api.put(&format!("{path}?resourceArn={arn}"), body.clone()).await,
        };
        for tail in ["mesh/n", "mesh/m/virtualNode/nobody", "mesh/m/virtualRouter/x/route/y"] {
            ask(&arn(tail)).await.refused(404, "NotFoundException");
        }
        ask("arn%3Aaws%3Aappmesh%3Aeu-west-1%3A210987654321%3Amesh%2Fm").await.refused(403, "ForbiddenException");
        for arn in ["", "mesh%2Fm", "arn:aws:ecs:eu-west-1:123456789012:mesh/m", "arn:aws:appmesh:eu-west-1:me:mesh/m"]
        {
            ask(arn).await.refused(400, "BadRequestException");
        }
        for other in
            ["arn:aws:appmesh:us-east-1:123456789012:mesh/m", "arn:aws-cn:appmesh:cn-north-1:123456789012:mesh/m"]
        {
            ask(other).await.ok();
        }
    }
    let message = api.get("/tags").await.refused(400, "BadRequestException");
    assert_eq!(message, "resourceArn: missing from the query");
}

#[tokio::test]
async fn a_tag_body_says_what_it_lacks() {
    let api = Api::with_one_of_each().await;
    let path = |verb| format!("/{verb}?resourceArn={}", arn("mesh/m"));
    for (verb, body, text) in [
        ("tag", json!({}), "tags: missing from the body"),
        ("untag", json!({}), "tagKeys: missing from the body"),
        ("tag", json!({ "tags": [{ "key": "k" }] }), "tags[0]: has no `value`, must have it"),
        ("tag", json!({ "tags": [{ "key": "k", "value": 1 }] }), "tags[0].value: is the number 1, must be a string"),
        ("untag", json!({ "tagKeys": "k" }), "tagKeys: is a string, must be a list"),
    ] {
        assert_eq!(api.put(&path(verb), body).await.refused(400, "BadRequestException"), text);
    }
}
