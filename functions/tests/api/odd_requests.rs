//! Requests that no client should send: slow, endless, packed, misshapen. Each is answered, within bounds, and the next one
//! is answered too.

use crate::api::Api;
use axum::body::Body;
use axum::http::{HeaderValue, Method, Request};
use bytes::Bytes;
use futures::stream::{self, StreamExt};
use serde_json::json;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const CHUNK: usize = 64 << 10;

/// A body of chunks, and how many of them were taken.
fn chunks(count: usize) -> (Body, Arc<AtomicUsize>) {
    let taken = Arc::new(AtomicUsize::new(0));
    let counter = taken.clone();
    let chunks = stream::iter(0..count).map(move |_| {
        counter.fetch_add(1, Ordering::Relaxed);
        Ok::<_, Infallible>(Bytes::from(vec![b' '; CHUNK]))
    });
    (Body::from_stream(chunks), taken)
}

async fn still_answers(api: &Api) {
    api.get("/meshes").await.ok();
}

#[tokio::test]
async fn nesting_without_end_costs_no_stack() {
    let api = Api::with_one_of_each().await;
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        let deep = open.repeat(100_000);
        let whole = format!("{deep}1{}", close.repeat(100_000));
        for text in [deep.clone(), whole.clone(), format!(r#"{{"spec":{whole}}}"#), format!(r#"{{"tags":{deep}"#)] {
            let message = api.send(Method::PUT, "/meshes/m", text.into()).await.refused(400, "BadRequestException");
            assert!(message.contains("recursion limit exceeded"), "{message}");
        }
    }
    still_answers(&api).await;
}

#[tokio::test]
async fn a_body_without_end_is_refused_after_a_while() {
    let api = Api::new();
    let (body, taken) = chunks(usize::MAX);
    let message = api.send(Method::PUT, "/meshes", body).await.refused(400, "BadRequestException");
    assert_eq!(message, "the body is larger than 1048576 bytes");
    assert_eq!(taken.load(Ordering::Relaxed), (16 << 20) / CHUNK + 1);
    still_answers(&api).await;
}

#[tokio::test(start_paused = true)]
async fn a_body_that_trickles_is_given_up() {
    let api = Api::new();
    let trickle = stream::repeat(()).then(|()| async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        Ok::<_, Infallible>(Bytes::from_static(b" "))
    });
    let message =
        api.send(Method::PUT, "/meshes", Body::from_stream(trickle)).await.refused(400, "BadRequestException");
    assert_eq!(message, "the body did not arrive within 30 seconds");
}

/// Whoever sends does not read: a body that is left on the wire keeps its sender from the answer.
#[tokio::test]
async fn a_body_is_taken_off_the_wire_whatever_the_answer() {
    let api = Api::with_one_of_each().await;
    for (method, path, status, exception) in [
        (Method::PUT, "/nowhere", 404, "NotFoundException"),
        (Method::POST, "/meshes", 400, "BadRequestException"),
        (Method::PUT, "/meshes/%zz", 400, "BadRequestException"),
        (Method::PUT, "/meshes/m?a=1&a=2", 400, "BadRequestException"),
        (Method::PUT, "/tag", 400, "BadRequestException"),
    ] {
        let (body, taken) = chunks(8);
        api.send(method.clone(), path, body).await.refused(status, exception);
        assert_eq!(taken.load(Ordering::Relaxed), 8, "{method} {path}");
        let (body, taken) = chunks(usize::MAX);
        api.send(method, path, body).await.refused(status, exception);
        assert_eq!(taken.load(Ordering::Relaxed), (16 << 20) / CHUNK + 1, "{path}");
    }
}

#[tokio::test]
async fn a_packed_body_is_refused_by_its_encoding() {
    let api = Api::new();
    let body = json!({ "meshName": "m" }).to_string();
    let put = |encoding: &[u8]| {
        let encoding = HeaderValue::from_bytes(encoding).unwrap();
        api.raw(
            Request::put("/v20190125/meshes").header("content-encoding", encoding).body(body.clone().into()).unwrap(),
        )
    };
    for encoding in ["gzip", "deflate", "br", "aws-chunked", "gzip, identity"] {
        let message = put(encoding.as_bytes()).await.refused(400, "BadRequestException");
        assert!(message.starts_with(&format!("Content-Encoding: `{encoding}` is not supported")), "{message}");
    }
    put(b"\xff").await.refused(400, "BadRequestException");
    put(b"Identity").await.ok();
}

#[tokio::test]
async fn of_a_member_given_twice_the_last_counts() {
    let api = Api::new();
    let text =
        r#"{"meshName":"m","meshName":"n","spec":7,"spec":{"egressFilter":{"type":"DROP_ALL","type":"ALLOW_ALL"}}}"#;
    let mesh = api.send(Method::PUT, "/meshes", text.into()).await.ok();
    assert_eq!((&mesh["meshName"], &mesh["spec"]["egressFilter"]["type"]), (&json!("n"), &json!("ALLOW_ALL")));
}

