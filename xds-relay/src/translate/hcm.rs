//! The HTTP connection manager, the same for every hop (§5.1, §6.1, §8.7).
//!
//! Its HTTP version is found out by connection, so an http listener takes HTTP/2 as well. Every extension carries its
//! configuration by type, as App Mesh's image insists (§12.1).

use super::proto::{ads, truth};
use envoy_types::pb::envoy::config::listener::v3::{Filter, filter};
use envoy_types::pb::envoy::extensions::filters::http::router::v3::Router;
use envoy_types::pb::envoy::extensions::filters::network::http_connection_manager::v3::http_connection_manager::{
    PathWithEscapedSlashesAction, RouteSpecifier, Tracing, UpgradeConfig,
};
use envoy_types::pb::envoy::extensions::filters::network::http_connection_manager::v3::{
    HttpConnectionManager, HttpFilter, Rds, http_filter,
};
use envoy_types::util::pack_any;

/// The network filter that takes HTTP and routes it by the route configuration of that name.
pub fn filter(stat_prefix: String, route_config_name: String) -> Filter {
    let manager = HttpConnectionManager {
        stat_prefix,
        route_specifier: Some(RouteSpecifier::Rds(Rds { config_source: Some(ads()), route_config_name })),
        http_filters: vec![router()],
        tracing: Some(Tracing::default()),
        upgrade_configs: vec![websocket()],
        normalize_path: truth(true),
        merge_slashes: true,
        path_with_escaped_slashes_action: PathWithEscapedSlashesAction::KeepUnchanged.into(),
        ..HttpConnectionManager::default()
    };
    Filter {
        name: "envoy.filters.network.http_connection_manager".into(),
        config_type: Some(filter::ConfigType::TypedConfig(pack_any(manager))),
    }
}

fn router() -> HttpFilter {
    HttpFilter {
        name: "envoy.filters.http.router".into(),
        config_type: Some(http_filter::ConfigType::TypedConfig(pack_any(Router::default()))),
        ..HttpFilter::default()
    }
}

fn websocket() -> UpgradeConfig {
    UpgradeConfig { upgrade_type: "websocket".into(), enabled: truth(true), ..UpgradeConfig::default() }
}
