//! `GET` on an item.

use super::{about, answer, shape::Data};
use crate::app::App;
use crate::error::ApiError;
use crate::request::Request;
use axum::response::Response;
use mesh_core::Kind;
use mesh_core::decide::existing;

/// Shows a resource as it is now.
pub async fn describe(app: &App, kind: Kind, request: Request) -> Result<Response, ApiError> {
    let mesh = request.mesh()?;
    let target = request.target(kind)?;
    about(&mesh, &target);
    let resource = app.look(&mesh, |state| existing(state, &target).cloned()).await??;
    answer(&Data::active(app.home(), &mesh, &resource))
}
