//! What the client is asked to send, and what it reports.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Requests to send.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// `http://HOST:PORT/PATH?QUERY`, or `tcp://HOST:PORT`.
    pub url: String,
    /// The method.
    pub method: String,
    /// Header fields, gRPC metadata.
    pub headers: Vec<(String, String)>,
    /// The authority to ask for, where it is not that of the URL.
    pub authority: Option<String>,
    /// What is spoken.
    pub speaks: Speaks,
    /// How many requests, over all connections.
    pub count: u64,
    /// How many connections at one time.
    pub connections: u64,
    /// Send until the input ends instead of `count` times.
    pub until_input_ends: bool,
    /// A pause after each request of a connection.
    pub pause_ms: u64,
    /// When the client gives up waiting for an answer.
    pub patience_ms: u64,
}

/// What is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Speaks {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2 without TLS.
    Http2,
    /// gRPC.
    Grpc,
    /// A line, answered by a line.
    Tcp,
}

impl Plan {
    /// One GET over HTTP/1.1.
    pub fn get(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            method: "GET".into(),
            headers: Vec::new(),
            authority: None,
            speaks: Speaks::Http1,
            count: 1,
            connections: 1,
            until_input_ends: false,
            pause_ms: 0,
            patience_ms: 30_000,
        }
    }

    /// One gRPC call of `http://HOST:PORT/SERVICE/METHOD`.
    pub fn grpc(url: impl Into<String>) -> Self {
        Self { speaks: Speaks::Grpc, method: "POST".into(), ..Self::get(url) }
    }

    /// One connection to `tcp://HOST:PORT`.
    pub fn tcp(url: impl Into<String>) -> Self {
        Self { speaks: Speaks::Tcp, ..Self::get(url) }
    }

    /// Over HTTP/2.
    pub const fn http2(mut self) -> Self {
        self.speaks = Speaks::Http2;
        self
    }

    /// With another method.
    pub fn method(mut self, method: &str) -> Self {
        self.method = method.into();
        self
    }

    /// With a header field more.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Asking for another authority than the URL's.
    pub fn authority(mut self, authority: &str) -> Self {
        self.authority = Some(authority.into());
        self
    }

    /// So many times, over four connections.
    pub const fn times(mut self, count: u64) -> Self {
        self.count = count;
        self.connections = 4;
        self
    }

    /// Without end, over two connections with a short pause between requests, so that proxies have time for changes.
    pub const fn without_end(mut self) -> Self {
        self.until_input_ends = true;
        self.connections = 2;
        self.pause_ms = 2;
        self
    }
}

/// What came back.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Requests sent.
    pub sent: u64,
    /// Requests without an answer: refused, reset, timed out.
    pub failed: u64,
    /// Why, and how often.
    pub errors: BTreeMap<String, u64>,
    /// HTTP statuses.
    pub statuses: BTreeMap<u16, u64>,
    /// gRPC statuses.
    pub grpc_statuses: BTreeMap<String, u64>,
    /// Who answered.
    pub nodes: BTreeMap<String, u64>,
    /// The last answer.
    pub last: Option<Answer>,
    /// The slowest answer.
    pub slowest_ms: u64,
}

/// An answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// Its HTTP status; 200 for TCP.
    pub status: u16,
    /// Its header fields.
    pub headers: BTreeMap<String, String>,
    /// Its trailers.
    pub trailers: BTreeMap<String, String>,
    /// What the application wrote, where it was the application that answered.
    pub body: Value,
}

impl Report {
    /// Who answered the only request, where the status is 200.
    pub fn node(&self) -> Option<&str> {
        let answer = self.last.as_ref().filter(|answer| answer.status == 200)?;
        answer.body["node"].as_str()
    }

    /// The status of the only request.
    pub fn status(&self) -> Option<u16> {
        self.last.as_ref().map(|answer| answer.status)
    }

    /// What the application saw of the only request: `path`, `method`, `authority`, `headers`.
    pub fn saw(&self, what: &str) -> &Value {
        self.last.as_ref().map_or(&Value::Null, |answer| &answer.body[what])
    }

    /// How many were answered by this node.
    pub fn by(&self, node: &str) -> u64 {
        self.nodes.get(node).copied().unwrap_or(0)
    }

    /// Fails the test if any request was not answered with 200.
    pub fn assert_all_ok(&self) {
        let ok = self.statuses.get(&200).copied().unwrap_or(0);
        assert!(self.sent > 0 && ok == self.sent && self.failed == 0, "not every request succeeded: {self:#?}");
    }

    /// Fails the test if the share of a node is further from what is expected than chance explains.
    ///
    /// Five standard deviations of the binomial distribution: a right share fails once in 1.7 million times.
    pub fn assert_share(&self, node: &str, expected: f64) {
        let sent = self.sent as f64;
        let off = (self.by(node) as f64 - sent * expected).abs();
        let bound = 5.0 * (sent * expected * (1.0 - expected)).sqrt();
        assert!(off <= bound, "`{node}` should answer {expected} of {sent} ± {bound:.0}: {:?}", self.nodes);
    }

    /// Adds what another connection saw.
    pub(super) fn add(&mut self, other: Self) {
        self.sent += other.sent;
        self.failed += other.failed;
        sum(&mut self.errors, other.errors);
        sum(&mut self.statuses, other.statuses);
        sum(&mut self.grpc_statuses, other.grpc_statuses);
        sum(&mut self.nodes, other.nodes);
        self.last = other.last.or(self.last.take());
        self.slowest_ms = self.slowest_ms.max(other.slowest_ms);
    }
}

fn sum<K: Ord>(into: &mut BTreeMap<K, u64>, from: BTreeMap<K, u64>) {
    for (key, count) in from {
        *into.entry(key).or_default() += count;
    }
}
