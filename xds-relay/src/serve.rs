//! Step 9: streams. The service that Envoys call, and the only async protocol code.
//!
//! One task a stream. It owns everything its stream needs: a stream that stands still, because its client does not read,
//! holds up its own task and nobody else's.
//!
//! Responses are bytes already, so the service is mounted with a codec of its own rather than with generated messages.

pub mod codec;
pub mod session;

mod refusal;
mod returning;
mod stream;
mod subscription;
#[cfg(feature = "tls")]
pub mod tls;

use crate::proxies::Proxies;
use crate::world::World;
use codec::{AdsCodec, Protocol, Request, Response};
use futures::Stream;
use mesh_core::AccountId;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::watch;
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::server::{Grpc, NamedService, StreamingService};
use tonic::{Status, Streaming};

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type Responses = Pin<Box<dyn Stream<Item = Result<Response, Status>> + Send>>;

/// The aggregated discovery service: state of the world and delta, from one session model.
#[derive(Debug, Clone)]
pub struct Ads {
    /// Where snapshots come from.
    pub world: World,
    /// Where streams are listed while they last.
    pub proxies: Proxies,
    /// The account of node ids that name none.
    pub account: AccountId,
    /// True once streams are to end.
    pub stopping: watch::Receiver<bool>,
    /// Over how long their ends are spread then.
    pub drain: Duration,
}

impl NamedService for Ads {
    const NAME: &'static str = "envoy.service.discovery.v3.AggregatedDiscoveryService";
}

impl Service<http::Request<Body>> for Ads {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let method = request.uri().path().rsplit('/').next();
        let protocol = match method {
            Some("StreamAggregatedResources") => Protocol::Sotw,
            Some("DeltaAggregatedResources") => Protocol::Delta,
            _ => {
                let status = Status::unimplemented(format!("{} has no method {}", Self::NAME, method.unwrap_or("")));
                return Box::pin(std::future::ready(Ok(status.into_http())));
            }
        };
        let ads = self.clone();
        Box::pin(async move { Ok(Grpc::new(AdsCodec(protocol)).streaming(Method { ads, protocol }, request).await) })
    }
}

/// One of the two methods.
struct Method {
    ads: Ads,
    protocol: Protocol,
}

impl StreamingService<Request> for Method {
    type Response = Response;
    type ResponseStream = Responses;
    type Future = BoxFuture<Result<tonic::Response<Responses>, Status>>;

    fn call(&mut self, request: tonic::Request<Streaming<Request>>) -> Self::Future {
        let peer = request.remote_addr();
        let responses = stream::open(self.ads.clone(), self.protocol, peer, request.into_inner());
        Box::pin(std::future::ready(Ok(tonic::Response::new(Box::pin(responses) as Responses))))
    }
}

#[cfg(test)]
mod tests;
