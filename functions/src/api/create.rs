//! `PUT` on a collection.

use super::{about, answer, shape::Data};
use crate::app::App;
use crate::error::ApiError;
use crate::request::{Creation, Request};
use axum::response::Response;
use mesh_core::{Change, Command, Kind, ResourceId};

/// Creates a resource, with version 1.
pub async fn create(app: &App, kind: Kind, mut request: Request) -> Result<Response, ApiError> {
    let Creation { name, spec, tags, token } = request.body()?.creation(kind)?;
    let mesh = match kind {
        Kind::Mesh => request.new_mesh(name.clone())?,
        _ => request.mesh()?,
    };
    let target = ResourceId { kind, parent: request.parent().cloned(), name };
    about(&mesh, &target);
    let command = Command { target, change: Change::Create { spec, tags, token } };
    let resource = app.change(&mesh, command, request.asker()).await?;
    answer(&Data::active(app.home(), &mesh, &resource))
}
