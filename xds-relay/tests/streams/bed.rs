//! A relay over a log in memory, a small shop in it, and clients of both protocols.

use envoy_types::pb::envoy::config::core::v3::Node;
use envoy_types::pb::envoy::service::discovery::v3::aggregated_discovery_service_client::AggregatedDiscoveryServiceClient;
use envoy_types::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse,
};
use mesh_core::{AccountId, Caller, Entry, Event, Kind, MeshKey, ResourceId, Seq, Spec, Timestamp};
use mesh_log::sqlite::SqliteLog;
use mesh_log::{EventLog, Log};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};
use xds_relay::snapshot::ResourceType;
use xds_relay::{Relay, RelayConfig};

const OWNER: &str = "000000000000";

/// The proxy most tests are about.
pub const WEB: &str = "mesh/shop/virtualNode/web";

/// The longest a test waits for something that should come at once.
const PATIENCE: Duration = Duration::from_secs(20);

/// A relay and its log. `web` calls `cart.local`, which `cart` provides.
pub struct Bed {
    pub relay: Relay,
    log: SqliteLog,
}

impl Bed {
    pub async fn start() -> Self {
        Self::start_on(shop().await, |_| {}).await
    }

    /// A relay over a log that is there, set up as wished.
    pub async fn start_on(log: SqliteLog, with: impl FnOnce(&mut RelayConfig)) -> Self {
        let relay = relay_on(Arc::new(log.clone()), with).await;
        Self::of(relay, log)
    }

    /// A relay and the log that it follows.
    pub const fn of(relay: Relay, log: SqliteLog) -> Self {
        Self { relay, log }
    }

    /// Moves `cart` to another port: a new cluster for `web`, and the end of an old one.
    pub async fn move_cart(&self, port: u16) {
        let resource = ResourceId::new(Kind::VirtualNode, "cart");
        self.append(Event::Updated { resource, spec: spec("virtualNode", node_spec(port, &[])), token: None }).await;
    }

    /// Creates a virtual node that nobody calls.
    pub async fn create_node(&self, name: &str) {
        let Entry { event, .. } = created(ResourceId::new(Kind::VirtualNode, name), "virtualNode", node_spec(1, &[]));
        self.append(event).await;
    }

    /// Deletes `web`.
    pub async fn delete_web(&self) {
        self.append(Event::Deleted { resource: ResourceId::new(Kind::VirtualNode, "web") }).await;
    }

    /// Has `cart` found in another way.
    pub async fn find_cart(&self, discovery: Value) {
        let mut cart = node_spec(8080, &[]);
        cart["serviceDiscovery"] = discovery;
        let resource = ResourceId::new(Kind::VirtualNode, "cart");
        self.append(Event::Updated { resource, spec: spec("virtualNode", cart), token: None }).await;
    }

    /// Makes a node that calls nobody.
    pub async fn add_node(&self, name: &str) {
        let made = created(ResourceId::new(Kind::VirtualNode, name), "virtualNode", node_spec(8080, &[]));
        self.append(made.event).await;
    }

    /// Appends an event to the mesh.
    pub async fn append(&self, event: Event) {
        let last: Seq = self.log.heads().await.unwrap()[&mesh()];
        self.log.append(&mesh(), last, vec![entry(event)]).await.unwrap();
    }

    async fn client(&self) -> AggregatedDiscoveryServiceClient<tonic::transport::Channel> {
        AggregatedDiscoveryServiceClient::connect(format!("http://{}", self.relay.xds_addr())).await.unwrap()
    }

    /// A delta stream that has not said anything yet.
    pub async fn delta(&self) -> Delta {
        let (send, requests) = mpsc::channel(64);
        let responses = self.client().await.delta_aggregated_resources(ReceiverStream::new(requests)).await.unwrap();
        Delta { send, responses: responses.into_inner() }
    }

    /// A delta stream of a node that asks for clusters.
    pub async fn delta_of(&self, node: &str) -> Delta {
        let stream = self.delta().await;
        let request = DeltaDiscoveryRequest { node: Some(self::node(node)), ..clusters() };
        stream.send.send(request).await.unwrap();
        stream
    }

