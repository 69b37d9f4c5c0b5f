//! Tags, by ARN.

use crate::api::{ACCOUNT, Answer, Api, SAMPLES, Sample};
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

fn listed(range: std::ops::Range<u8>) -> Value {
    range.map(|n| json!({ "key": format!("k{n:02}"), "value": "v" })).collect::<Vec<_>>().into()
}

#[tokio::test]
async fn tags_stay_through_updates_and_go_with_their_resource() {
    let api = Api::new();
    let set = json!([{ "key": "env", "value": "" }, { "key": "team", "value": "a" }]);
    for sample in &SAMPLES {
        let mut body = (sample.create)();
        body["tags"] = set.clone();
        api.put(sample.collection, body).await.ok();
        api.put(sample.item, json!({ "spec": (sample.other_spec)() })).await.ok();
        assert_eq!(tags(&api, sample.arn).await, set, "{}", sample.kind);
    }
    for sample in SAMPLES.iter().rev() {
        api.delete(sample.item).await.ok();
        api.get(&format!("/tags?resourceArn={}", arn(sample.arn))).await.refused(404, "NotFoundException");
    }
    for sample in &SAMPLES {
        api.put(sample.collection, (sample.create)()).await.ok();
        assert_eq!(tags(&api, sample.arn).await, json!([]), "{}", sample.kind);
    }
}

/// Sends tags both ways: with a creation, and to what is there.
async fn both_ways(api: &Api, sample: &Sample, tags: &Value) -> [Answer; 2] {
    let mut body = (sample.create)();
    body[format!("{}Name", sample.kind)] = "new".into();
    body["tags"] = tags.clone();
    let collection = sample.collection;
    let created = api.put(collection, body).await;
    if created.status == 200 {
        api.delete(&format!("{collection}/new")).await.ok();
    }
    let path = format!("/tag?resourceArn={}", arn(sample.arn));
    [created, api.put(&path, json!({ "tags": tags })).await]
}

#[tokio::test]
async fn a_tag_has_the_models_bounds_in_characters() {
    let api = Api::with_one_of_each().await;
    let (long, longest) = ("\u{e9}".repeat(129), "\u{e9}".repeat(128));
    let (much, most) = ("\u{1f980}".repeat(257), "\u{1f980}".repeat(256));
    for sample in &SAMPLES {
        for (key, value) in [("k", ""), ("k", &most), (&longest, "v"), (" ", " "), ("aws", "aws:x"), ("xaws:", "")] {
            let tags = json!([{ "key": key, "value": value }]);
            both_ways(&api, sample, &tags).await.into_iter().for_each(|answer| drop(answer.ok()));
            let untag = format!("/untag?resourceArn={}", arn(sample.arn));
            api.put(&untag, json!({ "tagKeys": [key] })).await.ok();
        }
        for (key, value, place) in [
            ("", "v", "tags[0].key: "),
            (&long, "v", "tags[0].key: "),
            ("k", &much, "tags[0].value: "),
            ("k\n", "", "tags[0].key: "),
        ] {
            let tags = json!([{ "key": key, "value": value }]);
            for answer in both_ways(&api, sample, &tags).await {
                let message = answer.refused(400, "BadRequestException");
                assert!(message.starts_with(place), "{message}");
            }
        }
    }
}

#[tokio::test]
async fn a_key_that_is_awss_own_is_refused_in_any_spelling() {
    let api = Api::with_one_of_each().await;
    for sample in &SAMPLES {
        for key in ["aws:", "aws:x", "AWS:x", "aWs:cloudformation:stack-name"] {
            let tags = json!([{ "key": "k", "value": "v" }, { "key": key, "value": "v" }]);
            for answer in both_ways(&api, sample, &tags).await {
                let message = answer.refused(400, "BadRequestException");
                assert_eq!(message, "tags[1].key: begins with `aws:`, which is reserved");
            }
        }
        assert_eq!(tags(&api, sample.arn).await, json!([]));
        // Nothing has such a tag, so there is nothing to take away.
        let untag = format!("/untag?resourceArn={}", arn(sample.arn));
        api.put(&untag, json!({ "tagKeys": ["aws:x"] })).await.ok();
    }
}

