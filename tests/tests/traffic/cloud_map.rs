//! Virtual nodes that Cloud Map would find: instances registered at the relay, traffic to them through real Envoys (§9.2).

use crate::{SERVICE, URL};
use mesh_tests::api::Mesh;
use mesh_tests::bed::Workload;
use mesh_tests::{Bed, Plan, Report, bed, eventually, spec};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use xds_relay::discovery::{InstanceSource, Registry};

/// A virtual node that Cloud Map finds as `shop.local/NAME`, with these attributes.
fn found(name: &str, attributes: &Value) -> Value {
    let discovery = json!({ "namespaceName": "shop.local", "serviceName": name, "attributes": attributes });
    json!({
        "listeners": [{ "portMapping": { "port": 8080, "protocol": "http" } }],
        "serviceDiscovery": { "awsCloudMap": discovery },
    })
}

/// `client` calls the virtual node `pair`, whose instances run in the pods `first` and `second`.
async fn pair(bed: &mut Bed, attributes: &Value) -> Mesh {
    let mesh = bed.mesh("paint", json!({})).await;
    mesh.node("pair", found("pair", attributes)).await;
    mesh.service(SERVICE, spec::served_by("pair")).await;
    mesh.node("client", spec::client(&[SERVICE])).await;
    bed.resolve_service(SERVICE);
    let pod = |name: &str| Workload::node("pair").in_pod(name).http(8080);
    bed.start(&mesh, [pod("first"), pod("second")]).await;
    mesh
}

fn path(pod: &str) -> String {
    format!("/instances/shop.local/pair/{pod}")
}

async fn register(bed: &Bed, pod: &str, instance: Value) {
    let mut instance = instance;
    instance["ipv4"] = bed.pod(pod).address().to_string().into();
    bed.plane().admin().put(&path(pod), &instance).await;
}

/// Sends a few requests until they are answered by these pods and no others.
async fn answered_by(bed: &Bed, pods: &[&str]) -> Report {
    eventually(&format!("{pods:?} answer"), async || {
        let report = bed.pod("client").load(&Plan::get(URL).times(20)).await;
        let by: Vec<&str> = report.nodes.keys().map(String::as_str).collect();
        if by == pods && report.failed == 0 && report.statuses.keys().eq([&200]) {
            Ok(report)
        } else {
            Err(format!("{report:#?}"))
        }
    })
    .await
}

/// How often the client has taken each type of configuration.
async fn updates(bed: &Bed) -> BTreeMap<String, u64> {
    bed.pod("client")
        .envoy()
        .stats("(cds|lds|rds_egress_http_8080|cds_egress_paint_pair_http_8080).update_success$")
        .await
}

#[test]
fn instances_that_come_and_go_are_followed_by_endpoints_alone() {
    bed::run(async |bed| {
        let mesh = pair(bed, &json!([])).await;
        register(bed, "first", json!({})).await;
        bed.start(&mesh, [Workload::node("client")]).await;
        answered_by(bed, &["first"]).await;
        let before = updates(bed).await;
        let load = bed.pod("client").start_load(&Plan::get(URL).without_end());

        register(bed, "second", json!({})).await;
        answered_by(bed, &["first", "second"]).await;
        // Gone from Cloud Map, still running: what was deregistered gets no more requests.
        bed.plane().admin().delete(&path("first")).await;
        answered_by(bed, &["second"]).await;
        let report = load.end().await;

        report.assert_all_ok();
        let after = updates(bed).await;
        for (name, count) in &after {
            let more = count - before.get(name).unwrap_or(&0);
            let expected = if name.starts_with("cluster.cds_egress_paint_pair") { 2 } else { 0 };
            assert_eq!(more, expected, "{name}: {before:#?} {after:#?}");
        }
    });
}

#[test]
fn attributes_select_and_unhealthy_instances_are_spared_while_others_are_healthy() {
    bed::run(async |bed| {
        let mesh = pair(bed, &json!([{ "key": "stage", "value": "prod" }])).await;
        register(bed, "first", json!({ "attributes": { "stage": "prod" } })).await;
        register(bed, "second", json!({ "attributes": { "stage": "test" } })).await;
        bed.start(&mesh, [Workload::node("client")]).await;
        answered_by(bed, &["first"]).await;

        register(bed, "second", json!({ "attributes": { "stage": "prod" } })).await;
        answered_by(bed, &["first", "second"]).await;
        register(bed, "first", json!({ "attributes": { "stage": "prod" }, "healthy": false })).await;
        answered_by(bed, &["second"]).await;
        register(bed, "second", json!({ "attributes": { "stage": "prod" }, "healthy": false })).await;
        answered_by(bed, &["first", "second"]).await;
    });
}

