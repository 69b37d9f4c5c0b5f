//! Envoy's small shapes: wrapped numbers, durations, addresses, where to fetch the rest from.

use envoy_types::pb::envoy::config::core::v3::config_source::ConfigSourceSpecifier;
use envoy_types::pb::envoy::config::core::v3::{
    Address, AggregatedConfigSource, ApiVersion, ConfigSource, SocketAddress, address, socket_address,
};
use envoy_types::pb::google::protobuf::{BoolValue, Duration, UInt32Value};

/// How long Envoy lets a listener or cluster wait for its routes or endpoints before it goes without. Envoy's own default,
/// written out: to wait for ever would take every other port down with one refused route configuration.
const FETCH_TIMEOUT_MS: u64 = 15_000;

/// A hundred years. Envoy refuses durations that overflow its clock.
const LONGEST_MS: u64 = 100 * 365 * 24 * 3_600_000;

/// A number that may be absent.
pub const fn number(value: u32) -> Option<UInt32Value> {
    Some(UInt32Value { value })
}

/// A truth value that may be absent.
pub const fn truth(value: bool) -> Option<BoolValue> {
    Some(BoolValue { value })
}

/// A length of time.
pub fn millis(ms: u64) -> Duration {
    let ms = ms.min(LONGEST_MS);
    Duration {
        seconds: i64::try_from(ms / 1000).unwrap_or(i64::MAX),
        nanos: i32::try_from(ms % 1000 * 1_000_000).unwrap_or(0),
    }
}

/// A number of the API as Envoy has it: what does not fit becomes the nearest that does.
pub fn clamp(value: i64) -> u32 {
    u32::try_from(value.max(0)).unwrap_or(u32::MAX)
}

/// A TCP port.
pub fn port(value: i64) -> u32 {
    clamp(value).min(u32::from(u16::MAX))
}

/// A host, by name or number, and a port.
pub fn address(host: &str, at: i64) -> Address {
    let socket = SocketAddress {
        address: host.to_owned(),
        port_specifier: Some(socket_address::PortSpecifier::PortValue(port(at))),
        ..SocketAddress::default()
    };
    Address { address: Some(address::Address::SocketAddress(socket)) }
}

/// "Over the stream you got this from."
pub fn ads() -> ConfigSource {
    ConfigSource {
        initial_fetch_timeout: Some(millis(FETCH_TIMEOUT_MS)),
        resource_api_version: ApiVersion::V3.into(),
        config_source_specifier: Some(ConfigSourceSpecifier::Ads(AggregatedConfigSource {})),
        ..ConfigSource::default()
    }
}
