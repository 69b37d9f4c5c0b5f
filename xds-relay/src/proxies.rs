//! Who is connected, and what each got, accepted or refused: what `GET /proxies` shows.
//!
//! A stream is listed while it lasts. Its session is looked at only when somebody asks, so the list costs the streams
//! nothing but a lock that nobody else wants.

use crate::proxy::ProxyKey;
use crate::serve::codec::Protocol;
use crate::serve::session::{Session, TypeReport};
use envoy_types::pb::envoy::config::core::v3::Node;
use envoy_types::pb::envoy::config::core::v3::node::UserAgentVersionType;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The list of connected proxies. Cheap to clone; all clones are the same list.
#[derive(Debug, Clone, Default)]
pub struct Proxies(Arc<Mutex<List>>);

#[derive(Debug, Default)]
struct List {
    next: u64,
    connected: BTreeMap<u64, Arc<Connected>>,
}

/// A connected proxy.
#[derive(Debug)]
pub struct Connected {
    /// What does not change while it is connected.
    pub facts: Facts,
    /// Its protocol state.
    pub session: Arc<Mutex<Session>>,
}

/// What does not change while a proxy is connected.
#[derive(Debug)]
pub struct Facts {
    /// The node id as it was given.
    pub node_id: String,
    /// Who it is.
    pub proxy: ProxyKey,
    protocol: Protocol,
    peer: Option<SocketAddr>,
    user_agent: String,
    since: SystemTime,
}

/// A proxy's place in the list, given back when dropped.
#[derive(Debug)]
pub struct Listed {
    list: Proxies,
    number: u64,
    connected: Arc<Connected>,
}

impl Facts {
    /// What is known of a proxy that has introduced itself just now.
    pub fn new(node: &Node, proxy: ProxyKey, protocol: Protocol, peer: Option<SocketAddr>) -> Self {
        Self { node_id: node.id.clone(), proxy, protocol, peer, user_agent: user_agent(node), since: SystemTime::now() }
    }
}

impl Proxies {
    /// Lists a proxy for as long as the answer is held.
    pub fn list(&self, connected: Connected) -> Listed {
        let connected = Arc::new(connected);
        let mut list = lock(&self.0);
        let number = list.next;
        list.next += 1;
        list.connected.insert(number, connected.clone());
        metrics::gauge!("remesh_connected_proxies").set(list.connected.len() as f64);
        drop(list);
        Listed { list: self.clone(), number, connected }
    }

    /// The proxy as it is connected now, if it is: by its identity one cannot tell where it listens.
    pub fn placed(&self, proxy: ProxyKey) -> ProxyKey {
        let list = lock(&self.0);
        let same = |other: &&ProxyKey| other.mesh == proxy.mesh && other.id == proxy.id;
        let connected = list.connected.values().rev().map(|connected| &connected.facts.proxy).find(same);
        connected.cloned().unwrap_or(proxy)
    }

    /// Every connected proxy, in the order in which they connected.
    pub fn connected(&self) -> Vec<Arc<Connected>> {
        lock(&self.0).connected.values().cloned().collect()
    }

    /// The same, with where each stands, for people.
    pub fn json(&self) -> Value {
        json!({ "proxies": self.connected().iter().map(|proxy| proxy.json()).collect::<Vec<_>>() })
    }
}

impl Listed {
    /// The proxy.
    pub fn connected(&self) -> &Connected {
        &self.connected
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        let mut list = lock(&self.list.0);
        list.connected.remove(&self.number);
        metrics::gauge!("remesh_connected_proxies").set(list.connected.len() as f64);
    }
}

impl Connected {
    fn json(&self) -> Value {
        let Facts { node_id, proxy, protocol, peer, user_agent, since } = &self.facts;
        let session = lock(&self.session);
        let reports: Vec<TypeReport> = session.report().collect();
        let types: Map<String, Value> =
            reports.iter().map(|report| (report.of.short().to_owned(), type_json(report))).collect();
        let snapshot = session.snapshot();
        json!({
            "node": node_id,
            "resource": proxy.to_string(),
            "meshOwner": proxy.mesh.owner,
            "placement": proxy.placement.to_string(),
            "protocol": protocol,
            "peer": peer.map(|peer| peer.to_string()),
            "userAgent": user_agent,
            "connectedSince": epoch_seconds(*since),
            "inSync": !reports.is_empty() && reports.iter().all(|report| report.in_sync),
            "seq": snapshot.seq,
            "acceptedSeq": session.seq(),
            "types": types,
            "notInEffect": snapshot.not_in_effect,
            "warnings": snapshot.warnings,
        })
    }
}

fn type_json(report: &TypeReport) -> Value {
    let refused = report.refused.as_ref().map(|(refusal, names)| {
        json!({
            "message": refusal.message,
            "version": refusal.version.to_string(),
            "resources": names.iter().map(AsRef::as_ref).collect::<Vec<&str>>(),
            "at": epoch_seconds(moment(refusal.at)),
        })
    });
    json!({
        "resources": report.resources,
        "sent": report.sent.to_string(),
        "acknowledged": report.acknowledged.map(|version| version.to_string()),
        "refused": refused,
        "inSync": report.in_sync,
    })
}

/// `envoy 1.40.0`
fn user_agent(node: &Node) -> String {
    let version = match &node.user_agent_version_type {
        Some(UserAgentVersionType::UserAgentVersion(version)) => version.clone(),
        Some(UserAgentVersionType::UserAgentBuildVersion(build)) => {
            build.version.as_ref().map_or_else(String::new, |version| {
                format!("{}.{}.{}", version.major_number, version.minor_number, version.patch)
            })
        }
        None => String::new(),
    };
    format!("{} {version}", node.user_agent_name).trim().to_owned()
}

fn moment(at: Instant) -> SystemTime {
    SystemTime::now().checked_sub(at.elapsed()).unwrap_or(UNIX_EPOCH)
}

fn epoch_seconds(at: SystemTime) -> f64 {
    at.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_millis() as f64 / 1000.0)
}

/// A thread that panicked while it held a lock has lost its stream; what it left behind can still be looked at.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
