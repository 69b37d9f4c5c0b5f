//! Service discovery of virtual nodes.

use super::{distinct, ip_preference, list, structure, text};
use crate::rules::limits;
use crate::spec::{
    AwsCloudMapInstanceAttribute, AwsCloudMapServiceDiscovery, DnsResponseType, DnsServiceDiscovery, ServiceDiscovery,
};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

pub(super) fn service_discovery() -> BoxedStrategy<ServiceDiscovery> {
    let cloud_map = cloud_map().prop_map(ServiceDiscovery::AwsCloudMap);
    prop_oneof![dns().prop_map(ServiceDiscovery::Dns), cloud_map].boxed()
}

fn dns() -> BoxedStrategy<DnsServiceDiscovery> {
    structure!(DnsServiceDiscovery {
        hostname: text::host(),
        ip_preference: option::of(ip_preference()),
        response_type: option::of(select(&[DnsResponseType::LoadBalancer, DnsResponseType::Endpoints])),
    })
}

fn cloud_map() -> BoxedStrategy<AwsCloudMapServiceDiscovery> {
    let attribute =
        structure!(AwsCloudMapInstanceAttribute { key: text::attribute_key(), value: text::attribute_value() });
    // One key has one value.
    let attributes = list(attribute, 0..=30).prop_map(|list| distinct(list, |attribute| attribute.key.clone()));
    structure!(AwsCloudMapServiceDiscovery {
        attributes: option::of(attributes),
        ip_preference: option::of(ip_preference()),
        namespace_name: text::plain(limits::CLOUD_MAP_NAME),
        service_name: text::plain(limits::CLOUD_MAP_NAME),
    })
}
