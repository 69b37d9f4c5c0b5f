//! Step 1: a request taken apart into names, query, caller and body, before anything is asked of the mesh.
//!
//! Here ends what only HTTP knows. Whatever cannot be read is a `BadRequestException` that says where and why.

mod body;
mod json;
mod percent;
mod query;
mod wish;

pub use body::{Body, discard};
pub use query::{Query, account};
pub use wish::{Creation, Replacement};

use crate::app::App;
use crate::caller::caller;
use crate::error::ApiError;
use crate::routes::{Operation, name_member};
use axum::http::Method;
use mesh_core::rules::limits;
use mesh_core::{AccountId, Caller, Kind, MeshKey, Name, ResourceId};
use uuid::Uuid;

/// A request as an operation sees it.
pub struct Request {
    /// Its id: in the answer, in the event, in the tracing.
    pub id: Uuid,
    /// Who asks.
    pub caller: Caller,
    /// What the query says.
    pub query: Query,
    mesh: Option<Name>,
    parent: Option<Name>,
    name: Option<Name>,
    body: Option<Body>,
}

impl Request {
    /// Takes a request apart; its body only where the operation has one.
    pub async fn read(
        id: Uuid,
        app: &App,
        operation: Operation,
        request: axum::extract::Request,
    ) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let (names, query) = match (names(operation, parts.uri.path()), Query::parse(parts.uri.query())) {
            (Ok(names), Ok(query)) => (names, query),
            (Err(error), _) | (_, Err(error)) => {
                discard(body).await;
                return Err(error);
            }
        };
        let mut names = names.into_iter();
        let caller = caller(app, &parts, &query);
        let mesh = names.next();
        let parent = operation.kind().and_then(Kind::parent).and_then(|_| names.next());
        let name = if operation.kind() == Some(Kind::Mesh) { mesh.clone() } else { names.next() };
        let body = match operation.method() {
            Method::PUT => Some(Body::read(&parts.headers, body).await?),
            _ => None,
        };
        Ok(Self { id, caller, query, mesh, parent, name, body })
    }

    /// The mesh that the path and `meshOwner` name.
    pub fn mesh(&self) -> Result<MeshKey, ApiError> {
        let name = self.mesh.clone().ok_or_else(|| ApiError::internal("the path has no mesh"))?;
        let owner = self.query.account("meshOwner")?.unwrap_or_else(|| self.caller.account.clone());
        Ok(MeshKey { owner, name })
    }

    /// The mesh that a `CreateMesh` names in its body.
    pub fn new_mesh(&self, name: Name) -> Result<MeshKey, ApiError> {
        let owner = self.query.account("meshOwner")?.unwrap_or_else(|| self.caller.account.clone());
        Ok(MeshKey { owner, name })
    }

    /// The resource of this kind that the path names.
    pub fn target(&self, kind: Kind) -> Result<ResourceId, ApiError> {
        let name = self.name.clone().ok_or_else(|| ApiError::internal("the path has no name"))?;
        Ok(ResourceId { kind, parent: self.parent.clone(), name })
    }

    /// The router or gateway that the path names.
    pub fn parent(&self) -> Option<&Name> {
        self.parent.as_ref()
    }

    /// The account that the path names.
    pub fn account(&self) -> Result<AccountId, ApiError> {
        account("accountId", self.name.as_ref().map_or("", Name::as_str))
    }

    /// Takes the body.
    pub fn body(&mut self) -> Result<Body, ApiError> {
        self.body.take().ok_or_else(|| ApiError::internal("the operation has no body"))
    }
}

/// The names in a path, decoded, in the order of the operation's template. The route has matched, so the parts agree.
fn names(operation: Operation, path: &str) -> Result<Vec<Name>, ApiError> {
    let template = operation.path();
    let held = template.split('/').zip(path.split('/'));
    held.filter_map(|(part, given)| Some((part.strip_prefix('{')?.strip_suffix('}')?, given)))
        .map(|(member, given)| name(member, &percent::decode(given)?))
        .collect()
}

/// A name of a resource that is asked for or about: anything that can stand in a path and in an ARN.
fn name(member: &str, text: &str) -> Result<Name, ApiError> {
    match text {
        "" => Err(ApiError::bad_request(format!("{member}: must not be empty"))),
        // The model bounds every name but a virtual service's.
        text if member != name_member(Kind::VirtualService) && !limits::NAME.contains(&text.chars().count()) => {
            let (given, most) = (text.chars().count(), limits::NAME.end());
            Err(ApiError::bad_request(format!("{member}: has {given} characters, may have {most} at most")))
        }
        text if text.contains('/') => Err(ApiError::bad_request(format!("{member}: must not contain `/`"))),
        text => Ok(Name::from(text)),
    }
}
