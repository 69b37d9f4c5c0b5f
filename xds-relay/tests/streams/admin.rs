//! The admin endpoints.

use crate::bed::{Bed, WEB};

#[tokio::test]
async fn a_relay_that_has_folded_its_log_is_healthy_and_ready() {
    let bed = Bed::start().await;
    assert_eq!(bed.get("/healthz").await.0, 200);
    bed.delta_of(WEB).await.next().await;
    assert_eq!(bed.get("/readyz").await.0, 200);
}

#[tokio::test]
async fn the_list_shows_what_each_proxy_was_sent_accepted_and_refused() {
    let bed = Bed::start().await;
    let mut stream = bed.delta_of(WEB).await;
    let first = stream.next().await;
    let proxies = bed.proxies_when(|proxies| proxies.len() == 1).await;
    assert_eq!(proxies[0]["resource"], WEB);
    assert_eq!(proxies[0]["protocol"], "delta");
    assert_eq!(proxies[0]["placement"], "captured");
    assert_eq!(proxies[0]["inSync"], false);
    assert_eq!(proxies[0]["types"]["cds"]["resources"], first.resources.len());
    stream.accept(&first).await;
    let proxies = bed.proxies_when(|proxies| proxies[0]["inSync"] == true).await;
    assert_eq!(proxies[0]["types"]["cds"]["acknowledged"], proxies[0]["types"]["cds"]["sent"]);
    bed.move_cart(9090).await;
    let changed = stream.next().await;
    stream.refuse(&changed, "no such thing").await;
    let proxies = bed.proxies_when(|proxies| proxies[0]["types"]["cds"]["refused"].is_object()).await;
    let refused = &proxies[0]["types"]["cds"]["refused"];
    assert_eq!(refused["message"], "no such thing");
    assert_eq!(refused["resources"][0], "cds_egress_shop_cart_http_9090");
    assert!(refused["at"].as_f64().unwrap() > 1e9, "{refused}");
    drop(stream);
    bed.proxies_when(<[_]>::is_empty).await;
}

#[tokio::test]
async fn a_snapshot_is_shown_whether_or_not_its_proxy_is_connected() {
    let bed = Bed::start().await;
    for id in [WEB, "arn:aws:appmesh:eu-west-1:000000000000:mesh/shop/virtualNode/web"] {
        let (status, shown) = bed.get_json(&format!("/snapshot?node={id}")).await;
        assert_eq!((status, &shown["resource"]), (200, &WEB.into()));
        assert_eq!(shown["clusters"][0]["resource"]["@type"], "type.googleapis.com/envoy.config.cluster.v3.Cluster");
        assert_eq!(shown["clusters"][0]["resource"]["name"], shown["clusters"][0]["name"]);
    }
}

#[tokio::test]
async fn questions_that_cannot_be_answered_are_answered_with_what_could_be_asked() {
    let bed = Bed::start().await;
    for (path, status, says) in [
        ("/snapshot", 400, "/snapshot?node="),
        ("/snapshot?node=web", 400, "mesh/MESH/virtualNode/NAME"),
        ("/snapshot?node=mesh/shop/virtualNode/nobody", 404, "mesh/shop/virtualNode/nobody"),
        ("/config_dump", 404, "/proxies"),
        ("/", 404, "/metrics"),
    ] {
        let (answered, body) = bed.get_json(path).await;
        assert_eq!(answered, status, "{path}: {body}");
        assert!(body["message"].as_str().unwrap().contains(says), "{path}: {body}");
    }
}

#[tokio::test]
async fn what_streams_do_is_counted() {
    let bed = Bed::start().await;
    let mut stream = bed.delta_of(WEB).await;
    let first = stream.next().await;
    stream.accept(&first).await;
    bed.proxies_when(|proxies| proxies.len() == 1 && proxies[0]["inSync"] == true).await;
    bed.move_cart(9090).await;
    stream.next().await;
    let (status, text) = bed.get("/metrics").await;
    assert_eq!(status, 200);
    for name in [
        "remesh_responses_total",
        "remesh_response_bytes_total",
        "remesh_acks_total",
        "remesh_connected_proxies",
        "remesh_folded_records_total",
    ] {
        assert!(text.contains(name), "{name} in {text}");
    }
    assert!(!text.contains("mesh="), "a series for every mesh ever seen would never end: {text}");
}

#[tokio::test]
async fn what_is_only_looked_at_says_so_to_whoever_would_change_it() {
    let bed = Bed::start().await;
    for path in ["/healthz", "/readyz", "/metrics", "/proxies", "/snapshot?node=x"] {
        let answer = bed.post(path).await;
        assert_eq!(answer.0, 405, "{path}");
        let body: serde_json::Value = serde_json::from_str(&answer.1).unwrap();
        let message = body["message"].as_str().unwrap();
        assert!(message.contains("use GET, not POST"), "{path}: {message}");
    }
}
