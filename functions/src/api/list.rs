//! `GET` on a collection.

use super::page::Page;
use super::{answer, shape::Ref};
use crate::app::App;
use crate::error::ApiError;
use crate::request::Request;
use crate::routes::plural_member;
use axum::response::Response;
use mesh_core::decide::{existing, existing_mesh, may_see};
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
    let account = &request.caller.account;
    let page = Page::read(&request.query, &format!("meshes for {account}"))?;
    let after = page.after().and_then(|place| place.rsplit_once('/'));
    let found = app.meshes(account, after, page.limit() + 1).await?;
    // Several owners may have a mesh of one name.
    let line = |(mesh, resource): (MeshKey, _)| Line { place: format!("{}/{}", mesh.name, mesh.owner), mesh, resource };
    answer_page(app, Kind::Mesh, &page, &found.into_iter().map(line).collect::<Vec<_>>())
}

async fn list_in_mesh(app: &App, kind: Kind, request: &Request) -> Result<Response, ApiError> {
    let (mesh, parent) = (request.mesh()?, request.parent());
    Span::current().record("mesh.name", mesh.name.as_str());
    let page = Page::read(&request.query, &format!("{kind} of {mesh} {parent:?}"))?;
    let account = &request.caller.account;
    let shown = |state: &MeshState| may_see(state, account).and_then(|()| resources(state, kind, parent, &page));
    let found = app.look(&mesh, shown).await??;
    let line = |resource: Arc<Resource>| Line { place: resource.id.name.to_string(), mesh: mesh.clone(), resource };
    answer_page(app, kind, &page, &found.into_iter().map(line).collect::<Vec<_>>())
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

/// A line of a list, and its place in the list's order.
struct Line {
    place: String,
    mesh: MeshKey,
    resource: Arc<Resource>,
}

fn answer_page(app: &App, kind: Kind, page: &Page, found: &[Line]) -> Result<Response, ApiError> {
    let (shown, next) = page.cut(found, |line| &line.place);
    let refs = shown.iter().map(|line| serde_json::to_value(Ref::of(app.home(), &line.mesh, &line.resource)));
    let refs: Vec<Value> = refs.collect::<Result<_, _>>().map_err(|error| ApiError::internal(error.to_string()))?;
    let mut body = Map::from_iter([(plural_member(kind), Value::Array(refs))]);
    body.extend(next.map(|token| ("nextToken".to_owned(), Value::String(token))));
    answer(&body)
}
