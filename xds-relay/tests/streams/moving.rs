//! From one relay to another: what a proxy is told there, and how a relay that stops lets go.

use crate::bed::{Bed, Delta, Sotw, WEB, names, node, shop, soon};
use envoy_types::pb::envoy::service::discovery::v3::{DeltaDiscoveryRequest, DiscoveryRequest, DiscoveryResponse};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use xds_relay::snapshot::ResourceType;

/// The types, and what the admin endpoints call them.
const TYPES: [(ResourceType, &str); 4] = [
    (ResourceType::Cluster, "clusters"),
    (ResourceType::Endpoint, "endpoints"),
    (ResourceType::Listener, "listeners"),
    (ResourceType::Route, "routes"),
];

/// Versions by name, by type.
type Versions = BTreeMap<&'static str, HashMap<String, String>>;

/// What the relay would serve, of the types that there is something of.
async fn served(bed: &Bed) -> Versions {
    let (_, dump) = bed.get_json(&format!("/snapshot?node={WEB}")).await;
    let of = |kind: &str| {
        let list = dump[kind].as_array().unwrap().iter();
        list.map(|it| (it["name"].as_str().unwrap().to_owned(), it["version"].as_str().unwrap().to_owned())).collect()
    };
    let all = TYPES.into_iter().map(|(_, kind)| -> (_, HashMap<_, _>) { (kind, of(kind)) });
    all.filter(|(_, versions)| !versions.is_empty()).collect()
}

#[tokio::test]
async fn two_relays_on_one_log_answer_alike() {
    let log = shop().await;
    let (one, other) = (Bed::start_on(log.clone(), |_| {}).await, Bed::start_on(log, |_| {}).await);
    assert_eq!(served(&one).await, served(&other).await);
    one.move_cart(9090).await;
    let changed = |served: &Versions| served["clusters"].keys().any(|name| name == "cds_egress_shop_cart_http_9090");
    let both = soon(async {
        loop {
            let both = (served(&one).await, served(&other).await);
            if changed(&both.0) && changed(&both.1) {
                return both;
            }
        }
    });
    let (one, other) = both.await;
    assert_eq!(one, other);
}

/// Asks for everything that is served, as one who has some of it.
async fn ask(stream: &Delta, served: &Versions, had: &Versions) {
    for (of, kind) in TYPES.into_iter().filter(|(_, kind)| served.contains_key(kind)) {
        let names = match of.wildcard() {
            true => vec!["*".to_owned()],
            false => served[kind].keys().cloned().collect(),
        };
        let request = DeltaDiscoveryRequest {
            node: (of == ResourceType::Cluster).then(|| node(WEB)),
            type_url: of.url().into(),
            resource_names_subscribe: names,
            initial_resource_versions: had.get(kind).cloned().unwrap_or_default(),
            ..Default::default()
        };
        stream.send.send(request).await.unwrap();
    }
}

/// Everything a relay tells one who comes with nothing, accepted.
async fn told(bed: &Bed) -> Versions {
    let served = served(bed).await;
    let mut stream = bed.delta().await;
    ask(&stream, &served, &Versions::new()).await;
    let mut told = Versions::new();
    while told != served {
        let response = stream.next().await;
        stream.accept(&response).await;
        let (_, kind) = TYPES.into_iter().find(|(of, _)| of.url() == response.type_url).unwrap();
        let versions = response.resources.into_iter().map(|resource| (resource.name, resource.version));
        told.entry(kind).or_default().extend(versions);
    }
    told
}

#[tokio::test]
async fn a_proxy_that_moves_to_another_relay_is_sent_nothing_again() {
    let log = shop().await;
    let (one, other) = (Bed::start_on(log.clone(), |_| {}).await, Bed::start_on(log, |_| {}).await);
    let had = told(&one).await;
    assert!(had.len() >= 2, "it was told of several types: {had:?}");
    let mut stream = other.delta().await;
    ask(&stream, &served(&other).await, &had).await;
    other.proxies_when(|proxies| proxies.len() == 1 && proxies[0]["inSync"] == true).await;
    other.move_cart(9090).await;
    assert_eq!(names(&stream.next().await).0, ["cds_egress_shop_cart_http_9090"], "what is new is the first it hears");
}

