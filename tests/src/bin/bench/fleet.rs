//! N simulated Envoys: one connection and one delta stream each; they subscribe as Envoy does and acknowledge all.

use envoy_types::pb::envoy::config::core::v3::Node;
use envoy_types::pb::envoy::service::discovery::v3::aggregated_discovery_service_client::AggregatedDiscoveryServiceClient;
use envoy_types::pb::envoy::service::discovery::v3::{DeltaDiscoveryRequest, DeltaDiscoveryResponse};
use prost::Message;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint};
use xds_relay::snapshot::ResourceType;

/// How many proxies connect at one time.
const CONNECTING: usize = 64;

/// Connected proxies.
pub struct Fleet {
    size: usize,
    receipts: mpsc::UnboundedReceiver<Receipt>,
    totals: Arc<Totals>,
}

#[derive(Default)]
struct Totals {
    messages: AtomicUsize,
    bytes: AtomicUsize,
}

/// A response with resources, at a proxy.
struct Receipt {
    at: Instant,
}

impl Fleet {
    /// Connects a proxy for each node id and waits until each has its routes.
    pub async fn connect(server: &str, nodes: &[String]) -> Self {
        let (receipt, receipts) = mpsc::unbounded_channel();
        let totals = Arc::new(Totals::default());
        let (served, mut all_served) = mpsc::channel(nodes.len());
        let gate = Arc::new(tokio::sync::Semaphore::new(CONNECTING));
        for node in nodes {
            let (server, node, gate) = (server.to_owned(), node.clone(), gate.clone());
            let (receipt, totals, served) = (receipt.clone(), totals.clone(), served.clone());
            tokio::spawn(async move {
                let place = gate.acquire_owned().await.unwrap();
                let proxy = Proxy { receipt, totals, served: Some((served, place)) };
                proxy.run(&server, &node).await;
            });
        }
        for _ in nodes {
            all_served.recv().await.expect("every proxy is served");
        }
        Self { size: nodes.len(), receipts, totals }
    }

    /// Leaves what was received so far out of everything that is measured later.
    pub fn forget(&mut self) {
        while self.receipts.try_recv().is_ok() {}
        self.totals.messages.store(0, Ordering::Relaxed);
        self.totals.bytes.store(0, Ordering::Relaxed);
    }

    /// Waits until every proxy has got one more response and answers when the last one did.
    pub async fn last_receipt(&mut self, patience: Duration) -> Instant {
        let mut last = None;
        for proxy in 0..self.size {
            let receipt = tokio::time::timeout(patience, self.receipts.recv()).await;
            let receipt = receipt.unwrap_or_else(|_| panic!("only {proxy} of {} proxies were told", self.size));
            last = last.max(Some(receipt.expect("proxies stay connected").at));
        }
        last.expect("there are proxies")
    }

    /// Responses and bytes received since they were last forgotten.
    pub fn totals(&self) -> (usize, usize) {
        (self.totals.messages.load(Ordering::Relaxed), self.totals.bytes.load(Ordering::Relaxed))
    }
}

struct Proxy {
    receipt: mpsc::UnboundedSender<Receipt>,
    totals: Arc<Totals>,
    served: Option<(mpsc::Sender<()>, tokio::sync::OwnedSemaphorePermit)>,
}

impl Proxy {
    async fn run(mut self, server: &str, node: &str) {
        let channel: Channel = Endpoint::from_shared(server.to_owned()).unwrap().connect().await.expect("a connection");
        let mut client = AggregatedDiscoveryServiceClient::new(channel);
        let (requests, sent) = mpsc::channel(64);
        let first = DeltaDiscoveryRequest {
            node: Some(Node { id: node.to_owned(), cluster: node.to_owned(), ..Node::default() }),
            type_url: ResourceType::Cluster.url().to_owned(),
            ..DeltaDiscoveryRequest::default()
        };
        requests.send(first).await.unwrap();
        requests.send(subscribe(ResourceType::Listener, &[])).await.unwrap();
        let answer = client.delta_aggregated_resources(ReceiverStream::new(sent)).await;
        let mut responses = answer.expect("a stream").into_inner();
        while let Ok(Some(response)) = responses.message().await {
            self.take(&response);
            let ack = DeltaDiscoveryRequest {
                type_url: response.type_url.clone(),
                response_nonce: response.nonce.clone(),
                ..DeltaDiscoveryRequest::default()
            };
            if requests.send(ack).await.is_err() {
                return;
            }
            if response.type_url == ResourceType::Listener.url() {
                let names = ["rds_ingress_http_8080", "rds_egress_http_8080"];
                requests.send(subscribe(ResourceType::Route, &names)).await.unwrap();
            }
        }
    }

    fn take(&mut self, response: &DeltaDiscoveryResponse) {
        let at = Instant::now();
        self.totals.messages.fetch_add(1, Ordering::Relaxed);
        self.totals.bytes.fetch_add(response.encoded_len() + 5, Ordering::Relaxed);
        if response.type_url != ResourceType::Route.url() {
            return;
        }
        match self.served.take() {
            // The place is given back with it: the next proxy may connect.
            Some((served, _place)) => drop(served.try_send(())),
            None => drop(self.receipt.send(Receipt { at })),
        }
    }
}

fn subscribe(of: ResourceType, names: &[&str]) -> DeltaDiscoveryRequest {
    DeltaDiscoveryRequest {
        type_url: of.url().to_owned(),
        resource_names_subscribe: names.iter().map(|name| (*name).to_owned()).collect(),
        ..DeltaDiscoveryRequest::default()
    }
}
