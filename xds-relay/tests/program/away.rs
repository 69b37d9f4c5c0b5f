//! A relay whose table cannot be reached, or could not for a while.

use crate::bed::{Running, eventually, json_lines, soon};
use crate::envoy::{DELTA, Envoy, SOTW, app};
use crate::network::Network;
use crate::table::Table;
use serde_json::Value;
use std::path::Path;

/// Waits until a relay has kept what it folded.
async fn kept(state: &Path) {
    eventually("a copy on this machine", async || {
        let folders = std::fs::read_dir(state).unwrap().flatten();
        folders.into_iter().any(|folder| folder.path().join("as-of").exists()).then_some(())
    })
    .await;
}

/// How old its state is, in the three places that say so; all must say the same of whether it follows.
async fn age(relay: &Running) -> f64 {
    let (_, ready) = relay.get("/readyz").await;
    let (_, proxies) = relay.get("/proxies").await;
    assert_eq!(ready["state"]["following"], proxies["state"]["following"]);
    let following = relay.metric("remesh_following_log").await.unwrap();
    assert_eq!(following == 1.0, ready["state"]["following"] == true);
    let ages = [
        ready["state"]["ageSeconds"].as_f64().unwrap(),
        proxies["state"]["ageSeconds"].as_f64().unwrap(),
        relay.metric("remesh_state_age_seconds").await.unwrap(),
    ];
    ages.into_iter().fold(f64::INFINITY, f64::min)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_starts_while_dynamodb_is_away_serves_its_copy_and_catches_up_without_a_restart() {
    let (port, state) = (app().await, tempfile::tempdir().unwrap());
    let Some(table) = Table::of_shop("away", port).await else { return };
    let database = Network::to(table.addr).await;
    let flags = ["--state-dir", state.path().to_str().unwrap()];
    let first = Running::of(&mut table.relay(&database.url(), &flags)).await;
    first.readyz_is(200).await;
    assert_eq!(age(&first).await, 0.0);
    let balancer = Network::to(first.xds_addr()).await;
    let start = |api| Envoy::start(api, balancer.addr(), None);
    let (Some(delta), Some(sotw)) = (start(DELTA), start(SOTW)) else { return };
    let mut traffic = vec![delta.traffic(port).await, sotw.traffic(port).await];
    first.in_sync(2, 4).await;
    kept(state.path()).await;

    // The table goes away, and then the relay dies without a word.
    database.cut();
    first.kill().await;
    let second = Running::of(&mut table.relay(&database.url(), &flags)).await;
    balancer.turn_to(second.xds_addr());
    second.in_sync(2, 4).await;
    assert_eq!(second.metric("remesh_resources_sent_total").await.unwrap_or(0.0), 0.0, "they have what it kept");
    let not_ready = second.readyz_is(503).await;
    assert_eq!(not_ready["state"]["caughtUp"], false, "{not_ready}");
    assert!(age(&second).await > 0.0);
    assert_eq!(second.metric("remesh_ready").await, Some(0.0));

    // One that knows nothing yet is served what there is.
    let Some(fresh) = start(DELTA) else { return };
    traffic.push(fresh.traffic(port).await);
    second.in_sync(3, 4).await;
    assert!(second.metric("remesh_resources_sent_total").await > Some(0.0));

    // What others append meanwhile comes once the table is back.
    let head = table.add_backend("extra").await;
    database.mend();
    second.in_sync(3, head).await;
    let ready = second.readyz_is(200).await;
    assert_eq!((&ready["state"]["following"], age(&second).await), (&true.into(), 0.0), "{ready}");

    // And away again, from a relay that has caught up: it stays ready, and says how old its state is.
    database.cut();
    eventually("it notices", async || (age_of_following(&second).await > 0.0).then_some(())).await;
    second.readyz_is(200).await;
    let head = table.add_backend("another").await;
    database.mend();
    second.in_sync(3, head).await;
    for traffic in traffic {
        traffic.assert_all_answered().await;
    }
    json_lines(&second.said());
}

#[tokio::test(flavor = "multi_thread")]
async fn envoys_that_know_more_than_the_copy_keep_what_they_have_until_dynamodb_is_back() {
    let (port, state) = (app().await, tempfile::tempdir().unwrap());
    let Some(table) = Table::of_shop("older", port).await else { return };
    let database = Network::to(table.addr).await;
    let older = ["--state-dir", state.path().to_str().unwrap()];
    let relay = Running::of(&mut table.relay(&database.url(), &older)).await;
    kept(state.path()).await;
    relay.kill().await;

    let first = Running::of(&mut table.relay(&database.url(), &[])).await;
    let balancer = Network::to(first.xds_addr()).await;
    let start = |api| Envoy::start(api, balancer.addr(), None);
    let (Some(delta), Some(sotw)) = (start(DELTA), start(SOTW)) else { return };
    let traffic = [delta.traffic(port).await, sotw.traffic(port).await];
    let head = table.add_backend("extra").await;
    first.in_sync(2, head).await;

    database.cut();
    first.kill().await;
    let second = Running::of(&mut table.relay(&database.url(), &older)).await;
    balancer.turn_to(second.xds_addr());
    for protocol in ["delta", "sotw"] {
        let left_alone = || {
            let said = json_lines(&second.said());
            let reason = |line: &Value| line["reason"].as_str().is_some_and(|it| it.contains("keeps what it has"));
            let connected = |line: &Value| line["message"] == "proxy connected" && line["protocol"] == protocol;
            said.iter().any(reason) && said.iter().any(connected)
        };
        eventually(protocol, async || left_alone().then_some(())).await;
    }
    database.mend();
    second.in_sync(2, head).await;
    assert_eq!(
        second.metric("remesh_resources_sent_total").await.unwrap_or(0.0),
        0.0,
        "nothing old, and nothing twice"
    );
    for traffic in traffic {
        traffic.assert_all_answered().await;
    }
}

async fn age_of_following(relay: &Running) -> f64 {
    relay.get("/readyz").await.1["state"]["ageSeconds"].as_f64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mesh_that_makes_no_sense_keeps_no_other_from_being_served() {
    let Some(table) = Table::of_shop("spoilt", 8080).await else { return };
    table.spoil("broken").await;
    let relay = table.caught_up(&[]).await;
    assert_eq!(soon(relay.get("/snapshot?node=mesh/shop/virtualNode/web")).await.0, 200);
    assert_eq!(relay.metric("remesh_unreadable_meshes_total").await, Some(1.0));
    assert!(relay.said().contains("a mesh cannot be read"));
    let head = table.add_backend("one").await;
    eventually("the other mesh goes on", async || {
        let (_, served) = relay.get("/snapshot?node=mesh/shop/virtualNode/web").await;
        (served["seq"] == head).then_some(())
    })
    .await;
}
