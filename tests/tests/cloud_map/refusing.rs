//! Cloud Map on a bad day: an endpoint that refuses every question with one error.

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use mesh_tests::eventually;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Refuses until it is dropped.
#[derive(Debug)]
pub struct Refusing {
    refused: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Refusing {
    /// Takes the place of whoever listened there.
    pub async fn start(addr: SocketAddr, error: &'static str) -> Self {
        let listener = eventually("the address is free", async || {
            TcpListener::bind(addr).await.map_err(|error| error.to_string())
        })
        .await;
        let refused = Arc::new(AtomicU64::new(0));
        let task = tokio::spawn(refuse(listener, error, refused.clone()));
        Self { refused, task }
    }

    /// How often so far.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

impl Drop for Refusing {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn refuse(listener: TcpListener, error: &'static str, refused: Arc<AtomicU64>) {
    while let Ok((connection, _)) = listener.accept().await {
        let refused = refused.clone();
        let service = service_fn(move |_| {
            refused.fetch_add(1, Ordering::Relaxed);
            let body = format!(r#"{{"__type":"{error}","message":"as the test wishes"}}"#);
            let mut answer = Response::new(Full::new(Bytes::from(body)));
            *answer.status_mut() = StatusCode::BAD_REQUEST;
            async { Ok::<_, Infallible>(answer) }
        });
        tokio::spawn(async move {
            // Whoever asked may leave at any moment.
            let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(connection), service).await;
        });
    }
}
