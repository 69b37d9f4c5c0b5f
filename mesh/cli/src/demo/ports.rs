//! Where everything of the demo listens.
//!
//! An application listens on 127.0.0.1, its Envoy on the same port of an address of its own, exactly as a sidecar stands
//! before its application. So a port has to be free on both. Familiar ports are tried first, so that what a person
//! types stays the same from one demo to the next.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use tokio::net::TcpSocket;

/// The address of each Envoy; the loopback network of Linux has them all without setting anything up.
const FRONT: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 11);
const BACKENDS: [Ipv4Addr; 2] = [Ipv4Addr::new(127, 0, 0, 12), Ipv4Addr::new(127, 0, 0, 13)];

/// The ports tried first: the applications', then the virtual router's.
const FAMILIAR: [u16; 4] = [9080, 9081, 9082, 9090];

/// How often any free port is tried before giving up.
const TRIES: usize = 50;

/// Where the Envoys listen.
#[derive(Debug, Clone, Copy)]
pub struct Places {
    /// The front's Envoy, for those who call the front.
    pub front: SocketAddr,
    /// The Envoys of the two versions.
    pub backends: [SocketAddr; 2],
    /// The port of the virtual router: where the front's Envoy takes the front's calls to the backend.
    pub router: u16,
}

/// The applications' listeners, held from the moment their ports are chosen.
#[derive(Debug)]
pub struct Listeners {
    /// The front's.
    pub front: TcpListener,
    /// Those of the two versions.
    pub backends: [TcpListener; 2],
    /// Nobody's: keeps other demos from the virtual router's port, on 127.0.0.1, where nothing of this one listens on it.
    pub router: TcpSocket,
}

/// There is no room.
#[derive(Debug, thiserror::Error)]
#[error("no free port on {address}")]
pub struct NoPort {
    address: Ipv4Addr,
    source: io::Error,
}

impl Places {
    /// Chooses free ports.
    pub fn choose() -> Result<(Self, Listeners), NoPort> {
        let [front_port, v1_port, v2_port, router_port] = FAMILIAR;
        let front = application(FRONT, front_port)?;
        let backends = [application(BACKENDS[0], v1_port)?, application(BACKENDS[1], v2_port)?];
        let router = beside(FRONT, router_port, reserve)?;
        let places = Self { front: front.0, backends: [backends[0].0, backends[1].0], router: router.0.port() };
        let [v1, v2] = backends;
        Ok((places, Listeners { front: front.1, backends: [v1.1, v2.1], router: router.1 }))
    }

    /// Where the front calls the backend: a port of its own Envoy.
    pub fn egress(&self) -> SocketAddr {
        SocketAddr::new(self.front.ip(), self.router)
    }
}

/// A listener for an application, on a port that its Envoy can have as well.
fn application(envoy: Ipv4Addr, familiar: u16) -> Result<(SocketAddr, TcpListener), NoPort> {
    beside(envoy, familiar, |port| {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        Ok((listener.local_addr()?.port(), listener))
    })
}

/// A port that nobody else can have while the socket is held, without anyone listening.
fn reserve(port: u16) -> io::Result<(u16, TcpSocket)> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    Ok((socket.local_addr()?.port(), socket))
}

/// Takes a port of 127.0.0.1 that is free on an Envoy's address as well. Whoever holds the former has the latter: demos
/// choose their ports here only, and Envoy takes its own soon.
fn beside<T>(
    envoy: Ipv4Addr,
    familiar: u16,
    take: impl Fn(u16) -> io::Result<(u16, T)>,
) -> Result<(SocketAddr, T), NoPort> {
    first(envoy, familiar, |port| {
        let (port, taken) = take(port)?;
        Ok((TcpListener::bind((envoy, port))?.local_addr()?, taken))
    })
}

/// The first success: with the familiar port, else with any.
fn first<T>(address: Ipv4Addr, familiar: u16, attempt: impl Fn(u16) -> io::Result<T>) -> Result<T, NoPort> {
    let mut last = match attempt(familiar) {
        Ok(found) => return Ok(found),
        Err(error) => error,
    };
    for _ in 0..TRIES {
        match attempt(0) {
            Ok(found) => return Ok(found),
            Err(error) => last = error,
        }
    }
    Err(NoPort { address, source: last })
}
