//! Step 6 here, and the way to step 8: one task folds the feed and keeps a snapshot for every connected proxy.
//!
//! The task owns every folded mesh, the views derived from it and the memo of the translation, so nothing is locked.
//! Everybody else holds a [`World`], asks by message, and sees immutable snapshots through a watch.
//!
//! A record dirties the services and proxies that depend on it ([`mesh_core::view::affected`]); those are derived anew,
//! and only if somebody is connected. A service that looks to its callers as before dirties none of them. Records that
//! arrive together are folded together and published once. A snapshot with the content of the one before is not
//! published at all.
//!
//! What nobody uses any more is swept out: a proxy's snapshots when nobody watches them, a service's view when no
//! watched proxy may call it.
//!
//! What is deliberately absent: the protocol. How a snapshot reaches an Envoy is [`crate::serve`]'s.

use crate::proxy::ProxyKey;
use crate::snapshot::Snapshot;
use crate::translate::Translator;
use mesh_core::view::{self, Affected, ServiceView};
use mesh_core::{MeshKey, MeshState, Name, Record, ResourceId, Seq};
use mesh_log::{Cursor, Follower, Log, LogError};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// How long the task waits before it asks a log again that failed: at first, and at most.
const RETRY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// Up to how many views and proxies of a mesh nothing is swept.
const SMALL: usize = 256;

/// A handle on the one task that folds. Cheap to clone; the task ends when the last one is dropped.
#[derive(Debug, Clone)]
pub struct World {
    questions: mpsc::Sender<Question>,
    ready: watch::Receiver<bool>,
}

/// The snapshots of one proxy as they change; `None` once its resource is gone.
pub type Snapshots = watch::Receiver<Option<Arc<Snapshot>>>;

/// The other end of [`Snapshots`].
type Publisher = watch::Sender<Option<Arc<Snapshot>>>;

/// Why a proxy has no snapshots.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// No such resource.
    #[error("{0} does not exist, or not yet: create it through the API, or correct the proxy's node id")]
    Unknown(String),
    /// The relay is going down.
    #[error("the relay is shutting down")]
    Stopped,
}

#[derive(Debug)]
enum Question {
    Connect(ProxyKey, oneshot::Sender<Result<Snapshots, ConnectError>>),
    Snapshot(ProxyKey, oneshot::Sender<Result<Arc<Snapshot>, ConnectError>>),
}

impl World {
    /// Starts the task that follows `log`.
    pub fn start(log: Arc<dyn Log>) -> Self {
        let (questions, asked) = mpsc::channel(1024);
        let (caught_up, ready) = watch::channel(false);
        tokio::spawn(run(log, asked, caught_up));
        Self { questions, ready }
    }

    /// A world in which every proxy is served these.
    #[cfg(test)]
    pub(crate) fn of(snapshots: Snapshots) -> Self {
        let (questions, mut asked) = mpsc::channel(1);
        let (_, ready) = watch::channel(true);
        tokio::spawn(async move {
            while let Some(question) = asked.recv().await {
                if let Question::Connect(_, answer) = question {
                    let _ = answer.send(Ok(snapshots.clone()));
                }
            }
        });
        Self { questions, ready }
    }

    /// Whether everything the log held at the start has been folded.
    pub fn ready(&self) -> watch::Receiver<bool> {
        self.ready.clone()
    }

    /// The snapshots of a proxy from now on. They are kept up to date while the answer is held.
    ///
    /// # Errors
    ///
    /// When the proxy's resource does not exist.
    pub async fn connect(&self, proxy: ProxyKey) -> Result<Snapshots, ConnectError> {
        self.ask(|answer| Question::Connect(proxy, answer)).await
    }

    /// The snapshot a proxy would be served now, connected or not.
    ///
    /// # Errors
    ///
    /// When the proxy's resource does not exist.
    pub async fn snapshot(&self, proxy: ProxyKey) -> Result<Arc<Snapshot>, ConnectError> {
        self.ask(|answer| Question::Snapshot(proxy, answer)).await
    }

    async fn ask<T>(
        &self,
        question: impl FnOnce(oneshot::Sender<Result<T, ConnectError>>) -> Question,
    ) -> Result<T, ConnectError> {
        let (answer, answered) = oneshot::channel();
        self.questions.send(question(answer)).await.map_err(|_| ConnectError::Stopped)?;
        answered.await.map_err(|_| ConnectError::Stopped)?
    }
}

async fn run(log: Arc<dyn Log>, mut asked: mpsc::Receiver<Question>, caught_up: watch::Sender<bool>) {
    let mut fold = Fold { log, meshes: HashMap::new(), translator: Translator::default() };
    let mut retry = RETRY.0;
    while let Err(error) = fold.load_all().await {
        tracing::warn!(%error, retry_ms = retry.as_millis() as u64, "cannot read the event log yet");
        if asked.is_closed() {
            return;
        }
        tokio::time::sleep(retry).await;
        retry = (retry * 2).min(RETRY.1);
    }
    caught_up.send_replace(true);
    let mut follower = fold.log.follow(fold.cursor());
    loop {
        tokio::select! {
            records = next(follower.as_mut()) => fold.take(records).await,
            question = asked.recv() => match question {
                Some(question) => fold.answer(question),
                None => return,
            },
        }
    }
}

