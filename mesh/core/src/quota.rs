//! Step 2: how many of something there may be. A deployment sets them; what it does not set has room for any mesh that a
//! relay was ever measured with, and stops only a loop that has lost its end.
//!
//! A quota bounds what is added. What is there stays, and may be changed, when a quota is lowered.

use crate::resource::{Kind, MeshKey, ResourceId};
use crate::spec::Spec;
use crate::{MeshState, Rejection};
use std::fmt;
use std::str::FromStr;

/// What is counted. The names are Service Quotas' (§13.9), in the spelling of a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Quota {
    /// Meshes that one account owns.
    MeshesPerAccount,
    /// Virtual nodes of a mesh.
    VirtualNodesPerMesh,
    /// Virtual routers of a mesh.
    VirtualRoutersPerMesh,
    /// Virtual services of a mesh.
    VirtualServicesPerMesh,
    /// Virtual gateways of a mesh.
    VirtualGatewaysPerMesh,
    /// Routes of a virtual router.
    RoutesPerVirtualRouter,
    /// Gateway routes of a virtual gateway.
    GatewayRoutesPerVirtualGateway,
    /// Backends of a virtual node.
    BackendsPerVirtualNode,
}

impl Quota {
    /// Every quota.
    pub const ALL: [Self; 8] = [
        Self::MeshesPerAccount,
        Self::VirtualNodesPerMesh,
        Self::VirtualRoutersPerMesh,
        Self::VirtualServicesPerMesh,
        Self::VirtualGatewaysPerMesh,
        Self::RoutesPerVirtualRouter,
        Self::GatewayRoutesPerVirtualGateway,
        Self::BackendsPerVirtualNode,
    ];

