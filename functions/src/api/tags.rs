//! The three operations on tags, which name their resource by ARN.

use super::page::Page;
use super::{about, answer};
use crate::app::App;
use crate::error::ApiError;
use crate::request::{Request, account};
use axum::response::Response;
use mesh_core::decide::{existing, may_see};
use mesh_core::resource::parse_arn;
use mesh_core::{Change, Command, MeshKey, MeshState, ResourceId};
use serde_json::{Value, json};

/// `GET /tags?resourceArn=`: the tags of a resource, by key.
pub async fn list(app: &App, request: Request) -> Result<Response, ApiError> {
    let (mesh, target) = resource(&request)?;
    let page = Page::read(&request.query, &format!("tags of {mesh} {target}"))?;
    let account = &request.caller.account;
    let shown = |state: &MeshState| {
        may_see(state, account).and_then(|()| existing(state, &target).map(|resource| resource.tags.clone()))
    };
    let tags = app.look(&mesh, shown).await??;
    let later = tags.into_iter().filter(|(key, _)| page.after().is_none_or(|after| key.as_str() > after));
    let found: Vec<(String, String)> = later.take(page.limit() + 1).collect();
    let (shown, next) = page.cut(&found, |(key, _)| key);
    let tags: Vec<Value> = shown.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect();
    match next {
        Some(token) => answer(&json!({ "tags": tags, "nextToken": token })),
        None => answer(&json!({ "tags": tags })),
    }
}

/// `PUT /tag?resourceArn=`: sets tags; others stay.
pub async fn tag(app: &App, mut request: Request) -> Result<Response, ApiError> {
    let (mesh, target) = resource(&request)?;
    let tags = request.body()?.tags()?;
    change(app, &mesh, Command { target, change: Change::Tag(tags) }, &request).await
}

/// `PUT /untag?resourceArn=`: takes tags away; keys that are not there do not matter.
pub async fn untag(app: &App, mut request: Request) -> Result<Response, ApiError> {
    let (mesh, target) = resource(&request)?;
    let keys = request.body()?.tag_keys()?;
    change(app, &mesh, Command { target, change: Change::Untag(keys) }, &request).await
}

async fn change(app: &App, mesh: &MeshKey, command: Command, request: &Request) -> Result<Response, ApiError> {
    app.change(mesh, command, request.asker()).await?;
    answer(&json!({}))
}

/// The resource an ARN names, of whatever partition and region: definitions move between them.
fn resource(request: &Request) -> Result<(MeshKey, ResourceId), ApiError> {
    let arn = request.query.required("resourceArn")?;
    let named = parse_arn(arn);
    let (mesh, target) = named
        .ok_or_else(|| ApiError::bad_request(format!("resourceArn: `{arn}` is not the ARN of an App Mesh resource")))?;
    account("resourceArn", mesh.owner.as_str())?;
    about(&mesh, &target);
    Ok((mesh, target))
}