#[tokio::test]
async fn every_kind_has_50_tags_at_most_however_they_come() {
    let api = Api::with_one_of_each().await;
    for sample in &SAMPLES {
        let [created, tagged] = both_ways(&api, sample, &listed(0..51)).await;
        assert_eq!(created.refused(400, "BadRequestException"), "tags: has 51 members, must have between 0 and 50");
        tagged.refused(400, "TooManyTagsException");
        both_ways(&api, sample, &listed(0..50)).await.into_iter().for_each(|answer| drop(answer.ok()));
        let path = format!("/tag?resourceArn={}", arn(sample.arn));
        let message = api.put(&path, json!({ "tags": listed(50..51) })).await.refused(400, "TooManyTagsException");
        assert!(message.ends_with("would have 51 tags; a resource has 50 at most"), "{message}");
        // Others in place of some, or the same again, are no more.
        tag(&api, sample.arn, json!([{ "key": "k00", "value": "other" }])).await;
        let untag = format!("/untag?resourceArn={}", arn(sample.arn));
        api.put(&untag, json!({ "tagKeys": ["k01"] })).await.ok();
        tag(&api, sample.arn, listed(50..51)).await;
        assert_eq!(tags(&api, sample.arn).await.as_array().map(Vec::len), Some(50));
    }
}

#[tokio::test]
async fn tags_are_read_whole_at_any_limit() {
    let api = Api::with_one_of_each().await;
    tag(&api, "mesh/m", listed(0..50)).await;
    for limit in 1..=51 {
        let path = format!("/tags?limit={limit}&resourceArn={}", arn("mesh/m"));
        let (mut all, mut next) = (Vec::new(), String::new());
        loop {
            let page = api.get(&format!("{path}{next}")).await.ok();
            all.extend(page["tags"].as_array().unwrap().clone());
            let Some(token) = page["nextToken"].as_str() else { break };
            next = format!("&nextToken={token}");
        }
        assert_eq!(json!(all), listed(0..50), "{limit}");
    }
}

#[tokio::test]
async fn what_is_no_arn_of_a_resource_is_refused_as_such() {
    let api = Api::with_one_of_each().await;
    let of = |tail: &str| format!("arn:aws:appmesh:eu-west-1:{ACCOUNT}:{tail}");
    let others =
        ["", "x", "arn", "arn:aws:appmesh", "arn:aws:appmesh:eu-west-1", "m", "/meshes/m", "ARN:AWS:APPMESH::: "];
    let tails = [
        "",
        "mesh",
        "mesh/",
        "mesh/m/",
        "mesh//virtualNode/x",
        "mesh/m/virtualNode",
        "mesh/m/virtualNode/",
        "mesh/m/pod/x",
    ];
    let deeper = [
        "mesh/m/route/x",
        "mesh/m/virtualNode/x/route/x",
        "mesh/m/virtualRouter/x/gatewayRoute/x",
        "mesh/m/mesh/m",
        "node/x",
    ];
    let tails = tails.into_iter().chain(deeper).map(of);
    for arn in others.into_iter().map(str::to_owned).chain(tails) {
        let query = format!("resourceArn={}", arn.replace(' ', "%20"));
        let answers = [
            api.get(&format!("/tags?{query}")).await,
            api.put(&format!("/tag?{query}"), json!({ "tags": [] })).await,
            api.put(&format!("/untag?{query}"), json!({ "tagKeys": [] })).await,
        ];
        for answer in answers {
            let message = answer.refused(400, "BadRequestException");
            assert!(message.starts_with("resourceArn: "), "{arn}: {message}");
        }
    }
}

#[tokio::test]
async fn every_kind_is_known_by_its_arn_of_any_region_and_partition() {
    let api = Api::with_one_of_each().await;
    for sample in &SAMPLES {
        for home in [
            "aws:appmesh:eu-west-1",
            "aws:appmesh:us-east-1",
            "aws-cn:appmesh:cn-north-1",
            "aws-us-gov:appmesh:us-gov-west-1",
        ] {
            let arn = format!("arn:{home}:{ACCOUNT}:{}", sample.arn);
            let tags = json!({ "tags": [{ "key": "k", "value": home }] });
            api.put(&format!("/tag?resourceArn={arn}"), tags.clone()).await.ok();
            assert_eq!(api.get(&format!("/tags?resourceArn={arn}")).await.ok(), tags);
        }
    }
}
