//! A minute in which DynamoDB is gone.

use crate::{all_to, assert_nothing_failed, cloud, colours, history, mesh_of_colours, pods, traffic};
use mesh_log::dynamo::faults::Fault;
use mesh_tests::bed::Workload;
use mesh_tests::{Api, Plan, eventually};
use serde_json::json;
use std::time::{Duration, Instant};

/// How long nothing gets through: the first half of it is refused, the second half is never answered.
const BLACKOUT: Duration = Duration::from_secs(60);

/// How long the API may take to say that it cannot: clients wait for longer.
const ANSWER: Duration = Duration::from_secs(25);

#[test]
fn a_minute_without_dynamodb_costs_no_request_and_a_relay_that_starts_in_it_serves_what_it_had() {
    cloud::run(async |bed, cloud| {
        let mesh = mesh_of_colours(bed).await;
        bed.start(&mesh, pods()).await;
        mesh.change("virtualRouter/colour/routes/all", colours(100)).await;
        all_to(bed, "blue").await;
        let before = history::records(cloud).await.len();
        let traffic = traffic(bed);
        for relay in &cloud.relays {
            eventually("the relay keeps its folds", async || relay.has_kept(before as u64)).await;
        }

        let begun = Instant::now();
        cloud.faults.blackout(Fault::Reset);
        write_is_refused(&mesh_api(bed), "a").await;
        for relay in &mut cloud.relays {
            relay.kill().await;
            relay.start_again().await;
        }
        for relay in &cloud.relays {
            eventually("the relay says that its state is old", async || {
                let standing = relay.standing().await;
                let honest = standing["caughtUp"] == false && standing["ageSeconds"].as_f64() > Some(0.0);
                honest.then_some(()).ok_or_else(|| standing.to_string())
            })
            .await;
        }
        // An Envoy that has never been here before gets all it needs.
        bed.add(&mesh, Workload::node("client").in_pod("third"));
        bed.pod("third").envoy().ready().await;
        bed.pod("third").load(&Plan::get(crate::SERVICE).times(100)).await.assert_all_ok();
        tokio::time::sleep((BLACKOUT / 2).saturating_sub(begun.elapsed())).await;

        cloud.faults.blackout(Fault::Silent);
        write_is_refused(&mesh_api(bed), "b").await;
        bed.pod("third").load(&Plan::get(crate::SERVICE).times(100)).await.assert_all_ok();
        tokio::time::sleep(BLACKOUT.saturating_sub(begun.elapsed())).await;

        cloud.faults.light();
        mesh.change("virtualRouter/colour/routes/all", colours(0)).await;
        all_to(bed, "green").await;
        for relay in &cloud.relays {
            eventually("the relay follows again", async || relay.follows().await).await;
        }
        assert_nothing_failed(traffic).await;
        // What was refused while DynamoDB was gone has not happened: there is one record more, the last change.
        assert_eq!(history::records(cloud).await.len(), before + 1);
    });
}

fn mesh_api(bed: &mesh_tests::Bed) -> Api {
    bed.plane().api().clone()
}

/// The API says in good time that it cannot, and that the client may try again.
async fn write_is_refused(api: &Api, name: &str) {
    let asked = Instant::now();
    let refused = api.try_put("/meshes/shop/virtualNodes", json!({ "virtualNodeName": name, "spec": {} })).await;
    let refusal = refused.expect_err("nothing can be written");
    assert_eq!((refusal.status, refusal.name.as_str()), (503, "ServiceUnavailableException"), "{refusal:?}");
    assert!(asked.elapsed() < ANSWER, "it took {:?}", asked.elapsed());
}
