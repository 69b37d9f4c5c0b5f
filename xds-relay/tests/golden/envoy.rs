//! A real Envoy's opinion: the resources of every case, and of random meshes, as its static configuration.
//!
//! `REMESH_ENVOY` names the binary; without it the test says that it was left out. Traffic through real Envoys is tested
//! with the whole system.

use super::mesh_file::{MeshFile, Views, cases, proxies};
use super::random;
use super::references::{Decoded, routes_of};
use envoy_types::pb::envoy::config::bootstrap::v3::bootstrap::StaticResources;
use envoy_types::pb::envoy::config::bootstrap::v3::runtime_layer::LayerSpecifier;
use envoy_types::pb::envoy::config::bootstrap::v3::{Bootstrap, LayeredRuntime, RuntimeLayer};
use envoy_types::pb::envoy::config::cluster::v3::Cluster;
use envoy_types::pb::envoy::config::cluster::v3::cluster::{ClusterDiscoveryType, DiscoveryType};
use envoy_types::pb::envoy::config::listener::v3::{Listener, filter};
use envoy_types::pb::envoy::config::route::v3::RouteConfiguration;
use envoy_types::pb::envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;
use envoy_types::pb::envoy::extensions::filters::network::http_connection_manager::v3::http_connection_manager::RouteSpecifier;
use envoy_types::pb::google::protobuf::{Struct, Value, value::Kind};
use envoy_types::util::pack_any;
use proptest::strategy::{Strategy, ValueTree};
use prost::Message;
use std::path::{Path, PathBuf};
use std::process::Command;
use xds_relay::snapshot::Snapshot;
use xds_relay::translate::Translator;

const RANDOM_MESHES: usize = 12;
const WHOLE_MESHES: usize = 24;

#[test]
fn a_real_envoy_accepts_every_case() {
    let Some(envoy) = envoy() else { return };
    for folder in cases() {
        accepts(&envoy, &MeshFile::read(&folder), &folder.display().to_string());
    }
}

#[test]
fn a_real_envoy_accepts_random_meshes() {
    let Some(envoy) = envoy() else { return };
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let bytes = proptest::collection::vec(proptest::num::u8::ANY, 200..400);
    for _ in 0..RANDOM_MESHES {
        let bytes = bytes.new_tree(&mut runner).unwrap().current();
        accepts(&envoy, &random::mesh(&bytes), &format!("{bytes:?}"));
    }
}

#[test]
fn a_real_envoy_accepts_meshes_of_whole_specs() {
    let Some(envoy) = envoy() else { return };
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mesh = super::whole::mesh();
    for number in 0..WHOLE_MESHES {
        let mesh = mesh.new_tree(&mut runner).unwrap().current();
        accepts(&envoy, &mesh, &format!("mesh {number}: {mesh:#?}"));
    }
}

#[test]
fn a_real_envoy_refuses_routes_to_clusters_that_are_missing() {
    let Some(envoy) = envoy() else { return };
    let mesh = MeshFile::read(&cases()[0]);
    let (state, mut views) = (mesh.state(), Views::default());
    let view = views.of(&state, &proxies(&state)[0]);
    let mut bootstrap = bootstrap(&Translator::default().translate(&view, &mesh.placement()));
    bootstrap.static_resources.as_mut().unwrap().clusters.clear();
    assert!(validate(&envoy, &bootstrap).is_err(), "this test has no teeth");
}

fn envoy() -> Option<PathBuf> {
    let envoy = std::env::var_os("REMESH_ENVOY").map(PathBuf::from);
    if envoy.is_none() {
        eprintln!("LEFT OUT: REMESH_ENVOY names no Envoy to ask");
    }
    envoy
}

fn accepts(envoy: &Path, mesh: &MeshFile, which: &str) {
    let (state, mut views, mut translator) = (mesh.state(), Views::default(), Translator::default());
    for proxy in proxies(&state) {
        let snapshot = translator.translate(&views.of(&state, &proxy), &mesh.placement());
        if let Err(refusal) = validate(envoy, &bootstrap(&snapshot)) {
            panic!("{which}: {proxy}: {refusal}\n{:#?}", Decoded::of(&snapshot));
        }
    }
}

fn validate(envoy: &Path, bootstrap: &Bootstrap) -> Result<(), String> {
    let file =
        std::env::temp_dir().join(format!("remesh-golden-{}-{:?}.pb", std::process::id(), std::thread::current().id()));
    std::fs::write(&file, bootstrap.encode_to_vec()).unwrap();
    let mut command = Command::new(envoy);
    command.args(["--mode", "validate", "--log-level", "warn", "-c"]).arg(&file);
    let output = command.output().unwrap();
    std::fs::remove_file(&file).unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() && !said.contains("[critical]") && !said.contains("[error]") {
        Ok(())
    } else {
        Err(said)
    }
}

fn bootstrap(snapshot: &Snapshot) -> Bootstrap {
    let Decoded { listeners, routes, clusters } = Decoded::of(snapshot);
    let listeners = listeners.into_iter().map(|listener| with_routes(listener, &routes)).collect();
    let clusters = clusters.into_iter().map(standing_alone).collect();
    let resources = StaticResources { listeners, clusters, ..StaticResources::default() };
    Bootstrap { static_resources: Some(resources), layered_runtime: Some(runtime()), ..Bootstrap::default() }
}

/// How large the program of a regular expression may be, as in the bootstrap that proxies are given (§12.1).
fn runtime() -> LayeredRuntime {
    let limit = Value { kind: Some(Kind::NumberValue(1000.0)) };
    let limits = Struct { fields: [("re2.max_program_size.error_level".to_owned(), limit)].into() };
    let layer = RuntimeLayer { name: "static".into(), layer_specifier: Some(LayerSpecifier::StaticLayer(limits)) };
    LayeredRuntime { layers: vec![layer] }
}

/// Static configuration has no stream to ask: routes stand in the listener.
fn with_routes(mut listener: Listener, routes: &[RouteConfiguration]) -> Listener {
    for filter in listener.filter_chains.iter_mut().flat_map(|chain| &mut chain.filters) {
        if filter.name != "envoy.filters.network.http_connection_manager" {
            continue;
        }
        let Some(filter::ConfigType::TypedConfig(config)) = &mut filter.config_type else { panic!("no typed config") };
        let mut manager = HttpConnectionManager::decode(&*config.value).unwrap();
        let table = routes.iter().find(|table| table.name == routes_of(&manager)).unwrap().clone();
        manager.route_specifier = Some(RouteSpecifier::RouteConfig(table));
        *config = pack_any(manager);
    }
    listener
}

/// Nor for endpoints: none stand in the cluster.
fn standing_alone(cluster: Cluster) -> Cluster {
    if !Decoded::by_eds(&cluster) {
        return cluster;
    }
    let discovery = ClusterDiscoveryType::Type(DiscoveryType::Static.into());
    Cluster { cluster_discovery_type: Some(discovery), eds_cluster_config: None, ..cluster }
}
