//! The running process: where it listens, and how it ends.

use crate::server;
use axum::Router;
use mesh_log::sqlite::SqliteLog;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use xds_relay::Relay;

/// How long requests in flight may take once the process is told to stop. Below the five seconds in which everything
/// has ended, so that a client that never finishes its request cannot hold it up.
const GRACE: Duration = Duration::from_secs(3);

/// How long the relay may take to end its streams: its own promise, enforced.
const RELAY_GRACE: Duration = Duration::from_millis(4500);

/// A running API, relay and admin. Dropping it ends them at once, [`Running::stop`] in an orderly way.
pub struct Running {
    api_addr: SocketAddr,
    xds_addr: SocketAddr,
    admin_addr: SocketAddr,
    api: Task,
    stop_api: oneshot::Sender<()>,
    checkpointer: Option<Task>,
    relay: Relay,
    log: SqliteLog,
}

impl Running {
    pub(crate) fn new(
        api: TcpListener,
        api_addr: SocketAddr,
        router: Router,
        relay: Relay,
        checkpointer: Option<JoinHandle<()>>,
        log: SqliteLog,
    ) -> Self {
        let (stop_api, stopped) = oneshot::channel();
        Self {
            api_addr,
            xds_addr: relay.xds_addr(),
            admin_addr: relay.admin_addr(),
            api: Task(tokio::spawn(serve(api, router, stopped))),
            stop_api,
            checkpointer: checkpointer.map(Task),
            relay,
            log,
        }
    }

    /// Where the App Mesh API listens.
    pub const fn api_addr(&self) -> SocketAddr {
        self.api_addr
    }

    /// Where Envoys connect.
    pub const fn xds_addr(&self) -> SocketAddr {
        self.xds_addr
    }

    /// Where the admin endpoints listen.
    pub const fn admin_addr(&self) -> SocketAddr {
        self.admin_addr
    }

    /// Ends everything within five seconds: requests in flight are answered, streams are closed, the log is released.
    pub async fn stop(mut self) {
        let _ = self.stop_api.send(());
        if let Some(checkpointer) = self.checkpointer.take() {
            checkpointer.end().await;
        }
        let relay = tokio::time::timeout(RELAY_GRACE, self.relay.stop());
        let api = tokio::time::timeout(GRACE, &mut self.api.0);
        let (relay, api) = tokio::join!(relay, api);
        if relay.is_err() {
            tracing::warn!("the relay did not end its streams in time; they are cut");
        }
        if api.is_err() {
            tracing::warn!("requests that did not end in time are cut");
            self.api.end().await;
        }
        // Tasks that were cut may hold handles for another moment; the file does not wait for them.
        self.log.close().await;
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { api_addr, xds_addr, admin_addr, .. } = self;
        write!(f, "Running {{ api: {api_addr}, xds: {xds_addr}, admin: {admin_addr} }}")
    }
}

async fn serve(listener: TcpListener, router: Router, stop: oneshot::Receiver<()>) {
    let stopped = async {
        // A dropped sender is no wish to stop: the task is aborted then anyway.
        if stop.await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    server::serve(listener, router, stopped).await;
}

/// A task that ends with its owner.
#[derive(Debug)]
struct Task(JoinHandle<()>);

impl Task {
    async fn end(mut self) {
        self.0.abort();
        let _ = (&mut self.0).await;
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}
