//! A relay whose log is away: what it serves then, and what it says about it.

use crate::bed::{Bed, WEB, assert_refused, clusters, created, node, relay_on, shop, shop_at, soon};
use async_trait::async_trait;
use envoy_types::pb::envoy::service::discovery::v3::{DeltaDiscoveryRequest, DiscoveryRequest};
use mesh_core::{Entry, Kind, MeshKey, Record, ResourceId, Seq};
use mesh_log::sqlite::SqliteLog;
use mesh_log::{AppendError, Checkpoint, Cursor, EventFeed, EventLog, Follower, Log, LogError};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tonic::Code;
use xds_relay::world::Copies;

/// A log that can be cut off, or fall silent.
#[derive(Clone)]
struct Cut {
    log: SqliteLog,
    away: Arc<AtomicBool>,
    silent: Arc<AtomicBool>,
    /// What the mesh `other` holds cannot be read.
    spoilt: Arc<AtomicBool>,
}

impl Cut {
    fn new(log: SqliteLog, away: bool) -> Self {
        Self { log, away: Arc::new(AtomicBool::new(away)), silent: Arc::default(), spoilt: Arc::default() }
    }

    fn set(&self, away: bool) {
        self.away.store(away, Ordering::SeqCst);
    }

    /// Questions are not answered at all, as behind a network that swallows what it is given.
    fn silent(log: SqliteLog) -> Self {
        Self { silent: Arc::new(AtomicBool::new(true)), ..Self::new(log, false) }
    }

    /// What comes after there cannot be read.
    fn whole(&self, mesh: &MeshKey, after: Seq) -> Result<(), LogError> {
        match self.spoilt.load(Ordering::SeqCst) && *mesh == other() && after == 0 {
            true => Err(LogError::Damaged("its first record makes no sense".into())),
            false => Ok(()),
        }
    }

    fn there(&self) -> Result<&SqliteLog, LogError> {
        match self.away.load(Ordering::SeqCst) {
            true => Err(LogError::Unavailable("cut off".into())),
            false => Ok(&self.log),
        }
    }
}

#[async_trait]
impl EventLog for Cut {
    async fn read(&self, mesh: &MeshKey, after: Seq) -> Result<Vec<Record>, LogError> {
        self.whole(mesh, after)?;
        self.there()?.read(mesh, after).await
    }

    async fn append(&self, mesh: &MeshKey, expected: Seq, entries: Vec<Entry>) -> Result<Seq, AppendError> {
        self.there()?.append(mesh, expected, entries).await
    }

    async fn heads(&self) -> Result<BTreeMap<MeshKey, Seq>, LogError> {
        if self.silent.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        self.there()?.heads().await
    }

    async fn checkpoint(&self, mesh: &MeshKey) -> Result<Option<Checkpoint>, LogError> {
        self.there()?.checkpoint(mesh).await
    }

    async fn save_checkpoint(&self, checkpoint: Checkpoint) -> Result<(), LogError> {
        self.there()?.save_checkpoint(checkpoint).await
    }
}

impl EventFeed for Cut {
    fn follow(&self, from: Cursor) -> Box<dyn Follower> {
        let after = from.get(&other()).copied().unwrap_or(0);
        Box::new(CutFollower { cut: self.clone(), after, inner: self.log.follow(from) })
    }
}

struct CutFollower {
    cut: Cut,
    /// Where it is in the mesh `other`.
    after: Seq,
    inner: Box<dyn Follower>,
}

#[async_trait]
impl Follower for CutFollower {
    async fn next(&mut self) -> Result<Vec<Record>, LogError> {
        loop {
            self.cut.there()?;
            if !self.cut.log.read(&other(), self.after).await?.is_empty() {
                self.cut.whole(&other(), self.after)?;
            }
            // Looks up now and then, as one that polls does.
            if let Ok(next) = tokio::time::timeout(Duration::from_millis(5), self.inner.next()).await {
                return next;
            }
        }
    }
}

