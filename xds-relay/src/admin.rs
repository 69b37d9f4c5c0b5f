//! The admin endpoints: is it alive, is it ready, what does it count, who is connected, what is anybody served.

use crate::dump;
use crate::proxies::Proxies;
use crate::proxy::ProxyKey;
use crate::world::{ConnectError, World};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use mesh_core::AccountId;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use serde_json::{Value, json};
use std::sync::OnceLock;

/// What the endpoints look at.
#[derive(Debug, Clone)]
pub struct Admin {
    /// Where snapshots come from.
    pub world: World,
    /// Who is connected.
    pub proxies: Proxies,
    /// The account of node ids that name none.
    pub account: AccountId,
}

/// The endpoints; everything answers JSON but the metrics.
pub fn router(admin: Admin) -> Router {
    Router::new()
        .route("/healthz", get(async || Json(json!({ "healthy": true }))))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics_text))
        .route("/proxies", get(async |State(admin): State<Admin>| Json(admin.proxies.json())))
        .route("/snapshot", get(snapshot))
        .fallback(unknown)
        .method_not_allowed_fallback(not_allowed)
        .with_state(admin)
}

/// Ready once everything that the log held at the start has been folded.
async fn ready(State(admin): State<Admin>) -> Response {
    match *admin.world.ready().borrow() {
        true => Json(json!({ "ready": true })).into_response(),
        false => (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "ready": false }))).into_response(),
    }
}

async fn metrics_text() -> Response {
    let Some(recorder) = recorder() else {
        return refusal(StatusCode::SERVICE_UNAVAILABLE, "this process counts its metrics elsewhere");
    };
    recorder.run_upkeep();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], recorder.render()).into_response()
}

/// A process has one recorder, however many relays it runs; nothing where the process brought its own.
pub(crate) fn recorder() -> Option<&'static PrometheusHandle> {
    static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    RECORDER.get_or_init(|| PrometheusBuilder::new().install_recorder().ok()).as_ref()
}

#[derive(serde::Deserialize)]
struct Node {
    node: String,
}

async fn snapshot(State(admin): State<Admin>, node: Result<Query<Node>, QueryRejection>) -> Response {
    let Ok(Query(Node { node })) = node else {
        let usage = "name a proxy: /snapshot?node=mesh/MESH/virtualNode/NAME, …/virtualGateway/NAME or its ARN";
        return refusal(StatusCode::BAD_REQUEST, usage);
    };
    let proxy = match ProxyKey::parse(&node, &admin.account) {
        Ok(proxy) => admin.proxies.placed(proxy),
        Err(error) => return refusal(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    match admin.world.snapshot(proxy.clone()).await {
        Ok(snapshot) => {
            let mut dump = json!({
                "node": node,
                "resource": proxy.to_string(),
                "placement": proxy.placement.to_string(),
            });
            if let (Value::Object(dump), Value::Object(resources)) = (&mut dump, dump::snapshot_json(&snapshot)) {
                dump.extend(resources);
            }
            Json(dump).into_response()
        }
        Err(error @ ConnectError::Unknown(_)) => refusal(StatusCode::NOT_FOUND, &error.to_string()),
        Err(error @ ConnectError::Stopped) => refusal(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
    }
}

async fn unknown(uri: Uri) -> Response {
    let message =
        format!("there is no {}; there are /healthz, /readyz, /metrics, /proxies and /snapshot?node=…", uri.path());
    refusal(StatusCode::NOT_FOUND, &message)
}

async fn not_allowed(method: Method, uri: Uri) -> Response {
    let message = format!("{} is only looked at: use GET, not {method}", uri.path());
    ([(header::ALLOW, "GET,HEAD")], refusal(StatusCode::METHOD_NOT_ALLOWED, &message)).into_response()
}

fn refusal(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "message": message }))).into_response()
}
