//! Service discovery of virtual nodes (§9).

use super::place::Place;
use super::{limits, text};
use crate::spec::{AwsCloudMapInstanceAttribute, AwsCloudMapServiceDiscovery, ServiceDiscovery};
use std::collections::HashMap;

/// Keys that mean something to Cloud Map itself, beside all that begin with `AWS_INSTANCE_`.
const RESERVED_KEYS: [&str; 3] = ["AWS_ALIAS_DNS_NAME", "AWS_EC2_INSTANCE_ID", "AWS_INIT_HEALTH_STATUS"];

pub(super) fn check(at: &Place, discovery: &ServiceDiscovery) {
    match discovery {
        ServiceDiscovery::Dns(dns) => text::hostname(&at.member("dns").member("hostname"), &dns.hostname),
        ServiceDiscovery::AwsCloudMap(cloud_map) => check_cloud_map(&at.member("awsCloudMap"), cloud_map),
    }
}

fn check_cloud_map(at: &Place, cloud_map: &AwsCloudMapServiceDiscovery) {
    at.member("namespaceName").length(&cloud_map.namespace_name, limits::CLOUD_MAP_NAME);
    at.member("serviceName").length(&cloud_map.service_name, limits::CLOUD_MAP_NAME);
    text::plain(&at.member("namespaceName"), &cloud_map.namespace_name);
    text::plain(&at.member("serviceName"), &cloud_map.service_name);
    let attributes = &at.member("attributes");
    attributes.each(cloud_map.attributes.iter().flatten(), check_attribute);
    check_contradictions(attributes, cloud_map.attributes.as_deref().unwrap_or_default());
}

/// An instance has one value for a key, and one that had to have two would be found never.
fn check_contradictions(at: &Place, attributes: &[AwsCloudMapInstanceAttribute]) {
    let mut values = HashMap::new();
    for (index, AwsCloudMapInstanceAttribute { key, value }) in attributes.iter().enumerate() {
        let first = *values.entry(key).or_insert(value);
        if first != value {
            let (key, first) = (key.escape_debug(), first.escape_debug());
            let message = format!("is `{}`, must be `{first}`, which `{key}` is above", value.escape_debug());
            at.item(index).member("value").refuse(message);
        }
    }
}

fn check_attribute(at: &Place, attribute: &AwsCloudMapInstanceAttribute) {
    let AwsCloudMapInstanceAttribute { key, value } = attribute;
    at.member("key").length(key, limits::CLOUD_MAP_KEY);
    at.member("value").length(value, limits::CLOUD_MAP_VALUE);
    if !key.chars().all(|c| c.is_ascii_graphic()) {
        at.member("key").refuse(format!("is `{}`, may have printable ASCII characters only", key.escape_debug()));
    }
    // Instances are asked for by these attributes, and Cloud Map does not answer by the ones it reserves (§9.2).
    if key.starts_with("AWS_INSTANCE_") || RESERVED_KEYS.contains(&key.as_str()) {
        let others = RESERVED_KEYS.map(|key| format!("`{key}`")).join(", ");
        at.member("key").refuse(format!(
            "is `{key}`, must not be one of Cloud Map's own, which are {others} and those that begin with `AWS_INSTANCE_`"
        ));
    }
    let inner = |c: char| c.is_ascii_graphic() || matches!(c, ' ' | '\t');
    if value.starts_with([' ', '\t']) || !value.chars().all(inner) {
        let given = value.escape_debug();
        at.member("value")
            .refuse(format!("is `{given}`, may have printable ASCII characters only, the first no space"));
    }
}
