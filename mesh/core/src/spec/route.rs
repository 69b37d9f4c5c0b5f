//! The spec of a route: which requests it takes, where they go, what happens when that fails (§7, §8).

use super::{
    Duration, HeaderMatch, HttpMethod, HttpPathMatch, HttpQueryParameter, HttpScheme, HttpTimeout, TcpTimeout,
    enumeration, structure,
};

structure! {
    /// What a route is asked to be (`RouteSpec`): exactly one of the four protocols, by rule.
    #[derive(Default)]
    pub struct RouteSpec {
        /// For a grpc listener of the router.
        pub grpc_route: Option<GrpcRoute>,
        /// For an http2 listener of the router.
        pub http2_route: Option<HttpRoute>,
        /// For an http listener of the router.
        pub http_route: Option<HttpRoute>,
        /// 0 to 1000, lower first; after all with a priority where absent (§7.1).
        pub priority: Option<i64>,
        /// For a tcp listener of the router.
        pub tcp_route: Option<TcpRoute>,
    }
}

structure! {
    /// A route for HTTP and HTTP/2 (`HttpRoute`).
    pub struct HttpRoute {
        /// Where requests go.
        pub action: RouteAction,
        /// Which requests it takes.
        pub r#match: HttpRouteMatch,
        /// When they are tried again; App Mesh's default where absent (§8.2).
        pub retry_policy: Option<HttpRetryPolicy>,
        /// How long they may take.
        pub timeout: Option<HttpTimeout>,
    }
}

structure! {
    /// A route for gRPC (`GrpcRoute`).
    pub struct GrpcRoute {
        /// Where calls go.
        pub action: RouteAction,
        /// Which calls it takes.
        pub r#match: GrpcRouteMatch,
        /// When they are tried again; App Mesh's default where absent (§8.2).
        pub retry_policy: Option<GrpcRetryPolicy>,
        /// How long they may take.
        pub timeout: Option<HttpTimeout>,
    }
}

structure! {
    /// A route for TCP (`TcpRoute`).
    pub struct TcpRoute {
        /// Where connections go.
        pub action: RouteAction,
        /// Which router port it is for.
        pub r#match: Option<TcpRouteMatch>,
        /// How long a connection may be silent.
        pub timeout: Option<TcpTimeout>,
    }
}

structure! {
    /// Where traffic goes (`HttpRouteAction`, `GrpcRouteAction`, `TcpRouteAction`).
    pub struct RouteAction {
        /// The targets among which it is shared.
        pub weighted_targets: Vec<WeightedTarget>,
    }
}

structure! {
    /// A target and its share (`WeightedTarget`).
    pub struct WeightedTarget {
        /// The node's listener; needed when it has several (§13.10).
        pub port: Option<i64>,
        /// The virtual node's name.
        pub virtual_node: String,
        /// Its share relative to the others, 0 to 100 (§7.4).
        pub weight: i64,
    }
}

structure! {
    /// Which requests an HTTP route takes (`HttpRouteMatch`).
    #[derive(Default)]
    pub struct HttpRouteMatch {
        /// Headers, all of which must match.
        pub headers: Option<Vec<HeaderMatch>>,
        /// The request's method.
        pub method: Option<HttpMethod>,
        /// The request's path.
        pub path: Option<HttpPathMatch>,
        /// The router's listener; needed when it has several (§13.10).
        pub port: Option<i64>,
        /// The beginning of the path.
        pub prefix: Option<String>,
        /// Query parameters, all of which must match.
        pub query_parameters: Option<Vec<HttpQueryParameter>>,
        /// The request's scheme.
        pub scheme: Option<HttpScheme>,
    }
}

structure! {
    /// Which calls a gRPC route takes (`GrpcRouteMatch`).
    #[derive(Default)]
    pub struct GrpcRouteMatch {
        /// Metadata, all of which must match.
        pub metadata: Option<Vec<HeaderMatch>>,
        /// The method called; needs a service name.
        pub method_name: Option<String>,
        /// The router's listener; needed when it has several (§13.10).
        pub port: Option<i64>,
        /// The full name of the service called.
        pub service_name: Option<String>,
    }
}

structure! {
    /// Which connections a TCP route takes (`TcpRouteMatch`).
    pub struct TcpRouteMatch {
        /// The router's listener; needed when it has several (§13.10).
        pub port: Option<i64>,
    }
}

structure! {
    /// When a request is tried again (`HttpRetryPolicy`, §8.3).
    pub struct HttpRetryPolicy {
        /// `server-error`, `gateway-error`, `client-error`, `stream-error`: strings in the model, a set by rule.
        pub http_retry_events: Option<Vec<String>>,
        /// How many times.
        pub max_retries: i64,
        /// How long each try may take.
        pub per_retry_timeout: Duration,
        /// Failures of the connection.
        pub tcp_retry_events: Option<Vec<TcpRetryPolicyEvent>>,
    }
}

structure! {
    /// When a call is tried again (`GrpcRetryPolicy`, §8.3).
    pub struct GrpcRetryPolicy {
        /// gRPC statuses.
        pub grpc_retry_events: Option<Vec<GrpcRetryPolicyEvent>>,
        /// As for HTTP.
        pub http_retry_events: Option<Vec<String>>,
        /// How many times.
        pub max_retries: i64,
        /// How long each try may take.
        pub per_retry_timeout: Duration,
        /// Failures of the connection.
        pub tcp_retry_events: Option<Vec<TcpRetryPolicyEvent>>,
    }
}

enumeration! {
    /// `TcpRetryPolicyEvent`.
    pub enum TcpRetryPolicyEvent {
        /// No connection was made.
        ConnectionError = "connection-error",
    }
}

enumeration! {
    /// `GrpcRetryPolicyEvent`.
    pub enum GrpcRetryPolicyEvent {
        /// The call was cancelled.
        Cancelled = "cancelled",
        /// It took too long.
        DeadlineExceeded = "deadline-exceeded",
        /// The server broke.
        Internal = "internal",
        /// Something ran out.
        ResourceExhausted = "resource-exhausted",
        /// The server is away.
        Unavailable = "unavailable",
    }
}

impl RouteSpec {
    /// The member that says what the route is, by its JSON name; the first where rules are broken and there are several.
    pub const fn member(&self) -> &'static str {
        match self {
            Self { http_route: Some(_), .. } => "httpRoute",
            Self { http2_route: Some(_), .. } => "http2Route",
            Self { grpc_route: Some(_), .. } => "grpcRoute",
            _ => "tcpRoute",
        }
    }

    /// Where the traffic goes, whatever the protocol.
    pub fn targets(&self) -> &[WeightedTarget] {
        let action = match self {
            Self { http_route: Some(route), .. } | Self { http2_route: Some(route), .. } => Some(&route.action),
            Self { grpc_route: Some(route), .. } => Some(&route.action),
            Self { tcp_route: Some(route), .. } => Some(&route.action),
            _ => None,
        };
        action.map_or(&[], |action| &action.weighted_targets)
    }

    /// The router port this route is for, where it names one.
    pub fn match_port(&self) -> Option<i64> {
        match self {
            Self { http_route: Some(route), .. } | Self { http2_route: Some(route), .. } => route.r#match.port,
            Self { grpc_route: Some(route), .. } => route.r#match.port,
            Self { tcp_route: Some(route), .. } => route.r#match.as_ref()?.port,
            _ => None,
        }
    }
}
