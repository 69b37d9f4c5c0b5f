//! Whatever comes over a socket, what goes back is one of the model's exceptions, with an id; and then the next client is
//! served. What the API's own suite asks without a socket is asked here where the socket could make a difference.

use super::socket::{Answer, Socket};
use mesh_tests::ControlPlane;
use serde_json::json;

/// A request with a body of a length that it says truly.
fn put(path: &str, body: &[u8]) -> Vec<u8> {
    with_headers(path, &format!("content-length: {}\r\n", body.len()), body)
}

fn with_headers(path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("PUT /v20190125{path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n{headers}\r\n");
    [head.as_bytes(), body].concat()
}

fn get(target: &[u8]) -> Vec<u8> {
    [b"GET ", target, b" HTTP/1.1\r\nhost: x\r\n\r\n"].concat()
}

fn request(method: &str, path: &str) -> Vec<u8> {
    format!("{method} /v20190125{path} HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n").into_bytes()
}

/// Sends bytes on a connection of their own, and gives what comes back.
async fn asked(control_plane: &ControlPlane, bytes: &[u8]) -> Answer {
    let mut socket = Socket::connect(control_plane.addresses().api).await;
    socket.send(bytes).await;
    socket.answer().await
}

async fn still_serves(control_plane: &ControlPlane) {
    let answer = asked(control_plane, &get(b"/v20190125/meshes")).await;
    assert_eq!((answer.status, answer.json()), (200, json!({ "meshes": [] })));
    answer.check_id();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_is_refused_in_the_models_words() {
    let control_plane = ControlPlane::start().await;
    let (bad, missing) = ((400, "BadRequestException"), (404, "NotFoundException"));
    let keys: String = (0..5000).map(|n| format!("k{n}=v&")).collect();
    let deep = "[".repeat(100_000);
    let packed = with_headers("/meshes", "content-encoding: gzip\r\ncontent-length: 4\r\n", b"\x1f\x8b\x08\x00");
    let typed = b"PUT /v20190125/meshes HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\n{}";
    let requests: Vec<(&str, Vec<u8>, (u16, &str))> = vec![
        ("an operation that is unknown", get(b"/v20190125/pods"), missing),
        ("a version that is unknown", get(b"/v20180101/meshes"), missing),
        ("no path", get(b"/"), missing),
        ("a path that is none", request("OPTIONS", "").to_vec(), missing),
        ("a star", b"OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n".to_vec(), missing),
        ("an address to tunnel to", b"CONNECT example.org:443 HTTP/1.1\r\nhost: x\r\n\r\n".to_vec(), missing),
        ("a slash at the end", get(b"/v20190125/meshes/"), missing),
        ("two slashes", get(b"/v20190125//meshes"), missing),
        ("dots", get(b"/v20190125/x/../meshes"), missing),
        ("two dots for a name", get(b"/v20190125/meshes/.."), missing),
        ("a method that is not allowed", request("POST", "/meshes"), bad),
        ("options", request("OPTIONS", "/meshes"), bad),
        ("a method that is unknown", request("BREW", "/meshes"), bad),
        ("half a character in a path", get(b"/v20190125/meshes/%e2%82"), bad),
        ("half an escape in a path", get(b"/v20190125/meshes/%4"), bad),
        ("half an escape in a query", get(b"/v20190125/meshes?nextToken=%"), bad),
        ("half an escape in an ARN", get(b"/v20190125/tags?resourceArn=arn%3"), bad),
        ("bytes that are no text in a path", get(b"/v20190125/meshes/\xff\xfe"), bad),
        ("bytes that are no text in a query", get(b"/v20190125/meshes?limit=\xff"), bad),
        ("a key twice", get(b"/v20190125/meshes?limit=1&limit=1"), bad),
        ("a key twice among thousands", get(format!("/v20190125/meshes?{keys}k7=v").as_bytes()), bad),
        ("no body", put("/meshes", b""), bad),
        ("a body that is no JSON", put("/meshes", b"meshName=m"), bad),
        ("a body of another type", typed.to_vec(), bad),
        ("a packed body", packed, bad),
        ("a body nested without end", put("/meshes", deep.as_bytes()), bad),
        ("a body with a mark before it", put("/meshes", b"\xef\xbb\xbf{\"meshName\":\"m\"}"), bad),
        ("a body that is no text", put("/meshes", b"{\"meshName\":\"\xff\"}"), bad),
        ("half a character in a body", put("/meshes", br#"{"meshName":"\ud800"}"#), bad),
        ("a number without bounds", put("/meshes", br#"{"meshName":1e999}"#), bad),
        ("two mebibytes", put("/meshes", &vec![b' '; 2 << 20]), bad),
        ("a path too long", get(format!("/v20190125/meshes/{}", "a".repeat(70_000)).as_bytes()), bad),
        ("a path nearly too long", get(format!("/v20190125/meshes/{}", "a".repeat(65_000)).as_bytes()), bad),
        ("a header too long", with_headers("/meshes", &format!("x: {}\r\n", "a".repeat(300 << 10)), b""), bad),
        (
            "too many headers",
            with_headers("/meshes", &(0..200).map(|n| format!("x-{n}: 1\r\n")).collect::<String>(), b""),
            bad,
        ),
        ("a header that is none", with_headers("/meshes", "x\r\n", b""), bad),
        ("a header without a name", with_headers("/meshes", ": x\r\n", b""), bad),
        ("a length that is none", with_headers("/meshes", "content-length: -1\r\n", b"{}"), bad),
        ("two lengths", with_headers("/meshes", "content-length: 2\r\ncontent-length: 3\r\n", b"{}"), bad),
        ("chunks that are none", with_headers("/meshes", "transfer-encoding: chunked\r\n", b"x\r\n{}\r\n"), bad),
        ("a transfer that is unknown", with_headers("/meshes", "transfer-encoding: gzip\r\n", b"{}"), bad),
        ("another protocol's version", b"GET /v20190125/meshes HTTP/3.0\r\n\r\n".to_vec(), bad),
        ("no version", b"GET /v20190125/meshes\r\n\r\n".to_vec(), bad),
        ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(), bad),
        ("zeros", vec![0; 64], bad),
    ];
    for (what, bytes, (status, exception)) in requests {
        println!("{what}");
        let message = asked(&control_plane, &bytes).await.refused(status, exception);
        assert!(!message.is_empty() && message.len() < 5000, "{what}: {message}");
    }
    still_serves(&control_plane).await;
    control_plane.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_breaks_off_is_refused_while_its_sender_still_listens() {
    let control_plane = ControlPlane::start().await;
    for bytes in [
        with_headers("/meshes", "content-length: 100\r\n", b"{\"meshName\":"),
        with_headers("/meshes", "transfer-encoding: chunked\r\n", b"5\r\n{\"me"),
    ] {
        let mut socket = Socket::connect(control_plane.addresses().api).await;
        socket.send(&bytes).await;
        socket.end().await;
        let message = socket.answer().await.refused(400, "BadRequestException");
        assert!(message.starts_with("the body broke off"), "{message}");
    }
    still_serves(&control_plane).await;
    control_plane.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_without_end_is_refused_and_no_longer_read() {
    let control_plane = ControlPlane::start().await;
    for path in ["/meshes", "/pods", "/meshes/%zz"] {
        let mut socket = Socket::connect(control_plane.addresses().api).await;
        socket.send(&with_headers(path, "transfer-encoding: chunked\r\n", b"")).await;
        let chunk = [format!("{:x}\r\n", 1 << 20).as_bytes(), &vec![b' '; 1 << 20], b"\r\n"].concat();
        // Whoever never stops reading makes this test one that never stops.
        let mut taken = 0;
        while socket.send(&chunk).await && taken < 64 {
            taken += 1;
        }
        assert!(taken < 64, "{path}: 64 MiB were taken");
    }
    still_serves(&control_plane).await;
    control_plane.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_waits_to_be_asked_for_its_body_is_asked() {
    let control_plane = ControlPlane::start().await;
    let mut socket = Socket::connect(control_plane.addresses().api).await;
    let body = br#"{"meshName":"m"}"#;
    let headers = format!("expect: 100-continue\r\ncontent-length: {}\r\n", body.len());
    socket.send(&with_headers("/meshes", &headers, b"")).await;
    assert_eq!(socket.answer().await.status, 100);
    socket.send(body).await;
    assert_eq!(socket.answer().await.status, 200);
    socket.send(&request("DELETE", "/meshes/m")).await;
    assert_eq!(socket.answer().await.status, 200);
    still_serves(&control_plane).await;
    control_plane.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_is_what_its_get_would_have_had() {
    let control_plane = ControlPlane::start().await;
    for path in ["/meshes", "/meshes/nowhere", "/pods"] {
        let whole = asked(&control_plane, &request("GET", path)).await;
        let mut socket = Socket::connect(control_plane.addresses().api).await;
        socket.send(&request("HEAD", path)).await;
        let head = socket.answer_without_body().await;
        assert_eq!(head.status, whole.status);
        for name in ["content-type", "content-length", "x-amzn-errortype"] {
            assert_eq!(head.header(name), whole.header(name).map(str::to_ascii_lowercase).as_deref(), "{path} {name}");
        }
        head.check_id();
    }
    control_plane.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_in_one_breath_are_answered_in_order_each_with_its_id() {
    let control_plane = ControlPlane::start().await;
    let mut socket = Socket::connect(control_plane.addresses().api).await;
    let all = [
        put("/meshes", br#"{"meshName":"m"}"#),
        get(b"/v20190125/meshes/m"),
        get(b"/v20190125/pods"),
        put("/meshes/m", b"{"),
        request("DELETE", "/meshes/m"),
        b"nonsense\r\n\r\n".to_vec(),
    ];
    socket.send(&all.concat()).await;
    let mut ids = std::collections::BTreeSet::new();
    for status in [200, 200, 404, 400, 200, 400] {
        let answer = socket.answer().await;
        assert_eq!(answer.status, status, "{answer:?}");
        answer.check_id();
        ids.insert(answer.header("x-amzn-requestid").map(str::to_owned));
    }
    assert_eq!(ids.len(), 6);
    still_serves(&control_plane).await;
    control_plane.stop().await;
}
