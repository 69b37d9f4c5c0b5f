//! How the instances behind a virtual node are found: DNS or Cloud Map (§9, §10).

use super::{enumeration, structure, union};

union! {
    /// How instances are found (`ServiceDiscovery`).
    pub enum ServiceDiscovery {
        /// By a name that Envoy resolves.
        Dns(DnsServiceDiscovery),
        /// By a Cloud Map service, whose instances the control plane sends.
        AwsCloudMap(AwsCloudMapServiceDiscovery),
    }
}

structure! {
    /// Discovery by DNS (`DnsServiceDiscovery`).
    pub struct DnsServiceDiscovery {
        /// The name to resolve; passed to Envoy verbatim (§5.6).
        pub hostname: String,
        /// Overrides the mesh's preference.
        pub ip_preference: Option<IpPreference>,
        /// Whether each answer is an endpoint of its own; LOADBALANCER where absent.
        pub response_type: Option<DnsResponseType>,
    }
}

enumeration! {
    /// `DnsResponseType`.
    pub enum DnsResponseType {
        /// The name stands for one load balancer: one logical endpoint.
        LoadBalancer = "LOADBALANCER",
        /// The name stands for a set of endpoints.
        Endpoints = "ENDPOINTS",
    }
}

structure! {
    /// Discovery by Cloud Map (`AwsCloudMapServiceDiscovery`).
    pub struct AwsCloudMapServiceDiscovery {
        /// An instance must have every one of these.
        pub attributes: Option<Vec<AwsCloudMapInstanceAttribute>>,
        /// Overrides the mesh's preference.
        pub ip_preference: Option<IpPreference>,
        /// The Cloud Map namespace.
        pub namespace_name: String,
        /// The Cloud Map service in it.
        pub service_name: String,
    }
}

structure! {
    /// An attribute an instance must have (`AwsCloudMapInstanceAttribute`).
    pub struct AwsCloudMapInstanceAttribute {
        /// Its key.
        pub key: String,
        /// Its value.
        pub value: String,
    }
}

enumeration! {
    /// Which IP versions are used, and which first (`IpPreference`, §10).
    pub enum IpPreference {
        /// IPv6 where there is one.
        Ipv6Preferred = "IPv6_PREFERRED",
        /// IPv4 where there is one.
        Ipv4Preferred = "IPv4_PREFERRED",
        /// IPv4 alone.
        Ipv4Only = "IPv4_ONLY",
        /// IPv6 alone.
        Ipv6Only = "IPv6_ONLY",
    }
}
