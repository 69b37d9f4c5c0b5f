//! Virtual hosts of services, encoded once, and route configurations put together from them.
//!
//! A route configuration in protobuf is its name and then each virtual host as length and bytes. So the encoded virtual
//! host of a service is put as it is into the route configuration of every proxy that may call the service; none of its
//! routes is visited again until the service changes.

use super::draft::Draft;
use super::{matching, name, route};
use crate::snapshot::ResourceType;
use bytes::Bytes;
use envoy_types::pb::envoy::config::route::v3::{Route, VirtualHost};
use mesh_core::Name;
use mesh_core::view::ServiceView;
use prost::Message;
use std::collections::HashSet;
use std::sync::Arc;

/// Where a service's routes stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// In a sidecar's way out (§5.5).
    Sidecar,
    /// There as well, but without routes: the service lost this port to another one. Requests get 404; without a virtual
    /// host of its own they would be taken for something outside the mesh, where that is allowed.
    Lost {
        /// The port.
        port: i64,
    },
    /// In a gateway's second hop, found by host (§6.5).
    SecondHop,
    /// In a gateway's second hop, found by the header that the first hop set (§6.5).
    DefaultBackend,
}

/// The encoded routes of a port of a service.
#[derive(Debug)]
pub struct Host {
    /// The hosts it answers to, in lower case, as Envoy compares them. None in the default backend.
    domains: Vec<String>,
    /// The virtual host; in the default backend each of its routes.
    parts: Vec<Bytes>,
    /// What is wrong with it.
    warnings: Vec<String>,
}

/// Encodes a port of a service; without a port there are no routes, and requests get 404.
pub fn encode(mesh: &Name, service: &ServiceView, port: Option<usize>, form: Form) -> Host {
    let at = port.and_then(|port| service.ports.get(port));
    let (routes, warnings) = at.map(|port| route::of_service(mesh, service, port)).unwrap_or_default();
    let name = authority(service, port, form);
    match form {
        Form::DefaultBackend => {
            let parts = routes.into_iter().map(|route| labelled(route, &name).encode_to_vec().into()).collect();
            Host { domains: Vec::new(), parts, warnings }
        }
        Form::Sidecar | Form::Lost { .. } | Form::SecondHop => {
            let called_at = match form {
                Form::Lost { port } => port,
                Form::Sidecar => at.map_or(0, |port| port.mapping.port),
                _ => name::EGRESS_PORT,
            };
            let domains = vec![name.clone(), format!("{name}:{called_at}")];
            let lower = domains.iter().map(|domain| domain.to_ascii_lowercase()).collect();
            let host = VirtualHost { name, domains, routes, ..VirtualHost::default() };
            Host { domains: lower, parts: vec![host.encode_to_vec().into()], warnings }
        }
    }
}

/// The host by which a request names a service. In a gateway's second hop all ports of a service are behind one port, so a
/// service with several is named with the one meant.
pub fn authority(service: &ServiceView, port: Option<usize>, form: Form) -> String {
    match port.and_then(|port| service.ports.get(port)) {
        Some(port) if form != Form::Sidecar && service.ports.len() > 1 => {
            format!("{}:{}", service.name, port.mapping.port)
        }
        _ => service.name.to_string(),
    }
}

/// App Mesh removed the header from the response and let it through to the application; ours removes it there as well.
fn labelled(route: Route, service: &str) -> Route {
    let mut matches = route.r#match.unwrap_or_default();
    matches.headers.push(matching::exact_header(name::SERVICE_HEADER, service));
    Route {
        r#match: Some(matches),
        request_headers_to_remove: vec![name::SERVICE_HEADER.into()],
        response_headers_to_remove: vec![name::SERVICE_HEADER.into()],
        ..route
    }
}

/// A route configuration in the making.
#[derive(Debug)]
pub struct Table {
    name: String,
    hosts: Vec<(Name, Arc<Host>)>,
    rest: Option<Bytes>,
}

impl Table {
    /// One without virtual hosts.
    pub fn new(name: String) -> Self {
        Self { name, hosts: Vec::new(), rest: None }
    }

    /// Adds the virtual host of a service.
    pub fn add(&mut self, service: &Name, host: Arc<Host>) {
        self.hosts.push((service.clone(), host));
    }

    /// Adds the virtual host of all other hosts.
    pub fn add_rest(&mut self, host: &VirtualHost) {
        self.rest = Some(host.encode_to_vec().into());
    }

    /// Adds the virtual host of all other hosts, made of the routes of these services.
    pub fn add_default_backend(&mut self, draft: &mut Draft<'_>, hosts: &[Arc<Host>]) {
        hosts.iter().flat_map(|host| &host.warnings).for_each(|warning| draft.warn(warning.clone()));
        let routes = hosts.iter().flat_map(|host| host.parts.iter().cloned()).collect();
        let host = EncodedHost { name: name::DEFAULT_BACKEND_HOST.into(), domains: vec!["*".into()], routes };
        self.rest = Some(host.encode_to_vec().into());
    }

    /// Puts it into the snapshot. Envoy refuses two virtual hosts that answer to one host, so the first one stays.
    pub fn put(self, draft: &mut Draft<'_>) {
        let (mut virtual_hosts, mut taken) = (Vec::with_capacity(self.hosts.len() + 1), HashSet::new());
        for (service, host) in &self.hosts {
            host.warnings.iter().for_each(|warning| draft.warn(warning.clone()));
            if host.domains.iter().any(|domain| taken.contains(domain.as_str())) {
                draft
                    .warn(format!("virtual service {service} has the host of another one: only the other one answers"));
                continue;
            }
            taken.extend(host.domains.iter().map(String::as_str));
            virtual_hosts.extend(host.parts.iter().cloned());
        }
        virtual_hosts.extend(self.rest.filter(|_| !taken.contains("*")));
        let encoded = EncodedTable { name: self.name.clone(), virtual_hosts };
        draft.put(ResourceType::Route, self.name, &encoded);
    }
}

/// `RouteConfiguration` with its virtual hosts already encoded: the same bytes.
#[derive(Clone, PartialEq, Message)]
struct EncodedTable {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(bytes = "bytes", repeated, tag = "2")]
    virtual_hosts: Vec<Bytes>,
}

/// `VirtualHost` with its routes already encoded: the same bytes.
#[derive(Clone, PartialEq, Message)]
struct EncodedHost {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, repeated, tag = "2")]
    domains: Vec<String>,
    #[prost(bytes = "bytes", repeated, tag = "3")]
    routes: Vec<Bytes>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use envoy_types::pb::envoy::config::route::v3::RouteConfiguration;

    #[test]
    fn a_table_of_encoded_parts_is_the_route_configuration_itself() {
        let routes = vec![route::route(matching::everything(), Default::default())];
        let whole = VirtualHost { name: "a".into(), domains: vec!["a".into()], routes, ..VirtualHost::default() };
        let host = EncodedHost {
            name: "a".into(),
            domains: vec!["a".into()],
            routes: whole.routes.iter().map(|route| route.encode_to_vec().into()).collect(),
        };
        assert_eq!(host.encode_to_vec(), whole.encode_to_vec());
        let table = EncodedTable { name: "t".into(), virtual_hosts: vec![whole.encode_to_vec().into(); 2] };
        let expected =
            RouteConfiguration { name: "t".into(), virtual_hosts: vec![whole; 2], ..RouteConfiguration::default() };
        assert_eq!(table.encode_to_vec(), expected.encode_to_vec());
        assert_eq!(RouteConfiguration::decode(&*table.encode_to_vec()).unwrap(), expected);
    }
}
