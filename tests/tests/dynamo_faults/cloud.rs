//! The parts of a deployment in AWS, each as real as this machine has it, around one table.

use crate::balancer;
use crate::relay::{Relay, Settings};
use mesh_log::dynamo::DynamoLog;
use mesh_log::dynamo::faults::Proxy;
use mesh_log::dynamo::local::{DynamoDbLocal, client};
use mesh_tests::control_plane::{Addresses, serve_api};
use mesh_tests::{Bed, bed};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tempfile::TempDir;

/// The table.
const TABLE: &str = "remesh";

/// The balancer's ports, which are below those the kernel gives away; the relays' are the next ones. Every test has the
/// namespace to itself.
const PORTS: (u16, u16) = (18000, 8481);

/// Everything behind the API's and the balancer's addresses.
pub struct Cloud {
    /// What is between all parts and the database.
    pub faults: Proxy,
    /// The API, twice, as if two instances of a function were running: they share nothing but the table.
    pub apis: [SocketAddr; 2],
    /// One that is woken by the table's stream, and one that looks.
    pub relays: [Relay; 2],
    database: DynamoDbLocal,
    hub: IpAddr,
    folder: TempDir,
}

/// Runs a test on a deployment of its own; not at all, and loudly, without DynamoDB Local.
pub fn run(test: impl AsyncFnOnce(&mut Bed, &mut Cloud) + Send) {
    let start = async |hub| match Cloud::start(hub).await {
        Some((addresses, cloud)) => (addresses, Some(cloud)),
        None => (Addresses::free(hub), None),
    };
    bed::run_on_parts(start, async |bed, cloud| {
        if let Some(cloud) = cloud {
            test(bed, cloud).await;
        }
    });
}

impl Cloud {
    async fn start(hub: IpAddr) -> Option<(Addresses, Self)> {
        let database = DynamoDbLocal::start().await?;
        database.table(TABLE).await;
        let faults = Proxy::start(database.addr()).await;
        let apis = [api(hub, faults.addr()).await, api(hub, faults.addr()).await];
        let folder = tempfile::tempdir().expect("a temporary folder");
        let settings = |number, feed| settings(&folder, hub, faults.addr(), number, feed);
        let relays = [Relay::start(settings(1, "stream")).await, Relay::start(settings(2, "poll")).await];
        let addresses = Addresses { api: apis[0], xds: (hub, PORTS.0).into(), admin: (hub, PORTS.1).into() };
        balancer::start(addresses.xds, [1, 2].map(|relay| (hub, PORTS.0 + relay).into()).into()).await;
        balancer::start(addresses.admin, [1, 2].map(|relay| (hub, PORTS.1 + relay).into()).into()).await;
        Some((addresses, Self { faults, apis, relays, database, hub, folder }))
    }

    /// The log as it is, by a way without faults.
    pub fn log(&self) -> DynamoLog {
        DynamoLog::new(self.database.client(), TABLE)
    }

    /// A relay more, without faults and without anything that an earlier run kept.
    pub async fn fresh_relay(&self) -> Relay {
        Relay::start(settings(&self.folder, self.hub, self.database.addr(), 3, "poll")).await
    }
}

fn settings(folder: &TempDir, hub: IpAddr, dynamodb: SocketAddr, number: u16, feed: &'static str) -> Settings {
    Settings {
        folder: folder.path().join(format!("relay-{number}")),
        dynamodb,
        table: TABLE.into(),
        feed,
        xds: (hub, PORTS.0 + number).into(),
        admin: (hub, PORTS.1 + number).into(),
    }
}

/// The API in this process, over the table.
async fn api(hub: IpAddr, dynamodb: SocketAddr) -> SocketAddr {
    serve_api(hub, Arc::new(DynamoLog::new(client(dynamodb), TABLE))).await
}
