//! The API's socket: connections are taken in, bounded, and ended in an orderly way.
//!
//! Nobody holds a connection for nothing: a request's head has a size and a time, bodies are bounded where they are read.
//! What cannot be read as a request is answered in the API's own way, though hyper would have answered it with a bare
//! status ([`worded`]). What stays below HTTP, and is only ended: silence, and bytes after which no answer could be read.

mod worded;

use axum::Router;
use axum::extract::Request;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use std::io::ErrorKind;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower::ServiceExt;
use worded::Worded;

/// How long the head of a request may take, and how long a connection may be kept without one. Clients keep connections
/// for up to 90 seconds between requests, and are left to close theirs first.
const HEAD_TIME: Duration = Duration::from_secs(120);

/// The largest head of a request. Far more than a signature, a session's token and the longest path together.
const HEAD_SIZE: usize = 256 << 10;

/// How often a client that speaks HTTP/2 is asked whether it is still there.
const ALIVE: Duration = Duration::from_secs(60);

/// Serves until told to stop, and then until the last answer.
pub async fn serve(listener: TcpListener, router: Router, stop: impl Future<Output = ()>) {
    let (stopping, stopped) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(connections.spawn(connection(stream, router.clone(), stopped.clone()))),
                Err(error) => wait_after(&error).await,
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
    drop(listener);
    stopping.send_replace(true);
    while connections.join_next().await.is_some() {}
}

/// One that was given up while it waited is nobody's trouble; one for which there is no descriptor left is, until others
/// end.
async fn wait_after(error: &std::io::Error) {
    if !matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::ConnectionRefused)
    {
        tracing::error!(%error, "the API cannot take a connection in");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Serves one connection.
async fn connection(stream: TcpStream, router: Router, mut stopped: watch::Receiver<bool>) {
    // Answers are small, and each is waited for.
    let _ = stream.set_nodelay(true);
    let asked = Arc::new(AtomicBool::new(false));
    let mut served = pin!(async {
        let asked = asked.clone();
        let router = router.map_request(move |request: Request<_>| {
            asked.store(true, Ordering::Relaxed);
            request
        });
        let builder = builder();
        let stream = TokioIo::new(Worded::new(stream));
        let mut served = pin!(builder.serve_connection(stream, TowerToHyperService::new(router)));
        tokio::select! {
            ended = served.as_mut() => return ended,
            _ = stopped.wait_for(|stopped| *stopped) => {}
        }
        served.as_mut().graceful_shutdown();
        served.await
    });
    let first = async {
        tokio::time::sleep(HEAD_TIME).await;
        // From the first request on hyper keeps the time, of every head.
        if asked.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        ended = served.as_mut() => {
            if let Err(error) = ended {
                tracing::debug!(error, "a connection ended early");
            }
        }
        () = first => tracing::debug!("a connection was ended: nothing was asked"),
    }
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIME).max_buf_size(HEAD_SIZE);
    let head = u32::try_from(HEAD_SIZE).unwrap_or(u32::MAX);
    builder.http2().timer(TokioTimer::new()).max_header_list_size(head).keep_alive_interval(ALIVE);
    builder
}

#[cfg(test)]
mod tests;
