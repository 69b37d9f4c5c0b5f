//! Listeners, their filters and how they tell connections apart (§5.1, §5.3, §6.1, §6.2).

use super::proto::{address, number, port};
use super::{metadata, name};
use envoy_types::pb::envoy::config::core::v3::TrafficDirection;
use envoy_types::pb::envoy::config::listener::v3::listener_filter_chain_match_predicate::Rule;
use envoy_types::pb::envoy::config::listener::v3::{
    Filter, FilterChain, FilterChainMatch, Listener, ListenerFilter, ListenerFilterChainMatchPredicate, listener_filter,
};
use envoy_types::pb::envoy::extensions::filters::listener::original_dst::v3::OriginalDst;
use envoy_types::pb::envoy::extensions::filters::listener::tls_inspector::v3::TlsInspector;
use envoy_types::pb::envoy::r#type::v3::Int32Range;
use envoy_types::pb::google::protobuf::Any;
use envoy_types::util::pack_any;

/// Where a listener is and which way its traffic goes.
#[derive(Debug, Clone, Copy)]
pub struct Site<'a> {
    /// The address in its name.
    pub named: &'a str,
    /// The address it binds.
    pub bind: &'a str,
    /// Its port.
    pub port: i64,
    /// Whether traffic comes in or goes out.
    pub direction: TrafficDirection,
}

/// A listener.
pub fn listener(site: Site<'_>, listener_filters: Vec<ListenerFilter>, filter_chains: Vec<FilterChain>) -> Listener {
    let name = match site.direction {
        TrafficDirection::Outbound => name::egress_listener(site.named, site.port),
        _ => name::ingress_listener(site.named, site.port),
    };
    Listener {
        name,
        address: Some(address(site.bind, site.port)),
        listener_filters,
        filter_chains,
        metadata: metadata::of_listener(),
        traffic_direction: site.direction.into(),
        ..Listener::default()
    }
}

/// What is done with a port's connections; they are closed where there is nothing to do.
#[derive(Debug)]
pub struct PortFilter {
    /// The port clients connected to.
    pub port: i64,
    /// What is done.
    pub filter: Option<Filter>,
}

impl PortFilter {
    /// For a listener of many ports: connections whose original destination is this one.
    pub fn by_port(self) -> FilterChain {
        let destination = FilterChainMatch { destination_port: number(port(self.port)), ..FilterChainMatch::default() };
        FilterChain { filter_chain_match: Some(destination), ..self.alone() }
    }

    /// For a listener of this port alone.
    pub fn alone(self) -> FilterChain {
        FilterChain { filters: self.filter.into_iter().collect(), ..FilterChain::default() }
    }
}

/// Connections to this port that ask for one of these names in TLS.
pub fn by_server_name(at: i64, server_names: &[&str], filter: Filter) -> FilterChain {
    let asked = FilterChainMatch {
        destination_port: number(port(at)),
        server_names: server_names.iter().map(|name| (*name).to_owned()).collect(),
        ..FilterChainMatch::default()
    };
    FilterChain { filter_chain_match: Some(asked), filters: vec![filter], ..FilterChain::default() }
}

/// Connections that no other chain takes. App Mesh wrote the range 0.0.0.0/0 here; without one IPv6 is meant too (§5.3).
pub fn otherwise(filter: Filter) -> FilterChain {
    FilterChain {
        filter_chain_match: Some(FilterChainMatch::default()),
        filters: vec![filter],
        ..FilterChain::default()
    }
}

/// Recovers where a captured connection was going (§4.5).
pub fn original_dst() -> ListenerFilter {
    listener_filter("envoy.filters.listener.original_dst", pack_any(OriginalDst::default()))
}

/// Looks for TLS and the name it asks for.
pub fn tls_inspector() -> ListenerFilter {
    listener_filter("envoy.filters.listener.tls_inspector", pack_any(TlsInspector::default()))
}

/// The same on one port only. The inspector waits for the client to speak, which a client of MySQL or SMTP never does
/// first (§5.5): where no chain asks for a name there is nothing to wait for.
pub fn tls_inspector_on(at: i32) -> ListenerFilter {
    let here = predicate(Rule::DestinationPortRange(Int32Range { start: at, end: at + 1 }));
    let elsewhere = predicate(Rule::NotMatch(Box::new(here)));
    ListenerFilter { filter_disabled: Some(elsewhere), ..tls_inspector() }
}

fn predicate(rule: Rule) -> ListenerFilterChainMatchPredicate {
    ListenerFilterChainMatchPredicate { rule: Some(rule) }
}

fn listener_filter(name: &str, config: Any) -> ListenerFilter {
    ListenerFilter {
        name: name.to_owned(),
        config_type: Some(listener_filter::ConfigType::TypedConfig(config)),
        ..ListenerFilter::default()
    }
}
