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
//! What the log holds comes from a task beside it (`feed`), so that a log that is away keeps nobody waiting. Questions
//! wait until everything has been folded, unless an earlier run left its folds on this machine ([`Copies`]) and the log
//! cannot be read: then those are served, and [`World::standing`] says how old they are.
//!
//! What is deliberately absent: the protocol. How a snapshot reaches an Envoy is [`crate::serve`]'s.

mod copies;
mod feed;
mod keep;
mod mesh;
mod needs;
mod standing;

pub use copies::Copies;
pub use standing::Standing;

use crate::discovery::{Discovery, Instance, InstanceSource, Registry, Service};
use crate::proxy::ProxyKey;
use crate::snapshot::Snapshot;
use crate::translate::Translator;
use feed::News;
use keep::Keeper;
use mesh::{Connecting, Mesh, Workshop};
use mesh_core::{AccountId, MeshKey, MeshState, Record};
use mesh_log::Log;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::MissedTickBehavior;

/// How often proxies that have left are forgotten, and with them what they alone needed.
const SWEEP: Duration = Duration::from_secs(10);

/// How often those are looked at who wait for instances.
const LOOK: Duration = Duration::from_millis(100);

/// A handle on the one task that folds. Cheap to clone; the task ends when the last one is dropped.
#[derive(Debug, Clone)]
pub struct World {
    questions: mpsc::Sender<Question>,
    ready: watch::Receiver<bool>,
    standing: watch::Receiver<Standing>,
}

/// The snapshots of one proxy as they change; `None` once its resource is gone, or no longer for its account to use.
pub type Snapshots = watch::Receiver<Option<Arc<Snapshot>>>;

/// The instances that are known of the services in need.
pub type Discovered = BTreeMap<Service, Arc<[Instance]>>;

/// The other end of [`Snapshots`].
type Publisher = watch::Sender<Option<Arc<Snapshot>>>;

/// Why a proxy has no snapshots.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// No such resource.
    #[error(
        "{proxy} of account {account} does not exist, or not yet: create it through the API, or correct the proxy's node \
         id (mesh/MESH@OWNER/… is in the mesh of another account)"
    )]
    Unknown {
        /// Which.
        proxy: String,
        /// Whose the mesh would be.
        account: AccountId,
    },
    /// The resource is there, but not for the account that made it (§13.11).
    #[error(
        "{proxy} was made by account {account}, with which its mesh is not shared any more: share it again, or delete \
         what the account has made"
    )]
    NotShared {
        /// Which.
        proxy: String,
        /// Whose it is.
        account: AccountId,
    },
    /// No such resource in a state that may be old.
    #[error("{0} is not known yet: the event log cannot be reached, and what is served meanwhile is an earlier state")]
    NotYet(String),
    /// The relay is going down.
    #[error("the relay is shutting down")]
    Stopped,
}

#[derive(Debug)]
enum Question {
    Connect(ProxyKey, oneshot::Sender<Result<Snapshots, ConnectError>>),
    Snapshot(ProxyKey, oneshot::Sender<Result<Arc<Snapshot>, ConnectError>>),
    Instances(oneshot::Sender<Result<Discovered, ConnectError>>),
}

impl World {
    /// Starts the task that follows `log`, with instances of a registry that has none.
    pub fn start(log: Arc<dyn Log>) -> Self {
        Self::start_with(log, None, &Registry::default())
    }

    /// The same, with a place to keep folds from one run to the next, and instances from `source`.
    pub fn start_with(log: Arc<dyn Log>, copies: Option<Copies>, source: &dyn InstanceSource) -> Self {
        let (questions, asked) = mpsc::channel(1024);
        let (caught_up, ready) = watch::channel(false);
        let (stands, standing) = watch::channel(Standing::default());
        let (news, heard) = mpsc::channel(4);
        tokio::spawn(feed::run(log.clone(), copies.clone(), news));
        let workshop = Workshop { translator: Translator::default(), discovery: Discovery::start(source) };
        let (meshes, waiting) = (HashMap::new(), Vec::new());
        let fold = Fold { log, meshes, workshop, waiting, others: false, stands, caught_up };
        tokio::spawn(run(fold, heard, asked, Keeper::new(copies)));
        Self { questions, ready, standing }
    }

