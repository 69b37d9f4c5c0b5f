//! The floor: a server that knows no mesh. It answers every subscription with bytes made beforehand and sends every
//! stream the same bytes again whenever it is triggered. What it costs is what gRPC costs on this machine.

use bytes::{Buf, BufMut, Bytes};
use envoy_types::pb::envoy::service::discovery::v3::{DeltaDiscoveryRequest, DeltaDiscoveryResponse, Resource};
use envoy_types::pb::google::protobuf::Any;
use futures::Stream;
use prost::Message;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{broadcast, mpsc};
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::{Request, Response, Status, Streaming};
use xds_relay::snapshot::ResourceType;

/// Serves until killed. Prints where: `{"xds": …, "trigger": …}`.
pub async fn serve(bytes: usize) {
    let xds = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let trigger = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let ready = serde_json::json!({
        "xds": xds.local_addr().unwrap().to_string(),
        "trigger": trigger.local_addr().unwrap().to_string(),
    });
    println!("{ready}");
    let (pulled, _) = broadcast::channel(1024);
    tokio::spawn(listen(trigger, pulled.clone()));
    let floor =
        Floor { pulled, route: response(ResourceType::Route, bytes), listener: response(ResourceType::Listener, 16) };
    let incoming = tokio_stream::wrappers::TcpListenerStream::new(xds);
    tonic::transport::Server::builder().add_service(floor).serve_with_incoming(incoming).await.unwrap();
}

async fn listen(trigger: TcpListener, pulled: broadcast::Sender<()>) {
    while let Ok((mut connection, _)) = trigger.accept().await {
        connection.set_nodelay(true).unwrap();
        while connection.read_u8().await.is_ok() {
            let _ = pulled.send(());
        }
    }
}

/// The client's end of the trigger.
pub struct Trigger(TcpStream);

impl Trigger {
    /// Connects to a floor's trigger.
    pub async fn connect(address: &str) -> Self {
        let connection = TcpStream::connect(address.trim_start_matches("http://")).await.unwrap();
        connection.set_nodelay(true).unwrap();
        Self(connection)
    }

    /// Has every stream sent the bytes once more.
    pub async fn pull(&mut self) {
        self.0.write_u8(1).await.unwrap();
    }
}

fn response(of: ResourceType, bytes: usize) -> Bytes {
    let resource = Any { type_url: of.url().to_owned(), value: vec![0; bytes] };
    let resource = Resource { name: "rds_egress_http_8080".into(), resource: Some(resource), ..Resource::default() };
    let response = DeltaDiscoveryResponse {
        type_url: of.url().to_owned(),
        nonce: "1".into(),
        resources: vec![resource],
        ..DeltaDiscoveryResponse::default()
    };
    response.encode_to_vec().into()
}

#[derive(Clone)]
struct Floor {
    pulled: broadcast::Sender<()>,
    route: Bytes,
    listener: Bytes,
}

impl tonic::server::NamedService for Floor {
    const NAME: &'static str = "envoy.service.discovery.v3.AggregatedDiscoveryService";
}

impl tonic::codegen::Service<http::Request<tonic::body::Body>> for Floor {
    type Response = http::Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<tonic::body::Body>) -> Self::Future {
        let floor = self.clone();
        Box::pin(async move { Ok(tonic::server::Grpc::new(BytesCodec).streaming(floor, request).await) })
    }
}

impl tonic::server::StreamingService<DeltaDiscoveryRequest> for Floor {
    type Response = Bytes;
    type ResponseStream = Pin<Box<dyn Stream<Item = Result<Bytes, Status>> + Send>>;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Self::ResponseStream>, Status>> + Send>>;

    fn call(&mut self, request: Request<Streaming<DeltaDiscoveryRequest>>) -> Self::Future {
        let (floor, mut requests) = (self.clone(), request.into_inner());
        let (send, sent) = mpsc::channel(16);
        tokio::spawn(async move {
            let mut pulled = floor.pulled.subscribe();
            loop {
                let response = tokio::select! {
                    request = requests.message() => match request {
                        Ok(Some(request)) if !request.response_nonce.is_empty() => continue,
                        Ok(Some(request)) if request.type_url == ResourceType::Route.url() => &floor.route,
                        Ok(Some(request)) if request.type_url == ResourceType::Listener.url() => &floor.listener,
                        Ok(Some(_)) => continue,
                        _ => return,
                    },
                    _ = pulled.recv() => &floor.route,
                };
                if send.send(Ok(response.clone())).await.is_err() {
                    return;
                }
            }
        });
        let stream = tokio_stream::wrappers::ReceiverStream::new(sent);
        Box::pin(async move { Ok(Response::new(Box::pin(stream) as Self::ResponseStream)) })
    }
}

/// Requests are read, responses are bytes already.
struct BytesCodec;

impl Codec for BytesCodec {
    type Encode = Bytes;
    type Decode = DeltaDiscoveryRequest;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for BytesCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for BytesCodec {
    type Item = DeltaDiscoveryRequest;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Self::Item>, Status> {
        let bytes = buffer.copy_to_bytes(buffer.remaining());
        DeltaDiscoveryRequest::decode(bytes).map(Some).map_err(|error| Status::internal(error.to_string()))
    }
}