    /// A state-of-the-world stream of a node that asks for clusters.
    pub async fn sotw_of(&self, node: &str) -> Sotw {
        self.sotw_with(node, DiscoveryRequest::default()).await
    }

    /// The same, and what else its first request says.
    pub async fn sotw_with(&self, node: &str, request: DiscoveryRequest) -> Sotw {
        let (send, requests) = mpsc::channel(64);
        let responses = self.client().await.stream_aggregated_resources(ReceiverStream::new(requests)).await.unwrap();
        let type_url = ResourceType::Cluster.url().to_owned();
        send.send(DiscoveryRequest { node: Some(self::node(node)), type_url, ..request }).await.unwrap();
        Sotw { send, responses: responses.into_inner() }
    }

    /// `GET path` of the admin endpoints: status and body.
    pub async fn get(&self, path: &str) -> (u16, String) {
        get(self.relay.admin_addr(), path).await
    }

    /// `POST path` of the admin endpoints.
    pub async fn post(&self, path: &str) -> (u16, String) {
        http(self.relay.admin_addr(), "POST", path, "").await
    }

    /// `PUT path` of the admin endpoints, with a body that need be no JSON.
    pub async fn put(&self, path: &str, body: &str) -> (u16, Value) {
        json_of(http(self.relay.admin_addr(), "PUT", path, body).await)
    }

    /// `DELETE path` of the admin endpoints.
    pub async fn delete(&self, path: &str) -> (u16, Value) {
        json_of(http(self.relay.admin_addr(), "DELETE", path, "").await)
    }

    pub async fn get_json(&self, path: &str) -> (u16, Value) {
        get_json(self.relay.admin_addr(), path).await
    }

    /// The list of connected proxies, once it is as it should be.
    pub async fn proxies_when(&self, is_so: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        soon(async {
            loop {
                let (_, mut answer) = self.get_json("/proxies").await;
                let Value::Array(proxies) = answer["proxies"].take() else { panic!("no list") };
                if is_so(&proxies) {
                    return proxies;
                }
                tokio::task::yield_now().await;
            }
        })
        .await
    }
}

/// `GET path` there: status and body.
pub async fn get(addr: SocketAddr, path: &str) -> (u16, String) {
    http(addr, "GET", path, "").await
}

