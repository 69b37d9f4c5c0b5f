//! `DELETE` on an item.

use super::{about, answer, shape::Data};
use crate::app::App;
use crate::error::ApiError;
use crate::request::Request;
use axum::response::Response;
use mesh_core::{Change, Command, Kind};

/// Deletes a resource that nothing needs any more, and shows it a last time, one version on (§13.3).
pub async fn delete(app: &App, kind: Kind, request: Request) -> Result<Response, ApiError> {
    let mesh = request.mesh()?;
    let target = request.target(kind)?;
    about(&mesh, &target);
    let command = Command { target, change: Change::Delete };
    let resource = app.change(&mesh, command, request.asker()).await?;
    answer(&Data::deleted(app.home(), &mesh, &resource))
}
