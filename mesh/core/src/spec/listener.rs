//! What virtual nodes and gateways listen on: ports, health checks, timeouts, pools, outlier detection (§5, §8).

use super::{Duration, ListenerTls, enumeration, structure, union};

structure! {
    /// A listener of a virtual node (`Listener`).
    pub struct Listener {
        /// Limits towards the local application (§8.4).
        pub connection_pool: Option<ConnectionPool>,
        /// How clients check this node's health (§8.6).
        pub health_check: Option<HealthCheckPolicy>,
        /// When clients eject an instance of this node (§8.5).
        pub outlier_detection: Option<OutlierDetection>,
        /// Port and protocol.
        pub port_mapping: PortMapping,
        /// Timeouts of this hop (§8.1).
        pub timeout: Option<ListenerTimeout>,
        /// Its TLS.
        pub tls: Option<ListenerTls>,
    }
}

structure! {
    /// A port and what is spoken on it (`PortMapping`).
    #[derive(Copy)]
    pub struct PortMapping {
        /// 1 to 65535.
        pub port: i64,
        /// What is spoken on it.
        pub protocol: PortProtocol,
    }
}

enumeration! {
    /// What is spoken on a port (`PortProtocol`).
    pub enum PortProtocol {
        /// HTTP/1.1.
        Http = "http",
        /// Anything over TCP; not for gateways.
        Tcp = "tcp",
        /// HTTP/2.
        Http2 = "http2",
        /// gRPC.
        Grpc = "grpc",
    }
}

union! {
    /// Limits of connections and requests (`VirtualNodeConnectionPool`, `VirtualGatewayConnectionPool`).
    pub enum ConnectionPool {
        /// For a grpc listener.
        Grpc(RequestPool),
        /// For an http listener.
        Http(HttpConnectionPool),
        /// For an http2 listener.
        Http2(RequestPool),
        /// For a tcp listener; not for gateways.
        Tcp(TcpConnectionPool),
    }
}

structure! {
    /// A pool limited by requests (`VirtualNodeGrpcConnectionPool`, `VirtualNodeHttp2ConnectionPool`).
    pub struct RequestPool {
        /// Requests at one time.
        pub max_requests: i64,
    }
}

structure! {
    /// A pool limited by connections and by what waits for one (`VirtualNodeHttpConnectionPool`).
    pub struct HttpConnectionPool {
        /// Connections at one time.
        pub max_connections: i64,
        /// Requests that wait for one; 2147483647 where absent.
        pub max_pending_requests: Option<i64>,
    }
}

structure! {
    /// A pool limited by connections (`VirtualNodeTcpConnectionPool`).
    pub struct TcpConnectionPool {
        /// Connections at one time.
        pub max_connections: i64,
    }
}

structure! {
    /// How health is checked (`HealthCheckPolicy`, `VirtualGatewayHealthCheckPolicy`).
    pub struct HealthCheckPolicy {
        /// Successes until healthy.
        pub healthy_threshold: i64,
        /// Time between checks.
        pub interval_millis: i64,
        /// The path asked; for http and http2 only.
        pub path: Option<String>,
        /// The listener's port where absent.
        pub port: Option<i64>,
        /// What is spoken.
        pub protocol: PortProtocol,
        /// How long an answer may take.
        pub timeout_millis: i64,
        /// Failures until unhealthy.
        pub unhealthy_threshold: i64,
    }
}

structure! {
    /// When an instance is ejected (`OutlierDetection`).
    pub struct OutlierDetection {
        /// How long, times the number of ejections.
        pub base_ejection_duration: Duration,
        /// Time between sweeps.
        pub interval: Duration,
        /// How many instances at most, in per cent.
        pub max_ejection_percent: i64,
        /// Consecutive 5xx until ejection.
        pub max_server_errors: i64,
    }
}

union! {
    /// Timeouts of a listener (`ListenerTimeout`).
    pub enum ListenerTimeout {
        /// For a grpc listener.
        Grpc(HttpTimeout),
        /// For an http listener.
        Http(HttpTimeout),
        /// For an http2 listener.
        Http2(HttpTimeout),
        /// For a tcp listener.
        Tcp(TcpTimeout),
    }
}

structure! {
    /// Timeouts of requests (`HttpTimeout`, `GrpcTimeout`).
    pub struct HttpTimeout {
        /// How long a stream may be silent.
        pub idle: Option<Duration>,
        /// How long a request may take; 15 s where absent (§8.1).
        pub per_request: Option<Duration>,
    }
}

structure! {
    /// Timeouts of connections (`TcpTimeout`).
    pub struct TcpTimeout {
        /// How long a connection may be silent.
        pub idle: Option<Duration>,
    }
}
