//! Cloud Map as a source of instances, asked of moto over HTTP: what is found, what it costs, what happens in failures.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what fails in a test's set-up fails the test"
)]

use mesh_tests::moto::Moto;
use mesh_tests::{Plan, bed, eventually, spec};
use serde_json::json;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use xds_relay::discovery::cloud_map::{Cadence, CloudMap};
use xds_relay::discovery::{Discovery, Instance, InstanceSource, Service};

/// Quick enough to wait for; the proportions are the usual ones.
const QUICK: Cadence = Cadence { revision: Duration::from_millis(100), instances: Duration::from_millis(600) };

/// The usual way is often, the other hardly ever: whatever is found is found by the first.
const BY_REVISION: Cadence = Cadence { instances: Duration::from_secs(3600), ..QUICK };

fn service(name: &str) -> Service {
    Service { namespace: "shop.local".into(), service: name.into() }
}

async fn moto() -> Moto {
    Moto::start_on(IpAddr::V4(Ipv4Addr::LOCALHOST)).await
}

fn wanting(source: &CloudMap, names: &[&str]) -> Discovery {
    let mut discovery = Discovery::start(source);
    discovery.want(names.iter().map(|name| service(name)).collect());
    discovery
}

/// Waits for news of `cart`, and answers the ids of its instances.
async fn news(discovery: &mut Discovery) -> Vec<String> {
    let news = tokio::time::timeout(Duration::from_secs(20), discovery.next()).await.expect("news come");
    assert_eq!(news, BTreeSet::from([service("cart")]));
    instances(discovery).into_iter().map(|instance| instance.id).collect()
}

fn instances(discovery: &Discovery) -> Vec<Instance> {
    discovery.report().remove(&service("cart")).expect("it is known").to_vec()
}

async fn silence(discovery: &mut Discovery, how_long: Duration) {
    let news = tokio::time::timeout(how_long, discovery.next()).await;
    assert!(news.is_err(), "nothing has changed: {news:?}");
}

#[tokio::test]
async fn instances_that_come_and_go_are_found_by_revision_alone() {
    let moto = moto().await;
    let cart = moto.service("shop.local", "cart").await;
    let attributes = [("AWS_INSTANCE_IPV4", "10.0.0.1"), ("AWS_INSTANCE_IPV6", "fd00::1"), ("stage", "prod")];
    moto.register(&cart, "one", &attributes).await;
    let source = moto.cloud_map(BY_REVISION);
    let mut discovery = wanting(&source, &["cart"]);

    assert_eq!(news(&mut discovery).await, ["one"]);
    let one = &instances(&discovery)[0];
    assert_eq!((one.ipv4, one.ipv6), ("10.0.0.1".parse().ok(), "fd00::1".parse().ok()));
    assert_eq!((one.healthy, one.attributes.get("stage").map(String::as_str)), (true, Some("prod")));

    moto.register(&cart, "two", &[("AWS_INSTANCE_IPV4", "10.0.0.2")]).await;
    assert_eq!(news(&mut discovery).await, ["one", "two"]);
    moto.deregister(&cart, "one").await;
    assert_eq!(news(&mut discovery).await, ["two"]);
    assert_eq!(source.calls().instances, 3, "one at first, and one for each change");
}

#[tokio::test]
async fn what_nobody_needs_is_not_asked_for() {
    let moto = moto().await;
    moto.service("shop.local", "cart").await;
    let source = moto.cloud_map(QUICK);
    let mut discovery = Discovery::start(&source);
    silence(&mut discovery, Duration::from_millis(300)).await;
    assert_eq!(source.calls(), Default::default());

    discovery.want(BTreeSet::from([service("cart")]));
    news(&mut discovery).await;
    discovery.want(BTreeSet::new());
    // What is under way may end.
    silence(&mut discovery, Duration::from_millis(300)).await;
    let calls = source.calls();
    silence(&mut discovery, Duration::from_secs(1)).await;
    assert_eq!(source.calls(), calls);
}

#[tokio::test]
async fn a_service_that_does_not_exist_is_empty_until_it_does() {
    let moto = moto().await;
    let mut discovery = wanting(&moto.cloud_map(QUICK), &["cart"]);
    assert!(news(&mut discovery).await.is_empty());
    let cart = moto.service("shop.local", "cart").await;
    moto.register(&cart, "one", &[("AWS_INSTANCE_IPV4", "10.0.0.1")]).await;
    while news(&mut discovery).await != ["one"] {}
}

