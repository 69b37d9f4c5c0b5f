//! Law 7: checkpoints save time and change nothing.

use super::{DEADLINE, Harness, append, entries, entry, mesh, read, restart};
use crate::{Checkpoint, EventLog, Log, keep_checkpoints, load};
use mesh_core::{Entry, Event, Kind, MeshKey, MeshState, ResourceId, Seq, Spec, Tags};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// An account that a mesh is shared with.
const GUEST: &str = "111122223333";

/// A later one takes the place of an earlier one, an earlier one is ignored, and each mesh has its own.
pub async fn the_newest_checkpoint_is_kept(harness: &dyn Harness) {
    let (log, shop) = (harness.open("newest").await, mesh("shop"));
    assert_eq!(kept(&*log, &shop).await, None);
    append(&*log, &shop, 0, entries(0..9)).await;
    for (saved, newest) in [(3, 3), (7, 7), (5, 7), (9, 9)] {
        save(&*log, &folded(&*log, &shop, saved).await).await;
        assert_eq!(kept(&*log, &shop).await.map(|checkpoint| checkpoint.seq), Some(newest));
    }
    assert_eq!(kept(&*log, &mesh("depot")).await, None);
    let state = kept(&*log, &shop).await.and_then(|checkpoint| checkpoint.state());
    assert_eq!(state, Some(folded(&*log, &shop, 9).await));
}

/// Wherever the checkpoint is, and with all that is remembered beside resources.
pub async fn a_mesh_loaded_from_a_checkpoint_is_the_mesh_folded_from_its_log(harness: &dyn Harness) {
    let (log, shop) = (harness.open("loaded").await, mesh("shop"));
    append(&*log, &shop, 0, entries(0..12)).await;
    append(&*log, &shop, 12, shared_with_a_token(&shop)).await;
    let whole = folded(&*log, &shop, 15).await;
    assert!(whole.is_open_to(&GUEST.into()) && !whole.is_open_to(&"444455556666".into()));
    assert_eq!(load(&*log, &shop).await.expect("a mesh loads"), whole);
    for at in [1, 6, 12, 13, 14, 15] {
        save(&*log, &folded(&*log, &shop, at).await).await;
        assert_eq!(load(&*log, &shop).await.expect("a mesh loads"), whole);
    }
}

/// A mesh that is made under a client token, shared with an account, and not with another.
fn shared_with_a_token(shop: &MeshKey) -> Vec<Entry> {
    let resource = ResourceId::new(Kind::Mesh, shop.name.clone());
    let (uid, owner, spec) = (Uuid::nil(), shop.owner.clone(), Spec::Mesh(Arc::default()));
    let token = Some("token".to_owned());
    let made = Event::Created { resource: resource.clone(), uid, owner, spec, tags: Tags::new(), token };
    let shared = Event::Shared { resource: resource.clone(), with: GUEST.into() };
    let unshared = Event::Unshared { resource, with: "444455556666".into() };
    (12..).zip([made, shared, unshared]).map(|(number, event)| Entry { event, ..entry(number) }).collect()
}

/// Spoilt, of a form of the future, or of another mesh: the log is folded from its beginning.
pub async fn a_checkpoint_that_cannot_be_read_costs_no_event(harness: &dyn Harness) {
    let log = harness.open("spoilt").await;
    for (name, spoil) in [
        ("torn", (|checkpoint| checkpoint.data.truncate(9)) as fn(&mut Checkpoint)),
        ("empty", |checkpoint| checkpoint.data.clear()),
        ("garbled", |checkpoint| checkpoint.data.iter_mut().for_each(|byte| *byte = !*byte)),
        ("future", |checkpoint| checkpoint.form = u32::MAX),
        ("beyond", |checkpoint| checkpoint.seq += 1),
    ] {
        let shop = mesh(name);
        append(&*log, &shop, 0, entries(0..5)).await;
        let mut checkpoint = Checkpoint::of(&folded(&*log, &shop, 3).await).expect("a state is saved");
        spoil(&mut checkpoint);
        log.save_checkpoint(checkpoint).await.expect("a log keeps what it is given");
        assert_eq!(load(&*log, &shop).await.expect("a mesh loads"), folded(&*log, &shop, 5).await, "{name}");
    }
}

