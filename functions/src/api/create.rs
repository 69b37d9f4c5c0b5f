//! `PUT` on a collection.

use super::{about, answer, shape::Data};
use crate::app::App;
use crate::error::ApiError;
use crate::request::Request;
use axum::response::Response;
use mesh_core::decide::MAX_TAGS;
use mesh_core::{Change, Command, Kind, ResourceId};

/// Creates a resource, with version 1.
pub async fn create(app: &App, kind: Kind, mut request: Request) -> Result<Response, ApiError> {
    let mut body = request.body()?;
    let name = body.name(kind)?;
    let mesh = match kind {
        Kind::Mesh => request.new_mesh(name.clone())?,
        _ => request.changed_mesh(kind)?,
    };
    let target = ResourceId { kind, parent: request.parent().cloned(), name };
    about(&mesh, &target);
    let (spec, tags, token) = (body.spec(kind)?, body.tags()?.unwrap_or_default(), body.token()?);
    // Too many for a resource is an exception of TagResource alone; here the list itself is too long.
    if tags.len() > MAX_TAGS {
        return Err(ApiError::bad_request(format!("tags: has {} members, may have {MAX_TAGS}", tags.len())));
    }
    let command = Command { target, change: Change::Create { spec, tags, token } };
    let resource = app.change(&mesh, &command, request.asker()).await?;
    answer(&Data::active(app.home(), &mesh, &resource))
}
