//! The bootstrap of a stock Envoy: who it is and where its control plane is, everything else comes over ADS.
//!
//! Pure text from values, so that the command line, the demo and the tests start their Envoys alike. It follows the
//! bootstrap of App Mesh's own agent where that can still be followed (§1.3, §12.1): listeners and clusters over one
//! aggregated stream, no time limit on the first answer, so that a proxy without a control plane waits for one. It
//! differs where stock Envoys need it: Envoy's own gRPC client instead of Google's, and delta xDS by default.

use mesh_core::{AccountId, Kind};
use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use xds_relay::proxy::{NodeError, Placement, ProxyKey};

/// Where Envoy's own image, and Debian's, keep the authorities that everybody trusts.
pub const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// What a bootstrap is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bootstrap {
    /// The resource the proxy stands for.
    pub node: NodeId,
    /// `node.cluster`, which names the proxy in metrics and traces and is not an identity; the node id where absent (§2.2).
    pub cluster: Option<String>,
    /// Where the control plane is.
    pub xds: XdsAddr,
    /// The file, as the Envoy sees it, of the authorities that a control plane behind TLS is trusted by.
    pub authorities: String,
    /// Where Envoy's own admin interface listens.
    pub admin: SocketAddr,
    /// How Envoy asks for its configuration.
    pub protocol: Protocol,
    /// The address for all of the proxy's listeners, on machines that do not redirect traffic to it.
    pub bind: Option<IpAddr>,
}

impl Bootstrap {
    /// The bootstrap of a proxy on a machine that redirects traffic to it, with delta xDS.
    pub fn new(node: NodeId, xds: impl Into<XdsAddr>) -> Self {
        let admin = SocketAddr::from(([127, 0, 0, 1], 9901));
        let authorities = AUTHORITIES.to_owned();
        Self { node, cluster: None, xds: xds.into(), authorities, admin, protocol: Protocol::Delta, bind: None }
    }
}

/// The two ways of asking.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Protocol {
    /// Only what changed.
    #[default]
    Delta,
    /// Everything of a type with every change, as App Mesh's own image asks.
    StateOfTheWorld,
}

/// The identity of a proxy, in one of the forms the control plane accepts (§2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeId(String);

impl FromStr for NodeId {
    type Err = NodeError;

    fn from_str(text: &str) -> Result<Self, NodeError> {
        // The account is that of the control plane; whether the text is an identity does not depend on it.
        ProxyKey::parse(text, &AccountId::from("000000000000"))?;
        Ok(Self(text.to_owned()))
    }
}

impl NodeId {
    /// What is wrong with an address for all listeners of this proxy, if anything is: the sidecar of an application must
    /// not listen where the application does. A gateway has none beside it.
    pub fn check_bind(&self, bind: IpAddr) -> Result<(), BindError> {
        let proxy = ProxyKey::parse(&self.0, &AccountId::from("000000000000"));
        let sidecar = proxy.is_ok_and(|proxy| proxy.id.kind == Kind::VirtualNode);
        if sidecar && (Placement::Explicit { bind }).meets_applications() { Err(BindError(bind)) } else { Ok(()) }
    }
}

/// An address on which a sidecar would call itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a sidecar cannot listen on {0}: its application listens on 127.0.0.1, and the sidecar would call itself without end; \
     give it an address of its own, such as 127.0.0.11"
)]
pub struct BindError(IpAddr);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where the control plane is: an address, or a name that Envoy resolves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct XdsAddr {
    host: String,
    port: u16,
    tls: bool,
}

/// Text that says no host and port.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a host and a port: give 127.0.0.1:18000, [::1]:18000, relay.example:18000, or with TLS https://relay.example:443"
)]
pub struct XdsAddrError(String);

impl FromStr for XdsAddr {
    type Err = XdsAddrError;