/// They are kept like records are.
pub async fn checkpoints_are_there_after_a_restart(harness: &dyn Harness) {
    if !harness.keeps() {
        return;
    }
    let (log, shop) = (harness.open("checkpoints").await, mesh("shop"));
    append(&*log, &shop, 0, entries(0..5)).await;
    save(&*log, &folded(&*log, &shop, 4).await).await;
    let log = restart(harness, "checkpoints", log).await;
    assert_eq!(kept(&*log, &shop).await.map(|checkpoint| checkpoint.seq), Some(4));
    assert_eq!(load(&*log, &shop).await.expect("a mesh loads").seq(), 5);
}

/// Each mesh by its own count, while it is written to.
pub async fn the_keeper_saves_a_checkpoint_now_and_then(harness: &dyn Harness) {
    let (log, busy, quiet) = (harness.open("keeper").await, mesh("busy"), mesh("quiet"));
    let keeper = tokio::spawn(keep_checkpoints(log.clone(), 10));
    append(&*log, &quiet, 0, entries(0..9)).await;
    for turn in 0..35 {
        append(&*log, &busy, turn, entries([u128::from(turn)])).await;
    }
    let saved = until_kept(&*log, &busy, 26).await;
    assert_eq!(saved.state(), Some(folded(&*log, &busy, saved.seq).await));
    assert_eq!(kept(&*log, &quiet).await, None);
    append(&*log, &quiet, 9, entries(9..10)).await;
    until_kept(&*log, &quiet, 10).await;
    keeper.abort();
}

/// One that was not there for a while makes up for it at once, and from then on counts from the checkpoints.
pub async fn the_keeper_catches_up_with_what_was_written_before_it(harness: &dyn Harness) {
    let (log, shop, fresh) = (harness.open("catch-up").await, mesh("shop"), mesh("fresh"));
    append(&*log, &shop, 0, entries(0..25)).await;
    save(&*log, &folded(&*log, &shop, 8).await).await;
    append(&*log, &fresh, 0, entries(0..12)).await;
    save(&*log, &folded(&*log, &fresh, 5).await).await;
    let keeper = tokio::spawn(keep_checkpoints(log.clone(), 10));
    assert_eq!(until_kept(&*log, &shop, 25).await.seq, 25);
    assert_eq!(kept(&*log, &fresh).await.map(|checkpoint| checkpoint.seq), Some(5));
    append(&*log, &fresh, 12, entries(12..15)).await;
    assert_eq!(until_kept(&*log, &fresh, 15).await.seq, 15);
    keeper.abort();
}

/// The first records of a mesh, folded.
async fn folded(log: &dyn Log, mesh: &MeshKey, up_to: Seq) -> MeshState {
    let mut state = MeshState::new(mesh.clone());
    for record in read(log, mesh, 0).await.iter().take_while(|record| record.seq <= up_to) {
        state.apply(record).expect("what was appended folds");
    }
    state
}

async fn save(log: &dyn Log, state: &MeshState) {
    let checkpoint = Checkpoint::of(state).expect("a state is saved");
    log.save_checkpoint(checkpoint).await.expect("a log keeps a checkpoint");
}

async fn kept(log: &(impl EventLog + ?Sized), mesh: &MeshKey) -> Option<Checkpoint> {
    log.checkpoint(mesh).await.expect("a log is asked for a checkpoint")
}

/// Waits for a checkpoint that reaches so far.
async fn until_kept(log: &dyn Log, mesh: &MeshKey, at_least: Seq) -> Checkpoint {
    let wait = async {
        loop {
            match kept(log, mesh).await {
                Some(checkpoint) if checkpoint.seq >= at_least => return checkpoint,
                _ => tokio::time::sleep(Duration::from_millis(2)).await,
            }
        }
    };
    tokio::time::timeout(DEADLINE, wait).await.expect("the keeper saves a checkpoint")
}
