//! Whom a mesh is shared with: Remesh's own three operations, in place of AWS Resource Access Manager (§13.11).

use super::{about, answer};
use crate::app::App;
use crate::error::ApiError;
use crate::request::Request;
use axum::response::Response;
use mesh_core::decide::{existing_mesh, may_see};
use mesh_core::{AccountId, Change, Command, Kind, MeshKey, MeshState, Rejection, ResourceId};
use serde_json::json;

/// `GET /meshes/{meshName}/shares`: whom the mesh is shared with. For its owner to know.
pub async fn list(app: &App, request: Request) -> Result<Response, ApiError> {
    let mesh = request.mesh()?;
    shown(app, &mesh, &request.caller.account).await
}

/// `PUT /meshes/{meshName}/shares/{accountId}`: opens the mesh to an account.
pub async fn share(app: &App, request: Request) -> Result<Response, ApiError> {
    let account = request.account()?;
    change(app, &request, Change::Share(account)).await
}

/// `DELETE /meshes/{meshName}/shares/{accountId}`: closes the mesh to an account.
pub async fn unshare(app: &App, request: Request) -> Result<Response, ApiError> {
    let account = request.account()?;
    change(app, &request, Change::Unshare(account)).await
}

async fn change(app: &App, request: &Request, change: Change) -> Result<Response, ApiError> {
    let mesh = request.mesh()?;
    let target = ResourceId::new(Kind::Mesh, mesh.name.clone());
    about(&mesh, &target);
    app.change(&mesh, Command { target, change }, request.asker()).await?;
    shown(app, &mesh, &request.caller.account).await
}

async fn shown(app: &App, mesh: &MeshKey, account: &AccountId) -> Result<Response, ApiError> {
    let accounts = app.look(mesh, |state| shared_with(state, account)).await??;
    let accounts: Vec<&str> = accounts.iter().map(AccountId::as_str).collect();
    answer(&json!({ "meshName": mesh.name.as_str(), "meshOwner": mesh.owner.as_str(), "sharedWith": accounts }))
}

fn shared_with(state: &MeshState, account: &AccountId) -> Result<Vec<AccountId>, Rejection> {
    may_see(state, account)?;
    let mesh = existing_mesh(state)?;
    if account != state.owner() {
        return Err(Rejection::OwnersOnly { id: mesh.id.clone(), mesh: state.key().clone() });
    }
    Ok(state.shared_with().iter().cloned().collect())
}
