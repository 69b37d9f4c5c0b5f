//! What lies between two programs: it passes connections on, to whom it is told, or breaks.

use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A listener that passes connections on to one place, as a load balancer does with one target.
pub struct Network {
    addr: SocketAddr,
    to: Arc<watch::Sender<Route>>,
}

#[derive(Clone, Copy, PartialEq)]
struct Route {
    to: SocketAddr,
    /// Counts cuts: connections of an earlier age are closed.
    age: u32,
    cut: bool,
}

impl Network {
    pub async fn to(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (send, route) = watch::channel(Route { to, age: 0, cut: false });
        tokio::spawn(async move {
            while let Ok((from, _)) = listener.accept().await {
                tokio::spawn(pass(from, route.clone()));
            }
        });
        Self { addr, to: Arc::new(send) }
    }

    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// New connections go there; those that are open stay where they are.
    pub fn turn_to(&self, to: SocketAddr) {
        self.to.send_modify(|route| route.to = to);
    }

    /// Nothing gets through, and what is open is closed.
    pub fn cut(&self) {
        self.to.send_modify(|route| (route.cut, route.age) = (true, route.age + 1));
    }

    /// What is open is closed; whoever connects again gets through.
    pub fn shake(&self) {
        self.to.send_modify(|route| route.age += 1);
    }

    pub fn mend(&self) {
        self.to.send_modify(|route| route.cut = false);
    }
}

async fn pass(mut from: TcpStream, mut route: watch::Receiver<Route>) {
    let now = *route.borrow();
    if now.cut {
        return;
    }
    let Ok(mut to) = TcpStream::connect(now.to).await else { return };
    let _ = (from.set_nodelay(true), to.set_nodelay(true));
    tokio::select! {
        _ = tokio::io::copy_bidirectional(&mut from, &mut to) => {}
        _ = route.wait_for(|route| route.age != now.age) => {}
    }
}
