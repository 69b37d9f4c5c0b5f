//! `GET` on a collection.

use super::page::Page;
use super::{answer, shape::Ref};
use crate::app::App;
use crate::error::ApiError;
use crate::request::Request;
use crate::routes::plural_member;
use axum::response::Response;
use mesh_core::decide::{existing, existing_mesh};
use mesh_core::{Kind, MeshKey, MeshState, Name, Rejection, Resource, ResourceId};
use serde_json::{Map, Value};
use std::sync::Arc;
use tracing::Span;

/// Lists resources by name.
pub async fn list(app: &App, kind: Kind, request: Request) -> Result<Response, ApiError> {
    match kind {
        Kind::Mesh => list_meshes(app, &request).await,
        _ => list_in_mesh(app, kind, &request).await,
    }
}

async fn list_meshes(app: &App, request: &Request) -> Result<Response, ApiError> {
    let owner = &request.caller.account;
    let page = Page::read(&request.query, &format!("meshes of {owner}"))?;
    let found = app.meshes(owner, page.after(), page.limit() + 1).await?;
    let key = |resource: &Resource| MeshKey { owner: owner.clone(), name: resource.id.name.clone() };
    answer_page(app, Kind::Mesh, &page, &found, key)
}

async fn list_in_mesh(app: &App, kind: Kind, request: &Request) -> Result<Response, ApiError> {
    let (mesh, parent) = (request.mesh()?, request.parent());
    Span::current().record("mesh.name", mesh.name.as_str());
    let page = Page::read(&request.query, &format!("{kind} of {mesh} {parent:?}"))?;
    let found = app.look(&mesh, |state| resources(state, kind, parent, &page)).await??;
    answer_page(app, kind, &page, &found, |_| mesh.clone())
}

/// The resources of a page and one more, by which it is known whether another page follows.
fn resources(
    state: &MeshState,
    kind: Kind,
    parent: Option<&Name>,
    page: &Page,
) -> Result<Vec<Arc<Resource>>, Rejection> {
    existing_mesh(state)?;
    if let (Some(of), Some(parent)) = (kind.parent(), parent) {
        existing(state, &ResourceId::new(of, parent.clone()))?;
    }
    let after = page.after().map(Name::from);
    Ok(state.list(kind, parent, after.as_ref()).take(page.limit() + 1).cloned().collect())
}

fn answer_page(
    app: &App,
    kind: Kind,
    page: &Page,
    found: &[Arc<Resource>],
    mesh: impl Fn(&Resource) -> MeshKey,
) -> Result<Response, ApiError> {
    let (shown, next) = page.cut(found, |resource| resource.id.name.as_str());
    let refs = shown.iter().map(|resource| serde_json::to_value(Ref::of(app.home(), &mesh(resource), resource)));
    let refs: Vec<Value> = refs.collect::<Result<_, _>>().map_err(|error| ApiError::internal(error.to_string()))?;
    let mut body = Map::from_iter([(plural_member(kind), Value::Array(refs))]);
    body.extend(next.map(|token| ("nextToken".to_owned(), Value::String(token))));
    answer(&body)
}