fn other() -> MeshKey {
    MeshKey { name: "other".into(), ..crate::bed::mesh() }
}

/// The state of `/readyz`, once it is as it should be.
async fn state_when(relay: &xds_relay::Relay, is_so: impl Fn(u16, &Value) -> bool) -> Value {
    soon(async {
        loop {
            let (status, body) = crate::bed::get_json(relay.admin_addr(), "/readyz").await;
            if is_so(status, &body["state"]) {
                return body["state"].clone();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
}

fn copies(folder: &Path) -> Copies {
    let mut copies = Copies::open(folder).unwrap();
    copies.every = Duration::from_millis(20);
    copies
}

/// Runs a relay until it has kept what the log holds.
async fn keep(log: &SqliteLog, folder: &Path) {
    let relay = relay_on(Arc::new(log.clone()), |config| config.copies = Some(copies(folder))).await;
    soon(async {
        while !folder.join("as-of").exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    relay.stop().await;
}

async fn bed_of(log: &SqliteLog, cut: &Cut, folder: &Path) -> Bed {
    let log_of_relay: Arc<dyn Log> = Arc::new(cut.clone());
    let relay = relay_on(log_of_relay, |config| config.copies = Some(copies(folder))).await;
    Bed::of(relay, log.clone())
}

#[tokio::test]
async fn a_relay_that_starts_without_its_log_serves_what_an_earlier_run_kept_and_says_how_old_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let log = shop().await;
    keep(&log, folder.path()).await;
    let cut = Cut::new(log.clone(), true);
    let bed = bed_of(&log, &cut, folder.path()).await;
    let served = bed.delta_of(WEB).await.next().await;
    assert!(served.resources.iter().any(|it| it.name == "cds_egress_shop_cart_http_8080"), "{served:?}");
    let state = state_when(&bed.relay, |status, _| status == 503).await;
    assert_eq!((&state["caughtUp"], &state["following"]), (&false.into(), &false.into()), "{state}");
    assert!(state["ageSeconds"].as_f64().unwrap() > 0.0, "{state}");
    let (_, list) = bed.get_json("/proxies").await;
    assert!(list["state"]["ageSeconds"].as_f64().unwrap() > 0.0, "{list}");
    let nobody = "mesh/shop/virtualNode/nobody";
    assert_refused(&bed.delta_of(nobody).await.end().await, Code::Unavailable, nobody);
}

#[tokio::test]
async fn what_happened_meanwhile_reaches_connected_proxies_once_the_log_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let log = shop().await;
    keep(&log, folder.path()).await;
    let cut = Cut::new(log.clone(), true);
    let bed = bed_of(&log, &cut, folder.path()).await;
    let mut stream = bed.delta_of(WEB).await;
    let first = stream.next().await;
    stream.accept(&first).await;
    bed.move_cart(9090).await;
    cut.set(false);
    let added = stream.next().await;
    assert_eq!(added.resources[0].name, "cds_egress_shop_cart_http_9090");
    let state = state_when(&bed.relay, |status, _| status == 200).await;
    assert_eq!((&state["following"], &state["ageSeconds"]), (&true.into(), &0.0.into()), "{state}");
}

#[tokio::test]
async fn a_relay_whose_log_goes_away_stays_ready_serves_on_and_says_how_old_its_state_is() {
    let folder = tempfile::tempdir().unwrap();
    let log = shop().await;
    let cut = Cut::new(log.clone(), false);
    let bed = bed_of(&log, &cut, folder.path()).await;
    state_when(&bed.relay, |status, _| status == 200).await;
    cut.set(true);
    let state = state_when(&bed.relay, |_, state| state["following"] == false).await;
    assert_eq!(state["caughtUp"], true);
    let aged = |status, state: &Value| status == 200 && state["ageSeconds"].as_f64() > Some(0.0);
    state_when(&bed.relay, aged).await;
    let mut stream = bed.delta_of(WEB).await;
    let first = stream.next().await;
    stream.accept(&first).await;
    bed.move_cart(9090).await;
    cut.set(false);
    assert_eq!(stream.next().await.resources[0].name, "cds_egress_shop_cart_http_9090");
    state_when(&bed.relay, |_, state| state["following"] == true).await;
}

#[tokio::test]
async fn a_log_that_says_nothing_at_all_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let log = shop().await;
    keep(&log, folder.path()).await;
    let bed = bed_of(&log, &Cut::silent(log.clone()), folder.path()).await;
    bed.delta_of(WEB).await.next().await;
    state_when(&bed.relay, |status, state| status == 503 && state["ageSeconds"].as_f64() > Some(0.0)).await;
}

#[tokio::test]
async fn a_proxy_that_has_something_newer_is_not_taken_back_to_what_an_earlier_run_kept() {
    let folder = tempfile::tempdir().unwrap();
    let log = shop().await;
    keep(&log, folder.path()).await;
    // Another relay has told it of what came after.
    let other = Bed::start_on(log.clone(), |_| {}).await;
    other.move_cart(9090).await;
    let newer = soon(async {
        loop {
            let response = other.delta_of(WEB).await.next().await;
            if response.resources.iter().any(|it| it.name.ends_with("_9090")) {
                return response;
            }
        }
    });
    let has: HashMap<_, _> = newer.await.resources.into_iter().map(|it| (it.name, it.version)).collect();
    let cut = Cut::new(log.clone(), true);
    let bed = bed_of(&log, &cut, folder.path()).await;
    let back = async || {
        let stream = bed.delta().await;
        let request =
            DeltaDiscoveryRequest { node: Some(node(WEB)), initial_resource_versions: has.clone(), ..clusters() };
        stream.send.send(request).await.unwrap();
        stream
    };
    assert_refused(&back().await.end().await, Code::Unavailable, "keeps what it has");
    let fresh = bed.delta_of(WEB).await.next().await;
    assert!(fresh.resources.iter().any(|it| it.name.ends_with("_8080")), "one who has nothing is served: {fresh:?}");
    cut.set(false);
    state_when(&bed.relay, |status, _| status == 200).await;
    let _stream = back().await;
    bed.proxies_when(|proxies| proxies.iter().any(|proxy| proxy["acceptedSeq"] == 5 && proxy["inSync"] == true)).await;
}

#[tokio::test]
async fn by_state_of_the_world_neither() {
    let folder = tempfile::tempdir().unwrap();
    let log = shop().await;
    keep(&log, folder.path()).await;
    let bed = bed_of(&log, &Cut::new(log.clone(), true), folder.path()).await;
    let version = |version: &str| DiscoveryRequest { version_info: version.into(), ..DiscoveryRequest::default() };
    let mut other = bed.sotw_with(WEB, version("00000000000000000000000000000001")).await;
    let status = soon(other.responses.message()).await.unwrap_err();
    assert!(status.code() == Code::Unavailable && status.message().contains("keeps what it has"), "{status:?}");
    let same = bed.sotw_of(WEB).await.next().await.version_info;
    let _same = bed.sotw_with(WEB, version(&same)).await;
    bed.proxies_when(|proxies| proxies.iter().any(|proxy| proxy["inSync"] == true)).await;
}

/// Every way in which the files of a folder may be spoilt.
fn spoil(folder: &Path, how: impl Fn(Vec<u8>) -> Vec<u8>) {
    for file in std::fs::read_dir(folder).unwrap() {
        let file = file.unwrap().path();
        let bytes = std::fs::read(&file).unwrap();
        std::fs::write(file, how(bytes)).unwrap();
    }
}

/// One letter is another, near the end.
fn turned(mut bytes: Vec<u8>) -> Vec<u8> {
    let at = bytes.len().saturating_sub(9);
    bytes[at] ^= 1;
    bytes
}

#[tokio::test]
async fn kept_files_that_are_damaged_are_left_out_and_the_log_is_read_instead() {
    let log = shop().await;
    let half = |bytes: Vec<u8>| bytes[..bytes.len() / 2].to_vec();
    let other_form = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).replace("\"form\":1", "\"form\":9").into_bytes();
    let ways: [&dyn Fn(Vec<u8>) -> Vec<u8>; 5] =
        [&half, &turned, &|_| Vec::new(), &|_| b"{}\nno fold".to_vec(), &other_form];
    for way in ways {
        let folder = tempfile::tempdir().unwrap();
        keep(&log, folder.path()).await;
        spoil(folder.path(), way);
        let away = bed_of(&log, &Cut::new(log.clone(), true), folder.path()).await;
        state_when(&away.relay, |status, state| status == 503 && state["ageSeconds"].is_null()).await;
        let bed = Bed::start_on(log.clone(), |config| config.copies = Some(copies(folder.path()))).await;
        bed.delta_of(WEB).await.next().await;
        state_when(&bed.relay, |status, _| status == 200).await;
    }
}

/// A folder with what a relay kept of the shop whose cart is at port 9090.
async fn elsewhere() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let other = shop_at(9090).await;
    keep(&other, folder.path()).await;
    folder
}

#[tokio::test]
async fn a_copy_of_another_log_is_not_served_once_the_log_answers() {
    let folder = elsewhere().await;
    let bed = Bed::start_on(shop().await, |config| config.copies = Some(copies(folder.path()))).await;
    let first = bed.delta_of(WEB).await.next().await;
    assert!(first.resources.iter().any(|it| it.name == "cds_egress_shop_cart_http_8080"), "{first:?}");
}

#[tokio::test]
async fn a_copy_of_another_log_is_not_mixed_with_records_that_happen_to_go_with_it() {
    let folder = elsewhere().await;
    let log = shop().await;
    let ahead = Bed::start_on(log.clone(), |_| {}).await;
    // What is appended says nothing of the cart's port, so only the log's beginning does.
    ahead.create_node("extra").await;
    let bed = Bed::start_on(log, |config| config.copies = Some(copies(folder.path()))).await;
    let first = bed.delta_of(WEB).await.next().await;
    assert!(first.resources.iter().any(|it| it.name == "cds_egress_shop_cart_http_8080"), "{first:?}");
}

#[tokio::test]
async fn meshes_that_are_not_in_the_log_are_not_kept_for_the_next_start() {
    let folder = elsewhere().await;
    let empty = SqliteLog::in_memory().unwrap();
    let relay = relay_on(Arc::new(empty), |config| config.copies = Some(copies(folder.path()))).await;
    let folds = || {
        let files = std::fs::read_dir(folder.path()).unwrap().flatten();
        files.filter(|file| file.path().extension().is_some_and(|it| it == "fold")).count()
    };
    soon(async {
        while folds() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    relay.stop().await;
}

#[tokio::test]
async fn a_mesh_that_makes_no_sense_any_more_keeps_no_other_from_being_followed() {
    let (folder, log) = (tempfile::tempdir().unwrap(), shop().await);
    let cut = Cut::new(log.clone(), false);
    let bed = bed_of(&log, &cut, folder.path()).await;
    let mut stream = bed.delta_of(WEB).await;
    let first = stream.next().await;
    stream.accept(&first).await;
    cut.spoilt.store(true, Ordering::SeqCst);
    let mesh = created(ResourceId::new(Kind::Mesh, "other"), "mesh", serde_json::json!({}));
    log.append(&other(), 0, vec![mesh]).await.unwrap();
    state_when(&bed.relay, |_, state| state["following"] == false).await;
    state_when(&bed.relay, |_, state| state["following"] == true).await;
    bed.move_cart(9090).await;
    assert_eq!(stream.next().await.resources[0].name, "cds_egress_shop_cart_http_9090");
}
