//! Answers that hyper gives by itself, said as the API says them.
//!
//! Of a request whose head it cannot read hyper tells nobody. It writes a bare status and ends the connection; there is no
//! place to say more. But such an answer is known by its head, since none of the API's own has no body and no request id,
//! and nothing in a body can look like a head: JSON as it is written here has no line breaks. So the stream that hyper
//! writes to says the modelled answer in its place.

use axum::http::Response;
use futures::FutureExt;
use http_body_util::BodyExt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// What hyper says, and what a client is told instead.
const BARE: [(&str, &str); 3] = [
    (" 400 Bad Request\r\n", "The request cannot be read as HTTP"),
    (" 414 URI Too Long\r\n", "The request cannot be read: its path and query are longer than 65534 bytes"),
    (
        " 431 Request Header Fields Too Large\r\n",
        "The request cannot be read: it has more than 100 headers, or its head is larger than 262144 bytes",
    ),
];

/// How long, and how much, is still read from a client that was refused while it sent. One whose connection is closed on
/// it may lose the answer.
const LINGER: (Duration, usize) = (Duration::from_secs(5), 16 << 20);

/// A stream on which every answer has its words.
pub struct Worded<S> {
    stream: S,
    /// The answer in place of hyper's, how much of it is written, and how long hyper's was.
    instead: Option<(Vec<u8>, usize, usize)>,
    lingering: Option<Lingering>,
}

/// Reading on after a refusal.
struct Lingering {
    until: Pin<Box<Sleep>>,
    left: usize,
}

impl<S> Worded<S> {
    pub fn new(stream: S) -> Self {
        Self { stream, instead: None, lingering: None }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Worded<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Worded<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.instead.is_none() {
            let Some((start, length, words)) = bare_answer(buf) else {
                return Pin::new(&mut this.stream).poll_write(cx, buf);
            };
            if let Some(before) = buf.get(..start).filter(|before| !before.is_empty()) {
                return Pin::new(&mut this.stream).poll_write(cx, before);
            }
            this.instead = Some((worded(words), 0, length));
            let until = Box::pin(tokio::time::sleep(LINGER.0));
            this.lingering = Some(Lingering { until, left: LINGER.1 });
        }
        let Some((text, written, length)) = &mut this.instead else { return Poll::Ready(Ok(0)) };
        while let Some(rest) = text.get(*written..).filter(|rest| !rest.is_empty()) {
            match ready!(Pin::new(&mut this.stream).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                some => *written += some,
            }
        }
        let length = *length;
        this.instead = None;
        Poll::Ready(Ok(length))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
        match &mut this.lingering {
            Some(lingering) => lingering.poll(&mut this.stream, cx).map(Ok),
            None => Poll::Ready(Ok(())),
        }
    }
}

impl Lingering {
    /// Reads until the client has ended too, or long and much enough.
    fn poll(&mut self, stream: &mut (impl AsyncRead + Unpin), cx: &mut Context<'_>) -> Poll<()> {
        let mut room = [0; 8192];
        while self.left > 0 && self.until.as_mut().poll(cx).is_pending() {
            let mut buf = ReadBuf::new(&mut room);
            match ready!(Pin::new(&mut *stream).poll_read(cx, &mut buf)) {
                Ok(()) if !buf.filled().is_empty() => self.left = self.left.saturating_sub(buf.filled().len()),
                _ => break,
            }
        }
        Poll::Ready(())
    }
}

/// Where in what is written an answer of hyper's own stands, how long it is, and what to say instead.
fn bare_answer(written: &[u8]) -> Option<(usize, usize, &'static str)> {
    const VERSION: usize = "HTTP/1.1".len();
    // It is the last that is ever written, and has no body: nearly every other answer is told from it by its end. Others
    // may stand before it that the client has not taken yet.
    if !written.ends_with(b"\r\n\r\n") {
        return None;
    }
    for (line, words) in BARE {
        let found = written.windows(line.len()).rposition(|window| window == line.as_bytes());
        let Some(start) = found.and_then(|at| at.checked_sub(VERSION)) else { continue };
        let answer = written.get(start..)?;
        let head = answer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
        let text = std::str::from_utf8(answer.get(..head)?).ok()?.to_ascii_lowercase();
        if text.starts_with("http/1.") && text.contains("content-length: 0\r\n") && !text.contains("x-amzn-requestid") {
            return Some((start, head, words));
        }
    }
    None
}

/// The modelled answer, as it goes over the wire.
fn worded(words: &str) -> Vec<u8> {
    // Neither has anything to wait for.
    let answer = functions::unreadable(words.to_owned()).now_or_never().unwrap_or_default();
    let (parts, body) = Response::into_parts(answer);
    let body = body.collect().now_or_never().and_then(Result::ok).map(|body| body.to_bytes()).unwrap_or_default();
    let mut text =
        format!("HTTP/1.1 {}\r\nconnection: close\r\ncontent-length: {}\r\n", parts.status, body.len()).into_bytes();
    for (name, value) in &parts.headers {
        text.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    text.extend_from_slice(b"\r\n");
    text.extend_from_slice(&body);
    text
}