async fn http(addr: SocketAddr, method: &str, path: &str, body: &str) -> (u16, String) {
    let mut connection = TcpStream::connect(addr).await.unwrap();
    let head = format!("{method} {path} HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n");
    let request = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

pub async fn get_json(addr: SocketAddr, path: &str) -> (u16, Value) {
    json_of(get(addr, path).await)
}

fn json_of((status, body): (u16, String)) -> (u16, Value) {
    (status, serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}")))
}

/// A relay on free ports, set up as wished.
pub async fn relay_on(log: Arc<dyn Log>, with: impl FnOnce(&mut RelayConfig)) -> Relay {
    let any = "127.0.0.1:0".parse().unwrap();
    let mut config = RelayConfig::new(any, any, AccountId::from(OWNER));
    with(&mut config);
    Relay::start(log, config).await.unwrap()
}

/// A log in memory with the small shop in it.
pub async fn shop() -> SqliteLog {
    shop_at(8080).await
}

/// The same, with the cart at another port.
pub async fn shop_at(port: u16) -> SqliteLog {
    let log = SqliteLog::in_memory().unwrap();
    let service = json!({"provider": {"virtualNode": {"virtualNodeName": "cart"}}});
    let entries = vec![
        created(ResourceId::new(Kind::Mesh, "shop"), "mesh", json!({})),
        created(ResourceId::new(Kind::VirtualNode, "cart"), "virtualNode", node_spec(port, &[])),
        created(ResourceId::new(Kind::VirtualService, "cart.local"), "virtualService", service),
        created(ResourceId::new(Kind::VirtualNode, "web"), "virtualNode", node_spec(8080, &["cart.local"])),
    ];
    log.append(&mesh(), 0, entries).await.unwrap();
    log
}

/// One end of a delta stream.
pub struct Delta {
    pub send: mpsc::Sender<DeltaDiscoveryRequest>,
    pub responses: Streaming<DeltaDiscoveryResponse>,
}

impl Delta {
    pub async fn next(&mut self) -> DeltaDiscoveryResponse {
        soon(self.responses.message()).await.unwrap().expect("the stream goes on")
    }

    pub async fn accept(&self, response: &DeltaDiscoveryResponse) {
        self.answer(response, None).await;
    }

    pub async fn refuse(&self, response: &DeltaDiscoveryResponse, message: &str) {
        self.answer(response, Some(message)).await;
    }

    async fn answer(&self, response: &DeltaDiscoveryResponse, refusal: Option<&str>) {
        let error_detail = refusal.map(|message| envoy_types::pb::google::rpc::Status {
            code: 13,
            message: message.into(),
            ..Default::default()
        });
        let (type_url, response_nonce) = (response.type_url.clone(), response.nonce.clone());
        let answer = DeltaDiscoveryRequest { type_url, response_nonce, error_detail, ..Default::default() };
        self.send.send(answer).await.unwrap();
    }

    /// How the stream ends.
    pub async fn end(mut self) -> Result<(), Status> {
        loop {
            match soon(self.responses.message()).await {
                Ok(Some(_)) => {}
                Ok(None) => return Ok(()),
                Err(status) => return Err(status),
            }
        }
    }
}

/// One end of a state-of-the-world stream.
pub struct Sotw {
    pub send: mpsc::Sender<DiscoveryRequest>,
    pub responses: Streaming<DiscoveryResponse>,
}

impl Sotw {
    pub async fn next(&mut self) -> DiscoveryResponse {
        soon(self.responses.message()).await.unwrap().expect("the stream goes on")
    }
}

/// The names of what a response adds, and what it removes.
pub fn names(response: &DeltaDiscoveryResponse) -> (Vec<&str>, Vec<&str>) {
    let added = response.resources.iter().map(|resource| resource.name.as_str()).collect();
    (added, response.removed_resources.iter().map(String::as_str).collect())
}

/// The first request for clusters, without the node.
pub fn clusters() -> DeltaDiscoveryRequest {
    DeltaDiscoveryRequest { type_url: ResourceType::Cluster.url().into(), ..Default::default() }
}

pub fn node(id: &str) -> Node {
    Node { id: id.into(), user_agent_name: "envoy".into(), ..Node::default() }
}

/// Fails the test where something that should come at once does not come at all.
pub async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it should have come by now")
}

/// A stream is refused with a code and a message that names what it is about.
pub fn assert_refused(ended: &Result<(), Status>, code: Code, about: &str) {
    let status = ended.as_ref().expect_err("it should be refused");
    assert!(status.code() == code && status.message().contains(about), "{status:?}");
}

pub fn mesh() -> MeshKey {
    MeshKey::new(OWNER, "shop")
}

fn spec(kind: &str, spec: Value) -> Spec {
    serde_json::from_value(json!({ kind: spec })).unwrap()
}

pub fn node_spec(port: u16, backends: &[&str]) -> Value {
    let backends: Vec<Value> =
        backends.iter().map(|name| json!({"virtualService": {"virtualServiceName": name}})).collect();
    json!({
        "listeners": [{"portMapping": {"port": port, "protocol": "http"}}],
        "serviceDiscovery": {"dns": {"hostname": "node.shop.local"}},
        "backends": backends,
    })
}

pub fn created(resource: ResourceId, kind: &str, body: Value) -> Entry {
    let (uid, owner, tags) = (uuid::Uuid::nil(), OWNER.into(), mesh_core::Tags::new());
    entry(Event::Created { resource, uid, owner, spec: spec(kind, body), tags, token: None })
}

fn entry(event: Event) -> Entry {
    let caller = Caller { account: OWNER.into(), principal: None };
    Entry { at: Timestamp(1), caller, request: uuid::Uuid::nil(), event }
}
