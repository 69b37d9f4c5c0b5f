//! Who may depend on whom, asked of cargo itself. One direction is what lets a part be read alone:
//!
//! ```text
//!   mesh-core ← mesh-log ← functions  ← mesh-local ← remesh
//!                        ← xds-relay  ←
//! ```

#![allow(clippy::unwrap_used, clippy::panic, reason = "what is not as expected fails the test, with a message")]

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Node, Package, PackageId};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The crates of the product, with those of the product that each may see.
const DIRECTION: [(&str, &[&str]); 6] = [
    ("mesh-core", &[]),
    ("mesh-log", &["mesh-core"]),
    ("functions", &["mesh-core", "mesh-log"]),
    ("xds-relay", &["mesh-core", "mesh-log"]),
    ("mesh-local", &["mesh-core", "mesh-log", "functions", "xds-relay"]),
    ("remesh", &["mesh-core", "mesh-local"]),
];

/// What only thinking needs none of, however far down: runtimes, sockets, HTTP, protobuf, databases, AWS.
const IMPURE: [&str; 16] = [
    "async-trait",
    "axum",
    "envoy-types",
    "futures",
    "h2",
    "http",
    "hyper",
    "mio",
    "prost",
    "reqwest",
    "rusqlite",
    "socket2",
    "tokio",
    "tonic",
    "tower",
    "tracing",
];

/// The one crate of the product that may name an outside crate. A name that ends in `*` stands for all that begin so.
const OWNERS: [(&str, &str); 9] = [
    ("rusqlite", "mesh-log"),
    ("aws-sdk-dynamodb*", "mesh-log"),
    ("envoy-types", "xds-relay"),
    ("prost*", "xds-relay"),
    ("tonic*", "xds-relay"),
    ("aws-sdk-servicediscovery", "xds-relay"),
    ("lambda*", "functions"),
    ("aws_lambda_events", "functions"),
    ("crossterm", "remesh"),
];

struct Workspace(Metadata);

impl Workspace {
    fn load() -> Self {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
        Self(MetadataCommand::new().manifest_path(manifest).exec().unwrap())
    }

    fn package(&self, name: &str) -> &Package {
        let packages = self.0.workspace_packages();
        packages.into_iter().find(|package| package.name == name).unwrap_or_else(|| panic!("no crate {name}"))
    }

    /// What a crate names among its dependencies, of any kind: tests see no further than the code they test.
    fn names(&self, name: &str) -> BTreeSet<&str> {
        self.package(name)
            .dependencies
            .iter()
            .map(|dependency| dependency.name.as_str())
            .filter(|it| *it != name)
            .collect()
    }

    /// Everything that is compiled into a crate.
    fn reach(&self, name: &str) -> BTreeSet<&str> {
        let nodes: BTreeMap<&PackageId, &Node> =
            self.0.resolve.as_ref().unwrap().nodes.iter().map(|node| (&node.id, node)).collect();
        let mut reached = BTreeSet::new();
        let mut waiting = vec![&self.package(name).id];
        while let Some(id) = waiting.pop() {
            let normal =
                |it: &&cargo_metadata::NodeDep| it.dep_kinds.iter().any(|it| it.kind == DependencyKind::Normal);
            let next = nodes[id].deps.iter().filter(normal).map(|dependency| &dependency.pkg);
            waiting.extend(next.filter(|id| reached.insert(*id)));
        }
        reached.into_iter().map(|id| self.0[id].name.as_str()).collect()
    }
}

fn is(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == name, |start| name.starts_with(start))
}

#[test]
fn crates_see_only_those_before_them() {
    let workspace = Workspace::load();
    for (name, allowed) in DIRECTION {
        let ours = |it: &&str| DIRECTION.iter().any(|(name, _)| name == it);
        let seen: Vec<_> = workspace.names(name).into_iter().filter(ours).filter(|it| !allowed.contains(it)).collect();
        assert!(seen.is_empty(), "{name} must not depend on {seen:?}, only on {allowed:?}");
        assert!(!workspace.names(name).contains("mesh-tests"), "{name} must not depend on its tests");
    }
}

#[test]
fn every_crate_of_the_workspace_has_its_place() {
    let workspace = Workspace::load();
    let known: BTreeSet<_> = DIRECTION.iter().map(|(name, _)| *name).chain(["mesh-tests"]).collect();
    let there: BTreeSet<_> = workspace.0.workspace_packages().iter().map(|package| package.name.as_str()).collect();
    assert_eq!(there, known);
}

#[test]
fn the_middle_is_pure() {
    let workspace = Workspace::load();
    let reached = workspace.reach("mesh-core");
    assert!(reached.contains("serde"), "the walk goes nowhere: {reached:?}");
    let impure: Vec<_> = reached.iter().filter(|it| IMPURE.contains(it) || it.starts_with("aws-")).collect();
    assert!(impure.is_empty(), "mesh-core must not reach {impure:?}");
}

#[test]
fn what_touches_the_outside_has_one_owner() {
    let workspace = Workspace::load();
    for (name, _) in DIRECTION {
        for (pattern, owner) in OWNERS.iter().filter(|(_, owner)| *owner != name) {
            let seen: Vec<_> = workspace.names(name).into_iter().filter(|it| is(pattern, it)).collect();
            assert!(seen.is_empty(), "{name} names {seen:?}, which are {owner}'s alone");
        }
    }
}

#[test]
fn the_api_and_the_relay_never_see_each_other() {
    let workspace = Workspace::load();
    let api = workspace.reach("functions");
    let relay = workspace.reach("xds-relay");
    assert!(api.contains("mesh-core") && relay.contains("mesh-core"));
    for far in ["xds-relay", "envoy-types", "tonic"] {
        assert!(!api.contains(far), "functions reaches {far}");
    }
    assert!(!relay.contains("functions"), "xds-relay reaches functions");
}
