//! Bytes as they go over a socket, and answers as they come back.

use serde_json::Value;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// An answer, taken apart by its own head.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// In small letters.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    /// It is this exception, said as the model has it: name, type, id, and a message that is all of the body.
    #[track_caller]
    pub fn refused(&self, status: u16, exception: &str) -> String {
        assert_eq!((self.status, self.header("x-amzn-errortype")), (status, Some(exception)), "{self:?}");
        self.check_id();
        let body = self.json();
        assert_eq!(
            body.as_object().map(|members| members.keys().collect::<Vec<_>>()),
            Some(vec![&"message".to_owned()])
        );
        body["message"].as_str().expect("a message").to_owned()
    }

    #[track_caller]
    pub fn check_id(&self) {
        let id = self.header("x-amzn-requestid").unwrap_or_else(|| panic!("no id: {self:?}"));
        assert_eq!(id.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12], "{id}");
        assert_eq!(self.header("content-type"), Some("application/json"));
    }
}

/// A connection of one client.
pub struct Socket {
    stream: TcpStream,
    arrived: Vec<u8>,
}

impl Socket {
    pub async fn connect(addr: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(addr).await.expect("a connection"), arrived: Vec::new() }
    }

    /// Sends bytes. Whoever refuses them may close before all are taken.
    pub async fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok()
    }

    /// Says that nothing more will be sent.
    pub async fn end(&mut self) {
        let _ = self.stream.shutdown().await;
    }

    /// The next answer, with as much of a body as its head says.
    pub async fn answer(&mut self) -> Answer {
        let head = self.until(|arrived| arrived.windows(4).position(|it| it == b"\r\n\r\n").map(|at| at + 4)).await;
        let head = String::from_utf8(head).expect("a head is text");
        let mut lines = head.trim_end().lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).expect("a status").parse().expect("a number");
        let header = |line: &str| {
            let (name, value) = line.split_once(": ").expect("a header");
            (name.to_ascii_lowercase(), value.to_owned())
        };
        let mut answer = Answer { status, headers: lines.map(header).collect(), body: Vec::new() };
        let length = answer.header("content-length").map_or(0, |length| length.parse().expect("a length"));
        answer.body = self.until(|arrived| (arrived.len() >= length).then_some(length)).await;
        answer
    }

    /// An answer that has a head alone, whatever length it speaks of.
    pub async fn answer_without_body(&mut self) -> Answer {
        let head = self.until(|arrived| arrived.windows(4).position(|it| it == b"\r\n\r\n").map(|at| at + 4)).await;
        let end = head.len();
        let text = String::from_utf8(head).expect("a head is text").to_ascii_lowercase();
        assert!(self.arrived.is_empty(), "there is more after {end} bytes: {:?}", self.arrived);
        let mut lines = text.trim_end().lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).expect("a status").parse().expect("a number");
        let headers = lines.filter_map(|line| line.split_once(": ")).map(|(name, value)| (name.into(), value.into()));
        Answer { status, headers: headers.collect(), body: Vec::new() }
    }

    async fn until(&mut self, enough: impl Fn(&[u8]) -> Option<usize>) -> Vec<u8> {
        loop {
            if let Some(end) = enough(&self.arrived) {
                let rest = self.arrived.split_off(end);
                return std::mem::replace(&mut self.arrived, rest);
            }
            let mut room = [0; 8192];
            let some = self.stream.read(&mut room).await.expect("the connection holds");
            assert!(some > 0, "the connection ended after {:?}", String::from_utf8_lossy(&self.arrived));
            self.arrived.extend_from_slice(&room[..some]);
        }
    }
}
