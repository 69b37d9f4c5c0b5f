//! A proxy before DynamoDB that goes wrong as networks and services do: by order, or as it likes.

#![expect(clippy::expect_used, reason = "tests whose proxy does not work have failed")]

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It comes late.
    Late,
    /// The connection is closed, and nothing was done.
    Reset,
    /// It is done, and the connection is closed before the answer.
    Lost,
    /// The service has failed.
    Broken,
    /// The service wants less.
    Throttled,
    /// The credentials are too old.
    Expired,
    /// It is lost on its way, and nobody is told: there is no answer as long as the caller waits.
    Silent,
}

const WHIMS: [Fault; 5] = [Fault::Late, Fault::Reset, Fault::Lost, Fault::Broken, Fault::Throttled];

#[derive(Default)]
struct State {
    ordered: Option<Order>,
    whims: bool,
    /// What becomes of every call while nothing gets through.
    dark: Option<Fault>,
    calls: u32,
    dice: u64,
}

/// These calls of an operation, after some that go well, go wrong in this way.
struct Order {
    operation: String,
    after: u32,
    fault: Fault,
    times: u32,
}

/// A running proxy.
pub struct Proxy {
    addr: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Proxy {
    /// Starts one on a free port, for as long as the runtime runs. It behaves until it is told not to.
    ///
    /// # Panics
    ///
    /// When no port can be had.
    pub async fn start(to: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port is free");
        let addr = listener.local_addr().expect("it has a number");
        let state = Arc::new(Mutex::new(State { dice: 0x2545_F491_4F6C_DD1D, ..State::default() }));
        let shared = state.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(client, to, shared.clone()));
            }
        });
        Self { addr, state }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The next calls of an operation go wrong in this way.
    pub fn next(&self, operation: &str, fault: Fault, times: u32) {
        self.next_after(0, operation, fault, times);
    }

    /// The same after some that go well.
    pub fn next_after(&self, after: u32, operation: &str, fault: Fault, times: u32) {
        locked(&self.state).ordered = Some(Order { operation: operation.to_owned(), after, fault, times });
    }

    /// A third of all calls goes wrong in some way.
    pub fn misbehave(&self) {
        locked(&self.state).whims = true;
    }

    /// Everything gets through again.
    pub fn behave(&self) {
        let mut state = locked(&self.state);
        (state.ordered, state.whims, state.dark) = (None, false, None);
    }

    /// Nothing gets through: this becomes of every call, whatever else was said.
    pub fn blackout(&self, fault: Fault) {
        locked(&self.state).dark = Some(fault);
    }

    /// The end of a blackout; whatever else was said holds again.
    pub fn light(&self) {
        locked(&self.state).dark = None;
    }

    /// How many calls there were.
    pub fn calls(&self) -> u32 {
        locked(&self.state).calls
    }
}

impl State {
    fn fault(&mut self, head: &str) -> Option<Fault> {
        self.calls += 1;
        if self.dark.is_some() {
            return self.dark;
        }
        if let Some(order) = &mut self.ordered
            && head.contains(&format!(".{}\r\n", order.operation).to_lowercase())
        {
            if order.after > 0 {
                order.after -= 1;
                return None;
            }
            if order.times > 0 {
                order.times -= 1;
                return Some(order.fault);
            }
        }
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        let roll = (self.dice >> 33) as usize;
        (self.whims && roll.is_multiple_of(3)).then(|| WHIMS[roll / 3 % WHIMS.len()])
    }
}

async fn serve(mut client: TcpStream, to: SocketAddr, state: Arc<Mutex<State>>) {
    while let Some((head, body)) = message(&mut client).await {
        let fault = locked(&state).fault(&head.to_lowercase());
        let answer = match fault {
            Some(Fault::Reset) => return,
            Some(Fault::Silent) => return given_up(&mut client).await,
            Some(Fault::Broken) => error(500, "InternalServerError"),
            Some(Fault::Throttled) => error(400, "ThrottlingException"),
            Some(Fault::Expired) => error(400, "ExpiredTokenException"),
            Some(Fault::Late) => {
                tokio::time::sleep(Duration::from_millis(150)).await;
                pass(to, &head, &body).await
            }
            Some(Fault::Lost) => {
                pass(to, &head, &body).await;
                return;
            }
            None => pass(to, &head, &body).await,
        };
        if client.write_all(&answer).await.is_err() || fault.is_none_or(|fault| fault == Fault::Late) {
            // What was passed on closes its connection.
            return;
        }
    }
}

/// Waits until the caller does so no more.
async fn given_up(client: &mut TcpStream) {
    let mut buffer = [0; 1024];
    while client.read(&mut buffer).await.is_ok_and(|count| count > 0) {}
}

/// A test that failed while it held the lock has said so already.
fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One request: its head, as text, and its body.
async fn message(client: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let (mut read, mut buffer) = (Vec::new(), [0; 16 << 10]);
    let end = loop {
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        match client.read(&mut buffer).await {
            Ok(count) if count > 0 => read.extend_from_slice(&buffer[..count]),
            _ => return None,
        }
    };
    let head = String::from_utf8_lossy(&read[..end]).into_owned();
    let length =
        head.to_lowercase().split("content-length:").nth(1).and_then(|rest| rest.lines().next()?.trim().parse().ok());
    let mut body = read.split_off(end);
    while body.len() < length.unwrap_or(0) {
        match client.read(&mut buffer).await {
            Ok(count) if count > 0 => body.extend_from_slice(&buffer[..count]),
            _ => return None,
        }
    }
    Some((head, body))
}

/// Passes a request on, on a connection of its own, and gives back the whole answer.
async fn pass(to: SocketAddr, head: &str, body: &[u8]) -> Vec<u8> {
    let mut answer = Vec::new();
    if let Ok(mut server) = TcpStream::connect(to).await {
        let head = head.replacen("\r\n", "\r\nconnection: close\r\n", 1);
        let sent = server.write_all(&[head.as_bytes(), body].concat()).await;
        if sent.is_ok() {
            let _ = server.read_to_end(&mut answer).await;
        }
    }
    answer
}

fn error(status: u16, code: &str) -> Vec<u8> {
    let body = format!(r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{code}","message":"by order"}}"#);
    let length = body.len();
    format!("HTTP/1.1 {status} By Order\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: {length}\r\n\r\n{body}")
        .into_bytes()
}
