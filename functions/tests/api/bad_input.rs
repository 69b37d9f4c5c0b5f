//! Whatever is sent, the answer is one of App Mesh's exceptions, and the mesh is as it was.

use crate::api::{Api, SAMPLES};
use axum::body::Body;
use axum::http::{Method, Request};
use bytes::Bytes;
use serde_json::json;

async fn put_raw(api: &Api, path: &str, body: impl Into<Body>) -> String {
    api.send(Method::PUT, path, body.into()).await.refused(400, "BadRequestException")
}

#[tokio::test]
async fn bodies_that_are_no_request_are_refused_and_change_nothing() {
    let api = Api::with_one_of_each().await;
    let deep_in_spec = format!(r#"{{"spec": {}}}"#, "[".repeat(10_000));
    let bodies: [(&str, Vec<u8>); 14] = [
        ("cut short", br#"{"spec": {"listeners": ["#.to_vec()),
        ("not JSON", b"spec=1".to_vec()),
        ("XML", b"<spec/>".to_vec()),
        ("nested deeply", "[".repeat(10_000).into_bytes()),
        ("nested deeply in the spec", deep_in_spec.into_bytes()),
        ("objects nested deeply", r#"{"a":"#.repeat(10_000).into_bytes()),
        ("not UTF-8", b"{\"spec\": \"\xff\xfe\"}".to_vec()),
        ("a byte order mark", b"\xef\xbb\xbf{}".to_vec()),
        ("two values", b"{} {}".to_vec()),
        ("a list", b"[]".to_vec()),
        ("null", b"null".to_vec()),
        ("a number too large", br#"{"spec": 1e999}"#.to_vec()),
        ("zeros", vec![0; 64]),
        ("an unpaired surrogate", br#"{"spec": "\ud800"}"#.to_vec()),
    ];
    for sample in &SAMPLES {
        let before = api.get(sample.item).await.ok();
        for (what, body) in &bodies {
            for path in [sample.collection, sample.item] {
                let message = put_raw(&api, path, body.clone()).await;
                assert!(!message.is_empty() && message.len() < 5000, "{what}: {message}");
            }
        }
        assert_eq!(api.get(sample.item).await.ok(), before);
    }
}

#[tokio::test]
async fn a_field_of_the_wrong_shape_is_named() {
    let api = Api::with_one_of_each().await;
    let listener = |mapping| json!({ "virtualNodeName": "y", "spec": { "listeners": [{ "portMapping": mapping }] } });
    for (body, text) in [
        (
            listener(json!({ "port": "80", "protocol": "http" })),
            r#"spec.listeners[0].portMapping.port: is a string, must be a whole number of 64 bits"#,
        ),
        (listener(json!({ "port": 80 })), "spec.listeners[0].portMapping: has no `protocol`, must have it"),
        (
            listener(json!({ "port": 80, "protocol": "udp" })),
            "spec.listeners[0].portMapping.protocol: is `udp`, must be one of ",
        ),
        (json!({ "virtualNodeName": "y", "spec": 7 }), "spec: is the number 7, must be an object"),
        (json!({ "virtualNodeName": 7, "spec": {} }), "virtualNodeName: is the number 7, must be a string"),
        (json!({ "virtualNodeName": "y" }), "spec: missing from the body"),
        (json!({ "virtualNodeName": "", "spec": {} }), "virtualNodeName: "),
        (json!({ "virtualNodeName": "a/b", "spec": {} }), "virtualNodeName: "),
        (json!({ "spec": {} }), "virtualNodeName: missing from the body"),
        (
            json!({ "virtualNodeName": "a b", "spec": 7 }),
            "virtualNodeName: is `a b`, may have letters, digits, `-`, `_` only; spec: is ",
        ),
        (
            json!({ "virtualNodeName": "y", "spec": { "serviceDiscovery": { "dns": { "hostname": "a" }, "awsCloudMap": {} } } }),
            "spec.serviceDiscovery",
        ),
        (json!({ "virtualNodeName": "y", "spec": {}, "tags": [null] }), "tags[0]: "),
        (json!({ "virtualNodeName": "y", "spec": {}, "clientToken": {} }), "clientToken: "),
        (json!({ "virtualNodeName": "y", "spec": {}, "clientToken": "a b" }), "clientToken: "),
        (json!({ "virtualNodeName": "y", "spec": {}, "tags": [["a", "b"]] }), "tags[0]: is a list, must be an object"),
    ] {
        let message = api.put("/meshes/m/virtualNodes", body).await.refused(400, "BadRequestException");
        assert!(message.starts_with(text), "{message}");
    }
}

#[tokio::test]
async fn an_empty_body_lacks_every_member_it_must_have() {
    let api = Api::with_one_of_each().await;
    for sample in &SAMPLES {
        let message = put_raw(&api, sample.collection, Body::empty()).await;
        let spec = if sample.kind == "mesh" { "" } else { "; spec: missing from the body" };
        assert_eq!(message, format!("{}Name: missing from the body{spec}", sample.kind));
        if sample.kind != "mesh" {
            assert_eq!(put_raw(&api, sample.item, Body::empty()).await, "spec: missing from the body");
        }
    }
}

#[tokio::test]
async fn a_body_over_a_mebibyte_is_refused_with_the_limit() {
    let api = Api::with_one_of_each().await;
    for size in [(1 << 20) + 1, 2 << 20, 32 << 20] {
        let message = put_raw(&api, "/meshes", vec![b' '; size]).await;
        assert_eq!(message, "the body is larger than 1048576 bytes");
    }
    let mut body = json!({ "meshName": "n" }).to_string().into_bytes();
    body.resize(1 << 20, b' ');
    api.send(Method::PUT, "/meshes", body.into()).await.ok();
}

#[tokio::test]
async fn a_body_that_breaks_off_is_refused() {
    let api = Api::new();
    let broken = futures::stream::iter([Ok(Bytes::from("{")), Err(std::io::Error::other("reset"))]);
    let message = put_raw(&api, "/meshes", Body::from_stream(broken)).await;
    assert!(message.starts_with("the body broke off"), "{message}");
}

#[tokio::test]
async fn a_body_is_json_by_its_type_or_has_none() {
    let api = Api::new();
    let types = ["application/json", "application/x-amz-json-1.1", "Application/JSON; charset=utf-8"];
    for (n, content_type) in types.into_iter().map(Some).chain([None]).enumerate() {
        let request = Request::put("/v20190125/meshes");
        let request = match content_type {
            Some(content_type) => request.header("content-type", content_type),
            None => request,
        };
        api.raw(request.body(json!({ "meshName": format!("m{n}") }).to_string().into()).unwrap()).await.ok();
    }
    for content_type in
        ["text/plain", "application/xml", "application/x-www-form-urlencoded", "", "application/jsonp", "é"]
    {
        let request = Request::put("/v20190125/meshes").header("content-type", content_type);
        let answer = api.raw(request.body(json!({ "meshName": "other" }).to_string().into()).unwrap()).await;
        answer.refused(400, "BadRequestException");
    }
}

#[tokio::test]
async fn unknown_paths_are_not_found_and_say_where_the_api_is() {
    let api = Api::with_one_of_each().await;
    for path in
        ["/", "/meshes/", "/meshes/m/virtualRouters/x/routes", "/meshes/m/virtualNode/x", "/meshes/m/pods", "/tags/x"]
    {
        let message = api.get(path).await.refused(404, "NotFoundException");
        assert!(message.contains(&format!("`/v20190125{path}`")) && message.contains("/v20190125/meshes"), "{message}");
    }
    for uri in ["/", "/meshes", "/v20190125", "/v20180101/meshes"] {
        api.raw(Request::get(uri).body(Body::empty()).unwrap()).await.refused(404, "NotFoundException");
    }
}

#[tokio::test]
async fn a_known_path_with_another_method_says_which_it_has() {
    let api = Api::with_one_of_each().await;
    for (path, methods) in
        [("/meshes", ["GET", "PUT"].as_slice()), ("/meshes/m", &["GET", "PUT", "DELETE"]), ("/tag", &["PUT"])]
    {
        for method in [Method::POST, Method::PATCH, Method::OPTIONS] {
            let answer = api.send(method.clone(), path, Body::from("{}")).await;
            let allow = answer.headers["allow"].to_str().unwrap().to_owned();
            assert!(methods.iter().all(|method| allow.contains(method)), "{allow}");
            let message = answer.refused(400, "BadRequestException");
            assert!(message.contains(method.as_str()), "{message}");
        }
    }
}

#[tokio::test]
async fn a_name_in_a_path_has_the_models_length() {
    let api = Api::with_one_of_each().await;
    let (long, longest) = ("a".repeat(256), "a".repeat(255));
    for path in [
        format!("/meshes/{long}"),
        format!("/meshes/{long}/virtualNodes"),
        format!("/meshes/m/virtualRouter/{long}/routes/x"),
    ] {
        let message = api.get(&path).await.refused(400, "BadRequestException");
        assert!(message.ends_with("Name: has 256 characters, may have 255 at most"), "{message}");
    }
    for path in [format!("/meshes/{longest}"), format!("/meshes/m/virtualServices/{long}")] {
        api.get(&path).await.refused(404, "NotFoundException");
    }
}

#[tokio::test]
async fn paths_and_queries_that_cannot_be_read_are_refused() {
    let api = Api::with_one_of_each().await;
    for path in [
        "/meshes/%",
        "/meshes/%zz",
        "/meshes/%ff%fe",
        "/meshes/m/virtualNodes/a%2Fb",
        "/meshes/m%2FvirtualNode",
        "/meshes/m?meshOwner=%zz",
        "/meshes/m?meshOwner=%ff",
        "/meshes/m?meshOwner=123456789012&meshOwner=123456789012",
        "/meshes?limit=1&limit=1",
        "/meshes?%",
    ] {
        api.get(path).await.refused(400, "BadRequestException");
    }
}
