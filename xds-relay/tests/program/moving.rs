//! Two relays on one table: they answer alike, and Envoys go from one to the other without noticing.

use crate::bed::{Running, json_lines};
use crate::envoy::{DELTA, Envoy, SOTW, app};
use crate::network::Network;
use crate::table::Table;
use serde_json::Value;
use std::time::{Duration, Instant};

/// What a relay serves `web`, with all versions.
async fn served(relay: &Running) -> Value {
    let (status, mut dump) = relay.get("/snapshot?node=mesh/shop/virtualNode/web").await;
    assert_eq!(status, 200, "{dump}");
    assert!(dump["clusters"][0]["version"].is_string(), "{dump}");
    dump["placement"] = Value::Null;
    dump
}

#[tokio::test(flavor = "multi_thread")]
async fn relays_answer_alike_whether_they_folded_everything_or_began_at_a_checkpoint() {
    let Some(table) = Table::of_shop("alike", 8080).await else { return };
    let first = table.caught_up(&[]).await;
    table.add_backend("one").await;
    table.save_checkpoint().await;
    let head = table.add_backend("two").await;
    let second = table.caught_up(&["--feed", "stream"]).await;
    let both = crate::bed::eventually("the same on both", async || {
        let both = (served(&first).await, served(&second).await);
        (both.0["seq"] == head && both.1["seq"] == head).then_some(both)
    });
    let (one, other) = both.await;
    assert_eq!(one, other);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_is_told_to_stop_hands_its_envoys_to_another_at_no_cost() {
    let port = app().await;
    let Some(table) = Table::of_shop("handed-over", port).await else { return };
    let first = table.caught_up(&["--drain-seconds", "2"]).await;
    let balancer = Network::to(first.xds_addr()).await;
    let start = |api| Envoy::start(api, balancer.addr(), None);
    let (Some(delta), Some(sotw)) = (start(DELTA), start(SOTW)) else { return };
    let traffic = [delta.traffic(port).await, sotw.traffic(port).await];
    first.in_sync(2, 4).await;

    let second = table.caught_up(&[]).await;
    balancer.turn_to(second.xds_addr());
    let begun = Instant::now();
    first.terminate();
    let (status, said) = first.end().await;
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(begun.elapsed() < Duration::from_secs(2 + 5), "it took {:?}: {said}", begun.elapsed());
    assert_eq!(json_lines(&said).last().unwrap()["message"], "stopped", "{said}");

    second.in_sync(2, 4).await;
    let sent = second.metric("remesh_resources_sent_total").await.unwrap_or(0.0);
    assert_eq!(sent, 0.0, "they have everything already");
    let head = table.add_backend("extra").await;
    let proxies = second.in_sync(2, head).await;
    assert!(second.metric("remesh_resources_sent_total").await > Some(0.0));
    assert_eq!(proxies.iter().filter(|proxy| proxy["protocol"] == "delta").count(), 1, "{proxies:?}");
    for traffic in traffic {
        traffic.assert_all_answered().await;
    }
}
