//! A table on DynamoDB Local with a small shop in it.

use crate::bed::{ACCOUNT, Running, clean, reach};
use mesh_core::{Caller, Entry, Event, Kind, MeshKey, ResourceId, Seq, Spec, Timestamp};
use mesh_log::dynamo::DynamoLog;
use mesh_log::dynamo::local::DynamoDbLocal;
use mesh_log::{Checkpoint, EventLog};
use serde_json::{Value, json};
use std::net::SocketAddr;
use tokio::process::Command;
use tokio::sync::OnceCell;

/// A table, and who appends to it.
pub struct Table {
    name: &'static str,
    pub addr: SocketAddr,
    log: DynamoLog,
    port: u16,
}

impl Table {
    /// A new one, in which `web` calls `cart.local`, which is a virtual node at a port of this machine. `None`, said
    /// loudly, without DynamoDB Local.
    pub async fn of_shop(name: &'static str, port: u16) -> Option<Self> {
        static DATABASE: OnceCell<Option<DynamoDbLocal>> = OnceCell::const_new();
        let database = DATABASE.get_or_init(DynamoDbLocal::start).await.as_ref()?;
        database.table(name).await;
        let log = DynamoLog::new(database.client(), name);
        let table = Self { name, addr: database.addr(), log, port };
        let entries = vec![
            created(Kind::Mesh, "shop", json!({})),
            created(Kind::VirtualNode, "cart", node(port, &[])),
            created(Kind::VirtualService, "cart.local", provided_by("cart")),
            created(Kind::VirtualNode, "web", node(port + 1, &["cart.local"])),
        ];
        table.log.append(&mesh(), 0, entries).await.unwrap();
        Some(table)
    }

    /// Gives `web` another backend, and answers the sequence number of that.
    pub async fn add_backend(&self, name: &str) -> Seq {
        let service = format!("{name}.local");
        let web = spec(Kind::VirtualNode, node(self.port + 1, &["cart.local", &service]));
        let updated = Event::Updated { resource: ResourceId::new(Kind::VirtualNode, "web"), spec: web, token: None };
        let entries = vec![
            created(Kind::VirtualNode, name, node(self.port, &[])),
            created(Kind::VirtualService, &service, provided_by(name)),
            entry(updated),
        ];
        let head = self.log.heads().await.unwrap()[&mesh()];
        self.log.append(&mesh(), head, entries).await.unwrap()
    }

    /// Another mesh, with a record that cannot have happened.
    pub async fn spoil(&self, name: &str) {
        let gone = Event::Deleted { resource: ResourceId::new(Kind::VirtualNode, "never-there") };
        let entries = vec![created(Kind::Mesh, name, json!({})), entry(gone)];
        self.log.append(&MeshKey { name: name.into(), ..mesh() }, 0, entries).await.unwrap();
    }

    /// Saves the fold, as the checkpoint function does.
    pub async fn save_checkpoint(&self) {
        let state = mesh_log::load(&self.log, &mesh()).await.unwrap();
        self.log.save_checkpoint(Checkpoint::of(&state).unwrap()).await.unwrap();
    }

    /// A relay that reaches DynamoDB at this address.
    pub fn relay(&self, database: &str, flags: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xds-relay"));
        clean(&mut command);
        reach(&mut command, database);
        command.args(["--table", self.name, "--region", "us-east-1", "--account", ACCOUNT]);
        command.args(["--xds-addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0"]).args(flags);
        command
    }

    /// One that has caught up.
    pub async fn caught_up(&self, flags: &[&str]) -> Running {
        let relay = Running::of(&mut self.relay(&format!("http://{}", self.addr), flags)).await;
        relay.readyz_is(200).await;
        relay
    }
}

fn mesh() -> MeshKey {
    MeshKey::new(ACCOUNT, "shop")
}

fn node(port: u16, backends: &[&str]) -> Value {
    let backends: Vec<Value> =
        backends.iter().map(|name| json!({ "virtualService": { "virtualServiceName": name } })).collect();
    json!({
        "listeners": [{ "portMapping": { "port": port, "protocol": "http" } }],
        "serviceDiscovery": { "dns": { "hostname": "127.0.0.1" } },
        "backends": backends,
    })
}

fn provided_by(node: &str) -> Value {
    json!({ "provider": { "virtualNode": { "virtualNodeName": node } } })
}

fn spec(kind: Kind, body: Value) -> Spec {
    let name = match kind {
        Kind::Mesh => "mesh",
        Kind::VirtualService => "virtualService",
        _ => "virtualNode",
    };
    serde_json::from_value(json!({ name: body })).unwrap()
}

pub fn created(kind: Kind, name: &str, body: Value) -> Entry {
    let (uid, owner, tags) = (uuid::Uuid::now_v7(), ACCOUNT.into(), mesh_core::Tags::new());
    let resource = ResourceId::new(kind, name);
    entry(Event::Created { resource, uid, owner, spec: spec(kind, body), tags, token: None })
}

fn entry(event: Event) -> Entry {
    let caller = Caller { account: ACCOUNT.into(), principal: None };
    Entry { at: Timestamp(1), caller, request: uuid::Uuid::now_v7(), event }
}
