use super::*;
use functions::{App, AppConfig};
use mesh_log::sqlite::SqliteLog;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// The API on a socket of the test's own.
struct Served {
    addr: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Served {
    async fn start() -> Self {
        let config = AppConfig::new("000000000000", "us-east-1");
        let log = SqliteLog::in_memory().expect("a log");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let addr = listener.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel::<()>();
        let router = functions::router(App::new(Arc::new(log), config));
        let task = tokio::spawn(serve(listener, router, async move { drop(stopped.await) }));
        Self { addr, stop, task }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.addr).await.expect("a connection")
    }

    /// What is answered to some bytes until the connection ends.
    async fn answers(&self, sent: &[u8]) -> String {
        let mut stream = self.connect().await;
        // A connection that ends early is answered all the same.
        let _ = stream.write_all(sent).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8(answer).expect("text")
    }
}

#[track_caller]
fn assert_worded(answer: &str, words: &str) {
    let (head, body) = answer.rsplit_once("\r\n\r\n").expect("a head and a body");
    let head = head.rsplit_once("HTTP/1.1 ").expect("a status").1.to_ascii_lowercase();
    assert!(head.starts_with("400 bad request\r\n"), "{answer}");
    for header in ["x-amzn-errortype: badrequestexception", "content-type: application/json", "connection: close"] {
        assert!(head.contains(header), "{answer}");
    }
    assert!(head.contains("\r\nx-amzn-requestid: ") && head.contains(&format!("content-length: {}", body.len())));
    let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
    assert!(body["message"].as_str().is_some_and(|message| message.contains(words)), "{body}");
}

#[tokio::test]
async fn what_cannot_be_read_is_answered_in_the_apis_words() {
    let served = Served::start().await;
    let long = "a".repeat(70_000);
    let headers: String = (0..101).map(|n| format!("x-{n}: 1\r\n")).collect();
    let large = format!("x: {}\r\n", "a".repeat(300 << 10));
    for (sent, words) in [
        (format!("GET /{long} HTTP/1.1\r\n\r\n"), "longer than 65534 bytes"),
        (format!("GET / HTTP/1.1\r\n{headers}\r\n"), "more than 100 headers"),
        (format!("GET / HTTP/1.1\r\n{large}\r\n"), "larger than 262144 bytes"),
        ("G@T / HTTP/1.1\r\n\r\n".into(), "cannot be read as HTTP"),
        ("GET / HTTP/3.0\r\n\r\n".into(), "cannot be read as HTTP"),
        ("GET /\r\n\r\n".into(), "cannot be read as HTTP"),
        ("GET / HTTP/1.1\r\nno header\r\n\r\n".into(), "cannot be read as HTTP"),
        ("PUT / HTTP/1.1\r\ncontent-length: much\r\n\r\n".into(), "cannot be read as HTTP"),
    ] {
        assert_worded(&served.answers(sent.as_bytes()).await, words);
    }
}

#[tokio::test]
async fn an_answer_before_one_that_cannot_be_read_stays_as_it_is() {
    let served = Served::start().await;
    let answers = served.answers(b"GET /v20190125/meshes HTTP/1.1\r\nhost: x\r\n\r\nG@T / HTTP/1.1\r\n\r\n").await;
    assert!(answers.starts_with("HTTP/1.1 200 OK\r\n") && answers.contains("{\"meshes\":[]}HTTP/1.1 400"), "{answers}");
    assert_worded(&answers, "cannot be read as HTTP");
}

#[tokio::test]
async fn a_message_that_looks_like_a_head_is_left_alone() {
    let served = Served::start().await;
    let path = "/HTTP/1.1%20400%20Bad%20Request%0D%0Acontent-length:%200";
    let answer = served.answers(format!("GET {path} HTTP/1.1\r\nconnection: close\r\n\r\n").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 404 Not Found\r\n") && answer.ends_with("}"), "{answer}");
}

/// The clock goes on by itself whenever nothing else does.
#[tokio::test(start_paused = true)]
async fn a_connection_on_which_nothing_is_asked_is_ended() {
    let served = Served::start().await;
    for sent in [b"".as_slice(), b"P", b"GET /v20190125/meshes HTTP/1.1\r\nhost:", b"PRI * HTTP/2.0\r\n\r\n"] {
        assert_eq!(served.answers(sent).await, "", "{sent:?}");
    }
}

#[tokio::test]
async fn a_connection_on_which_nothing_more_is_asked_is_ended() {
    let served = Served::start().await;
    for more in [b"".as_slice(), b"GET /v20190125/me"] {
        let mut stream = served.connect().await;
        stream.write_all(b"GET /v20190125/meshes HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("sent");
        let mut answer = String::new();
        while !answer.ends_with("}") {
            let mut byte = [0];
            stream.read_exact(&mut byte).await.expect("an answer");
            answer.push(char::from(byte[0]));
        }
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        stream.write_all(more).await.expect("sent");
        tokio::time::pause();
        assert_eq!(stream.read(&mut [0]).await.expect("an end"), 0, "{more:?}");
        tokio::time::resume();
    }
}

#[tokio::test]
async fn a_request_in_flight_is_answered_before_the_end() {
    let served = Served::start().await;
    let mut stream = served.connect().await;
    let head = "PUT /v20190125/meshes HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 16\r\n\r\n";
    stream.write_all(head.as_bytes()).await.expect("sent");
    let mut goes_on = [0; 25];
    stream.read_exact(&mut goes_on).await.expect("the server wants the body");
    assert_eq!(&goes_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    served.stop.send(()).expect("it runs");
    stream.write_all(br#"{"meshName":"m"}"#).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    served.task.await.expect("it ends");
}
