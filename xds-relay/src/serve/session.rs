//! Step 9: the protocol of one stream, without any I/O. A request came, a snapshot came, time passed: what is sent?
//!
//! What it promises, for both protocols alike:
//!
//! 1. At most one response a type is under way. Whatever changes meanwhile is in the next one, once.
//! 2. Make before break (§13.12). Additions go in the order clusters, endpoints, listeners, routes; listeners and routes
//!    wait until the Envoy has taken the clusters sent before them, but no longer than [`PATIENCE`]: Envoy answers once a
//!    cluster is warm, and a host name that does not resolve must not freeze every other change. A cluster is removed
//!    only when the listeners and routes that stopped using it have been accepted.
//! 3. A cluster that is sent is followed by its endpoints, changed or not: Envoy would wait for them.
//! 4. What an Envoy refuses is recorded and not sent again until its content changes.
//! 5. What an Envoy has already is not sent.

use super::codec::{Asks, Protocol, Request, Response};
use super::subscription::{Batch, Flight, Part, Piece, Subscription};
pub use super::subscription::{Refusal, Verdict};
use crate::snapshot::{ResourceType, Snapshot, Version, XdsResource};
use mesh_core::Seq;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long listeners and routes wait for clusters.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// How long an Envoy that comes back is given to speak of its listeners and routes, too. It asks for everything at once,
/// but one without routes of its own never asks for any.
const RESUMPTION: Duration = Duration::from_secs(2);

/// The most a delta response holds, except for a single larger resource: the transport keeps a buffer of the size of the
/// largest message for as long as the stream lives.
const PIECE_BYTES: usize = 16 * 1024;

/// One stream's protocol state.
#[derive(Debug)]
pub struct Session {
    protocol: Protocol,
    snapshot: Arc<Snapshot>,
    subscriptions: [Subscription; 5],
    nonce: u64,
    /// When listeners or routes began to wait for clusters.
    waiting_since: Option<Instant>,
    /// When an Envoy came that has clusters from an earlier stream.
    resumed_at: Option<Instant>,
    now: Instant,
}

/// What a request leads to.
#[derive(Debug, Default)]
pub struct Reaction {
    /// What to send, in order.
    pub send: Vec<Response>,
    /// What the request said to an earlier response.
    pub verdict: Option<(ResourceType, Verdict)>,
}

/// Where a type stands.
#[derive(Debug, Clone)]
pub struct TypeReport {
    /// The type.
    pub of: ResourceType,
    /// How many resources of its snapshot the Envoy has, or was sent.
    pub resources: usize,
    /// What it was sent.
    pub sent: Version,
    /// What it accepted last.
    pub acknowledged: Option<Version>,
    /// What it refuses, and why.
    pub refused: Option<(Refusal, Vec<Arc<str>>)>,
    /// Whether it has accepted all there is.
    pub in_sync: bool,
}

impl Session {
    /// A stream that has not said anything yet, for a proxy whose snapshot is this.
    pub fn new(protocol: Protocol, snapshot: Arc<Snapshot>, now: Instant) -> Self {
        let subscriptions = ResourceType::ALL.map(|of| Subscription::new(of, protocol));
        Self { protocol, snapshot, subscriptions, nonce: 0, waiting_since: None, resumed_at: None, now }
    }

    /// A request came.
    pub fn on_request(&mut self, request: Request, now: Instant) -> Reaction {
        let Some(of) = ResourceType::from_url(&request.type_url) else {
            return Reaction { send: self.answer_unknown(request).into_iter().collect(), verdict: None };
        };
        if self.is_late(of, &request) {
            return Reaction::default();
        }
        let Self { subscriptions, snapshot, .. } = self;
        let subscription = &mut subscriptions[of as usize];
        let verdict = request
            .nonce
            .parse()
            .ok()
            .and_then(|nonce| subscription.on_answer(nonce, request.refusal, now, snapshot))
            .map(|verdict| (of, verdict));
        if of == ResourceType::Cluster && !subscription.started && has_resources(&request.asks) {
            self.resumed_at = Some(now);
        }
        subscription.on_asks(request.asks, snapshot);
        Reaction { send: self.pump(now), verdict }
    }

    /// The proxy's snapshot is another now.
    pub fn on_snapshot(&mut self, snapshot: Arc<Snapshot>, now: Instant) -> Vec<Response> {
        let before = std::mem::replace(&mut self.snapshot, snapshot);
        for subscription in &mut self.subscriptions {
            subscription.on_snapshot(&before, &self.snapshot);
        }
        self.pump(now)
    }

