//! `GET` on an item.

use super::{about, answer, shape::Data};
use crate::app::App;
use crate::error::ApiError;
use crate::request::Request;
use axum::response::Response;
use mesh_core::decide::{existing, may_see};
use mesh_core::{Kind, MeshState};

/// Shows a resource as it is now.
pub async fn describe(app: &App, kind: Kind, request: Request) -> Result<Response, ApiError> {
    let mesh = request.mesh()?;
    let target = request.target(kind)?;
    about(&mesh, &target);
    let account = &request.caller.account;
    let shown = |state: &MeshState| may_see(state, account).and_then(|()| existing(state, &target).cloned());
    let resource = app.look(&mesh, shown).await??;
    answer(&Data::active(app.home(), &mesh, &resource))
}
