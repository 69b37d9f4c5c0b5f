//! The instances behind virtual nodes that Cloud Map would find: shown, and where they are told to the relay itself, told
//! here.
//!
//! ```text
//!   GET    /instances                              all of them, by namespace and service
//!   PUT    /instances/NAMESPACE/SERVICE/ID         registers one: {"ipv4": "10.0.0.1", "attributes": {"stage": "prod"}}
//!   DELETE /instances/NAMESPACE/SERVICE/ID         takes one out that was registered
//! ```

use super::{Admin, refusal};
use crate::discovery::{ByNamespace, Instance, Registry, Removal, Service};
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

/// The endpoints about instances.
pub fn router() -> Router<Admin> {
    Router::new()
        .route("/instances", get(show))
        .route("/instances/{namespace}/{service}/{id}", put(register).delete(deregister).fallback(not_asked))
}

async fn show(State(admin): State<Admin>) -> Response {
    if let Some(registry) = admin.instances.registry() {
        return Json(registry.all()).into_response();
    }
    let Ok(found) = admin.world.instances().await else {
        return refusal(StatusCode::SERVICE_UNAVAILABLE, "the relay is shutting down");
    };
    let mut all = ByNamespace::new();
    for (Service { namespace, service }, instances) in found {
        all.entry(namespace).or_default().insert(service, instances.to_vec());
    }
    Json(all).into_response()
}

/// An instance as it is told; its id is in the path.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    ipv4: Option<Ipv4Addr>,
    ipv6: Option<Ipv6Addr>,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
    healthy: Option<bool>,
}

type At = Path<(String, String, String)>;

/// The body is JSON whatever its content type says: there is nothing else that it could be.
async fn register(State(admin): State<Admin>, Path((namespace, service, id)): At, body: Bytes) -> Response {
    let Some(registry) = admin.instances.registry() else { return not_told() };
    let Told { ipv4, ipv6, attributes, healthy } = match serde_json::from_slice(&body) {
        Ok(told) => told,
        Err(error) => return refusal(StatusCode::BAD_REQUEST, &format!("this is no instance: {error}")),
    };
    let instance = Instance { id, ipv4, ipv6, attributes, healthy: healthy.unwrap_or(true) };
    let instance = instance.with_addresses_of_attributes();
    if !instance.has_address() {
        let message = "an instance has an address: \"ipv4\", \"ipv6\", or the attribute AWS_INSTANCE_IPV4 or _IPV6";
        return refusal(StatusCode::BAD_REQUEST, message);
    }
    registry.register(Service { namespace, service }, instance.clone());
    Json(instance).into_response()
}

async fn deregister(State(admin): State<Admin>, Path((namespace, service, id)): At) -> Response {
    let Some(registry) = admin.instances.registry() else { return not_told() };
    let service = Service { namespace, service };
    match registry.deregister(&service, &id) {
        Removal::Removed => Json(json!({ "removed": id })).into_response(),
        Removal::Unknown => refusal(StatusCode::NOT_FOUND, &format!("{service} has no instance {id}")),
        Removal::InFile => in_file(registry, &service, &id),
    }
}

fn in_file(registry: &Registry, service: &Service, id: &str) -> Response {
    let file = registry.file().map(|file| file.display().to_string()).unwrap_or_default();
    refusal(StatusCode::CONFLICT, &format!("instance {id} of {service} stands in {file}: take it out there"))
}

async fn not_asked(method: Method, uri: Uri) -> Response {
    let message =
        format!("an instance is told or taken out: use PUT or DELETE {}, not {method}, or GET /instances", uri.path());
    ([(header::ALLOW, "PUT,DELETE")], refusal(StatusCode::METHOD_NOT_ALLOWED, &message)).into_response()
}

fn not_told() -> Response {
    refusal(StatusCode::CONFLICT, "instances come from Cloud Map here: register and deregister them there")
}