    /// The time of [`Session::deadline`] has come.
    pub fn on_time(&mut self, now: Instant) -> Vec<Response> {
        self.pump(now)
    }

    /// When to call [`Session::on_time`], should nothing happen before.
    pub fn deadline(&self) -> Option<Instant> {
        let sent = [ResourceType::Cluster, ResourceType::Endpoint]
            .into_iter()
            .filter(|of| self.waiting_since.is_some() || self.of(*of).is_pending())
            .filter_map(|of| self.of(of).flight.as_ref().map(|flight| flight.sent_at));
        let resumed = self.resumed_at.filter(|_| self.of(ResourceType::Cluster).is_pending());
        let patience = sent.chain(self.waiting_since).map(|since| since + PATIENCE);
        let deadlines = patience.chain(resumed.map(|since| since + RESUMPTION));
        // What is past and still waits, waits for an answer and not for the time.
        deadlines.filter(|deadline| *deadline > self.now).min()
    }

    /// The snapshot that is being brought to the Envoy.
    pub fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    /// The last change of the mesh that the Envoy has accepted everything of; nothing while it has not.
    pub fn seq(&self) -> Option<Seq> {
        self.subscriptions.iter().all(Subscription::is_settled).then_some(self.snapshot.seq)
    }

    /// Where each type stands that the Envoy has asked for.
    pub fn report(&self) -> impl Iterator<Item = TypeReport> {
        self.subscriptions.iter().filter(|subscription| subscription.started).map(|subscription| TypeReport {
            of: subscription.of,
            resources: subscription.resources(&self.snapshot),
            sent: subscription.version(),
            acknowledged: subscription.acknowledged,
            refused: subscription.refusal.clone().map(|why| (why, subscription.refused().cloned().collect())),
            in_sync: subscription.is_settled(),
        })
    }

    fn of(&self, of: ResourceType) -> &Subscription {
        &self.subscriptions[of as usize]
    }

    /// By state of the world, a request that answers an older response than the last is overtaken: the Envoy sends
    /// another when it gets there. By delta every request counts, since each says what changes.
    fn is_late(&self, of: ResourceType, request: &Request) -> bool {
        let subscription = self.of(of);
        self.protocol == Protocol::Sotw
            && subscription.started
            && !request.nonce.is_empty()
            && request.nonce.parse().ok() != subscription.last_nonce
    }

    /// A type we have nothing of. Saying so lets an Envoy go on that waits for it to start.
    fn answer_unknown(&mut self, request: Request) -> Option<Response> {
        let asked = match request.asks {
            Asks::Names { .. } if request.nonce.is_empty() => Vec::new(),
            Asks::Changes { subscribe, .. } if request.nonce.is_empty() || !subscribe.is_empty() => subscribe,
            _ => return None,
        };
        let removed = asked.into_iter().filter(|name| name != "*").map(Arc::from).collect();
        Some(Response {
            protocol: self.protocol,
            type_url: request.type_url.into(),
            version: Version(0),
            nonce: self.next_nonce(),
            resources: Vec::new(),
            removed,
        })
    }

    /// Sends what may be sent now, in the order that keeps traffic flowing.
    fn pump(&mut self, now: Instant) -> Vec<Response> {
        self.now = now;
        for subscription in &mut self.subscriptions {
            subscription.settle(&self.snapshot);
        }
        let mut out = Vec::new();
        let late = self.waiting_since.is_some_and(|since| now.saturating_duration_since(since) >= PATIENCE);
        self.send_clusters(late, &mut out);
        self.send(ResourceType::Endpoint, Part::All, &mut out);
        self.send(ResourceType::Secret, Part::All, &mut out);
        if late || self.clusters_are_made() {
            self.waiting_since = None;
            self.send(ResourceType::Listener, Part::All, &mut out);
            self.send(ResourceType::Route, Part::All, &mut out);
        } else if self.of(ResourceType::Listener).is_pending() || self.of(ResourceType::Route).is_pending() {
            self.waiting_since.get_or_insert(now);
        }
        if self.nothing_uses_old_clusters() {
            self.send(ResourceType::Cluster, Part::All, &mut out);
        }
        out
    }

