//! The relay as a whole: what it listens on, the tasks it is made of, and how it ends.

use crate::admin::{self, Admin};
use crate::proxies::Proxies;
use crate::serve::Ads;
use crate::world::World;
use mesh_core::AccountId;
use mesh_log::Log;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

/// How long streams and requests may take to end once told to.
const GRACE: Duration = Duration::from_secs(3);

/// How often a silent connection is asked whether it is still there, and how long it may take to answer. A proxy whose
/// machine has vanished is forgotten after both.
const KEEPALIVE: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(20));

/// Where a relay listens, and for whom.
#[derive(Debug, Clone)]
pub struct RelayConfig {
    /// Where Envoys connect; port 0 is any free one.
    pub xds_addr: SocketAddr,
    /// Where the admin endpoints are; port 0 is any free one.
    pub admin_addr: SocketAddr,
    /// The account of node ids that name none.
    pub account: AccountId,
}

/// Why a relay did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Envoys cannot be listened for.
    #[error("cannot listen for Envoys on {addr}")]
    Xds {
        /// Where.
        addr: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The admin endpoints cannot be listened for.
    #[error("cannot listen for admin requests on {addr}")]
    Admin {
        /// Where.
        addr: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

/// A running relay. Dropping it ends it at once, [`Relay::stop`] in an orderly way.
#[derive(Debug)]
pub struct Relay {
    xds_addr: SocketAddr,
    admin_addr: SocketAddr,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Relay {
    /// Follows a log and serves it. When this returns both addresses accept connections; Envoys are answered as soon as
    /// their mesh has been folded.
    ///
    /// # Errors
    ///
    /// When an address cannot be listened on. Nothing is left running.
    pub async fn start(log: Arc<dyn Log>, config: RelayConfig) -> Result<Self, StartError> {
        let RelayConfig { xds_addr, admin_addr, account } = config;
        let (xds, xds_addr) = listen(xds_addr).await.map_err(|source| StartError::Xds { addr: xds_addr, source })?;
        let (endpoints, admin_addr) =
            listen(admin_addr).await.map_err(|source| StartError::Admin { addr: admin_addr, source })?;
        // First of all, or what is counted before is counted nowhere.
        admin::recorder();
        let (stop, stopping) = watch::channel(false);
        let (world, proxies) = (World::start(log), Proxies::default());
        let admin = Admin { world: world.clone(), proxies: proxies.clone(), account: account.clone() };
        let ads = Ads { world, proxies, account, stopping: stopping.clone() };
        let tasks = vec![
            tokio::spawn(serve_envoys(xds, ads, stopping.clone())),
            tokio::spawn(serve_admin(endpoints, admin, stopping)),
        ];
        Ok(Self { xds_addr, admin_addr, stop, tasks })
    }

    /// Where Envoys connect.
    pub const fn xds_addr(&self) -> SocketAddr {
        self.xds_addr
    }

    /// Where the admin endpoints are.
    pub const fn admin_addr(&self) -> SocketAddr {
        self.admin_addr
    }

    /// Ends every stream gracefully and everything else with it, within five seconds.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        for task in &mut self.tasks {
            if tokio::time::timeout(GRACE / 2, &mut *task).await.is_err() {
                tracing::warn!("connections that did not end in time are cut");
                task.abort();
                let _ = task.await;
            }
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

async fn listen(addr: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(addr).await?;
    let addr = listener.local_addr()?;
    Ok((listener, addr))
}

async fn serve_envoys(listener: TcpListener, ads: Ads, stopping: watch::Receiver<bool>) {
    let served = Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE.0))
        .http2_keepalive_timeout(Some(KEEPALIVE.1))
        .add_service(ads)
        .serve_with_incoming_shutdown(TcpIncoming::from(listener).with_nodelay(Some(true)), stopped(stopping));
    if let Err(error) = served.await {
        tracing::error!(%error, "the relay stopped serving Envoys");
    }
}

async fn serve_admin(listener: TcpListener, admin: Admin, stopping: watch::Receiver<bool>) {
    let served = axum::serve(listener, admin::router(admin)).with_graceful_shutdown(stopped(stopping));
    if let Err(error) = served.await {
        tracing::error!(%error, "the admin endpoints stopped");
    }
}

async fn stopped(mut stopping: watch::Receiver<bool>) {
    // A dropped sender means that the relay was dropped: its tasks are aborted then.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}