#[tokio::test]
async fn a_number_is_whole_and_of_64_bits_however_it_is_written() {
    let api = Api::with_one_of_each().await;
    let put = |number: &str| {
        let spec = format!(r#"{{"listeners":[{{"portMapping":{{"port":{number},"protocol":"http"}}}}]}}"#);
        api.send(Method::PUT, "/meshes/m/virtualRouters/x", format!(r#"{{"spec":{spec}}}"#).into())
    };
    let digits = "9".repeat(100_000);
    for number in [
        "1e2",
        "80.0",
        "8.08e3",
        "1e308",
        "18446744073709551616",
        "-9223372036854775809",
        "1E400",
        &digits,
        "1e99999999999",
    ] {
        let message = put(number).await.refused(400, "BadRequestException");
        let not_whole =
            message.contains("portMapping.port: is the number ") && message.contains("must be a whole number");
        assert!(not_whole || message.contains("number out of range"), "{message}");
    }
    for number in ["080", "+80", "0x50", ".8", "8.", "NaN", "Infinity", "8_0", "-", "1e", "８０"] {
        let message = put(number).await.refused(400, "BadRequestException");
        assert!(message.starts_with("the body is not valid JSON: "), "{number}: {message}");
    }
    for number in ["0", "-0", "-1", "65536", "9223372036854775807", "-9223372036854775808"] {
        let message = put(number).await.refused(400, "BadRequestException");
        assert!(message.starts_with("spec.listeners[0].portMapping.port: "), "{number}: {message}");
    }
    still_answers(&api).await;
}

#[tokio::test]
async fn text_that_is_no_text_is_refused() {
    let api = Api::new();
    for text in [
        r#""\ud800""#,
        r#""\udc00\ud800""#,
        r#""\ud800x""#,
        r#""\uD83D\u0041""#,
        r#""\u12""#,
        r#""\x41""#,
        "\"\u{1}\"",
        "'m'",
        "\"m",
    ] {
        let body = format!(r#"{{"meshName":{text}}}"#);
        let message = api.send(Method::PUT, "/meshes", body.into()).await.refused(400, "BadRequestException");
        assert!(message.starts_with("the body is not valid JSON: "), "{message}");
    }
    for bytes in [
        b"{\"meshName\":\"\xc3\x28\"}".as_slice(),
        b"{\"meshName\":\"\xed\xa0\x80\"}",
        b"\xef\xbb\xbf{}",
        b"\xff\xfe{\0}\0",
    ] {
        api.send(Method::PUT, "/meshes", bytes.to_vec().into()).await.refused(400, "BadRequestException");
    }
    // A pair of surrogates is a character like any other, which no name has.
    let message = api
        .send(Method::PUT, "/meshes", r#"{"meshName":"\ud83e\udd80"}"#.into())
        .await
        .refused(400, "BadRequestException");
    assert!(message.starts_with("meshName: is `\u{1f980}`"), "{message}");
}

#[tokio::test]
async fn thousands_of_query_keys_are_read_and_those_unknown_ignored() {
    let api = Api::with_one_of_each().await;
    let keys: String = (0..5000).map(|n| format!("k{n}=v&")).collect();
    api.get(&format!("/meshes?{keys}limit=1")).await.ok();
    let message = api.get(&format!("/meshes?{keys}k%30=v")).await.refused(400, "BadRequestException");
    assert_eq!(message, "k0: given more than once");
}

#[tokio::test]
async fn a_path_is_taken_as_it_is_written() {
    let api = Api::with_one_of_each().await;
    for path in [
        "//v20190125/meshes",
        "/v20190125//meshes",
        "/v20190125/meshes/",
        "/v20190125/meshes/m/virtualNodes/",
        "/v20190125/./meshes",
        "/v20190125/x/../meshes",
        "/v20190125/meshes/..",
        "/v20190125/meshes/%2e%2e",
        "/v20190125/meshes/m/virtualNodes/.",
        "/v20190125/meshes/m/../m",
        "/v20190125/Meshes",
        "/V20190125/meshes",
        "/v20190125/meshes;v=1",
        "/v20190125/%6Deshes",
        "/v20190125/meshes%2Fm",
        "/2019-01-25/meshes",
        "*",
    ] {
        let message = api.raw(Request::get(path).body(Body::empty()).unwrap()).await.refused(404, "NotFoundException");
        assert!(!message.is_empty(), "{path}");
    }
    let nameless = api.get("/meshes//virtualNodes").await.refused(400, "BadRequestException");
    assert_eq!(nameless, "meshName: must not be empty");
}

#[tokio::test]
async fn bytes_that_are_no_text_are_refused_wherever_they_are_read() {
    let api = Api::with_one_of_each().await;
    for path in [
        "/meshes/%C3%28",
        "/meshes/%ed%a0%80/virtualNodes",
        "/meshes/m/virtualServices/%80",
        "/meshes?nextToken=%ff",
        "/meshes?%ff=1",
        "/tags?resourceArn=%c0%af",
        "/tags?resourceArn=arn%3",
        "/tags?resourceArn=%",
    ] {
        let message = api.get(path).await.refused(400, "BadRequestException");
        assert!(message.ends_with("is not percent-encoded text"), "{message}");
    }
    // Who signed is only noted, where it can be.
    let signature = HeaderValue::from_bytes(b"AWS4-HMAC-SHA256 Credential=\xff\xfe/x").unwrap();
    let signed = Request::get("/v20190125/meshes").header("authorization", signature);
    api.raw(signed.body(Body::empty()).unwrap()).await.ok();
}

#[tokio::test]
async fn a_method_that_nobody_knows_is_a_method_that_is_not_allowed() {
    let api = Api::with_one_of_each().await;
    for method in [
        Method::TRACE,
        Method::CONNECT,
        Method::from_bytes(b"BREW").unwrap(),
        Method::from_bytes(&[b'X'; 5000]).unwrap(),
    ] {
        for (path, status, exception) in [
            ("/meshes", 400, "BadRequestException"),
            ("/meshes/m", 400, "BadRequestException"),
            ("/pods", 404, "NotFoundException"),
        ] {
            let message = api.send(method.clone(), path, Body::empty()).await.refused(status, exception);
            assert!(message.len() < 4200, "{message}");
        }
    }
}
