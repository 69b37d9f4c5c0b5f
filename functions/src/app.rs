//! Steps 2 to 4: a command is decided against the mesh as it is now, and what follows is appended.
//!
//! Meshes stay folded between requests, and every request first reads what the log has beyond the fold: so answers are
//! strongly consistent however many processes write. Commands on one mesh take turns inside a process, because losing a
//! race in the log costs more than waiting here, and those that wait meanwhile share the next turn and its append
//! (`batch`). Between processes the log's condition decides, and the loser decides again.

mod batch;
mod waiting;
mod warm;

use crate::error::ApiError;
use futures::future::ready;
use futures::{StreamExt, TryStreamExt, stream};
use mesh_core::resource::Home;
use mesh_core::{AccountId, Caller, Change, Command, Kind, MeshKey, MeshState, Quota, Quotas, Resource, Seq};
use mesh_log::{EventLog, LogError};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;
use waiting::{Room, wish};
use warm::{Warm, WarmMesh};

/// How long a change may take. Less than a Lambda function of `infra/` is given: one that is cut off answers nothing that
/// clients understand.
const TIME: Duration = Duration::from_secs(24);

/// How many meshes are asked of the log at once, where many are.
const AT_ONCE: usize = 16;

/// What a deployment is.
#[derive(Debug, Clone)]
pub struct AppConfig {
    /// The account callers belong to, where nothing verified says otherwise.
    pub account: AccountId,
    /// The region ARNs name.
    pub region: String,
    /// Access keys of callers who belong to other accounts. A signature names its key and is not verified here.
    pub access_keys: BTreeMap<String, AccountId>,
    /// How many there may be of what.
    pub quotas: Quotas,
}

impl AppConfig {
    /// One account for every caller, and the default quotas.
    pub fn new(account: impl Into<AccountId>, region: impl Into<String>) -> Self {
        let (account, region) = (account.into(), region.into());
        Self { account, region, access_keys: BTreeMap::new(), quotas: Quotas::default() }
    }
}

/// Everything the operations share. Cloning it makes another handle.
#[derive(Clone)]
pub struct App(Arc<Shared>);

struct Shared {
    log: Arc<dyn EventLog>,
    account: AccountId,
    access_keys: BTreeMap<String, AccountId>,
    quotas: Quotas,
    home: Home,
    warm: Warm,
}

/// Who changes something, and in which request.
pub(crate) struct Asker {
    /// Who.
    pub caller: Caller,
    /// The request's id.
    pub request: Uuid,
}

impl App {
    /// The API over a log.
    pub fn new(log: Arc<dyn EventLog>, config: AppConfig) -> Self {
        let AppConfig { account, region, access_keys, quotas } = config;
        let (home, warm) = (Home { region }, Warm::default());
        Self(Arc::new(Shared { log, account, access_keys, quotas, home, warm }))
    }

    /// The account of a caller who was not verified, by the access key he names.
    pub(crate) fn account_of(&self, access_key: Option<&str>) -> &AccountId {
        access_key.and_then(|key| self.0.access_keys.get(key)).unwrap_or(&self.0.account)
    }

    pub(crate) fn home(&self) -> &Home {
        &self.0.home
    }

    /// Looks at a mesh as it is now. The look is short: others wait for it.
    pub(crate) async fn look<T>(&self, mesh: &MeshKey, look: impl FnOnce(&MeshState) -> T) -> Result<T, LogError> {
        let warm = self.0.warm.visited(mesh);
        warm.catch_up(&*self.0.log, mesh).await?;
        warm.look(look)
    }

    /// The meshes that an account has access to, by name and then owner, after a place in that order, and no more of them
    /// than asked for.
    pub(crate) async fn meshes(
        &self,
        account: &AccountId,
        after: Option<(&str, &str)>,
        limit: usize,
    ) -> Result<Vec<(MeshKey, Arc<Resource>)>, LogError> {
        let place = |mesh: &MeshKey| (mesh.name.clone(), mesh.owner.clone());
        let mut heads = self.0.log.heads().await?.into_iter().collect::<Vec<_>>();
        heads.retain(|(mesh, _)| after.is_none_or(|after| (mesh.name.as_str(), mesh.owner.as_str()) > after));
        heads.sort_unstable_by_key(|(mesh, _)| place(mesh));
        let asked = stream::iter(heads).map(|(mesh, head)| async move {
            match self.mesh_for(account, &mesh, head).await {
                // Whether it is shared with this account cannot be told; its own meshes are shown all the same.
                Err(error @ LogError::Damaged(_)) if mesh.owner != *account => {
                    tracing::error!(mesh.name = %mesh.name, mesh.owner = %mesh.owner, %error, "left out of a list");
                    Ok(None)
                }
                answer => Ok(answer?.map(|resource| (mesh, resource))),
            }
        });
        asked.buffered(AT_ONCE).try_filter_map(|found| ready(Ok(found))).take(limit).try_collect().await
    }

