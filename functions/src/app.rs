//! Steps 2 to 4: a command is decided against the mesh as it is now, and what follows is appended.
//!
//! Meshes stay folded between requests, and every request first reads what the log has beyond the fold: so answers are
//! strongly consistent however many processes write. Commands on one mesh take turns inside a process, because losing a
//! race in the log costs more than waiting here; between processes the log's condition decides, and the loser decides
//! again.

mod warm;

use crate::error::{ApiError, Exception};
use mesh_core::resource::Home;
use mesh_core::{
    AccountId, Caller, Change, Command, Context, Decision, Entry, Kind, MeshKey, MeshState, Quota, Quotas, Record,
    Resource, Seq, Timestamp,
};
use mesh_log::{AppendError, EventLog, LogError};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use uuid::Uuid;
use warm::{Warm, WarmMesh};

/// How often a command is decided anew when others keep being faster.
const TRIES: u32 = 12;

/// How long a change may take. Less than a Lambda function of `infra/` is given: one that is cut off answers nothing that
/// clients understand.
const TIME: Duration = Duration::from_secs(24);

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
        let warm = self.0.warm.mesh(mesh);
        let seen = match warm.catch_up(&*self.0.log, mesh).await {
            Ok(()) => warm.look(look),
            Err(error) => Err(error),
        };
        self.0.warm.forget_unless_used(mesh);
        seen
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
        let mut found = Vec::new();
        for (mesh, head) in heads {
            if found.len() >= limit {
                break;
            }
            match self.mesh_for(account, &mesh, head).await {
                Ok(resource) => found.extend(resource.map(|resource| (mesh, resource))),
                // Whether it is shared with this account cannot be told; its own meshes are shown all the same.
                Err(error @ LogError::Damaged(_)) if mesh.owner != *account => {
                    tracing::error!(mesh.name = %mesh.name, mesh.owner = %mesh.owner, %error, "left out of a list");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(found)
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

    /// How many meshes an account owns, or more: those that were deleted are told apart only where it matters.
    async fn count_meshes(&self, owner: &AccountId) -> Result<usize, LogError> {
        let mut heads = self.0.log.heads().await?;
        heads.retain(|mesh, _| mesh.owner == *owner);
        if heads.len() < self.0.quotas.limit(Quota::MeshesPerAccount) {
            return Ok(heads.len());
        }
        let mut count = 0;
        for (mesh, head) in heads {
            count += usize::from(self.mesh_for(owner, &mesh, head).await?.is_some());
        }
        Ok(count)
    }

    /// Changes a mesh, and answers the resource as it is afterwards.
    pub(crate) async fn change(&self, mesh: &MeshKey, command: &Command, by: Asker) -> Result<Arc<Resource>, ApiError> {
        let warm = self.0.warm.mesh(mesh);
        let change = async {
            let _turn = warm.turn().await;
            self.decide_and_append(&warm, mesh, command, &by).await
        };
        let changed = tokio::time::timeout(TIME, change).await;
        self.0.warm.forget_unless_used(mesh);
        // It may have happened; nothing was acknowledged, and the next request reads the log.
        changed.unwrap_or_else(|_| Err(LogError::Unavailable(format!("no answer within {TIME:?}")).into()))
    }

    async fn decide_and_append(
        &self,
        warm: &WarmMesh,
        mesh: &MeshKey,
        command: &Command,
        by: &Asker,
    ) -> Result<Arc<Resource>, ApiError> {
        for attempt in 0..TRIES {
            warm.catch_up(&*self.0.log, mesh).await?;
            let now = now();
            let meshes = match (command.target.kind, &command.change) {
                (Kind::Mesh, Change::Create { .. }) => self.count_meshes(&mesh.owner).await?,
                _ => 0,
            };
            let (uid, caller) = (Uuid::new_v4(), by.caller.clone());
            let context = Context { now, uid, caller, quotas: self.0.quotas, meshes };
            let decide = |state: &MeshState| (state.seq(), mesh_core::decide(state, command, &context));
            let (seq, decision) = warm.look(decide)?;
            let Decision { events, answer } = decision?;
            if events.is_empty() {
                return Ok(answer);
            }
            let entry = |event| Entry { at: now, caller: by.caller.clone(), request: by.request, event };
            let entries: Vec<Entry> = events.into_iter().map(entry).collect();
            if self.append(warm, mesh, seq, entries, by.request).await? {
                return Ok(answer);
            }
            tokio::time::sleep(pause(attempt, by.request)).await;
        }
        let message = format!("Mesh {} is being changed by too many requests at once. Please try again.", mesh.name);
        Err(ApiError::new(Exception::TooManyRequests, message))
    }

    /// Appends, and folds what was acknowledged; `false` when something else was appended first.
    async fn append(
        &self,
        warm: &WarmMesh,
        mesh: &MeshKey,
        expected: Seq,
        entries: Vec<Entry>,
        request: Uuid,
    ) -> Result<bool, ApiError> {
        match self.0.log.append(mesh, expected, entries.clone()).await {
            Ok(_) => {
                let record = |(entry, seq)| Record { mesh: mesh.clone(), seq, entry };
                let records: Vec<Record> = entries.into_iter().zip(expected + 1..).map(record).collect();
                // Acknowledged is acknowledged: should the fold fail, the next request reads the log afresh and says so.
                if let Err(error) = warm.fold(&records) {
                    tracing::error!(mesh.name = %mesh.name, %error, "what was appended does not fold");
                }
                Ok(true)
            }
            Err(AppendError::Conflict { .. }) => Ok(self.stands(mesh, expected, request).await? == Some(true)),
            Err(AppendError::TooLarge(what)) => {
                Err(ApiError::new(Exception::BadRequest, format!("The request is too large: {what}.")))
            }
            Err(AppendError::Log(error)) => Ok(self.stands(mesh, expected, request).await?.ok_or(error)?),
        }
    }

    /// Whether what now stands after `expected` is this request's; `None` where nothing does.
    ///
    /// An append whose answer got lost may have happened, and one that an adapter repeated conflicts with itself. The
    /// request's id in the record tells. Where nothing stands nothing may be repeated either: it could still arrive.
    async fn stands(&self, mesh: &MeshKey, expected: Seq, request: Uuid) -> Result<Option<bool>, LogError> {
        let tail = self.0.log.read(mesh, expected).await?;
        Ok(tail.first().map(|record| record.entry.request == request))
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Longer after each lost race, and different for each request, so that the same racers do not meet again.
fn pause(attempt: u32, request: Uuid) -> Duration {
    let longest = 4u64 << attempt.min(6);
    let (random, _) = request.as_u64_pair();
    Duration::from_millis(longest / 2 + random.rotate_left(attempt * 5) % longest)
}
