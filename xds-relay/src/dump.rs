//! Snapshots as JSON that reads like an Envoy config dump, for people.
//!
//! The descriptors come from the `.proto` files that envoy-types itself was made of (`build.rs`), so nothing sent is
//! missing here. Messages inside an `Any` are shown in place with their `@type`.

use crate::snapshot::{ResourceType, Snapshot, XdsResource};
use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions};
use serde_json::{Value, json};
use std::sync::LazyLock;

static DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

static POOL: LazyLock<Result<DescriptorPool, String>> =
    LazyLock::new(|| DescriptorPool::decode(DESCRIPTORS).map_err(|error| error.to_string()));

/// A snapshot, resource by resource.
pub fn snapshot_json(snapshot: &Snapshot) -> Value {
    let mut dump = json!({
        "seq": snapshot.seq,
        "notInEffect": snapshot.not_in_effect,
        "warnings": snapshot.warnings,
    });
    for of in ResourceType::ALL {
        let resources = snapshot.of(of).values();
        let resources: Vec<Value> = resources
            .map(|it| json!({"name": it.name.as_ref(), "version": it.version.to_string(), "resource": resource_json(it)}))
            .collect();
        dump[plural(of)] = resources.into();
    }
    dump
}

/// A resource as Envoy would dump it; where that fails, why.
pub fn resource_json(resource: &XdsResource) -> Value {
    to_json(resource).unwrap_or_else(|error| json!({"@type": resource.of.url(), "error": error}))
}

fn to_json(resource: &XdsResource) -> Result<Value, String> {
    let pool = POOL.as_ref().map_err(Clone::clone)?;
    let name = resource.of.url().rsplit('/').next().unwrap_or_default();
    let descriptor = pool.get_message_by_name(name).ok_or_else(|| format!("{name} has no descriptor"))?;
    let message = DynamicMessage::decode(descriptor, resource.body.clone()).map_err(|error| error.to_string())?;
    let options = SerializeOptions::new().use_proto_field_name(true).skip_default_fields(true);
    let value = message.serialize_with_options(serde_json::value::Serializer, &options);
    let Value::Object(fields) = value.map_err(|error| error.to_string())? else {
        return Err("a message is an object".into());
    };
    let mut typed = serde_json::Map::new();
    typed.insert("@type".into(), resource.of.url().into());
    typed.extend(fields);
    Ok(Value::Object(typed))
}

fn plural(of: ResourceType) -> &'static str {
    match of {
        ResourceType::Cluster => "clusters",
        ResourceType::Endpoint => "endpoints",
        ResourceType::Listener => "listeners",
        ResourceType::Route => "routes",
        ResourceType::Secret => "secrets",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use envoy_types::pb::envoy::config::cluster::v3::Cluster;
    use envoy_types::pb::envoy::config::core::v3::Http2ProtocolOptions;
    use envoy_types::pb::envoy::config::route::v3::RouteConfiguration;
    use envoy_types::util::pack_any;

    #[test]
    fn a_resource_reads_like_envoys_own_dump() {
        let cluster = Cluster { name: "one".into(), ignore_health_on_host_removal: true, ..Cluster::default() };
        let json = resource_json(&XdsResource::new(ResourceType::Cluster, "one", &cluster));
        let expected = json!({
            "@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster",
            "name": "one",
            "ignore_health_on_host_removal": true,
        });
        assert_eq!(json, expected);
    }

    #[test]
    fn a_message_in_an_any_is_shown_in_place() {
        let options = [("options".to_owned(), pack_any(Http2ProtocolOptions::default()))].into_iter().collect();
        let cluster = Cluster { typed_extension_protocol_options: options, ..Cluster::default() };
        let json = resource_json(&XdsResource::new(ResourceType::Cluster, "", &cluster));
        let inner = &json["typed_extension_protocol_options"]["options"];
        assert_eq!(inner["@type"], "type.googleapis.com/envoy.config.core.v3.Http2ProtocolOptions");
    }

    #[test]
    fn what_cannot_be_read_says_so_and_nothing_else_breaks() {
        let broken = XdsResource::from_bytes(ResourceType::Route, "broken", bytes::Bytes::from_static(&[0xff]));
        let good = XdsResource::new(ResourceType::Route, "good", &RouteConfiguration::default());
        let mut snapshot = Snapshot::default();
        snapshot.insert(broken);
        snapshot.insert(good);
        let dump = snapshot_json(&snapshot);
        assert!(dump["routes"][0]["resource"]["error"].is_string(), "{dump}");
        assert!(dump["routes"][1]["resource"]["error"].is_null(), "{dump}");
    }
}
