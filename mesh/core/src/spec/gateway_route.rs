//! The spec of a gateway route: which requests entering the mesh go to which virtual service, and how they are
//! rewritten on the way (§6).

use super::{HeaderMatch, HttpMethod, HttpPathMatch, HttpQueryParameter, enumeration, structure};

structure! {
    /// What a gateway route is asked to be (`GatewayRouteSpec`): exactly one of the three protocols, by rule.
    #[derive(Default)]
    pub struct GatewayRouteSpec {
        /// For a grpc listener of the gateway.
        pub grpc_route: Option<GrpcGatewayRoute>,
        /// For an http2 listener of the gateway.
        pub http2_route: Option<HttpGatewayRoute>,
        /// For an http listener of the gateway.
        pub http_route: Option<HttpGatewayRoute>,
        /// 0 to 1000, lower first; after all with a priority where absent (§7.1).
        pub priority: Option<i64>,
    }
}

structure! {
    /// A gateway route for HTTP and HTTP/2 (`HttpGatewayRoute`).
    pub struct HttpGatewayRoute {
        /// Where requests go, and as what.
        pub action: HttpGatewayRouteAction,
        /// Which requests it takes.
        pub r#match: HttpGatewayRouteMatch,
    }
}

structure! {
    /// A gateway route for gRPC (`GrpcGatewayRoute`).
    pub struct GrpcGatewayRoute {
        /// Where calls go, and as what.
        pub action: GrpcGatewayRouteAction,
        /// Which calls it takes.
        pub r#match: GrpcGatewayRouteMatch,
    }
}

structure! {
    /// Where requests go, and as what (`HttpGatewayRouteAction`).
    pub struct HttpGatewayRouteAction {
        /// How they are changed first.
        pub rewrite: Option<HttpGatewayRouteRewrite>,
        /// The virtual service they go to.
        pub target: GatewayRouteTarget,
    }
}

structure! {
    /// Where calls go, and as what (`GrpcGatewayRouteAction`).
    pub struct GrpcGatewayRouteAction {
        /// How they are changed first.
        pub rewrite: Option<GrpcGatewayRouteRewrite>,
        /// The virtual service they go to.
        pub target: GatewayRouteTarget,
    }
}

structure! {
    /// The virtual service traffic goes to (`GatewayRouteTarget`).
    pub struct GatewayRouteTarget {
        /// The service's listener; needed when it has several (§13.10).
        pub port: Option<i64>,
        /// The service.
        pub virtual_service: GatewayRouteVirtualService,
    }
}

structure! {
    /// A virtual service by name (`GatewayRouteVirtualService`).
    pub struct GatewayRouteVirtualService {
        /// Its name.
        pub virtual_service_name: String,
    }
}

structure! {
    /// How a request is changed (`HttpGatewayRouteRewrite`).
    pub struct HttpGatewayRouteRewrite {
        /// Its host.
        pub hostname: Option<GatewayRouteHostnameRewrite>,
        /// Its whole path.
        pub path: Option<HttpGatewayRoutePathRewrite>,
        /// The matched beginning of its path.
        pub prefix: Option<HttpGatewayRoutePrefixRewrite>,
    }
}

structure! {
    /// How a call is changed (`GrpcGatewayRouteRewrite`).
    pub struct GrpcGatewayRouteRewrite {
        /// Its host.
        pub hostname: Option<GatewayRouteHostnameRewrite>,
    }
}

structure! {
    /// Whether the host becomes the virtual service's name (`GatewayRouteHostnameRewrite`).
    pub struct GatewayRouteHostnameRewrite {
        /// ENABLED where absent.
        pub default_target_hostname: Option<DefaultGatewayRouteRewrite>,
    }
}

structure! {
    /// What the whole path becomes (`HttpGatewayRoutePathRewrite`).
    pub struct HttpGatewayRoutePathRewrite {
        /// This.
        pub exact: Option<String>,
    }
}

structure! {
    /// What the matched beginning of the path becomes (`HttpGatewayRoutePrefixRewrite`).
    pub struct HttpGatewayRoutePrefixRewrite {
        /// ENABLED, the default: it becomes `/`. DISABLED: it stays.
        pub default_prefix: Option<DefaultGatewayRouteRewrite>,
        /// This, instead of `/`.
        pub value: Option<String>,
    }
}

enumeration! {
    /// `DefaultGatewayRouteRewrite`.
    pub enum DefaultGatewayRouteRewrite {
        /// The default rewrite happens.
        Enabled = "ENABLED",
        /// It does not.
        Disabled = "DISABLED",
    }
}

structure! {
    /// Which requests a gateway route takes (`HttpGatewayRouteMatch`).
    #[derive(Default)]
    pub struct HttpGatewayRouteMatch {
        /// Headers, all of which must match.
        pub headers: Option<Vec<HeaderMatch>>,
        /// The request's host.
        pub hostname: Option<GatewayRouteHostnameMatch>,
        /// The request's method.
        pub method: Option<HttpMethod>,
        /// The request's path.
        pub path: Option<HttpPathMatch>,
        /// The gateway's listener; needed when it has several (§13.10).
        pub port: Option<i64>,
        /// The beginning of the path.
        pub prefix: Option<String>,
        /// Query parameters, all of which must match.
        pub query_parameters: Option<Vec<HttpQueryParameter>>,
    }
}

structure! {
    /// Which calls a gateway route takes (`GrpcGatewayRouteMatch`).
    #[derive(Default)]
    pub struct GrpcGatewayRouteMatch {
        /// The call's host.
        pub hostname: Option<GatewayRouteHostnameMatch>,
        /// Metadata, all of which must match.
        pub metadata: Option<Vec<HeaderMatch>>,
        /// The gateway's listener; needed when it has several (§13.10).
        pub port: Option<i64>,
        /// The full name of the service called.
        pub service_name: Option<String>,
    }
}

structure! {
    /// How a host is matched (`GatewayRouteHostnameMatch`); one of the two by rule.
    pub struct GatewayRouteHostnameMatch {
        /// The whole host.
        pub exact: Option<String>,
        /// Its end, `.example.com` (§6.6).
        pub suffix: Option<String>,
    }
}

impl GatewayRouteSpec {
    /// The member that says what the route is, by its JSON name; the first where rules are broken and there are several.
    pub const fn member(&self) -> &'static str {
        match self {
            Self { http_route: Some(_), .. } => "httpRoute",
            Self { http2_route: Some(_), .. } => "http2Route",
            _ => "grpcRoute",
        }
    }

    /// The virtual service traffic goes to, whatever the protocol.
    pub fn target(&self) -> Option<&GatewayRouteTarget> {
        match self {
            Self { http_route: Some(route), .. } | Self { http2_route: Some(route), .. } => Some(&route.action.target),
            Self { grpc_route: Some(route), .. } => Some(&route.action.target),
            _ => None,
        }
    }

    /// The gateway port this route is for, where it names one.
    pub fn match_port(&self) -> Option<i64> {
        match self {
            Self { http_route: Some(route), .. } | Self { http2_route: Some(route), .. } => route.r#match.port,
            Self { grpc_route: Some(route), .. } => route.r#match.port,
            _ => None,
        }
    }
}
