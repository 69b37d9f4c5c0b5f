//! Instances behind a virtual node that Cloud Map finds: what streams are told of them, and the admin endpoints about them.

use crate::bed::{Bed, Delta, WEB, names, node, shop, soon};
use envoy_types::pb::envoy::service::discovery::v3::{DeltaDiscoveryRequest, DiscoveryRequest};
use futures::future::BoxFuture;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;
use tokio::sync::mpsc;
use xds_relay::discovery::{Found, InstanceSource, Registry, Wanted};
use xds_relay::snapshot::ResourceType;

const CLUSTER: &str = "cds_egress_shop_cart_http_8080";
const OTHER: &str = "mesh/shop/virtualNode/other";
const CARTS: &str = "/instances/shop.local/cart";

/// A relay whose `cart` Cloud Map would find; `other` is another node that does not call it.
async fn start(instances: Arc<dyn InstanceSource>) -> Bed {
    let bed = Bed::start_on(shop().await, |config| config.instances = instances).await;
    let discovery = json!({ "awsCloudMap": { "namespaceName": "shop.local", "serviceName": "cart" } });
    bed.find_cart(discovery).await;
    bed.add_node("other").await;
    let found = soon(async {
        loop {
            let (status, dump) = bed.get_json(&format!("/snapshot?node={OTHER}")).await;
            if status == 200 {
                return dump;
            }
        }
    });
    found.await;
    bed
}

/// A source that answers nothing: Cloud Map, away since before the relay was started.
#[derive(Debug)]
struct Away;

impl InstanceSource for Away {
    fn watch(&self, _: Wanted, found: mpsc::Sender<Found>) -> BoxFuture<'static, ()> {
        Box::pin(async move { found.closed().await })
    }
}

fn ask(of: ResourceType, names: &[&str], had: &[(&str, &str)]) -> DeltaDiscoveryRequest {
    let initial = had.iter().map(|(name, version)| ((*name).to_owned(), (*version).to_owned()));
    DeltaDiscoveryRequest {
        type_url: of.url().into(),
        resource_names_subscribe: names.iter().map(ToString::to_string).collect(),
        initial_resource_versions: initial.collect::<HashMap<_, _>>(),
        ..DeltaDiscoveryRequest::default()
    }
}

/// Everything of every type, accepted, for a proxy that calls these clusters.
async fn settled(bed: &Bed, proxy: &str, clusters: &[&str]) -> Delta {
    let mut stream = bed.delta_of(proxy).await;
    let first = stream.next().await;
    stream.accept(&first).await;
    if !clusters.is_empty() {
        stream.send.send(ask(ResourceType::Endpoint, clusters, &[])).await.unwrap();
        let endpoints = stream.next().await;
        assert_eq!(endpoints.type_url, ResourceType::Endpoint.url());
        stream.accept(&endpoints).await;
    }
    stream.send.send(ask(ResourceType::Listener, &[], &[])).await.unwrap();
    let listeners = stream.next().await;
    stream.accept(&listeners).await;
    bed.proxies_when(|proxies| proxies.iter().any(|it| it["resource"] == proxy && it["inSync"] == true)).await;
    stream
}

async fn sent(bed: &Bed, proxy: &str) -> Value {
    let proxies = bed.proxies_when(|proxies| proxies.iter().any(|it| it["resource"] == proxy)).await;
    proxies.into_iter().find(|it| it["resource"] == proxy).unwrap()["types"].take()
}

