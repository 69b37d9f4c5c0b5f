//! What is found after a kill: in the file, and through the API.

use crate::writer::{Known, MESHES, Writer, Written};
use mesh_core::{Kind, MeshKey, MeshState, Resource, Seq, Spec};
use mesh_log::sqlite::{OpenError, SqliteLog};
use mesh_log::{EventLog, load};
use mesh_tests::Api;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Opens the file as a log; a killed program may take a moment to die.
pub fn open(file: &Path) -> Result<SqliteLog, String> {
    match SqliteLog::open(file) {
        Ok(log) => Ok(log),
        Err(error @ OpenError::InUse { .. }) => Err(error.to_string()),
        Err(error) => panic!("after a kill: {error:?}"),
    }
}

/// Looks at every record, and settles what the writers were not told. Answers how many records there are.
pub async fn check_log(log: SqliteLog, writers: &mut [Writer]) -> u64 {
    let heads = log.heads().await.unwrap();
    assert_eq!(heads.keys().map(|mesh| mesh.name.as_str()).collect::<Vec<_>>(), MESHES);
    let mut found = BTreeMap::new();
    for (mesh, head) in &heads {
        let state = folded(&log, mesh, *head).await;
        assert_eq!(load(&log, mesh).await.unwrap(), state, "a checkpoint says something else than the log");
        for resource in state.resources().filter(|resource| resource.id.kind != Kind::Mesh) {
            found
                .insert((mesh.name.to_string(), collection(resource), resource.id.name.to_string()), version(resource));
        }
    }
    for known in writers.iter_mut().flat_map(|writer| &mut writer.resources) {
        let key = (known.mesh.to_owned(), known.kind.collection(), known.name.clone());
        known.settle(found.remove(&key).unwrap_or(0));
    }
    assert!(found.is_empty(), "resources that nobody asked for: {found:?}");
    heads.values().sum()
}

/// A mesh folded from its first record, with no number left out.
async fn folded(log: &SqliteLog, mesh: &MeshKey, head: Seq) -> MeshState {
    let mut state = MeshState::new(mesh.clone());
    let records = log.read(mesh, 0).await.unwrap();
    assert!(records.iter().map(|record| record.seq).eq(1..=head), "mesh {mesh} has gaps");
    records.iter().for_each(|record| state.apply(record).unwrap());
    state
}

fn collection(resource: &Resource) -> &'static str {
    written(resource).collection()
}

fn written(resource: &Resource) -> Written {
    match resource.id.kind {
        Kind::VirtualNode => Written::Node,
        Kind::VirtualRouter => Written::Router,
        other => panic!("a {other} that nobody asked for"),
    }
}

/// The version of a resource, which its spec must say as well.
fn version(resource: &Resource) -> u64 {
    let spec = match &resource.spec {
        Spec::VirtualNode(spec) => serde_json::to_value(spec),
        Spec::VirtualRouter(spec) => serde_json::to_value(spec),
        other => panic!("a spec that nobody wrote: {other:?}"),
    };
    assert_eq!(written(resource).version_in(&spec.unwrap()), resource.version, "{}", resource.id);
    resource.version
}

/// Asks the program that was started again: it lists exactly what is there, and describes each as it was acknowledged.
pub async fn check_api(api: &Api, writers: &[Writer]) {
    let there = || writers.iter().flat_map(|writer| &writer.resources).filter(|known| known.acknowledged > 0);
    for mesh in MESHES {
        for kind in [Written::Node, Written::Router] {
            let of_these = there().filter(|known| known.mesh == mesh && known.kind == kind);
            let expected: BTreeSet<String> = of_these.map(|known| known.name.clone()).collect();
            assert_eq!(listed(api, mesh, kind).await, expected);
        }
    }
    for known in there() {
        describe(api, known).await;
    }
}

async fn describe(api: &Api, known: &Known) {
    let answer = api.get(&format!("{}/{}", known.collection(), known.name)).await;
    assert_eq!(answer["metadata"]["version"], known.acknowledged, "{answer}");
    assert_eq!(known.kind.version_in(&answer["spec"]), known.acknowledged, "{answer}");
}

/// The names in all pages of a list.
async fn listed(api: &Api, mesh: &str, kind: Written) -> BTreeSet<String> {
    let (mut names, mut next) = (BTreeSet::new(), String::new());
    loop {
        let page = api.get(&format!("/meshes/{mesh}/{}?limit=100{next}", kind.collection())).await;
        let list = page[kind.collection()].as_array().unwrap_or_else(|| panic!("no list in {page}"));
        names.extend(list.iter().map(|one| one[kind.name_member()].as_str().unwrap().to_owned()));
        match page["nextToken"].as_str() {
            Some(token) => next = format!("&nextToken={}", encoded(token)),
            None => return names,
        }
    }
}

/// A token in a query.
fn encoded(token: &str) -> String {
    token.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
