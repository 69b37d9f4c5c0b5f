//! Who a proxy is: the App Mesh resource it stands for, and where on its machine it listens.
//!
//! An Envoy introduces itself once, in the first request of a stream. Its node id names the resource, in any of the forms
//! that App Mesh's own image sends (§2.1); its metadata may ask for a placement. Proxies with the same [`ProxyKey`] are
//! served the same snapshot, so nothing that differs from one instance to the next belongs into it.

use envoy_types::pb::envoy::config::core::v3::Node;
use envoy_types::pb::google::protobuf::Struct;
use envoy_types::pb::google::protobuf::value::Kind as Value;
use mesh_core::{AccountId, Kind, MeshKey, ResourceId};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

/// What decides the snapshot of a proxy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProxyKey {
    /// The mesh.
    pub mesh: MeshKey,
    /// The virtual node or virtual gateway it stands for.
    pub id: ResourceId,
    /// Where it listens.
    pub placement: Placement,
}

/// How traffic reaches a proxy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Placement {
    /// It is redirected to the proxy's two listeners by the machine's packet filter, as on ECS and EKS (§4).
    #[default]
    Captured,
    /// It is sent to the proxy by name and port: every port that a captured proxy would tell apart by original destination
    /// is a listener of its own on this address. For machines without interception; not an App Mesh feature.
    Explicit {
        /// The address of all its listeners.
        bind: IpAddr,
    },
}

/// Why a node cannot be served.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NodeError {
    /// The first request of the stream names no node.
    #[error("the first request of a stream must carry the node")]
    Missing,
    /// The id is of no accepted form.
    #[error(
        "node id `{given}` names no virtual node or virtual gateway; accepted are mesh/MESH/virtualNode/NAME, \
         mesh/MESH/virtualGateway/NAME, mesh/MESH@OWNER/… for a shared mesh, and the ARN that ends in one of these"
    )]
    Id {
        /// What was given.
        given: String,
    },
    /// The placement asked for in the metadata is no address.
    #[error("node metadata remesh.bind is `{given}`; it must be an IP address in a string, such as \"127.0.0.11\"")]
    Bind {
        /// What was given.
        given: String,
    },
}

impl ProxyKey {
    /// The captured proxy that a node id names. An id without an account means `account`.
    pub fn parse(node_id: &str, account: &AccountId) -> Result<Self, NodeError> {
        let (mesh, id) = parse_identity(node_id, account).ok_or_else(|| NodeError::Id { given: node_id.to_owned() })?;
        Ok(Self { mesh, id, placement: Placement::default() })
    }

    /// The proxy that a node introduces itself as. An id without an account means `account`.
    pub fn of_node(node: &Node, account: &AccountId) -> Result<Self, NodeError> {
        let placement = Placement::of_node(node)?;
        Ok(Self { placement, ..Self::parse(&node.id, account)? })
    }

    /// The same proxy elsewhere.
    pub fn placed(self, placement: Placement) -> Self {
        Self { placement, ..self }
    }
}

impl fmt::Display for ProxyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id.path(&self.mesh.name))
    }
}

impl Placement {
    /// Whether the proxy would listen where the applications of sidecars do, which is 127.0.0.1 (§5.2): what it brings in it
    /// would send to itself, without end. An unspecified address is every address, that one among them.
    pub fn meets_applications(self) -> bool {
        match self {
            Self::Captured => false,
            Self::Explicit { bind } => {
                let bind = bind.to_canonical();
                bind.is_unspecified() || bind == IpAddr::V4(Ipv4Addr::LOCALHOST)
            }
        }
    }

    fn of_node(node: &Node) -> Result<Self, NodeError> {
        let Some(bind) = node.metadata.as_ref().and_then(bind_of) else { return Ok(Self::Captured) };
        match bind {
            Value::StringValue(text) => text
                .parse()
                .map_or_else(|_| Err(NodeError::Bind { given: text.clone() }), |bind| Ok(Self::Explicit { bind })),
            Value::NullValue(_) => Ok(Self::Captured),
            other => Err(NodeError::Bind { given: kind_of(other).to_owned() }),
        }
    }
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Captured => f.write_str("captured"),
            Self::Explicit { bind } => write!(f, "explicit {bind}"),
        }
    }
}

fn parse_identity(node_id: &str, account: &AccountId) -> Option<(MeshKey, ResourceId)> {
    let (mesh, id) = if node_id.starts_with("arn:") {
        mesh_core::resource::parse_arn(node_id)?
    } else {
        let (mesh, owner, id) = ResourceId::parse_path(node_id)?;
        (MeshKey { owner: owner.unwrap_or_else(|| account.clone()), name: mesh }, id)
    };
    let named = !mesh.name.as_str().is_empty() && !mesh.owner.as_str().is_empty();
    (named && matches!(id.kind, Kind::VirtualNode | Kind::VirtualGateway)).then_some((mesh, id))
}

