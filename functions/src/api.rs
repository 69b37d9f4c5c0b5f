//! The operations: one file per verb, each generic over the seven kinds. Parse, ask, answer.

pub mod create;
pub mod delete;
pub mod describe;
pub mod list;
pub mod shares;
pub mod tags;
pub mod update;

mod page;
mod shape;

use crate::app::{App, Asker};
use crate::error::ApiError;
use crate::request::Request;
use crate::routes::Operation;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use mesh_core::{MeshKey, ResourceId};
use serde::Serialize;
use tracing::Span;

/// Performs an operation.
pub async fn perform(app: &App, operation: Operation, request: Request) -> Result<Response, ApiError> {
    match operation {
        Operation::Create(kind) => create::create(app, kind, request).await,
        Operation::Describe(kind) => describe::describe(app, kind, request).await,
        Operation::List(kind) => list::list(app, kind, request).await,
        Operation::Update(kind) => update::update(app, kind, request).await,
        Operation::Delete(kind) => delete::delete(app, kind, request).await,
        Operation::ListTagsForResource => tags::list(app, request).await,
        Operation::TagResource => tags::tag(app, request).await,
        Operation::UntagResource => tags::untag(app, request).await,
        Operation::ListShares => shares::list(app, request).await,
        Operation::Share => shares::share(app, request).await,
        Operation::Unshare => shares::unshare(app, request).await,
    }
}

fn answer(body: &impl Serialize) -> Result<Response, ApiError> {
    let text = serde_json::to_vec(body).map_err(|error| ApiError::internal(format!("answer not written: {error}")))?;
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], text).into_response())
}

/// Notes for the tracing what a request is about, as soon as that is known.
fn about(mesh: &MeshKey, resource: &ResourceId) {
    Span::current().record("mesh.name", mesh.name.as_str()).record("resource", tracing::field::display(resource));
}

impl Request {
    fn asker(&self) -> Asker {
        Asker { caller: self.caller.clone(), request: self.id }
    }
}
