//! `PUT` on an item.

use super::{about, answer, shape::Data};
use crate::app::App;
use crate::error::ApiError;
use crate::request::{Replacement, Request};
use axum::response::Response;
use mesh_core::{Change, Command, Kind};

/// Replaces a resource's whole spec, one version on; an identical one changes nothing.
pub async fn update(app: &App, kind: Kind, mut request: Request) -> Result<Response, ApiError> {
    let mesh = request.mesh()?;
    let target = request.target(kind)?;
    about(&mesh, &target);
    let Replacement { spec, token } = request.body()?.replacement(kind)?;
    let command = Command { target, change: Change::Update { spec, token } };
    let resource = app.change(&mesh, command, request.asker()).await?;
    answer(&Data::active(app.home(), &mesh, &resource))
}