/// The next records, however long the log is away. Safe to cancel, as the follower is.
async fn next(follower: &mut dyn Follower) -> Vec<Record> {
    let mut retry = RETRY.0;
    loop {
        match follower.next().await {
            Ok(records) => return records,
            Err(error) => tracing::warn!(%error, "cannot follow the event log; serving what is known"),
        }
        tokio::time::sleep(retry).await;
        retry = (retry * 2).min(RETRY.1);
    }
}

/// What the task owns.
struct Fold {
    log: Arc<dyn Log>,
    meshes: HashMap<MeshKey, Mesh>,
    translator: Translator,
}

impl Fold {
    async fn load_all(&mut self) -> Result<(), LogError> {
        for mesh in self.log.heads().await?.into_keys() {
            if !self.meshes.contains_key(&mesh) {
                let state = mesh_log::load(self.log.as_ref(), &mesh).await?;
                self.meshes.insert(mesh, Mesh::new(state));
            }
        }
        Ok(())
    }

    fn cursor(&self) -> Cursor {
        self.meshes.iter().map(|(key, mesh)| (key.clone(), mesh.state.seq())).collect()
    }

    async fn take(&mut self, records: Vec<Record>) {
        let mut touched = BTreeSet::new();
        metrics::counter!("remesh_folded_records_total").increment(records.len() as u64);
        for record in records {
            let mesh = self.meshes.entry(record.mesh.clone()).or_insert_with(|| Mesh::empty(&record.mesh));
            touched.insert(record.mesh.clone());
            if let Err(error) = mesh.fold(&record) {
                tracing::error!(%error, "reading the mesh from the log again");
                self.reload(&record.mesh).await;
            }
        }
        for key in touched {
            if let Some(mesh) = self.meshes.get_mut(&key) {
                mesh.publish(&mut self.translator);
            }
        }
    }

    async fn reload(&mut self, key: &MeshKey) {
        match (mesh_log::load(self.log.as_ref(), key).await, self.meshes.get_mut(key)) {
            (Ok(state), Some(mesh)) => mesh.replace(state),
            (Err(error), _) => tracing::error!(%error, mesh = %key, "the mesh stays as it was"),
            (Ok(_), None) => {}
        }
    }

    fn answer(&mut self, question: Question) {
        match question {
            Question::Connect(proxy, answer) => {
                let found = self.find(&proxy).and_then(|(mesh, translator)| mesh.connect(&proxy, translator));
                // Whoever asked may be gone; then the watch has no receiver and is swept like any other.
                let _ = answer.send(found.ok_or_else(|| ConnectError::Unknown(proxy.to_string())));
            }
            Question::Snapshot(proxy, answer) => {
                let found = self.find(&proxy).and_then(|(mesh, translator)| mesh.current(&proxy, translator));
                let _ = answer.send(found.ok_or_else(|| ConnectError::Unknown(proxy.to_string())));
            }
        }
    }

    fn find(&mut self, proxy: &ProxyKey) -> Option<(&mut Mesh, &mut Translator)> {
        Some((self.meshes.get_mut(&proxy.mesh)?, &mut self.translator))
    }
}

/// One mesh: its fold, the views derived from it, and the proxies that are connected to it.
struct Mesh {
    state: MeshState,
    services: HashMap<Name, Arc<ServiceView>>,
    proxies: HashMap<ResourceId, HashMap<ProxyKey, Publisher>>,
    dirty: Dirty,
    /// How many views and proxies there may be before what nobody uses is looked for.
    sweep_at: usize,
}

/// What has changed since the last publication.
#[derive(Default)]
struct Dirty {
    everything: bool,
    services: BTreeSet<Name>,
    nodes: BTreeSet<ResourceId>,
}

impl Mesh {
    fn new(state: MeshState) -> Self {
        Self { state, services: HashMap::new(), proxies: HashMap::new(), dirty: Dirty::default(), sweep_at: SMALL }
    }

    fn empty(key: &MeshKey) -> Self {
        Self::new(MeshState::new(key.clone()))
    }

    fn fold(&mut self, record: &Record) -> Result<(), mesh_core::state::FoldError> {
        if record.seq <= self.state.seq() {
            return Ok(());
        }
        self.state.apply(record)?;
        let Affected { everything, services, nodes } = view::affected(&self.state, &record.entry.event);
        self.dirty.everything |= everything;
        self.dirty.services.extend(services);
        self.dirty.nodes.extend(nodes);
        Ok(())
    }

    fn replace(&mut self, state: MeshState) {
        self.state = state;
        self.services.clear();
        self.dirty.everything = true;
    }

