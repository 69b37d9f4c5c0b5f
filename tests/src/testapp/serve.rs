//! The upstream: ports that answer, and a port of its own where a test asks what arrived.

use super::answer::{self, Seen};
use super::input_ended;
use clap::Args;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Where a test asks for the counts: a port that no mesh knows, so it is not captured.
pub const CONTROL_PORT: u16 = 9900;

/// What to serve.
#[derive(Debug, Clone, Args)]
pub struct Serve {
    /// What the application calls itself.
    #[arg(long)]
    node: String,
    /// A port that speaks HTTP/1.1, HTTP/2 and gRPC.
    #[arg(long)]
    http: Vec<u16>,
    /// A port that answers a line with the application's name.
    #[arg(long)]
    tcp: Vec<u16>,
}

/// Serves until the input ends. Says `ready` once every port listens.
pub async fn serve(serve: Serve) {
    let seen = Arc::new(Seen::default());
    for port in serve.http.iter().chain([&CONTROL_PORT]) {
        tokio::spawn(http(listen(*port).await, *port, serve.node.clone(), seen.clone()));
    }
    for port in &serve.tcp {
        tokio::spawn(tcp(listen(*port).await, serve.node.clone()));
    }
    println!("ready");
    input_ended().await;
}

async fn listen(port: u16) -> TcpListener {
    let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
    TcpListener::bind(address).await.unwrap_or_else(|error| panic!("port {port}: {error}"))
}

async fn http(listener: TcpListener, port: u16, node: String, seen: Arc<Seen>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (node, seen) = (node.clone(), seen.clone());
        tokio::spawn(async move {
            let _ = stream.set_nodelay(true);
            let service = service_fn(|request| {
                let (node, seen) = (node.clone(), seen.clone());
                async move { Ok::<_, Infallible>(answer::answer(request, port, &node, &seen).await) }
            });
            // A client that goes away in the middle is its own business.
            let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn tcp(listener: TcpListener, node: String) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(lines(stream, node.clone()));
    }
}

async fn lines(mut stream: TcpStream, node: String) -> std::io::Result<()> {
    let (read, mut write) = stream.split();
    let mut lines = BufReader::new(read).lines();
    while lines.next_line().await?.is_some() {
        write.write_all(format!("{node}\n").as_bytes()).await?;
    }
    Ok(())
}