/// A request by state of the world for all there is of a type, as one who accepted this version elsewhere.
fn ask_all(of: ResourceType, served: &HashMap<String, String>, version: &str) -> DiscoveryRequest {
    let names = if of.wildcard() { Vec::new() } else { served.keys().cloned().collect() };
    DiscoveryRequest {
        type_url: of.url().into(),
        resource_names: names,
        version_info: version.into(),
        ..DiscoveryRequest::default()
    }
}

/// Asks for the types beside clusters.
async fn ask_rest(stream: &Sotw, served: &Versions, versions: &HashMap<String, String>) {
    for (of, kind) in TYPES.into_iter().filter(|(of, kind)| *of != ResourceType::Cluster && served.contains_key(kind)) {
        let version = versions.get(of.url()).map_or("", String::as_str);
        stream.send.send(ask_all(of, &served[kind], version)).await.unwrap();
    }
}

fn accepted(response: &DiscoveryResponse, served: &Versions) -> DiscoveryRequest {
    let (of, kind) = TYPES.into_iter().find(|(of, _)| of.url() == response.type_url).unwrap();
    let answer = ask_all(of, &served[kind], &response.version_info);
    DiscoveryRequest { response_nonce: response.nonce.clone(), ..answer }
}

#[tokio::test]
async fn by_state_of_the_world_a_proxy_that_moves_is_sent_nothing_again() {
    let log = shop().await;
    let (one, other) = (Bed::start_on(log.clone(), |_| {}).await, Bed::start_on(log, |_| {}).await);
    let all = served(&one).await;
    let mut stream = one.sotw_of(WEB).await;
    ask_rest(&stream, &all, &HashMap::new()).await;
    let mut had = HashMap::new();
    while had.len() < all.len() {
        let response = stream.next().await;
        stream.send.send(accepted(&response, &all)).await.unwrap();
        had.insert(response.type_url, response.version_info);
    }
    let clusters = ask_all(ResourceType::Cluster, &all["clusters"], &had[ResourceType::Cluster.url()]);
    let mut moved = other.sotw_with(WEB, clusters).await;
    ask_rest(&moved, &all, &had).await;
    let is_whole = |proxy: &Value| {
        proxy["inSync"] == true && proxy["types"].as_object().is_some_and(|types| types.len() == all.len())
    };
    other.proxies_when(|proxies| proxies.len() == 1 && is_whole(&proxies[0])).await;
    other.move_cart(9090).await;
    let first = moved.next().await;
    assert_eq!(first.type_url, ResourceType::Cluster.url(), "what is new is the first it hears: {first:?}");
    assert_ne!(first.version_info, had[ResourceType::Cluster.url()]);
}

#[tokio::test]
async fn a_relay_that_stops_lets_proxies_go_one_after_another_and_takes_nobody_in() {
    let drain = Duration::from_secs(2);
    let bed = Bed::start_on(shop().await, |config| config.drain = drain).await;
    let mut streams = Vec::new();
    for _ in 0..20 {
        let mut stream = bed.delta_of(WEB).await;
        stream.next().await;
        streams.push(stream);
    }
    let (xds, admin) = (bed.relay.xds_addr(), bed.relay.admin_addr());
    let began = Instant::now();
    let stopping = tokio::spawn(bed.relay.stop());
    soon(async { while TcpStream::connect(xds).await.is_ok() {} }).await;
    assert!(began.elapsed() < drain, "nobody new is let in while others go");
    let (status, body) = crate::bed::get_json(admin, "/readyz").await;
    assert_eq!((status, &body["draining"]), (503, &true.into()), "{body}");
    let ends = streams.into_iter().map(|stream| async move {
        stream.end().await.unwrap();
        began.elapsed()
    });
    let ends = futures::future::join_all(ends).await;
    soon(stopping).await.unwrap();
    let (first, last) = (ends.iter().min().unwrap(), ends.iter().max().unwrap());
    assert!(*last - *first > drain / 4, "they went together: {ends:?}");
    assert!(*last < drain + Duration::from_secs(5), "{ends:?}");
}
