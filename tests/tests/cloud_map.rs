//! Cloud Map as a source of instances, asked of moto over HTTP: what is found, what it costs, what happens in failures.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what fails in a test's set-up fails the test"
)]

#[path = "cloud_map/refusing.rs"]
mod refusing;
#[path = "cloud_map/traffic.rs"]
mod traffic;

use mesh_tests::moto::Moto;
use refusing::Refusing;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};
use xds_relay::discovery::cloud_map::{Cadence, Calls, CloudMap};
use xds_relay::discovery::{Discovery, Instance, Service};

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
    assert_eq!(source.calls(), Calls::default());

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
async fn at_rest_revisions_are_asked_for_and_instances_seldom() {
    let moto = moto().await;
    let cart = moto.service("shop.local", "cart").await;
    moto.register(&cart, "one", &[("AWS_INSTANCE_IPV4", "10.0.0.1")]).await;
    let source = moto.cloud_map(QUICK);
    let mut discovery = wanting(&source, &["cart"]);
    news(&mut discovery).await;
    // A list that is as it was is no news.
    silence(&mut discovery, Duration::from_secs(4)).await;
    let Calls { revisions, instances } = source.calls();
    assert!((2..=9).contains(&instances), "once every 0.6 s, a fifth more or less: {instances}");
    assert!(revisions >= 2 * instances, "{revisions} revisions, {instances} lists");
}

#[tokio::test]
async fn health_is_found_on_the_slow_cadence_and_not_by_revision() {
    let moto = moto().await;
    let cart = moto.service("shop.local", "cart").await;
    for (id, address) in [("one", "10.0.0.1"), ("two", "10.0.0.2")] {
        moto.register(&cart, id, &[("AWS_INSTANCE_IPV4", address)]).await;
    }
    let mut by_revision = wanting(&moto.cloud_map(BY_REVISION), &["cart"]);
    let mut slow = wanting(&moto.cloud_map(QUICK), &["cart"]);
    assert_eq!(news(&mut by_revision).await, ["one", "two"]);
    assert_eq!(news(&mut slow).await, ["one", "two"]);

    for healthy in [false, true] {
        moto.set_healthy(&cart, "one", healthy).await;
        assert_eq!(
            news(&mut slow).await,
            ["one", "two"],
            "unhealthy instances are known as well: they may be all there are"
        );
        let healthy_now: Vec<bool> = instances(&slow).iter().map(|instance| instance.healthy).collect();
        assert_eq!(healthy_now, [healthy, true]);
    }
    silence(&mut by_revision, Duration::from_millis(500)).await;
}

#[tokio::test]
async fn a_relay_that_is_throttled_keeps_what_it_has_and_asks_ever_less() {
    let moto = moto().await;
    let addr = moto.addr();
    let cart = moto.service("shop.local", "cart").await;
    moto.register(&cart, "one", &[("AWS_INSTANCE_IPV4", "10.0.0.1")]).await;
    let source = moto.cloud_map(QUICK);
    let mut discovery = wanting(&source, &["cart"]);
    assert_eq!(news(&mut discovery).await, ["one"]);

    drop(moto);
    let refusing = Refusing::start(addr, "RequestLimitExceeded").await;
    silence(&mut discovery, Duration::from_secs(4)).await;
    assert_eq!(instances(&discovery).len(), 1);
    let refused = refusing.refused();
    assert!((1..=4).contains(&refused), "after one second, two, four: {refused}");
}

#[tokio::test]
async fn a_service_with_instances_is_given_up_only_after_it_was_missing_three_times() {
    let moto = moto().await;
    let addr = moto.addr();
    let cart = moto.service("shop.local", "cart").await;
    moto.register(&cart, "one", &[("AWS_INSTANCE_IPV4", "10.0.0.1")]).await;
    let source = moto.cloud_map(QUICK);
    let mut discovery = wanting(&source, &["cart"]);
    assert_eq!(news(&mut discovery).await, ["one"]);

    drop(moto);
    let refusing = Refusing::start(addr, "ServiceNotFound").await;
    assert!(news(&mut discovery).await.is_empty());
    assert!(refusing.refused() >= 3, "{}", refusing.refused());
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
    let source = CloudMap::new(&mesh_tests::moto::config_of(free), QUICK);
    let mut discovery = Discovery::start(&source);
    discovery.want((0..2000).map(|number| service(&format!("service-{number}"))).collect());
    let began = Instant::now();
    // A quarter of what AWS allows an account, at once and for long.
    let mut calls = 0;
    while calls < 700 {
        silence(&mut discovery, Duration::from_millis(100)).await;
        calls = source.calls().instances;
        let allowed = 250.0 * began.elapsed().as_secs_f64() + 501.0;
        assert!((calls as f64) <= allowed, "{calls} of {allowed}");
    }
    assert_eq!(source.calls().revisions, 0, "what was never answered has no revision");
}