    /// A world in which every proxy is served these.
    #[cfg(test)]
    pub(crate) fn of(snapshots: Snapshots) -> Self {
        let (questions, mut asked) = mpsc::channel(1);
        let (_, ready) = watch::channel(true);
        let (_, standing) = watch::channel(Standing { caught_up: true, following: true, as_of: None });
        tokio::spawn(async move {
            while let Some(question) = asked.recv().await {
                if let Question::Connect(_, answer) = question {
                    let _ = answer.send(Ok(snapshots.clone()));
                }
            }
        });
        Self { questions, ready, standing }
    }

    /// A world that has come to an end although somebody holds it.
    #[cfg(test)]
    pub(crate) fn dead() -> Self {
        let (questions, _) = mpsc::channel(1);
        let (_, ready) = watch::channel(true);
        let (_, standing) = watch::channel(Standing { caught_up: true, following: true, as_of: None });
        Self { questions, ready, standing }
    }

    /// Whether the task that folds is still there.
    pub fn is_alive(&self) -> bool {
        !self.questions.is_closed()
    }

    /// Whether everything the log held at the start has been folded.
    pub fn ready(&self) -> watch::Receiver<bool> {
        self.ready.clone()
    }

    /// How what is served stands to what the log holds.
    pub fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.clone()
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

    /// The instances that are known of the services in need.
    ///
    /// # Errors
    ///
    /// When the relay is going down.
    pub async fn instances(&self) -> Result<Discovered, ConnectError> {
        self.ask(Question::Instances).await
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

async fn run(mut fold: Fold, mut heard: mpsc::Receiver<News>, mut asked: mpsc::Receiver<Question>, mut keeper: Keeper) {
    let mut serving = false;
    let mut sweep = tokio::time::interval(SWEEP);
    sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut look = tokio::time::interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            news = heard.recv() => match news {
                Some(news) => {
                    let all = matches!(news, News::Loaded(_));
                    serving |= fold.hear(news).await;
                    if all {
                        keeper.hurry();
                    }
                }
                None => return,
            },
            question = asked.recv(), if serving => match question {
                Some(question) => fold.answer(question),
                None => return,
            },
            found = fold.workshop.discovery.next() => fold.rediscover(&found),
            _ = look.tick(), if fold.waits() => fold.rediscover(&BTreeSet::new()),
            _ = sweep.tick() => fold.meshes.values_mut().for_each(Mesh::sweep),
            () = keeper.due() => keeper.keep(fold.standing(), fold.meshes.values().map(|mesh| &mesh.state)),
        }
        if asked.is_closed() && asked.is_empty() {
            return;
        }
        fold.say_what_is_needed();
    }
}

/// A proxy that connects, what it waits for, and since when.
struct Waiting {
    proxy: ProxyKey,
    answer: oneshot::Sender<Result<Snapshots, ConnectError>>,
    services: BTreeSet<Service>,
    since: Instant,
}

/// What the task owns.
struct Fold {
    log: Arc<dyn Log>,
    meshes: HashMap<MeshKey, Mesh>,
    workshop: Workshop,
    /// Proxies that connect and whose instances are being looked for.
    waiting: Vec<Waiting>,
    /// Whether there are other meshes or other proxies that wait, and so perhaps other needs.
    others: bool,
    stands: watch::Sender<Standing>,
    caught_up: watch::Sender<bool>,
}

impl Fold {
    /// Takes news in, and answers whether there is something to serve now.
    async fn hear(&mut self, news: News) -> bool {
        match news {
            News::Copies(states, as_of) => {
                tracing::warn!(meshes = states.len(), "serving what an earlier run left on this machine");
                self.replace_all(states);
                self.stand(|standing| standing.as_of = Some(as_of));
                return true;
            }
            News::Loaded(states) => {
                tracing::info!(meshes = states.len(), "everything in the event log is folded");
                self.replace_all(states);
                self.stand(|standing| *standing = Standing { caught_up: true, following: true, as_of: None });
                self.caught_up.send_replace(true);
                return true;
            }
            News::Records(records) => self.take(records).await,
            News::Away => self.stand(|standing| {
                if standing.following {
                    standing.as_of = Some(SystemTime::now());
                }
                standing.following = false;
            }),
            News::Back => self.stand(|standing| *standing = Standing { following: true, as_of: None, ..*standing }),
        }
        false
    }

    fn standing(&self) -> Standing {
        *self.stands.borrow()
    }

