//! Specs as the AWS SDK for Rust builds them.

use aws_sdk_appmesh::types::*;

pub fn mesh() -> MeshSpec {
    let filter = EgressFilter::builder().r#type(EgressFilterType::AllowAll).build().expect("a filter");
    let discovery = MeshServiceDiscovery::builder().ip_preference(IpPreference::IPv4Preferred).build();
    MeshSpec::builder().egress_filter(filter).service_discovery(discovery).build()
}

pub fn node() -> VirtualNodeSpec {
    let dns = DnsServiceDiscovery::builder()
        .hostname("n.local")
        .response_type(DnsResponseType::Endpoints)
        .ip_preference(IpPreference::IPv4Only)
        .build();
    VirtualNodeSpec::builder()
        .listeners(node_listener())
        .backends(backend())
        .service_discovery(ServiceDiscovery::Dns(dns.expect("a discovery")))
        .logging(Logging::builder().access_log(access_log()).build())
        .build()
}

fn node_listener() -> Listener {
    let health = HealthCheckPolicy::builder()
        .protocol(PortProtocol::Http)
        .path("/health")
        .healthy_threshold(2)
        .unhealthy_threshold(3)
        .interval_millis(5000)
        .timeout_millis(2000)
        .build();
    let pool = VirtualNodeHttpConnectionPool::builder().max_connections(10).max_pending_requests(5).build();
    let timeout = HttpTimeout::builder().idle(seconds(60)).per_request(seconds(2)).build();
    let outliers = OutlierDetection::builder()
        .max_server_errors(5)
        .max_ejection_percent(50)
        .interval(seconds(10))
        .base_ejection_duration(seconds(30))
        .build();
    Listener::builder()
        .port_mapping(port(8080))
        .health_check(health.expect("a health check"))
        .connection_pool(VirtualNodeConnectionPool::Http(pool.expect("a pool")))
        .timeout(ListenerTimeout::Http(timeout))
        .outlier_detection(outliers.expect("outlier detection"))
        .tls(listener_tls())
        .build()
}

fn listener_tls() -> ListenerTls {
    let file = ListenerTlsFileCertificate::builder().certificate_chain("/c.pem").private_key("/c.key").build();
    ListenerTls::builder()
        .mode(ListenerTlsMode::Strict)
        .certificate(ListenerTlsCertificate::File(file.expect("a certificate")))
        .build()
        .expect("TLS")
}

fn backend() -> Backend {
    let trust = TlsValidationContextFileTrust::builder().certificate_chain("/ca.pem").build().expect("trust");
    let names = SubjectAlternativeNameMatchers::builder().exact("later.local").build().expect("names");
    let validation = TlsValidationContext::builder()
        .trust(TlsValidationContextTrust::File(trust))
        .subject_alternative_names(SubjectAlternativeNames::builder().r#match(names).build())
        .build();
    let tls = ClientPolicyTls::builder().enforce(true).ports(8080).validation(validation).build();
    let policy = ClientPolicy::builder().tls(tls).build();
    let service = VirtualServiceBackend::builder().virtual_service_name("later.local").client_policy(policy).build();
    Backend::VirtualService(service.expect("a backend"))
}

fn access_log() -> AccessLog {
    let pair = JsonFormatRef::builder().key("start").value("%START_TIME%").build().expect("a pair");
    let file = FileAccessLog::builder().path("/dev/stdout").format(LoggingFormat::Json(vec![pair])).build();
    AccessLog::File(file.expect("a file"))
}

pub fn router(number: i32) -> VirtualRouterSpec {
    let listener = VirtualRouterListener::builder().port_mapping(port(number)).build();
    VirtualRouterSpec::builder().listeners(listener).build()
}

pub fn route(weight: i32) -> RouteSpec {
    let header = HttpRouteHeader::builder().name("x-tenant").invert(false);
    let header = header.r#match(HeaderMatchMethod::Exact("acme".into())).build().expect("a header");
    let path = HttpPathMatch::builder().regex("/a/[0-9]+").build();
    let query = QueryParameterMatch::builder().exact("EUR").build();
    let query = HttpQueryParameter::builder().name("currency").r#match(query).build().expect("a parameter");
    let matcher = HttpRouteMatch::builder().path(path).method(HttpMethod::Post).headers(header).query_parameters(query);
    let target = WeightedTarget::builder().virtual_node("n").weight(weight).port(8080).build().expect("a target");
    let action = HttpRouteAction::builder().weighted_targets(target).build().expect("an action");
    let retries = HttpRetryPolicy::builder()
        .max_retries(3)
        .per_retry_timeout(seconds(1))
        .http_retry_events("server-error")
        .tcp_retry_events(TcpRetryPolicyEvent::ConnectionError)
        .build();
    let http = HttpRoute::builder()
        .r#match(matcher.build())
        .action(action)
        .retry_policy(retries.expect("a retry policy"))
        .timeout(HttpTimeout::builder().per_request(seconds(5)).build())
        .build();
    RouteSpec::builder().priority(7).http_route(http).build()
}

pub fn service() -> VirtualServiceSpec {
    let provider = VirtualRouterServiceProvider::builder().virtual_router_name("r").build().expect("a provider");
    VirtualServiceSpec::builder().provider(VirtualServiceProvider::VirtualRouter(provider)).build()
}

pub fn gateway() -> VirtualGatewaySpec {
    let mapping = VirtualGatewayPortMapping::builder().port(9080).protocol(VirtualGatewayPortProtocol::Http).build();
    let pool = VirtualGatewayHttpConnectionPool::builder().max_connections(20).build().expect("a pool");
    let listener = VirtualGatewayListener::builder()
        .port_mapping(mapping.expect("a port"))
        .connection_pool(VirtualGatewayConnectionPool::Http(pool))
        .build();
    let file = VirtualGatewayFileAccessLog::builder().path("/dev/stdout").build().expect("a file");
    let logging = VirtualGatewayLogging::builder().access_log(VirtualGatewayAccessLog::File(file)).build();
    let spec = VirtualGatewaySpec::builder().listeners(listener).logging(logging);
    spec.build().expect("a virtual gateway")
}

pub fn gateway_route() -> GatewayRouteSpec {
    let service = GatewayRouteVirtualService::builder().virtual_service_name("s.local").build().expect("a service");
    let target = GatewayRouteTarget::builder().virtual_service(service).port(8080).build();
    let prefix = HttpGatewayRoutePrefixRewrite::builder().value("/v1/").build();
    let rewrite = HttpGatewayRouteRewrite::builder().prefix(prefix).build();
    let action = HttpGatewayRouteAction::builder().target(target).rewrite(rewrite).build();
    let hostname = GatewayRouteHostnameMatch::builder().suffix(".example").build();
    let matcher = HttpGatewayRouteMatch::builder().prefix("/s/").hostname(hostname).build();
    let http = HttpGatewayRoute::builder().r#match(matcher).action(action).build();
    GatewayRouteSpec::builder().priority(3).http_route(http).build()
}

fn port(number: i32) -> PortMapping {
    PortMapping::builder().port(number).protocol(PortProtocol::Http).build().expect("a port")
}

fn seconds(value: i64) -> Duration {
    Duration::builder().unit(DurationUnit::S).value(value).build()
}
