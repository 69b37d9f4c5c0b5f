//! What the network load balancer is in AWS: connections go to whoever accepts them, in turn.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::net::{TcpListener, TcpStream};

/// Listens there for as long as the runtime runs. A connection that nobody accepts is closed.
pub async fn start(at: SocketAddr, targets: Vec<SocketAddr>) {
    let listener = TcpListener::bind(at).await.expect("the balancer listens");
    let balancer = Arc::new(Balancer { targets, turn: AtomicUsize::new(0) });
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(join(balancer.clone(), client));
        }
    });
}

struct Balancer {
    targets: Vec<SocketAddr>,
    turn: AtomicUsize,
}

async fn join(balancer: Arc<Balancer>, mut client: TcpStream) {
    let first = balancer.turn.fetch_add(1, Ordering::Relaxed);
    for target in balancer.targets.iter().cycle().skip(first % balancer.targets.len()).take(balancer.targets.len()) {
        if let Ok(mut server) = TcpStream::connect(target).await {
            let _ = client.set_nodelay(true).and(server.set_nodelay(true));
            // However it ends, both ends are closed.
            let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            return;
        }
    }
}
