//! A wire between a function and what it talks to, that notes when something was asked and answered.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What went over a wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Passed {
    /// `GET`: the Runtime API is asked for work.
    Get,
    /// `POST`: an answer to the Runtime API, or a question to the database.
    Post,
    /// Something from the other side.
    Back,
}

/// A wire.
pub struct Wire {
    addr: SocketAddr,
    passed: Notes,
}

type Notes = Arc<Mutex<Vec<(Instant, Passed)>>>;

/// From when to when.
pub struct Span {
    from: Instant,
    to: Instant,
}

impl Span {
    pub fn length(&self) -> Duration {
        self.to.duration_since(self.from)
    }
}

impl Wire {
    /// A wire to an address.
    pub async fn to(addr: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port is free");
        let wire = Self { addr: listener.local_addr().expect("it has a number"), passed: Arc::default() };
        tokio::spawn(carry_all(listener, addr, wire.passed.clone()));
        wire
    }

    /// Where it begins.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// When something was first sent.
    pub fn first(&self) -> Option<Instant> {
        self.noted().first().map(|(at, _)| *at)
    }

    /// On the wire to the Runtime API: from work given to answer given, each invocation.
    pub fn spans(&self) -> Vec<Span> {
        let (mut spans, mut given, mut waiting) = (Vec::new(), None, false);
        for (at, passed) in self.noted() {
            match passed {
                Passed::Get => waiting = true,
                Passed::Back if waiting => (given, waiting) = (Some(at), false),
                Passed::Post => spans.extend(given.take().map(|from| Span { from, to: at })),
                Passed::Back => {}
            }
        }
        spans
    }

    /// On the wire to the database: how long it was waited for within a span.
    pub fn busy_within(&self, span: &Span) -> Duration {
        let (mut busy, mut asked) = (Duration::ZERO, None);
        for (at, passed) in self.noted().into_iter().filter(|(at, _)| (span.from..=span.to).contains(at)) {
            match passed {
                Passed::Back => busy += asked.take().map_or(Duration::ZERO, |since| at.duration_since(since)),
                Passed::Get | Passed::Post => asked = asked.or(Some(at)),
            }
        }
        busy
    }

    fn noted(&self) -> Vec<(Instant, Passed)> {
        self.passed.lock().expect("nobody panics").clone()
    }
}

async fn carry_all(listener: TcpListener, to: SocketAddr, notes: Notes) {
    while let Ok((near, _)) = listener.accept().await {
        let far = TcpStream::connect(to).await.expect("the other side listens");
        for stream in [&near, &far] {
            stream.set_nodelay(true).expect("a socket can be told");
        }
        let ((near_read, near_write), (far_read, far_write)) = (near.into_split(), far.into_split());
        tokio::spawn(carry(near_read, far_write, notes.clone(), asked));
        tokio::spawn(carry(far_read, near_write, notes.clone(), |_| Some(Passed::Back)));
    }
}

/// Requests begin a piece; what else comes belongs to one that has begun.
fn asked(piece: &[u8]) -> Option<Passed> {
    match piece {
        [b'G', b'E', b'T', b' ', ..] => Some(Passed::Get),
        [b'P', b'O', b'S', b'T', b' ', ..] => Some(Passed::Post),
        _ => None,
    }
}

async fn carry(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    notes: Notes,
    note: impl Fn(&[u8]) -> Option<Passed>,
) {
    let mut piece = vec![0; 64 << 10];
    while let Ok(length @ 1..) = from.read(&mut piece).await {
        if let Some(passed) = note(&piece[..length]) {
            notes.lock().expect("nobody panics").push((Instant::now(), passed));
        }
        if to.write_all(&piece[..length]).await.is_err() {
            return;
        }
    }
    // The other side is told that nothing more comes; where it is gone that is known.
    let _ = to.shutdown().await;
}
