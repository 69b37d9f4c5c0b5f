//! The proxy as a process: credentials first, then the port, then requests until a signal.

use super::Proxy;
use super::authorities::{self, AuthoritiesError};
use super::forward::{Way, forward};
use super::signer::{Signer, SignerError};
use super::target::{Target, TargetError};
use crate::diagnostics::Failure;
use crate::signals::Signals;
use aws_config::{BehaviorVersion, Region};
use axum::Router;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// Requests in flight may take this long to end once told to.
const GRACE: Duration = Duration::from_secs(4);

/// A connection is there soon or not at all; an answer may wait for a Lambda that starts.
const CONNECT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(35);

/// Why the proxy does not run.
#[derive(Debug, thiserror::Error)]
enum ProxyError {
    #[error(
        "`{0}` is not a loopback address: whoever reaches the proxy acts with your credentials; use 127.0.0.1:8480"
    )]
    Exposed(SocketAddr),
    #[error("cannot listen on {addr}; stop what uses it, or choose another port with --listen")]
    Listen { addr: SocketAddr, source: io::Error },
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error("no region: add --region, or set AWS_REGION")]
    Region,
    #[error(transparent)]
    Signer(#[from] SignerError),
    #[error(transparent)]
    Authorities(#[from] AuthoritiesError),
}

/// Runs it.
pub async fn until_told_to_stop(proxy: Proxy) -> Result<(), Failure> {
    let mut signals = Signals::catch()?;
    let way = tokio::select! {
        way = way(&proxy) => way?,
        signal = signals.caught() => {
            tracing::info!(signal, "stopped");
            return Ok(());
        }
    };
    let listener = listen(proxy.listen).await?;
    say_ready(listener.local_addr()?, &proxy.url)?;
    let router = Router::new().fallback(forward).with_state(way);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = axum::serve(listener, router).with_graceful_shutdown(async { drop(stopped.await) });
    let serving = tokio::spawn(serving.into_future());
    let signal = signals.caught().await;
    tracing::info!(signal, "stopping");
    drop(stop);
    // What takes longer is cut: it ends with the process.
    let _ = tokio::time::timeout(GRACE, serving).await;
    Ok(())
}

/// Everything that can be wrong with the flags or the credentials is said now, and not to the first client.
async fn way(proxy: &Proxy) -> Result<Way, Failure> {
    if !proxy.listen.ip().is_loopback() {
        return Err(ProxyError::Exposed(proxy.listen).into());
    }
    let target = Target::parse(&proxy.url, proxy.service, proxy.region.clone()).map_err(ProxyError::from)?;
    let mut loader = aws_config::defaults(BehaviorVersion::latest());
    if let Some(profile) = &proxy.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(region) = &target.region {
        loader = loader.region(Region::new(region.clone()));
    }
    let config = loader.load().await;
    let region = config.region().ok_or(ProxyError::Region)?.to_string();
    let provider = config.credentials_provider().ok_or(ProxyError::Region)?;
    let signer = Signer::new(provider, target.service, region);
    signer.credentials().await.map_err(|error| ProxyError::from(SignerError::from(error)))?;
    Ok(Way { client: client(&target)?, target: Arc::new(target), signer: Arc::new(signer) })
}

fn client(target: &Target) -> Result<reqwest::Client, Failure> {
    let mut builder =
        reqwest::Client::builder().connect_timeout(CONNECT).timeout(ANSWER).redirect(reqwest::redirect::Policy::none());
    if let Some(authorities) = authorities::named().map_err(ProxyError::from)? {
        builder = builder.tls_certs_only(authorities);
    }
    // `HTTPS_PROXY` is for what is far away.
    let builder = if target.loopback { builder.no_proxy() } else { builder };
    Ok(builder.build()?)
}

async fn listen(addr: SocketAddr) -> Result<TcpListener, ProxyError> {
    TcpListener::bind(addr).await.map_err(|source| ProxyError::Listen { addr, source })
}

/// The line a script waits for; the same key as that of `remesh up`.
fn say_ready(addr: SocketAddr, target: &str) -> Result<(), Failure> {
    let api = format!("http://{addr}");
    tracing::info!(api, target, "ready: export AWS_ENDPOINT_URL_APP_MESH={api}");
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{}", serde_json::json!({ "ready": true, "api": api }))?;
    Ok(stdout.flush()?)
}