    fn stand(&self, change: impl FnOnce(&mut Standing)) {
        self.stands.send_modify(change);
        metrics::gauge!("remesh_meshes").set(self.meshes.len() as f64);
    }

    /// Takes these folds, and no others. Whoever is connected to a mesh that is not among them is let go.
    fn replace_all(&mut self, states: Vec<MeshState>) {
        let mut before = std::mem::take(&mut self.meshes);
        for state in states {
            let key = state.key().clone();
            let mut mesh = before.remove(&key).unwrap_or_else(|| Mesh::empty(&key));
            mesh.replace(state);
            mesh.publish(&mut self.workshop);
            self.meshes.insert(key, mesh);
        }
        self.others = true;
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
                mesh.publish(&mut self.workshop);
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
            Question::Connect(proxy, answer) => self.connect(proxy, answer, Instant::now()),
            Question::Snapshot(proxy, answer) => {
                let found = self.find(&proxy).and_then(|(mesh, workshop)| mesh.current(&proxy, workshop));
                // Whoever asked may be gone.
                let _ = answer.send(found.ok_or_else(|| self.unknown(&proxy)));
            }
            Question::Instances(answer) => {
                let _ = answer.send(Ok(self.workshop.discovery.report()));
            }
        }
    }

    fn connect(&mut self, proxy: ProxyKey, answer: oneshot::Sender<Result<Snapshots, ConnectError>>, since: Instant) {
        let late = since.elapsed() >= mesh::PATIENCE;
        let connecting = self.find(&proxy).map(|(mesh, workshop)| mesh.connect(&proxy, late, workshop));
        // Whoever asked may be gone; then the watch has no receiver and is swept.
        match connecting.unwrap_or(Connecting::Unknown) {
            Connecting::Now(snapshots) => drop(answer.send(Ok(snapshots))),
            Connecting::Unknown => drop(answer.send(Err(self.unknown(&proxy)))),
            Connecting::Wait(services) => {
                self.others = true;
                self.waiting.push(Waiting { proxy, answer, services, since });
            }
        }
    }

    /// Brings what was found to those who need it. Those who wait are looked at in any case: their time may be over.
    fn rediscover(&mut self, found: &BTreeSet<Service>) {
        for mesh in self.meshes.values_mut() {
            mesh.rediscover(found, &mut self.workshop);
        }
        let waiting = std::mem::take(&mut self.waiting);
        self.others |= !waiting.is_empty();
        for one in waiting {
            let known = one.services.iter().all(|service| self.workshop.discovery.knows(service));
            if known || one.since.elapsed() >= mesh::PATIENCE {
                self.connect(one.proxy, one.answer, one.since);
            } else if !one.answer.is_closed() {
                self.waiting.push(one);
            }
        }
    }

    /// Whether anybody waits for instances.
    fn waits(&self) -> bool {
        !self.waiting.is_empty() || self.meshes.values().any(Mesh::holds)
    }

    /// Tells discovery which services to keep in sight, where that may have changed.
    fn say_what_is_needed(&mut self) {
        let mut changed = std::mem::take(&mut self.others);
        for mesh in self.meshes.values_mut() {
            changed |= mesh.needs.take_changed();
        }
        if changed {
            let connected = self.meshes.values().flat_map(|mesh| mesh.needs.services());
            let waiting = self.waiting.iter().flat_map(|one| &one.services);
            self.workshop.discovery.want(connected.chain(waiting).cloned().collect());
        }
    }

    fn unknown(&self, proxy: &ProxyKey) -> ConnectError {
        if !self.standing().following {
            return ConnectError::NotYet(proxy.to_string());
        }
        let there = self.meshes.get(&proxy.mesh).and_then(|mesh| mesh.state.get(&proxy.id));
        match (there, proxy.to_string()) {
            (Some(resource), proxy) => ConnectError::NotShared { proxy, account: resource.owner.clone() },
            (None, name) => ConnectError::Unknown { proxy: name, account: proxy.mesh.owner.clone() },
        }
    }

    fn find(&mut self, proxy: &ProxyKey) -> Option<(&mut Mesh, &mut Workshop)> {
        Some((self.meshes.get_mut(&proxy.mesh)?, &mut self.workshop))
    }
}

#[cfg(test)]
mod discovery_tests;
#[cfg(test)]
mod tests;
