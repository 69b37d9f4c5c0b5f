//! The relay as a whole: what it listens on, the tasks it is made of, and how it ends.

use crate::admin::{self, Admin};
use crate::discovery::{InstanceSource, Registry};
use crate::proxies::Proxies;
use crate::serve::Ads;
use crate::world::{Copies, World};
use futures::Stream;
use mesh_core::AccountId;
use mesh_log::Log;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tonic::transport::Server;
use tonic::transport::server::{Connected, TcpIncoming};

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
    /// Where the instances of virtual nodes come from that Cloud Map finds; a registry of our own by default.
    pub instances: Arc<dyn InstanceSource>,
    /// Where folds are kept on this machine, to be served when a later run finds the log away.
    pub copies: Option<Copies>,
    /// Over how long streams are moved to other relays when this one stops; not at all spread by default.
    pub drain: Duration,
    /// What Envoys are shown of who this is; plain text without.
    #[cfg(feature = "tls")]
    pub tls: Option<crate::serve::tls::Certificates>,
}

impl RelayConfig {
    /// A relay that keeps nothing, ends its streams at once and speaks plain text.
    pub fn new(xds_addr: SocketAddr, admin_addr: SocketAddr, account: AccountId) -> Self {
        Self {
            xds_addr,
            admin_addr,
            account,
            instances: Arc::new(Registry::default()),
            copies: None,
            drain: Duration::ZERO,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }
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

impl StartError {
    fn xds(config: &RelayConfig, source: io::Error) -> Self {
        Self::Xds { addr: config.xds_addr, source }
    }

    fn admin(config: &RelayConfig, source: io::Error) -> Self {
        Self::Admin { addr: config.admin_addr, source }
    }
}

/// A running relay. Dropping it ends it at once, [`Relay::stop`] in an orderly way.
#[derive(Debug)]
pub struct Relay {
    xds_addr: SocketAddr,
    admin_addr: SocketAddr,
    drain: Duration,
    /// Ends streams.
    stop: watch::Sender<bool>,
    /// Ends the admin endpoints, which can be asked as long as there are streams.
    over: watch::Sender<bool>,
    envoys: JoinHandle<()>,
    endpoints: JoinHandle<()>,
    world: World,
}

impl Relay {
    /// Follows a log and serves it. When this returns both addresses accept connections; Envoys are answered as soon as
    /// their mesh has been folded.
    ///
    /// # Errors
    ///
    /// When an address cannot be listened on. Nothing is left running.
    pub async fn start(log: Arc<dyn Log>, config: RelayConfig) -> Result<Self, StartError> {
        let (xds, xds_addr) = listen(config.xds_addr).await.map_err(|source| StartError::xds(&config, source))?;
        let (endpoints, admin_addr) =
            listen(config.admin_addr).await.map_err(|source| StartError::admin(&config, source))?;
        // First of all, or what is counted before is counted nowhere.
        admin::recorder();
        let (stop, stopping) = watch::channel(false);
        let (over, ending) = watch::channel(false);
        let (world, proxies) =
            (World::start_with(log, config.copies.clone(), config.instances.as_ref()), Proxies::default());
        let admin = Admin {
            world: world.clone(),
            proxies: proxies.clone(),
            account: config.account.clone(),
            instances: config.instances.clone(),
            stopping: stopping.clone(),
        };
        let (account, drain) = (config.account.clone(), config.drain);
        let ads = Ads { world: world.clone(), proxies, account, stopping, drain };
        let envoys = tokio::spawn(serve_envoys(xds, ads, config));
        let endpoints = tokio::spawn(serve_admin(endpoints, admin, ending));
        Ok(Self { xds_addr, admin_addr, drain, stop, over, envoys, endpoints, world })
    }

    /// Where Envoys connect.
    pub const fn xds_addr(&self) -> SocketAddr {
        self.xds_addr
    }

    /// Where the admin endpoints are.
    pub const fn admin_addr(&self) -> SocketAddr {
        self.admin_addr
    }

    /// What it serves, and how that stands to the log.
    pub const fn world(&self) -> &World {
        &self.world
    }

    /// Accepts nobody any more, moves every stream away, spread over [`RelayConfig::drain`], and ends everything else
    /// within five seconds after that.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        end(&mut self.envoys, self.drain + GRACE / 2).await;
        self.over.send_replace(true);
        end(&mut self.endpoints, GRACE / 2).await;
    }
}

async fn end(task: &mut JoinHandle<()>, patience: Duration) {
    if tokio::time::timeout(patience, &mut *task).await.is_err() {
        tracing::warn!("connections that did not end in time are cut");
        task.abort();
        let _ = task.await;
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        self.envoys.abort();
        self.endpoints.abort();
    }
}

async fn listen(addr: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(addr).await?;
    let addr = listener.local_addr()?;
    Ok((listener, addr))
}

async fn serve_envoys(listener: TcpListener, ads: Ads, config: RelayConfig) {
    #[cfg(feature = "tls")]
    if let Some(certificates) = config.tls {
        return serve_on(crate::serve::tls::incoming(listener, certificates), ads).await;
    }
    drop(config);
    serve_on(TcpIncoming::from(listener).with_nodelay(Some(true)), ads).await;
}

async fn serve_on<C, I>(incoming: I, ads: Ads)
where
    C: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
    I: Stream<Item = io::Result<C>>,
{
    let stopping = ads.stopping.clone();
    let served = Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE.0))
        .http2_keepalive_timeout(Some(KEEPALIVE.1))
        .add_service(ads)
        .serve_with_incoming_shutdown(incoming, stopped(stopping));
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
