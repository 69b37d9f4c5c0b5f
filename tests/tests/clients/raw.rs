//! What stands on the wire, where SDKs would hide it.

#[path = "raw/refusals.rs"]
mod refusals;
#[path = "raw/socket.rs"]
mod socket;

use mesh_tests::ControlPlane;
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn send(control_plane: &ControlPlane, method: Method, path: &str, body: impl Into<reqwest::Body>) -> Response {
    let url = format!("{}{path}", control_plane.api().url());
    Client::new().request(method, url).body(body).send().await.expect("an answer")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_the_bare_resource_with_times_as_numbers() {
    let control_plane = ControlPlane::start().await;
    let body = json!({ "meshName": "m", "spec": null, "clientToken": "a-1", "unknown": [1] }).to_string();
    let answer = send(&control_plane, Method::PUT, "/v20190125/meshes", body).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "application/json");
    assert!(answer.headers().contains_key("x-amzn-requestid"));
    let mesh: Value = answer.json().await.expect("JSON");
    let mut members: Vec<_> = mesh.as_object().expect("an object").keys().map(String::as_str).collect();
    members.sort_unstable();
    assert_eq!(members, ["meshName", "metadata", "spec", "status"]);
    assert!(mesh["metadata"]["createdAt"].is_number() && mesh["metadata"]["lastUpdatedAt"].is_number());
    assert_eq!((&mesh["spec"], &mesh["status"]), (&json!({}), &json!({ "status": "ACTIVE" })));
    control_plane.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_has_its_name_in_the_header_and_its_reason_in_the_body() {
    let control_plane = ControlPlane::start().await;
    for (method, path, body, status, exception) in [
        (Method::GET, "/v20190125/meshes/m", "", 404, "NotFoundException"),
        (Method::GET, "/v20190125/pods", "", 404, "NotFoundException"),
        (Method::POST, "/v20190125/meshes", "{}", 400, "BadRequestException"),
        (Method::PUT, "/v20190125/meshes", "{", 400, "BadRequestException"),
        (Method::PUT, "/v20190125/meshes", "", 400, "BadRequestException"),
        (Method::GET, "/v20190125/meshes?limit=1&limit=2", "", 400, "BadRequestException"),
    ] {
        let answer = send(&control_plane, method.clone(), path, body).await;
        assert_eq!(answer.status(), status, "{method} {path}");
        assert_eq!(answer.headers()["x-amzn-errortype"], exception);
        assert!(answer.headers().contains_key("x-amzn-requestid"));
        let body: Value = answer.json().await.expect("JSON");
        assert!(body["message"].as_str().is_some_and(|message| !message.is_empty()), "{body}");
    }
    control_plane.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_sends_two_mebibytes_gets_to_read_why_they_are_too_many() {
    let control_plane = ControlPlane::start().await;
    let answer = send(&control_plane, Method::PUT, "/v20190125/meshes", vec![b'['; 2 << 20]).await;
    assert_eq!(answer.status(), 400);
    let body: Value = answer.json().await.expect("JSON");
    assert_eq!(body["message"], "the body is larger than 1048576 bytes");
    control_plane.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_in_the_middle_of_its_body_disturbs_nobody() {
    let control_plane = ControlPlane::start().await;
    for _ in 0..20 {
        let mut stream = TcpStream::connect(control_plane.addresses().api).await.expect("a connection");
        let head = "PUT /v20190125/meshes HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{\"meshName\":";
        stream.write_all(head.as_bytes()).await.expect("bytes are sent");
    }
    let answer = send(&control_plane, Method::PUT, "/v20190125/meshes", json!({ "meshName": "m" }).to_string()).await;
    assert_eq!(answer.status(), 200);
    control_plane.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_http_end_their_connection_only() {
    let control_plane = ControlPlane::start().await;
    for bytes in [b"\x16\x03\x01\x02\x00\x01".as_slice(), b"GET /\xff\xfe HTTP/1.1\r\n\r\n", b"\0\0\0\0\r\n\r\n"] {
        let mut stream = TcpStream::connect(control_plane.addresses().api).await.expect("a connection");
        stream.write_all(bytes).await.expect("bytes are sent");
        stream.shutdown().await.expect("the sending side closes");
        let mut answer = Vec::new();
        // Reset or closed or answered: it ends.
        let _ = stream.read_to_end(&mut answer).await;
    }
    assert_eq!(send(&control_plane, Method::GET, "/v20190125/meshes", "").await.status(), 200);
    control_plane.stop().await;
}
