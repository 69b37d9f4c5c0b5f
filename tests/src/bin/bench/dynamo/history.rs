//! A long history of one mesh: services and their nodes come to be, and then the nodes are changed again and again.

use super::{ACCOUNT, MESH};
use mesh_core::{AccountId, Caller, Entry, Event, Kind, MeshKey, ResourceId, Seq, Spec, Tags, Timestamp};
use mesh_log::EventLog;
use mesh_log::dynamo::DynamoLog;
use serde_json::{Value, json};
use uuid::Uuid;

/// The virtual node that a proxy of the benchmark is, and how many services it calls.
pub const CLIENT: (&str, usize) = ("client-0", 20);

/// As many as one transaction takes.
const AT_ONCE: usize = 99;

/// The mesh.
pub fn mesh() -> MeshKey {
    MeshKey::new(ACCOUNT, MESH)
}

/// Writes so many small meshes.
pub async fn write_meshes(log: &DynamoLog, meshes: usize) {
    for number in 0..meshes {
        let key = MeshKey::new(ACCOUNT, format!("{MESH}-{number}"));
        let mesh = entry((created(Kind::Mesh, &key.name.to_string(), json!({})), 0));
        let nodes = (0..4).map(|node| (created(Kind::VirtualNode, &self::node(node), node_spec(node, 0)), 0));
        let entries = std::iter::once(mesh).chain(nodes.map(entry)).collect();
        log.append(&key, 0, entries).await.expect("DynamoDB Local takes it");
    }
}

/// Writes a history of so many events.
pub async fn write(log: &DynamoLog, events: usize, services: usize) {
    let entries: Vec<Entry> = entries(services).take(events).collect();
    let mut last: Seq = 0;
    for some in entries.chunks(AT_ONCE) {
        last = log.append(&mesh(), last, some.to_vec()).await.expect("DynamoDB Local takes it");
    }
}

fn entries(services: usize) -> impl Iterator<Item = Entry> {
    let mesh = created(Kind::Mesh, MESH, json!({}));
    let created_ones = (0..services).flat_map(|number| {
        let service = json!({ "provider": { "virtualNode": { "virtualNodeName": node(number) } } });
        let service = created(Kind::VirtualService, &format!("service-{number}.{MESH}.local"), service);
        [created(Kind::VirtualNode, &node(number), node_spec(number, 0)), service]
    });
    let backend =
        |number| json!({ "virtualService": { "virtualServiceName": format!("service-{number}.{MESH}.local") } });
    let listeners = json!([{ "portMapping": { "port": 8080, "protocol": "http" } }]);
    let backends: Vec<Value> = (0..CLIENT.1.min(services)).map(backend).collect();
    let client = created(Kind::VirtualNode, CLIENT.0, json!({ "listeners": listeners, "backends": backends }));
    let changes = (1..).flat_map(move |version| (0..services).map(move |number| updated(number, version)));
    std::iter::once(mesh).chain(created_ones).chain([client]).chain(changes).zip(1..).map(entry)
}

fn node(number: usize) -> String {
    format!("server-{number}")
}

fn node_spec(number: usize, version: u32) -> Value {
    json!({
        "listeners": [{
            "portMapping": { "port": 8080, "protocol": "http" },
            "healthCheck": {
                "protocol": "http", "path": "/health", "intervalMillis": 5000 + version, "timeoutMillis": 2000,
                "healthyThreshold": 2, "unhealthyThreshold": 2,
            },
        }],
        "serviceDiscovery": { "dns": { "hostname": format!("server-{number}.{MESH}.local") } },
    })
}

fn created(kind: Kind, name: &str, json: Value) -> Event {
    let (resource, spec) = (ResourceId::new(kind, name), spec(kind, json));
    Event::Created {
        resource,
        uid: Uuid::new_v4(),
        owner: AccountId::from(ACCOUNT),
        spec,
        tags: Tags::new(),
        token: None,
    }
}

fn updated(number: usize, version: u32) -> Event {
    let resource = ResourceId::new(Kind::VirtualNode, node(number));
    Event::Updated { resource, spec: spec(Kind::VirtualNode, node_spec(number, version)), token: None }
}

fn spec(kind: Kind, json: Value) -> Spec {
    serde_json::from_value(json!({ kind.as_str(): json })).expect("a spec")
}

fn entry((event, number): (Event, u64)) -> Entry {
    let caller =
        Caller { account: AccountId::from(ACCOUNT), principal: Some("arn:aws:iam::000000000000:role/deploy".into()) };
    Entry { at: Timestamp(1_800_000_000_000 + number), caller, request: Uuid::new_v4(), event }
}