#[tokio::test]
async fn the_last_good_answer_stands_while_cloud_map_is_away() {
    let moto = moto().await;
    let addr = moto.addr();
    let cart = moto.service("shop.local", "cart").await;
    moto.register(&cart, "one", &[("AWS_INSTANCE_IPV4", "10.0.0.1")]).await;
    let source = moto.cloud_map(QUICK);
    let mut discovery = wanting(&source, &["cart"]);
    assert_eq!(news(&mut discovery).await, ["one"]);

    drop(moto);
    let calls = source.calls();
    silence(&mut discovery, Duration::from_secs(3)).await;
    assert_eq!(instances(&discovery).len(), 1);
    assert!(discovery.knows(&service("cart")));
    let tried = source.calls().revisions + source.calls().instances - calls.revisions - calls.instances;
    assert!((1..=6).contains(&tried), "ever slower: {tried}");

    // It comes back with other instances.
    let moto = Moto::start_at(addr).await;
    let cart = moto.service("shop.local", "cart").await;
    moto.register(&cart, "two", &[("AWS_INSTANCE_IPV4", "10.0.0.2")]).await;
    while news(&mut discovery).await != ["two"] {}
}

#[tokio::test]
async fn many_services_are_asked_for_within_the_budget() {
    // Nobody listens there: what counts is how often it is tried.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = aws_config::SdkConfig::builder()
        .behavior_version(aws_config::BehaviorVersion::latest())
        .endpoint_url(format!("http://{free}"))
        .region(aws_config::Region::new("us-east-1"))
        .credentials_provider(aws_sdk_servicediscovery::config::SharedCredentialsProvider::new(
            aws_sdk_servicediscovery::config::Credentials::new("any", "thing", None, None, "tests"),
        ))
        .build();
    let source = CloudMap::new(&config, QUICK);
    let mut discovery = Discovery::start(&source);
    discovery.want((0..2000).map(|number| service(&format!("service-{number}"))).collect());
    let began = Instant::now();
    silence(&mut discovery, Duration::from_secs(3)).await;
    let allowed = 250.0 * began.elapsed().as_secs_f64() + 21.0;
    let calls = source.calls().instances;
    assert!((calls as f64) <= allowed && calls > 100, "{calls} of {allowed}");
}

#[test]
fn a_node_that_cloud_map_finds_gets_traffic_from_real_envoys() {
    bed::run_discovering(
        async |ip| {
            let moto = Moto::start_on(ip).await;
            let source: Arc<dyn InstanceSource> = Arc::new(moto.cloud_map(QUICK));
            (source, moto)
        },
        async |bed, moto| {
            let mesh = bed.mesh("paint", json!({})).await;
            let discovery = json!({ "namespaceName": "shop.local", "serviceName": "cart" });
            let listener = json!({ "portMapping": { "port": 8080, "protocol": "http" } });
            let node = json!({ "listeners": [listener], "serviceDiscovery": { "awsCloudMap": discovery } });
            mesh.node("cart", node).await;
            mesh.service("cart.test", spec::served_by("cart")).await;
            mesh.node("client", spec::client(&["cart.test"])).await;
            bed.resolve_service("cart.test");
            let pod = |name: &str| bed::Workload::node("cart").in_pod(name).http(8080);
            bed.start(&mesh, [pod("first"), pod("second")]).await;
            let cart = moto.service("shop.local", "cart").await;
            for name in ["first", "second"] {
                let address = bed.pod(name).address().to_string();
                moto.register(&cart, name, &[("AWS_INSTANCE_IPV4", &address), ("AWS_INSTANCE_PORT", "1")]).await;
            }
            bed.start(&mesh, [bed::Workload::node("client")]).await;
            let plan = Plan::get("http://cart.test:8080").times(40);
            let report = bed.pod("client").load(&plan).await;
            report.assert_all_ok();
            assert_eq!(report.nodes.len(), 2, "{report:#?}");

            let load = bed.pod("client").start_load(&Plan::get("http://cart.test:8080").without_end());
            moto.deregister(&cart, "first").await;
            eventually("only the other one answers", async || {
                let report = bed.pod("client").load(&plan).await;
                (report.by("second") == 40).then_some(()).ok_or_else(|| format!("{report:#?}"))
            })
            .await;
            load.end().await.assert_all_ok();
        },
    );
}