    async fn mesh_for(
        &self,
        account: &AccountId,
        mesh: &MeshKey,
        head: Seq,
    ) -> Result<Option<Arc<Resource>>, LogError> {
        let warm = self.0.warm.mesh(mesh);
        warm.catch_up_to(&*self.0.log, mesh, head).await?;
        warm.look(|state| state.mesh().filter(|_| state.is_open_to(account)).cloned())
    }

    /// How many meshes there are of the account that is to have one more.
    async fn counted(&self, mesh: &MeshKey, command: &Command, by: &Caller) -> Result<usize, LogError> {
        match (command.target.kind, &command.change) {
            (Kind::Mesh, Change::Create { .. }) if mesh.owner == by.account => self.count_meshes(&mesh.owner).await,
            _ => Ok(0),
        }
    }

    /// How many meshes an account owns, as far as that matters. Those that were deleted are told apart only where there
    /// are names enough to reach the quota, and none are looked for beyond it.
    async fn count_meshes(&self, owner: &AccountId) -> Result<usize, LogError> {
        let quota = self.0.quotas.limit(Quota::MeshesPerAccount);
        let mut heads = self.0.log.heads().await?;
        heads.retain(|mesh, _| mesh.owner == *owner);
        if heads.len() < quota {
            return Ok(heads.len());
        }
        let asked = stream::iter(heads)
            .map(|(mesh, head)| async move { self.mesh_for(owner, &mesh, head).await.map(|found| found.map(drop)) });
        let found = asked.buffer_unordered(AT_ONCE).try_filter_map(|found| ready(Ok(found))).take(quota);
        Ok(found.try_collect::<Vec<()>>().await?.len())
    }

    /// Changes a mesh, and answers the resource as it is afterwards.
    ///
    /// The change has its turn in a task of its own, together with all that wait by then: so whoever stops waiting for his
    /// own answer leaves the others theirs.
    pub(crate) async fn change(&self, mesh: &MeshKey, command: Command, by: Asker) -> Result<Arc<Resource>, ApiError> {
        let until = Instant::now() + TIME;
        // It may have happened then; nothing was acknowledged, and the next request reads the log.
        let late = || LogError::Unavailable(format!("no answer within {TIME:?}"));
        let meshes = timeout_at(until, self.counted(mesh, &command, &by.caller)).await.map_err(|_| late())??;
        let (wish, answered) = wish(command, by, Room { quotas: self.0.quotas, meshes }, until);
        let warm = self.0.warm.mesh(mesh);
        if warm.waiting.push(wish) {
            self.take_turn(mesh.clone(), warm);
        }
        match timeout_at(until, answered).await {
            Ok(Ok(answer)) => answer,
            // The turn ends at the same moment, and may be a little faster.
            Ok(Err(_)) if Instant::now() < until => {
                Err(ApiError::internal("the turn that the change was part of ended without a word"))
            }
            Ok(Err(_)) | Err(_) => Err(late().into()),
        }
    }

    /// Sees to it that those who wait have their turn. What is too much for one is left to another.
    fn take_turn(&self, mesh: MeshKey, warm: Arc<WarmMesh>) {
        let app = self.clone();
        tokio::spawn(async move {
            let mut ahead = warm.turn.lock().await;
            let (wishes, more) = warm.waiting.take();
            if more {
                app.take_turn(mesh.clone(), warm.clone());
            }
            if let Some(until) = wishes.iter().map(|wish| wish.until).max() {
                // When the last of them no longer waits there is nobody left to tell.
                let _ = timeout_at(until, app.0.settle(&mesh, &warm, &mut ahead, wishes)).await;
            }
            app.0.warm.forget_unless_used(&mesh);
        });
    }
}
