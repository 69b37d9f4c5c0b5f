//! Real Envoys whose endpoints come from Cloud Map, asked of moto by a relay.

use crate::{Calls, CloudMap, Moto, QUICK};
use mesh_core::AccountId;
use mesh_log::sqlite::SqliteLog;
use mesh_tests::api::Mesh;
use mesh_tests::bed::{self, Bed, Workload};
use mesh_tests::control_plane::{self, Addresses};
use mesh_tests::{Admin, Plan, Report, eventually, spec};
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use xds_relay::discovery::InstanceSource;
use xds_relay::{Relay, RelayConfig};

const URL: &str = "http://cart.test:8080";

/// A mesh in which `client` calls `cart`, whose instances run in the pods `first` and `second`.
async fn shop(bed: &mut Bed, moto: &Moto) -> (Mesh, String) {
    let mesh = bed.mesh("paint", json!({})).await;
    let discovery = json!({ "namespaceName": "shop.local", "serviceName": "cart" });
    let listener = json!({ "portMapping": { "port": 8080, "protocol": "http" } });
    let node = json!({ "listeners": [listener], "serviceDiscovery": { "awsCloudMap": discovery } });
    mesh.node("cart", node).await;
    mesh.service("cart.test", spec::served_by("cart")).await;
    mesh.node("client", spec::client(&["cart.test"])).await;
    bed.resolve_service("cart.test");
    let pod = |name: &str| Workload::node("cart").in_pod(name).http(8080);
    bed.start(&mesh, [pod("first"), pod("second")]).await;
    let cart = moto.service("shop.local", "cart").await;
    register(bed, moto, &cart).await;
    (mesh, cart)
}

/// What an instance says of its port counts for nothing: the listener's does (§9.2).
async fn register(bed: &Bed, moto: &Moto, cart: &str) {
    for name in ["first", "second"] {
        let address = bed.pod(name).address().to_string();
        moto.register(cart, name, &[("AWS_INSTANCE_IPV4", &address), ("AWS_INSTANCE_PORT", "1")]).await;
    }
}

async fn requests(bed: &Bed) -> Report {
    bed.pod("client").load(&Plan::get(URL).times(40)).await
}

async fn all_answered_by(bed: &Bed, pod: &str) {
    eventually(&format!("only {pod} answers"), async || {
        let report = requests(bed).await;
        (report.by(pod) == 40).then_some(()).ok_or_else(|| format!("{report:#?}"))
    })
    .await;
}

#[test]
fn a_node_that_cloud_map_finds_gets_traffic_and_is_asked_for_while_somebody_calls_it() {
    bed::run_discovering(
        async |ip| {
            let moto = Moto::start_on(ip).await;
            let cloud_map = moto.cloud_map(QUICK);
            let source: Arc<dyn InstanceSource> = Arc::new(cloud_map.clone());
            (source, (moto, cloud_map))
        },
        async |bed, (moto, cloud_map)| {
            let (mesh, cart) = shop(bed, moto).await;
            assert_eq!(cloud_map.calls(), Calls::default(), "proxies are connected, but none of them calls the node");
            bed.start(&mesh, [Workload::node("client")]).await;
            let report = requests(bed).await;
            report.assert_all_ok();
            assert_eq!(report.nodes.len(), 2, "{report:#?}");

            let load = bed.pod("client").start_load(&Plan::get(URL).without_end());
            moto.deregister(&cart, "first").await;
            all_answered_by(bed, "second").await;
            load.end().await.assert_all_ok();

            bed.remove("client");
            eventually("nobody needs it any more", async || {
                let before = cloud_map.calls();
                tokio::time::sleep(10 * QUICK.revision).await;
                (cloud_map.calls() == before).then_some(()).ok_or_else(|| format!("{before:?}"))
            })
            .await;
        },
    );
}