    /// New and changed clusters, and word to their endpoints.
    fn send_clusters(&mut self, late: bool, out: &mut Vec<Response>) {
        let flight = self.of(ResourceType::Cluster).flight.as_ref();
        if flight.is_some_and(|flight| !late && !flight.is_overdue(self.now, PATIENCE)) {
            return;
        }
        let Some(batch) = self.subscriptions[ResourceType::Cluster as usize].take(Part::Additions, &self.snapshot)
        else {
            return;
        };
        let endpoints = &mut self.subscriptions[ResourceType::Endpoint as usize];
        for cluster in &batch.news {
            if let Some((name, _)) = self.snapshot.of(ResourceType::Endpoint).get_key_value(&cluster.name) {
                endpoints.make_due(name);
            }
        }
        let gates = !batch.news.is_empty();
        self.dispatch(ResourceType::Cluster, batch, gates, out);
    }

    fn send(&mut self, of: ResourceType, part: Part, out: &mut Vec<Response>) {
        let subscription = &mut self.subscriptions[of as usize];
        if subscription.flight.is_some() {
            return;
        }
        if let Some(batch) = subscription.take(part, &self.snapshot) {
            let gates = batch.due;
            self.dispatch(of, batch, gates, out);
        }
    }

    /// Whether the Envoy has every cluster it needs, with its endpoints, or has had time enough.
    fn clusters_are_made(&self) -> bool {
        let (clusters, endpoints) = (self.of(ResourceType::Cluster), self.of(ResourceType::Endpoint));
        let under_way = |flight: &Flight| flight.gates && !flight.is_overdue(self.now, PATIENCE);
        !clusters.has_additions(&self.snapshot)
            && !endpoints.has_due()
            && !clusters.flight.as_ref().is_some_and(under_way)
            && !endpoints.flight.as_ref().is_some_and(under_way)
    }

    /// Whether every listener and route that stopped using a cluster has been accepted. An Envoy that comes back speaks
    /// of its clusters first; it has listeners and routes even if it has not said so yet.
    fn nothing_uses_old_clusters(&self) -> bool {
        let users = [self.of(ResourceType::Listener), self.of(ResourceType::Route)];
        let heard =
            |since| self.now.saturating_duration_since(since) >= RESUMPTION || users.iter().all(|one| one.started);
        users.iter().all(|one| one.is_settled()) && self.resumed_at.is_none_or(heard)
    }

    /// Makes responses of a batch, several by delta if it is large.
    fn dispatch(&mut self, of: ResourceType, batch: Batch, gates: bool, out: &mut Vec<Response>) {
        let version = self.of(of).version();
        let Batch { resources, news, removed, .. } = batch;
        let pieces = match self.protocol {
            Protocol::Sotw => vec![(resources, news)],
            Protocol::Delta => in_pieces(news).into_iter().map(|piece| (piece.clone(), piece)).collect(),
        };
        let mut removed = Some(removed);
        let mut sent = Vec::with_capacity(pieces.len());
        for (resources, news) in pieces {
            let nonce = self.next_nonce();
            let (type_url, removed) = (of.url().into(), removed.take().unwrap_or_default());
            out.push(Response { protocol: self.protocol, type_url, version, nonce, resources, removed });
            sent.push(Piece { nonce, news });
        }
        let flight = Flight { pieces: sent, version, sent_at: self.now, gates };
        self.subscriptions[of as usize].on_sent(flight);
    }

    fn next_nonce(&mut self) -> u64 {
        self.nonce += 1;
        self.nonce
    }
}

/// Whether these are the words of an Envoy that has been served before.
fn has_resources(asks: &Asks) -> bool {
    matches!(asks, Asks::Changes { initial, .. } if !initial.is_empty())
}

/// Parts of at most [`PIECE_BYTES`]; at least one, which may be empty.
fn in_pieces(resources: Vec<Arc<XdsResource>>) -> Vec<Vec<Arc<XdsResource>>> {
    let mut pieces = vec![Vec::new()];
    let mut bytes = 0;
    for resource in resources {
        // The rest is the version, the type URL and tags.
        let size = resource.body.len() + resource.name.len() + 128;
        if bytes > 0 && bytes + size > PIECE_BYTES {
            pieces.push(Vec::new());
            bytes = 0;
        }
        bytes += size;
        if let Some(piece) = pieces.last_mut() {
            piece.push(resource);
        }
    }
    pieces
}

#[cfg(test)]
mod tests;