    /// An `http://` before it is taken off, so that the address of `remesh up`'s ready line can be given as it is; an
    /// `https://` says that the control plane is behind TLS.
    fn from_str(text: &str) -> Result<Self, XdsAddrError> {
        let refused = || XdsAddrError(text.to_owned());
        let secured = text.strip_prefix("https://");
        let plain = secured.or_else(|| text.strip_prefix("http://")).unwrap_or(text);
        let (host, port) = plain.trim_end_matches('/').rsplit_once(':').ok_or_else(refused)?;
        let port = port.parse().ok().filter(|port| *port != 0).ok_or_else(refused)?;
        Ok(Self { host: parse_host(host).ok_or_else(refused)?, port, tls: secured.is_some() })
    }
}

fn parse_host(text: &str) -> Option<String> {
    if let Some(address) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return Some(address.parse::<Ipv6Addr>().ok()?.to_string());
    }
    let named = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    (!text.is_empty() && text.bytes().all(named)).then(|| text.to_owned())
}

impl From<SocketAddr> for XdsAddr {
    fn from(addr: SocketAddr) -> Self {
        Self { host: addr.ip().to_string(), port: addr.port(), tls: false }
    }
}

/// The bootstrap as YAML, for Envoy 1.36 or newer.
pub fn bootstrap(of: &Bootstrap) -> String {
    let id = quoted(&of.node.0);
    let cluster = of.cluster.as_deref().map_or_else(|| id.clone(), quoted);
    let metadata = of.bind.map(metadata).unwrap_or_default();
    let (admin_host, admin_port) = (quoted(&of.admin.ip().to_string()), of.admin.port());
    let (host, port) = (quoted(&of.xds.host), of.xds.port);
    let tls = if of.xds.tls { tls(&of.xds.host, &of.authorities) } else { String::new() };
    let api_type = match of.protocol {
        Protocol::Delta => "DELTA_GRPC",
        Protocol::StateOfTheWorld => "GRPC",
    };
    // Envoy resolves a name, and connects to whichever address it resolves to now.
    let cluster_type = if of.xds.host.parse::<IpAddr>().is_ok() { "STATIC" } else { "STRICT_DNS" };
    format!(
        "\
# Who this Envoy is.
node:
  id: {id}
  cluster: {cluster}
{metadata}
admin:
  address:
    socket_address: {{ address: {admin_host}, port_value: {admin_port} }}

# Everything else comes from the control plane. A first answer is waited for without limit.
dynamic_resources:
  ads_config:
    api_type: {api_type}
    transport_api_version: V3
    set_node_on_first_message_only: true
    grpc_services:
      - envoy_grpc:
          cluster_name: remesh
          # Back within seconds of the control plane, yet not all proxies at once: Envoy spreads these at random.
          retry_policy:
            retry_back_off: {{ base_interval: 0.5s, max_interval: 5s }}
  lds_config: {{ ads: {{}}, resource_api_version: V3, initial_fetch_timeout: 0s }}
  cds_config: {{ ads: {{}}, resource_api_version: V3, initial_fetch_timeout: 0s }}

static_resources:
  clusters:
    - name: remesh
      type: {cluster_type}
      connect_timeout: 5s
      load_assignment:
        cluster_name: remesh
        endpoints:
          - lb_endpoints:
              - endpoint:
                  address:
                    socket_address: {{ address: {host}, port_value: {port} }}
      typed_extension_protocol_options:
        envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
          \"@type\": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
          explicit_http_config:
            http2_protocol_options:
              # Notices a control plane that is gone without a word. Traffic goes on without it.
              connection_keepalive: {{ interval: 20s, timeout: 10s }}
{tls}
# As App Mesh's agent: long regular expressions in matches are allowed.
layered_runtime:
  layers:
    - name: static
      static_layer: {{ re2.max_program_size.error_level: 1000 }}
    - name: admin
      admin_layer: {{}}
"
    )
}

/// Encrypts the connection to the control plane, and takes no other for it than the one that was named.
fn tls(host: &str, authorities: &str) -> String {
    let (name, authorities) = (quoted(host), quoted(authorities));
    // An address is no server name (RFC 6066).
    let (kind, sni) = match host.parse::<IpAddr>() {
        Ok(_) => ("IP_ADDRESS", String::new()),
        Err(_) => ("DNS", format!("          sni: {name}\n")),
    };
    format!(
        "      transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          \"@type\": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
{sni}          common_tls_context:
            alpn_protocols: [h2]
            validation_context:
              trusted_ca: {{ filename: {authorities} }}
              match_typed_subject_alt_names:
                - {{ san_type: {kind}, matcher: {{ exact: {name} }} }}
"
    )
}

