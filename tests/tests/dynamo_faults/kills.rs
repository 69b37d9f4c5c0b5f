//! Every fault at once, and relays that are killed.

use crate::cloud::{self, Cloud};
use crate::writer::Writers;
use crate::{all_to, assert_nothing_failed, colours, history, mesh_of_colours, pods, traffic};
use mesh_log::dynamo::faults::Fault;
use mesh_tests::eventually;
use serde_json::Value;
use std::time::Duration;

/// How often a relay is killed, each in turn.
const KILLS: usize = 12;

/// How many writes are acknowledged between two kills.
const WRITES: u64 = 12;

#[test]
fn writers_race_relays_are_killed_everything_goes_wrong_and_nothing_is_lost_or_done_twice() {
    cloud::run(async |bed, cloud| {
        let mesh = mesh_of_colours(bed).await;
        bed.start(&mesh, pods()).await;
        let before = history::records(cloud).await.len();
        let traffic = traffic(bed);

        cloud.faults.misbehave();
        let writers = Writers::start(cloud.apis);
        for kill in 0..KILLS {
            // A relay that has just started is killed as well as one that has settled.
            writers.have_written(WRITES * (kill as u64 % 3)).await;
            let relay = &mut cloud.relays[kill % 2];
            relay.kill().await;
            if kill % 4 == 3 {
                short_blackout(cloud, if kill % 8 == 3 { Fault::Reset } else { Fault::Silent }).await;
            }
            writers.have_written(WRITES / 2).await;
            cloud.relays[kill % 2].start_again().await;
        }
        writers.have_written(WRITES).await;
        let told = writers.end().await;
        history::check(cloud, before, &told).await;

        // The relays have to find their way out of this with a third of all calls still failing.
        for relay in &cloud.relays {
            eventually("the relay follows", async || relay.follows().await).await;
        }
        cloud.faults.behave();
        mesh.change("virtualRouter/colour/routes/all", colours(0)).await;
        all_to(bed, "green").await;
        assert_nothing_failed(traffic).await;
        all_relays_say_the_same(cloud).await;
    });
}

async fn short_blackout(cloud: &Cloud, fault: Fault) {
    cloud.faults.blackout(fault);
    tokio::time::sleep(Duration::from_secs(1)).await;
    cloud.faults.light();
}

/// Both relays answer what one answers that has seen nothing but the table: the same resources in the same versions.
async fn all_relays_say_the_same(cloud: &Cloud) {
    let fresh = cloud.fresh_relay().await;
    eventually("a fresh relay has folded the table", async || fresh.follows().await).await;
    for node in ["blue", "green", "client"] {
        let id = format!("mesh/shop/virtualNode/{node}");
        let expected = fresh.admin().snapshot(&id).await.expect("it is ready");
        for relay in &cloud.relays {
            eventually("both relays say what the log says", async || {
                let said = relay.admin().snapshot(&id).await?;
                (resources(&said) == resources(&expected)).then_some(()).ok_or_else(|| format!("{said:#}"))
            })
            .await;
        }
    }
}

/// What a proxy is sent, with its versions; not what is said beside it.
fn resources(snapshot: &Value) -> [Value; 5] {
    ["clusters", "endpoints", "listeners", "routes", "secrets"].map(|of| snapshot[of].clone())
}
