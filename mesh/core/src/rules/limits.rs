//! Every number of the service model, once. Where the model gives a type and no bound, the bound is what Envoy's field
//! can carry: an unsigned number of 32 bits, a duration in nanoseconds of 64.

use std::ops::RangeInclusive;

/// `ResourceName`: characters.
pub const NAME: RangeInclusive<usize> = 1..=255;
/// `TagKey`: characters.
pub const TAG_KEY: RangeInclusive<usize> = 1..=128;
/// `TagKeyList`: members.
pub const TAG_KEYS: RangeInclusive<usize> = 0..=50;
/// `TagValue`: characters.
pub const TAG_VALUE: RangeInclusive<usize> = 0..=256;

/// `PortNumber`, `ListenerPort`.
pub const PORT: RangeInclusive<i64> = 1..=65535;
/// `RoutePriority`, `GatewayRoutePriority`.
pub const PRIORITY: RangeInclusive<i64> = 0..=1000;
/// `PercentInt`: a target's weight.
pub const WEIGHT: RangeInclusive<i64> = 0..=100;
/// `WeightedTargets`: members.
pub const WEIGHTED_TARGETS: RangeInclusive<usize> = 1..=10;

/// `HttpRouteHeaders`, `GrpcRouteMetadataList`, `HttpQueryParameters` and the gateway's twins: members.
pub const MATCHERS: RangeInclusive<usize> = 1..=10;
/// `QueryParameterName`, of which the model says nothing: bytes, as Envoy bounds them.
pub const QUERY_PARAMETER: RangeInclusive<usize> = 1..=1024;
/// `HeaderName`: characters.
pub const HEADER_NAME: RangeInclusive<usize> = 1..=50;
/// `HeaderMatch`: characters.
pub const HEADER_MATCH: RangeInclusive<usize> = 1..=255;
/// `HttpPathExact`, `HttpPathRegex`, `HttpGatewayRoutePrefix`: characters.
pub const PATH: RangeInclusive<usize> = 1..=255;
/// `MethodName`: characters.
pub const METHOD_NAME: RangeInclusive<usize> = 1..=50;
/// `ExactHostName`, `SuffixHostname`, and by DNS any host name: characters.
pub const HOSTNAME: RangeInclusive<usize> = 1..=253;

/// `Backends`, which the model does not bound: members. Every one is configuration of the node's proxy.
pub const BACKENDS: RangeInclusive<usize> = 0..=5000;

/// `MaxRetries`.
pub const MAX_RETRIES: RangeInclusive<i64> = 0..=u32::MAX as i64;
/// `HttpRetryPolicyEvents`: members.
pub const HTTP_RETRY_EVENTS: RangeInclusive<usize> = 1..=25;
/// `GrpcRetryPolicyEvents`: members.
pub const GRPC_RETRY_EVENTS: RangeInclusive<usize> = 1..=5;
/// `TcpRetryPolicyEvents`: members.
pub const TCP_RETRY_EVENTS: RangeInclusive<usize> = 1..=1;

/// `DurationValue`, in seconds.
pub const SECONDS: RangeInclusive<i64> = 0..=i64::MAX / 1_000_000_000;
/// `DurationValue`, in milliseconds.
pub const MILLISECONDS: RangeInclusive<i64> = 0..=i64::MAX / 1_000_000;

/// `HealthCheckThreshold`.
pub const HEALTH_CHECK_THRESHOLD: RangeInclusive<i64> = 2..=10;
/// `HealthCheckIntervalMillis`.
pub const HEALTH_CHECK_INTERVAL_MILLIS: RangeInclusive<i64> = 5_000..=300_000;
/// `HealthCheckTimeoutMillis`.
pub const HEALTH_CHECK_TIMEOUT_MILLIS: RangeInclusive<i64> = 2_000..=60_000;
/// `OutlierDetectionMaxEjectionPercent`.
pub const MAX_EJECTION_PERCENT: RangeInclusive<i64> = 0..=100;
/// `OutlierDetectionMaxServerErrors`.
pub const MAX_SERVER_ERRORS: RangeInclusive<i64> = 1..=u32::MAX as i64;
/// `MaxConnections`, `MaxPendingRequests`, `MaxRequests`: signed in the model.
pub const POOL: RangeInclusive<i64> = 1..=i32::MAX as i64;

/// `FilePath`: characters.
pub const FILE_PATH: RangeInclusive<usize> = 1..=255;
/// `TextFormat`: characters.
pub const TEXT_FORMAT: RangeInclusive<usize> = 1..=1000;
/// `JsonKey`, `JsonValue`: characters.
pub const JSON_FORMAT: RangeInclusive<usize> = 1..=100;

/// `CertificateAuthorityArns`: members.
pub const CERTIFICATE_AUTHORITIES: RangeInclusive<usize> = 1..=3;
/// `SubjectAlternativeName`: characters.
pub const SUBJECT_ALTERNATIVE_NAME: RangeInclusive<usize> = 1..=254;

/// `AwsCloudMapName`: characters.
pub const CLOUD_MAP_NAME: RangeInclusive<usize> = 1..=1024;
/// `AwsCloudMapInstanceAttributeKey`: characters.
pub const CLOUD_MAP_KEY: RangeInclusive<usize> = 1..=255;
/// `AwsCloudMapInstanceAttributeValue`: characters.
pub const CLOUD_MAP_VALUE: RangeInclusive<usize> = 1..=1024;
