//! The metadata from which App Mesh's metrics filter made its dimensions: `aws.appmesh.aggregate_stats` (§7.5, §14.2).
//!
//! No filter reads it yet; it is sent because it is part of what users see in a config dump.

use envoy_types::pb::envoy::config::core::v3::Metadata;
use envoy_types::pb::google::protobuf::value::Kind;
use envoy_types::pb::google::protobuf::{Struct, Value};

const FILTER: &str = "aws.appmesh.aggregate_stats";

/// Of a listener: no dimensions.
pub fn of_listener() -> Option<Metadata> {
    aggregate_stats(serde_json::json!({ "tags": [] }))
}

/// Of a route to a virtual service.
pub fn of_service(service: &str) -> Option<Metadata> {
    aggregate_stats(tag("TargetVirtualService", service))
}

/// Of the cluster of a virtual node.
pub fn of_node(node: &str) -> Option<Metadata> {
    aggregate_stats(tag("TargetVirtualNode", node))
}

fn tag(key: &str, value: &str) -> serde_json::Value {
    serde_json::json!({ "tags": [{ "key": key, "value": value }] })
}

/// Both maps have one entry: protobuf maps are written in no particular order, and equal resources must be equal bytes.
fn aggregate_stats(config: serde_json::Value) -> Option<Metadata> {
    let config = Value { kind: Some(Kind::StringValue(config.to_string())) };
    let fields = Struct { fields: [("config".to_owned(), config)].into_iter().collect() };
    let filter_metadata = [(FILTER.to_owned(), fields)].into_iter().collect();
    Some(Metadata { filter_metadata, ..Metadata::default() })
}