#[tokio::test]
async fn an_endpoint_that_comes_or_goes_is_told_by_endpoints_alone_and_to_callers_alone() {
    let registry = Registry::default();
    let bed = start(Arc::new(registry.clone())).await;
    bed.put(&format!("{CARTS}/one"), r#"{"ipv4": "10.0.0.1"}"#).await;
    let mut web = settled(&bed, WEB, &[CLUSTER]).await;
    let mut other = settled(&bed, OTHER, &[]).await;
    let (web_before, other_before) = (sent(&bed, WEB).await, sent(&bed, OTHER).await);

    for change in [Some(json!({ "ipv4": "10.0.0.2" })), None] {
        let path = format!("{CARTS}/two");
        match change {
            Some(instance) => bed.put(&path, &instance.to_string()).await,
            None => bed.delete(&path).await,
        };
        let told = web.next().await;
        assert_eq!((told.type_url.as_str(), names(&told).0), (ResourceType::Endpoint.url(), vec![CLUSTER]));
        web.accept(&told).await;
    }
    bed.proxies_when(|proxies| proxies.iter().all(|it| it["inSync"] == true)).await;
    let web_after = sent(&bed, WEB).await;
    for of in ["cds", "lds"] {
        assert_eq!(web_before[of]["sent"], web_after[of]["sent"]);
    }
    assert_eq!(other_before, sent(&bed, OTHER).await);
    let silence = tokio::time::timeout(std::time::Duration::from_millis(300), other.responses.message()).await;
    assert!(silence.is_err(), "whoever does not call the node hears nothing: {silence:?}");
    assert_eq!(registry.all()["shop.local"]["cart"].len(), 1);
}

#[tokio::test]
async fn an_envoy_that_comes_back_before_its_instances_are_known_keeps_those_it_has() {
    let bed = start(Arc::new(Away)).await;
    let mut delta = bed.delta().await;
    let (_, dump) = bed.get_json(&format!("/snapshot?node={WEB}")).await;
    let of = |kind: &str, name: &str| {
        let all = dump[kind].as_array().unwrap();
        all.iter().find(|it| it["name"] == name).unwrap()["version"].as_str().unwrap().to_owned()
    };
    let clusters: Vec<(String, String)> = dump["clusters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["name"].as_str().unwrap().to_owned())
        .map(|name| (name.clone(), of("clusters", &name)))
        .collect();
    let had: Vec<(&str, &str)> = clusters.iter().map(|(name, version)| (name.as_str(), version.as_str())).collect();
    let first = DeltaDiscoveryRequest { node: Some(node(WEB)), ..ask(ResourceType::Cluster, &["*"], &had) };
    delta.send.send(first).await.unwrap();
    let endpoints = ask(ResourceType::Endpoint, &[CLUSTER], &[(CLUSTER, &"0".repeat(32))]);
    delta.send.send(endpoints).await.unwrap();
    delta.send.send(ask(ResourceType::Listener, &["*"], &[])).await.unwrap();
    let told = delta.next().await;
    assert_eq!(
        told.type_url,
        ResourceType::Listener.url(),
        "of endpoints it is told nothing, also not that there are none"
    );

    let mut sotw = bed.sotw_of(WEB).await;
    let first = sotw.next().await;
    assert_eq!(first.type_url, ResourceType::Cluster.url());
    for of in [ResourceType::Endpoint, ResourceType::Listener] {
        let resource_names = if of.wildcard() { Vec::new() } else { vec![CLUSTER.to_owned()] };
        let request = DiscoveryRequest { type_url: of.url().into(), resource_names, ..DiscoveryRequest::default() };
        sotw.send.send(request).await.unwrap();
    }
    let accepted = DiscoveryRequest {
        type_url: first.type_url.clone(),
        version_info: first.version_info,
        response_nonce: first.nonce,
        ..Default::default()
    };
    sotw.send.send(accepted).await.unwrap();
    assert_eq!(sotw.next().await.type_url, ResourceType::Listener.url());
}

#[tokio::test]
async fn instances_are_registered_shown_and_taken_out() {
    let bed = start(Arc::new(Registry::default())).await;
    let told = json!({ "ipv4": "10.0.0.1", "ipv6": "fd00::1", "attributes": { "stage": "prod" }, "healthy": false });
    let (status, answer) = bed.put(&format!("{CARTS}/one"), &told.to_string()).await;
    let mut shown = told.clone();
    shown["id"] = "one".into();
    assert_eq!((status, &answer), (200, &shown));
    let by_attribute = json!({ "attributes": { "AWS_INSTANCE_IPV4": "10.0.0.2" } });
    let (status, answer) = bed.put(&format!("{CARTS}/two%2Fa"), &by_attribute.to_string()).await;
    assert_eq!(
        (status, &answer["ipv4"], &answer["id"], &answer["healthy"]),
        (200, &"10.0.0.2".into(), &"two/a".into(), &true.into())
    );
    let (_, all) = bed.get_json("/instances").await;
    assert_eq!(all["shop.local"]["cart"], json!([shown, answer]));
    let (status, answer) = bed.delete(&format!("{CARTS}/one")).await;
    assert_eq!((status, answer), (200, json!({ "removed": "one" })));
}

#[tokio::test]
async fn instances_that_cannot_be_taken_are_refused_in_words_that_help() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(br#"{"shop.local": {"cart": [{"id": "filed", "ipv4": "10.0.0.1"}]}}"#).unwrap();
    let bed = start(Arc::new(Registry::of_file(file.path()).unwrap())).await;
    let one = format!("{CARTS}/one");
    for (body, says) in [
        ("", "EOF"),
        ("{", "EOF"),
        ("[]", "expected"),
        ("{}", "an instance has an address"),
        (r#"{"ipv4": "10.0.0"}"#, "IPv4"),
        (r#"{"ip": "10.0.0.1"}"#, "unknown field `ip`"),
        (r#"{"id": "other", "ipv4": "10.0.0.1"}"#, "unknown field `id`"),
        (r#"{"attributes": {"AWS_INSTANCE_IPV4": "cart.example"}}"#, "an instance has an address"),
    ] {
        let (status, answer) = bed.put(&one, body).await;
        assert!(status == 400 && answer["message"].as_str().unwrap().contains(says), "{body}: {status} {answer}");
    }
    for (path, status, says) in [
        (one.as_str(), 404, "shop.local/cart has no instance one"),
        (&format!("{CARTS}/filed"), 409, "take it out there"),
    ] {
        let (answered, answer) = bed.delete(path).await;
        assert!(
            answered == status && answer["message"].as_str().unwrap().contains(says),
            "{path}: {answered} {answer}"
        );
    }
    let (status, answer) = bed.get_json(&one).await;
    assert!(status == 405 && answer["message"].as_str().unwrap().contains("PUT or DELETE"), "{answer}");
    let (status, _) = bed.get_json("/instances/shop.local/cart").await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn where_cloud_map_is_asked_instances_are_shown_and_registered_there() {
    let bed = start(Arc::new(Away)).await;
    assert_eq!(bed.get_json("/instances").await, (200, json!({})));
    for (status, answer) in
        [bed.put(&format!("{CARTS}/one"), r#"{"ipv4": "10.0.0.1"}"#).await, bed.delete(&format!("{CARTS}/one")).await]
    {
        assert!(status == 409 && answer["message"].as_str().unwrap().contains("Cloud Map"), "{status} {answer}");
    }
}