    /// Its name, `virtual-nodes-per-mesh`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::MeshesPerAccount => "meshes-per-account",
            Self::VirtualNodesPerMesh => "virtual-nodes-per-mesh",
            Self::VirtualRoutersPerMesh => "virtual-routers-per-mesh",
            Self::VirtualServicesPerMesh => "virtual-services-per-mesh",
            Self::VirtualGatewaysPerMesh => "virtual-gateways-per-mesh",
            Self::RoutesPerVirtualRouter => "routes-per-virtual-router",
            Self::GatewayRoutesPerVirtualGateway => "gateway-routes-per-virtual-gateway",
            Self::BackendsPerVirtualNode => "backends-per-virtual-node",
        }
    }

    /// The limit where a deployment sets none.
    pub const fn default_limit(self) -> usize {
        match self {
            Self::MeshesPerAccount | Self::RoutesPerVirtualRouter | Self::GatewayRoutesPerVirtualGateway => 10_000,
            Self::VirtualNodesPerMesh
            | Self::VirtualRoutersPerMesh
            | Self::VirtualServicesPerMesh
            | Self::VirtualGatewaysPerMesh => 100_000,
            Self::BackendsPerVirtualNode => 5_000,
        }
    }

    /// The quota by which resources of a kind are counted.
    const fn of(kind: Kind) -> Self {
        match kind {
            Kind::Mesh => Self::MeshesPerAccount,
            Kind::VirtualNode => Self::VirtualNodesPerMesh,
            Kind::VirtualRouter => Self::VirtualRoutersPerMesh,
            Kind::VirtualService => Self::VirtualServicesPerMesh,
            Kind::VirtualGateway => Self::VirtualGatewaysPerMesh,
            Kind::Route => Self::RoutesPerVirtualRouter,
            Kind::GatewayRoute => Self::GatewayRoutesPerVirtualGateway,
        }
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The limits of a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quotas([usize; Quota::ALL.len()]);

impl Default for Quotas {
    fn default() -> Self {
        Self(Quota::ALL.map(Quota::default_limit))
    }
}

/// A text that sets no quota.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` sets no quota: write NAME=NUMBER, where NAME is one of {}", Quota::ALL.map(Quota::name).join(", "))]
pub struct NoQuota {
    given: String,
}

impl Quotas {
    /// The limit of a quota.
    pub fn limit(&self, quota: Quota) -> usize {
        self.0.get(quota as usize).copied().unwrap_or_else(|| quota.default_limit())
    }

    /// These, but for one.
    #[must_use]
    pub fn with(mut self, quota: Quota, limit: usize) -> Self {
        self.0.iter_mut().skip(quota as usize).take(1).for_each(|it| *it = limit);
        self
    }

    /// Refuses one more resource of a kind where there are as many as there may be. Of meshes the caller says how many
    /// the account has: a mesh does not know of others.
    pub(crate) fn allow(&self, state: &MeshState, target: &ResourceId, meshes: usize) -> Result<(), Rejection> {
        let count = match target.kind {
            Kind::Mesh => meshes,
            kind => state.count(kind, target.parent.as_ref()),
        };
        self.refuse_over(Quota::of(target.kind), count + 1, target, state.key())
    }

    /// Refuses a spec that holds more of something than it may, unless it held as many before.
    pub(crate) fn allow_spec(&self, state: &MeshState, target: &ResourceId, spec: &Spec) -> Result<(), Rejection> {
        let backends = |spec: &Spec| match spec {
            Spec::VirtualNode(node) => node.backends.len(),
            _ => 0,
        };
        let before = state.get(target).map_or(0, |before| backends(&before.spec));
        match backends(spec) {
            wanted if wanted <= before => Ok(()),
            wanted => self.refuse_over(Quota::BackendsPerVirtualNode, wanted, target, state.key()),
        }
    }

    fn refuse_over(&self, quota: Quota, wanted: usize, id: &ResourceId, mesh: &MeshKey) -> Result<(), Rejection> {
        let limit = self.limit(quota);
        if wanted <= limit {
            return Ok(());
        }
        Err(Rejection::LimitExceeded { quota, limit, wanted, id: id.clone(), mesh: mesh.clone() })
    }
}

/// `NAME=NUMBER`, one or several with commas between.
impl FromStr for Quotas {
    type Err = NoQuota;

    fn from_str(text: &str) -> Result<Self, NoQuota> {
        text.split(',').map(str::trim).filter(|part| !part.is_empty()).try_fold(Self::default(), |quotas, part| {
            let (quota, limit) = parse(part)?;
            Ok(quotas.with(quota, limit))
        })
    }
}

/// One quota and its limit, as a flag gives them: `NAME=NUMBER`.
///
/// # Errors
///
/// When the text is not of that form, or there is no such quota.
pub fn parse(text: &str) -> Result<(Quota, usize), NoQuota> {
    let parsed = text.split_once('=').and_then(|(name, limit)| {
        let quota = Quota::ALL.into_iter().find(|quota| quota.name() == name.trim())?;
        Some((quota, limit.trim().parse().ok()?))
    });
    parsed.ok_or_else(|| NoQuota { given: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    fn allowing(quota: Quota, limit: usize, given: Given, wish: crate::Command) -> Result<crate::Decision, Rejection> {
        let quotas = Quotas::default().with(quota, limit);
        crate::decide(&given.state, &wish, &crate::Context { quotas, ..context(given.state.seq()) })
    }

    #[test]
    fn quotas_are_read_as_they_are_written() {
        let quotas: Quotas = "virtual-nodes-per-mesh=200, routes-per-virtual-router=50,".parse().unwrap();
        assert_eq!(quotas.limit(Quota::VirtualNodesPerMesh), 200);
        assert_eq!(quotas.limit(Quota::RoutesPerVirtualRouter), 50);
        assert_eq!(quotas.limit(Quota::BackendsPerVirtualNode), 5_000);
        for quota in Quota::ALL {
            assert_eq!(parse(&format!("{quota}=7")), Ok((quota, 7)));
        }
        for text in ["virtual-nodes-per-mesh", "nodes=1", "virtual-nodes-per-mesh=many", "=", "meshes-per-account=-1"] {
            assert!(parse(text).unwrap_err().to_string().contains("write NAME=NUMBER"), "{text}");
        }
    }

    #[test]
    fn one_more_than_a_quota_is_refused_by_its_name() {
        let two = || given([mesh(), node("a", &[], &[]), node("b", &[], &[])]);
        let refused = allowing(Quota::VirtualNodesPerMesh, 2, two(), node("c", &[], &[])).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "The quota virtual-nodes-per-mesh is 2, and virtualNode c under mesh m for account 1 would be number 3"
        );
        assert!(allowing(Quota::VirtualNodesPerMesh, 3, two(), node("c", &[], &[])).is_ok());
        assert!(allowing(Quota::VirtualNodesPerMesh, 2, two(), service("s")).is_ok());
    }

    #[test]
    fn what_is_there_may_be_changed_and_replaced_when_a_quota_is_reached() {
        let lowered = |wish| allowing(Quota::VirtualNodesPerMesh, 0, given([mesh(), node("a", &[], &[])]), wish);
        assert!(lowered(update(node("a", &[(80, "http")], &[]))).is_ok());
        assert!(lowered(delete(ResourceId::new(Kind::VirtualNode, "a"))).is_ok());
        assert!(lowered(node("b", &[], &[])).is_err());
        let freed = given([mesh(), node("a", &[], &[]), delete(ResourceId::new(Kind::VirtualNode, "a"))]);
        assert!(allowing(Quota::VirtualNodesPerMesh, 1, freed, node("b", &[], &[])).is_ok());
    }

    #[test]
    fn routes_are_counted_by_router_and_gateway_routes_by_gateway() {
        let full = || {
            given([
                mesh(),
                node("a", &[], &[]),
                router("q", &[(80, "http")]),
                router("r", &[(80, "http")]),
                route("r", "x", "/", &["a"]),
                service("s"),
                gateway("g", &[(80, "http")]),
                gateway_route("g", "u", "s"),
            ])
        };
        let (routes, others) = (Quota::RoutesPerVirtualRouter, Quota::GatewayRoutesPerVirtualGateway);
        assert!(allowing(routes, 1, full(), route("r", "y", "/y", &["a"])).is_err());
        assert!(allowing(routes, 1, full(), route("q", "y", "/y", &["a"])).is_ok());
        assert!(allowing(others, 1, full(), gateway_route("g", "v", "s")).is_err());
    }

    #[test]
    fn backends_are_counted_when_a_node_is_made_and_changed() {
        let quota = Quota::BackendsPerVirtualNode;
        assert!(allowing(quota, 1, given([mesh()]), node("a", &[], &["s", "t"])).is_err());
        let two = || given([mesh(), node("a", &[], &["s", "t"])]);
        assert!(allowing(quota, 1, two(), update(node("a", &[], &["s", "t", "u"]))).is_err());
        assert!(allowing(quota, 1, two(), update(node("a", &[], &["u", "t"]))).is_ok(), "as many as there were");
    }

    #[test]
    fn meshes_are_counted_by_whoever_knows_them() {
        let context = |meshes| crate::Context {
            quotas: Quotas::default().with(Quota::MeshesPerAccount, 3),
            meshes,
            ..context(0)
        };
        assert!(crate::decide(&given([]).state, &mesh(), &context(2)).is_ok());
        assert_eq!(
            crate::decide(&given([]).state, &mesh(), &context(3)).unwrap_err().to_string(),
            "The quota meshes-per-account is 3, and mesh m for account 1 would be number 4"
        );
    }
}