    /// Brings the snapshots of every dirty, connected proxy up to date.
    fn publish(&mut self, translator: &mut Translator) {
        for id in self.stale() {
            let Some(mut proxies) = self.proxies.remove(&id) else { continue };
            proxies.retain(|_, snapshots| snapshots.receiver_count() > 0);
            for (proxy, snapshots) in &proxies {
                let before = snapshots.borrow().clone();
                let after = self.snapshot(proxy, translator, before.as_deref());
                let same = match (&before, &after) {
                    (Some(before), Some(after)) => before.same_content(after),
                    (None, None) => true,
                    _ => false,
                };
                if !same {
                    snapshots.send_replace(after.map(Arc::new));
                }
            }
            // Who stood for a resource that is gone has been told so, and that was the last word.
            proxies.retain(|_, snapshots| snapshots.borrow().is_some());
            if !proxies.is_empty() {
                self.proxies.insert(id, proxies);
            }
        }
        self.sweep();
    }

    /// Derives every dirty service anew that is known, and answers which connected proxies are out of date.
    fn stale(&mut self) -> Vec<ResourceId> {
        let Dirty { everything, services, mut nodes } = std::mem::take(&mut self.dirty);
        for name in services {
            if self.renew(&name) {
                nodes.extend(view::callers(&self.state, &name));
            }
        }
        match everything {
            true => self.proxies.keys().cloned().collect(),
            false => nodes.into_iter().filter(|id| self.proxies.contains_key(id)).collect(),
        }
    }

    /// Whether a service looks another to its callers than before; else the view stays the shared one it was.
    fn renew(&mut self, name: &Name) -> bool {
        let Some(known) = self.services.get_mut(name) else { return true };
        let view = view::service_view(&self.state, name);
        let changed = **known != view;
        if changed {
            *known = Arc::new(view);
        }
        changed
    }

    /// Forgets what no watched proxy uses, when there may be much of it.
    fn sweep(&mut self) {
        if self.state.resources().next().is_none() {
            // A mesh that was deleted: of it remains how far it was folded.
            self.services = HashMap::new();
        }
        if self.services.len() + self.proxies.len() < self.sweep_at {
            return;
        }
        self.proxies.retain(|_, placed| {
            placed.retain(|_, snapshots| snapshots.receiver_count() > 0);
            !placed.is_empty()
        });
        let (mut used, none) = (HashSet::new(), Arc::new(ServiceView { name: "".into(), ports: Vec::new() }));
        for id in self.proxies.keys() {
            view::node_view(&self.state, id, |name| {
                used.insert(name.clone());
                self.services.get(name).unwrap_or(&none).clone()
            });
        }
        self.services.retain(|name, _| used.contains(name));
        self.services.shrink_to_fit();
        self.proxies.shrink_to_fit();
        self.sweep_at = SMALL.max(2 * (self.services.len() + self.proxies.len()));
    }

    fn connect(&mut self, proxy: &ProxyKey, translator: &mut Translator) -> Option<Snapshots> {
        if let Some(placed) = self.proxies.get_mut(&proxy.id) {
            // A machine that comes back elsewhere leaves its old placement behind.
            placed.retain(|other, snapshots| other == proxy || snapshots.receiver_count() > 0);
        }
        if let Some(snapshots) = self.watched(proxy) {
            return Some(snapshots.subscribe()).filter(|snapshots| snapshots.borrow().is_some());
        }
        let snapshot = self.snapshot(proxy, translator, None)?;
        let (snapshots, receiver) = watch::channel(Some(Arc::new(snapshot)));
        self.proxies.entry(proxy.id.clone()).or_default().insert(proxy.clone(), snapshots);
        self.sweep();
        Some(receiver)
    }

    fn current(&mut self, proxy: &ProxyKey, translator: &mut Translator) -> Option<Arc<Snapshot>> {
        if let Some(snapshots) = self.watched(proxy) {
            return snapshots.borrow().clone();
        }
        let snapshot = self.snapshot(proxy, translator, None).map(Arc::new);
        self.sweep();
        snapshot
    }

    /// The snapshots of a proxy that is connected, or was and has not been swept out since.
    fn watched(&mut self, proxy: &ProxyKey) -> Option<&watch::Sender<Option<Arc<Snapshot>>>> {
        self.proxies.get(&proxy.id)?.get(proxy)
    }

    fn snapshot(
        &mut self,
        proxy: &ProxyKey,
        translator: &mut Translator,
        before: Option<&Snapshot>,
    ) -> Option<Snapshot> {
        let Self { state, services, .. } = self;
        let service = |name: &Name| -> Arc<ServiceView> {
            let known = services.entry(name.clone());
            known.or_insert_with(|| Arc::new(view::service_view(state, name))).clone()
        };
        let view = view::node_view(state, &proxy.id, service)?;
        metrics::counter!("remesh_snapshots_built_total").increment(1);
        let mut snapshot = translator.translate(&view, &proxy.placement);
        snapshot.seq = state.seq() as Seq;
        if let Some(before) = before {
            snapshot.share(before);
        }
        Some(snapshot)
    }
}

#[cfg(test)]
mod tests;