/// Asks for listeners on this address.
fn metadata(bind: IpAddr) -> String {
    format!("  metadata:\n    remesh: {{ bind: {} }}\n", quoted(&bind.to_string()))
}

/// Text as a YAML scalar. JSON's strings are YAML's.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cart() -> Bootstrap {
        let addr: SocketAddr = "127.0.0.1:18000".parse().unwrap();
        Bootstrap::new("mesh/shop/virtualNode/cart".parse().unwrap(), addr)
    }

    #[test]
    fn a_proxy_is_itself_in_metrics_unless_named_otherwise() {
        assert!(bootstrap(&cart()).contains("  cluster: \"mesh/shop/virtualNode/cart\"\n"));
        let named = Bootstrap { cluster: Some("carts: all".into()), ..cart() };
        assert!(bootstrap(&named).contains("  cluster: \"carts: all\"\n"));
    }

    #[test]
    fn delta_is_the_default_and_state_of_the_world_is_there() {
        assert!(bootstrap(&cart()).contains("api_type: DELTA_GRPC"));
        let sotw = Bootstrap { protocol: Protocol::StateOfTheWorld, ..cart() };
        assert!(bootstrap(&sotw).contains("api_type: GRPC\n"));
    }

    #[test]
    fn only_a_name_is_resolved() {
        assert!(bootstrap(&cart()).contains("type: STATIC"));
        let named = Bootstrap { xds: "relay.example:443".parse().unwrap(), ..cart() };
        let text = bootstrap(&named);
        assert!(text.contains("type: STRICT_DNS") && text.contains("address: \"relay.example\", port_value: 443"));
    }

    #[test]
    fn an_address_for_the_listeners_is_asked_for_in_the_metadata() {
        assert!(!bootstrap(&cart()).contains("metadata"));
        let placed = Bootstrap { bind: Some(IpAddr::from([127, 0, 0, 11])), ..cart() };
        assert!(bootstrap(&placed).contains("  metadata:\n    remesh: { bind: \"127.0.0.11\" }\n"));
    }

    #[test]
    fn an_address_is_taken_as_the_ready_line_prints_it() {
        for (given, host, port, tls) in [
            ("127.0.0.1:18000", "127.0.0.1", 18000, false),
            ("http://127.0.0.1:18000", "127.0.0.1", 18000, false),
            ("http://[::1]:1/", "::1", 1, false),
            ("localhost:65535", "localhost", 65535, false),
            ("https://relay.example:443", "relay.example", 443, true),
        ] {
            assert_eq!(given.parse(), Ok(XdsAddr { host: host.into(), port, tls }), "{given}");
        }
    }

    #[test]
    fn what_is_no_host_and_port_is_refused() {
        for given in ["", "18000", "host", "host:", "host:0", "host:65536", ":1", "::1:1", "a b:1", "https://host"] {
            assert!(given.parse::<XdsAddr>().is_err(), "{given}");
        }
    }

    #[test]
    fn a_control_plane_behind_tls_has_to_be_the_one_that_is_named() {
        assert!(!bootstrap(&cart()).contains("transport_socket"));
        let secured = |addr: &str| bootstrap(&Bootstrap { xds: addr.parse().unwrap(), ..cart() });
        let named = secured("https://relay.example:443");
        assert!(named.contains("sni: \"relay.example\"") && named.contains("exact: \"relay.example\""), "{named}");
        let addressed = secured("https://[::1]:443");
        assert!(addressed.contains("san_type: IP_ADDRESS") && !addressed.contains("sni"), "{addressed}");
    }

    #[test]
    fn what_names_no_proxy_is_refused() {
        assert!("mesh/shop/virtualRouter/cart".parse::<NodeId>().is_err());
        assert!("arn:aws:appmesh:eu-west-1:111122223333:mesh/shop/virtualGateway/edge".parse::<NodeId>().is_ok());
    }
}