#[test]
fn the_last_instance_leaves_a_503_and_the_next_one_heals_it() {
    bed::run(async |bed| {
        let mesh = pair(bed, &json!([])).await;
        bed.start(&mesh, [Workload::node("client").state_of_the_world()]).await;
        let unavailable = async |bed: &Bed| {
            eventually("nobody to answer", async || {
                let report = bed.pod("client").get(URL).await;
                (report.status() == Some(503)).then_some(()).ok_or_else(|| format!("{report:#?}"))
            })
            .await;
        };
        unavailable(bed).await;
        register(bed, "first", json!({})).await;
        answered_by(bed, &["first"]).await;
        bed.plane().admin().delete(&path("first")).await;
        unavailable(bed).await;
    });
}

#[test]
fn a_gateway_follows_the_instances_of_the_nodes_it_leads_to() {
    bed::run(async |bed| {
        let mesh = pair(bed, &json!([])).await;
        mesh.gateway("door", spec::gateway("http", &[8088])).await;
        mesh.gateway_route("door", "all", spec::gateway_route(json!({ "prefix": "/" }), SERVICE, Value::Null)).await;
        bed.start(&mesh, [Workload::gateway("door")]).await;
        for pod in ["first", "second"] {
            register(bed, pod, json!({})).await;
            eventually(&format!("{pod} answers through the gateway"), async || {
                let report = bed.load(&Plan::get("http://door.pods:8088/").times(20)).await;
                let answers = report.by(pod) > 0 && report.statuses.keys().eq([&200]);
                answers.then_some(()).ok_or_else(|| format!("{report:#?}"))
            })
            .await;
        }
    });
}

/// Whether an Envoy lets go of endpoints that are removed from a cluster, whatever their health.
fn takes_removals_at_once(dump: &Value, cluster: &str) -> bool {
    let configs = dump["configs"].as_array().into_iter().flatten();
    let clusters = configs.flat_map(|config| config["dynamic_active_clusters"].as_array().into_iter().flatten());
    let mut clusters = clusters.map(|active| &active["cluster"]).filter(|it| it["name"] == cluster);
    clusters.next().is_some_and(|it| it["ignore_health_on_host_removal"] == true)
}

#[test]
fn instances_in_a_watched_file_get_traffic() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("instances.json");
    std::fs::write(&file, "{}").unwrap();
    let registry = Registry::of_file(&file).unwrap();
    let source: Arc<dyn InstanceSource> = Arc::new(registry);
    bed::run_discovering(
        async |_| (source, ()),
        async |bed, ()| {
            let mesh = pair(bed, &json!([])).await;
            bed.start(&mesh, [Workload::node("client")]).await;
            for pods in [&["first", "second"][..], &["second"]] {
                let instances: Vec<Value> =
                    pods.iter().map(|pod| json!({ "id": pod, "ipv4": bed.pod(pod).address().to_string() })).collect();
                std::fs::write(&file, json!({ "shop.local": { "pair": instances } }).to_string()).unwrap();
                answered_by(bed, pods).await;
            }
            // Half a file is no file.
            std::fs::write(&file, r#"{ "shop.local": {"#).unwrap();
            bed.pod("client").load(&Plan::get(URL).times(400)).await.assert_all_ok();
        },
    );
}

#[test]
fn an_instance_that_is_gone_leaves_at_once_even_where_its_health_is_checked() {
    bed::run(async |bed| {
        let mut node = found("pair", &json!([]));
        node["listeners"][0]["healthCheck"] = json!({
            "protocol": "http", "path": "/", "healthyThreshold": 2, "unhealthyThreshold": 2,
            "intervalMillis": 5000, "timeoutMillis": 2000,
        });
        let mesh = pair(bed, &json!([])).await;
        mesh.change("virtualNodes/pair", node).await;
        register(bed, "first", json!({})).await;
        register(bed, "second", json!({})).await;
        bed.start(&mesh, [Workload::node("client")]).await;
        answered_by(bed, &["first", "second"]).await;
        let dump = bed.pod("client").envoy().config_dump().await;
        assert!(takes_removals_at_once(&dump, "cds_egress_paint_pair_http_8080"), "{dump:#}");
        bed.plane().admin().delete(&path("first")).await;
        let members = "cluster.cds_egress_paint_pair_http_8080.membership_total";
        eventually("one instance is left", async || {
            let left = bed.pod("client").envoy().stat(members).await;
            (left == 1).then_some(()).ok_or_else(|| left.to_string())
        })
        .await;
        answered_by(bed, &["second"]).await;
    });
}