/// `{"remesh": {"bind": …}}`
fn bind_of(metadata: &Struct) -> Option<&Value> {
    let Value::StructValue(remesh) = metadata.fields.get("remesh")?.kind.as_ref()? else { return None };
    remesh.fields.get("bind")?.kind.as_ref()
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::NullValue(_) => "null",
        Value::NumberValue(_) => "a number",
        Value::StringValue(_) => "a string",
        Value::BoolValue(_) => "a boolean",
        Value::StructValue(_) => "an object",
        Value::ListValue(_) => "a list",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use envoy_types::pb::google::protobuf::Value as AnyValue;

    fn account() -> AccountId {
        AccountId::from("000000000000")
    }

    fn cart_of(owner: &str) -> ProxyKey {
        ProxyKey {
            mesh: MeshKey::new(owner, "shop"),
            id: ResourceId::new(Kind::VirtualNode, "cart"),
            placement: Placement::Captured,
        }
    }

    fn node_with_bind(bind: Value) -> Node {
        let object = |name: &str, value: Value| Struct {
            fields: [(name.to_owned(), AnyValue { kind: Some(value) })].into_iter().collect(),
        };
        let metadata = object("remesh", Value::StructValue(object("bind", bind)));
        Node { id: "mesh/shop/virtualNode/cart".into(), metadata: Some(metadata), ..Node::default() }
    }

    #[test]
    fn an_address_where_applications_listen_is_told_apart() {
        for (bind, meets) in [
            ("127.0.0.1", true),
            ("0.0.0.0", true),
            ("::", true),
            ("::ffff:127.0.0.1", true),
            ("127.0.0.11", false),
            ("::1", false),
            ("10.0.0.1", false),
        ] {
            assert_eq!(Placement::Explicit { bind: bind.parse().unwrap() }.meets_applications(), meets, "{bind}");
        }
        assert!(!Placement::Captured.meets_applications());
    }

    #[test]
    fn every_form_of_a_node_id_names_its_resource() {
        for (given, owner) in [
            ("mesh/shop/virtualNode/cart", "000000000000"),
            ("mesh/shop@111122223333/virtualNode/cart", "111122223333"),
            ("arn:aws:appmesh:eu-west-1:444455556666:mesh/shop/virtualNode/cart", "444455556666"),
            ("arn:aws-cn:appmesh:cn-north-1:444455556666:mesh/shop/virtualNode/cart", "444455556666"),
            ("arn:aws:appmesh-preview:us-west-2:444455556666:mesh/shop/virtualNode/cart", "444455556666"),
            ("arn:aws:appmesh:eu-west-1:444455556666:mesh/shop@111122223333/virtualNode/cart", "111122223333"),
        ] {
            assert_eq!(ProxyKey::parse(given, &account()), Ok(cart_of(owner)), "{given}");
        }
    }

    #[test]
    fn a_gateway_has_an_identity_as_well() {
        let key = ProxyKey::parse("mesh/shop/virtualGateway/edge", &account()).unwrap();
        assert_eq!(key.id, ResourceId::new(Kind::VirtualGateway, "edge"));
        assert_eq!(key.to_string(), "mesh/shop/virtualGateway/edge");
    }

    #[test]
    fn what_names_no_proxy_is_refused_with_the_accepted_forms() {
        for given in [
            "",
            "cart",
            "mesh/shop",
            "mesh/shop/virtualNode",
            "mesh/shop/virtualNode/",
            "mesh/shop/virtualNode/cart/more",
            "mesh/shop/virtualService/cart",
            "mesh/@1/virtualNode/cart",
            "mesh/shop@/virtualNode/cart",
            "arn:aws:ecs:eu-west-1:1:mesh/shop/virtualNode/cart",
            "arn:aws:appmesh:eu-west-1:1:mesh/shop",
        ] {
            let refused = ProxyKey::parse(given, &account()).unwrap_err().to_string();
            assert!(
                refused.contains(&format!("`{given}`")) && refused.contains("mesh/MESH/virtualNode/NAME"),
                "{refused}"
            );
        }
    }

    #[test]
    fn metadata_may_ask_for_an_address() {
        let key = ProxyKey::of_node(&node_with_bind(Value::StringValue("127.0.0.11".into())), &account()).unwrap();
        assert_eq!(key.placement, Placement::Explicit { bind: IpAddr::from([127, 0, 0, 11]) });
        assert_ne!(key, cart_of("000000000000"));
    }

    #[test]
    fn without_metadata_a_proxy_is_captured() {
        let node = Node { id: "mesh/shop/virtualNode/cart".into(), ..Node::default() };
        assert_eq!(ProxyKey::of_node(&node, &account()), Ok(cart_of("000000000000")));
        assert_eq!(ProxyKey::of_node(&node_with_bind(Value::NullValue(0)), &account()), Ok(cart_of("000000000000")));
    }

    #[test]
    fn an_address_that_is_none_is_named_in_the_refusal() {
        for (given, shown) in [(Value::StringValue("here".into()), "`here`"), (Value::NumberValue(1.0), "`a number`")] {
            let refused = ProxyKey::of_node(&node_with_bind(given), &account()).unwrap_err().to_string();
            assert!(refused.contains(shown), "{refused}");
        }
    }
}
