//! Steps 2 to 4: a command is decided against the mesh as it is now, and what follows is appended.
//!
//! Meshes stay folded between requests, and every request first reads what the log has beyond the fold: so answers are
//! strongly consistent however many processes write. Commands on one mesh take turns inside a process, because losing a
//! race in the log costs more than waiting here, and those that wait meanwhile share the next turn and its append
//! ([`batch`]). Between processes the log's condition decides, and the loser decides again.

mod batch;
mod waiting;
mod warm;

use crate::error::ApiError;
use mesh_core::resource::Home;
use mesh_core::{AccountId, Caller, Command, MeshKey, MeshState, Resource};
use mesh_log::{EventLog, LogError};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;
use waiting::wish;
use warm::{Warm, WarmMesh};

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
}

/// Everything the operations share. Cloning it makes another handle.
#[derive(Clone)]
pub struct App(Arc<Shared>);

struct Shared {
    log: Arc<dyn EventLog>,
    account: AccountId,
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
        let AppConfig { account, region } = config;
        Self(Arc::new(Shared { log, account, home: Home { region }, warm: Warm::default() }))
    }

    pub(crate) fn account(&self) -> &AccountId {
        &self.0.account
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

    /// The meshes of an account after a name, by name, and no more of them than asked for.
    pub(crate) async fn meshes(
        &self,
        owner: &AccountId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Arc<Resource>>, LogError> {
        let mut found = Vec::new();
        for (mesh, head) in self.0.log.heads().await? {
            if mesh.owner != *owner || after.is_some_and(|after| mesh.name.as_str() <= after) {
                continue;
            }
            let warm = self.0.warm.mesh(&mesh);
            warm.catch_up_to(&*self.0.log, &mesh, head).await?;
            found.extend(warm.look(|state| state.mesh().cloned())?);
            if found.len() >= limit {
                break;
            }
        }
        Ok(found)
    }

    /// Changes a mesh, and answers the resource as it is afterwards.
    ///
    /// The change has its turn in a task of its own, together with all that wait by then: so whoever stops waiting for his
    /// own answer leaves the others theirs.
    pub(crate) async fn change(&self, mesh: &MeshKey, command: Command, by: Asker) -> Result<Arc<Resource>, ApiError> {
        let until = Instant::now() + TIME;
        let (wish, answered) = wish(command, by, until);
        let warm = self.0.warm.mesh(mesh);
        if warm.waiting.push(wish) {
            self.take_turn(mesh.clone(), warm);
        }
        match timeout_at(until, answered).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(ApiError::internal("the turn that the change was part of ended without a word")),
            // It may have happened; nothing was acknowledged, and the next request reads the log.
            Err(_) => Err(LogError::Unavailable(format!("no answer within {TIME:?}")).into()),
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