/// A control plane whose relay is started and ended by the test, while the API and the log go on.
struct Parts {
    moto: Option<Moto>,
    log: SqliteLog,
    relay: Option<Relay>,
}

impl Parts {
    async fn start(ip: std::net::IpAddr) -> (Addresses, Self) {
        let moto = Moto::start_on(ip).await;
        let log = SqliteLog::in_memory().unwrap();
        let any = SocketAddr::new(ip, 0);
        let relay = relay(&log, &moto.cloud_map(QUICK), any, any).await;
        let api = control_plane::serve_api(ip, Arc::new(log.clone())).await;
        let addresses = Addresses { api, xds: relay.xds_addr(), admin: relay.admin_addr() };
        (addresses, Self { moto: Some(moto), log, relay: Some(relay) })
    }

    /// Another relay in the place of the one there is: one that knows nothing.
    async fn restart_relay(&mut self, source: &CloudMap) {
        let relay = self.relay.take().expect("a relay runs");
        let (xds, admin) = (relay.xds_addr(), relay.admin_addr());
        relay.stop().await;
        self.relay = Some(self::relay(&self.log, source, xds, admin).await);
    }
}

async fn relay(log: &SqliteLog, source: &CloudMap, xds: SocketAddr, admin: SocketAddr) -> Relay {
    let mut config = RelayConfig::new(xds, admin, AccountId::from("000000000000"));
    config.instances = Arc::new(source.clone());
    Relay::start(Arc::new(log.clone()), config).await.expect("a relay starts")
}

#[test]
fn a_relay_that_restarts_takes_no_endpoint_from_anybody_whether_or_not_cloud_map_answers() {
    bed::run_on_parts(Parts::start, async |bed, parts| {
        let moto = parts.moto.take().unwrap();
        let (mesh, _) = shop(bed, &moto).await;
        let clients = [Workload::node("client"), Workload::node("client").in_pod("other").state_of_the_world()];
        bed.start(&mesh, clients).await;
        requests(bed).await.assert_all_ok();
        let loads = ["client", "other"].map(|pod| bed.pod(pod).start_load(&Plan::get(URL).without_end()));

        let source = moto.cloud_map(QUICK);
        parts.restart_relay(&source).await;
        in_sync(bed).await;
        assert!(source.calls().instances >= 1, "it was asked anew");

        let addr = moto.addr();
        drop(moto);
        let source = CloudMap::new(&mesh_tests::moto::config_of(addr), QUICK);
        parts.restart_relay(&source).await;
        in_sync(bed).await;
        let report = requests(bed).await;
        report.assert_all_ok();
        assert_eq!(report.nodes.len(), 2, "both are still there: {report:#?}");
        mesh.change(
            "virtualNodes/client",
            json!({ "backends": [
            { "virtualService": { "virtualServiceName": "cart.test" } },
            { "virtualService": { "virtualServiceName": "other.test" } },
        ] }),
        )
        .await;
        in_sync(bed).await;

        // It is back, and one instance has gone meanwhile.
        let moto = Moto::start_at(addr).await;
        let cart = moto.service("shop.local", "cart").await;
        let address = bed.pod("second").address().to_string();
        moto.register(&cart, "second", &[("AWS_INSTANCE_IPV4", &address)]).await;
        all_answered_by(bed, "second").await;
        for load in loads {
            load.end().await.assert_all_ok();
        }
    });
}

/// Waits until both clients are connected to the relay that runs now, and have accepted all there is.
async fn in_sync(bed: &Bed) {
    // A connection of its own: others may lead to a relay that is gone.
    let admin = Admin::at(bed.plane().addresses().admin);
    eventually("both clients are served", async || {
        let proxies = admin.proxies_of("mesh/paint/virtualNode/client").await;
        let ready = proxies.len() == 2 && proxies.iter().all(|proxy| proxy["inSync"] == true);
        ready.then_some(()).ok_or_else(|| format!("{proxies:#?}"))
    })
    .await;
}
