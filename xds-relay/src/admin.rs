//! The admin endpoints: is it alive, is it ready, what does it count, who is connected, what is anybody served.

mod instances;

use crate::discovery::InstanceSource;
use crate::dump;
use crate::proxies::Proxies;
use crate::proxy::ProxyKey;
use crate::world::{ConnectError, Standing, World};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use mesh_core::AccountId;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use serde_json::{Value, json};
use std::sync::{Arc, OnceLock};
use tokio::sync::watch;

/// What the endpoints look at.
#[derive(Debug, Clone)]
pub struct Admin {
    /// Where snapshots come from.
    pub world: World,
    /// Who is connected.
    pub proxies: Proxies,
    /// The account of node ids that name none.
    pub account: AccountId,
    /// Where instances come from.
    pub instances: Arc<dyn InstanceSource>,
    /// True once the relay is going down.
    pub stopping: watch::Receiver<bool>,
}

/// The endpoints; everything answers JSON but the metrics.
pub fn router(admin: Admin) -> Router {
    Router::new()
        .route("/healthz", get(alive))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics_text))
        .route("/proxies", get(proxies))
        .route("/snapshot", get(snapshot))
        .merge(instances::router())
        .fallback(unknown)
        .method_not_allowed_fallback(not_allowed)
        .with_state(admin)
}

/// Alive while the task that folds is: without it nothing works, and only another process helps.
async fn alive(State(admin): State<Admin>) -> Response {
    let healthy = admin.world.is_alive();
    let status = if healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "healthy": healthy }))).into_response()
}

/// Ready once everything that the log held at the start has been folded, until the relay is going down. One that serves
/// an earlier state because the log cannot be reached is not ready: whoever can go to a relay that is, should.
async fn ready(State(admin): State<Admin>) -> Response {
    let (standing, draining) = (*admin.world.standing().borrow(), *admin.stopping.borrow());
    let ready = standing.caught_up && !draining && admin.world.is_alive();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "ready": ready, "draining": draining, "state": standing.json() }))).into_response()
}

async fn proxies(State(admin): State<Admin>) -> Json<Value> {
    let mut list = admin.proxies.json();
    list["state"] = admin.world.standing().borrow().json();
    Json(list)
}

async fn metrics_text(State(admin): State<Admin>) -> Response {
    count_standing(*admin.world.standing().borrow());
    let Some(recorder) = recorder() else {
        return refusal(StatusCode::SERVICE_UNAVAILABLE, "this process counts its metrics elsewhere");
    };
    recorder.run_upkeep();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], recorder.render()).into_response()
}

/// Ages are told as they are when somebody asks.
fn count_standing(standing: Standing) {
    let flag = |is: bool| if is { 1.0 } else { 0.0 };
    metrics::gauge!("remesh_ready").set(flag(standing.caught_up));
    metrics::gauge!("remesh_following_log").set(flag(standing.following));
    metrics::gauge!("remesh_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    if let Some(age) = standing.age() {
        metrics::gauge!("remesh_state_age_seconds").set(age.as_secs_f64());
    }
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
        Err(error @ (ConnectError::Unknown { .. } | ConnectError::NotShared { .. })) => {
            refusal(StatusCode::NOT_FOUND, &error.to_string())
        }
        Err(error @ (ConnectError::NotYet(_) | ConnectError::Stopped)) => {
            refusal(StatusCode::SERVICE_UNAVAILABLE, &error.to_string())
        }
    }
}

async fn unknown(uri: Uri) -> Response {
    let message = format!(
        "there is no {}; there are /healthz, /readyz, /metrics, /proxies, /snapshot?node=… and /instances",
        uri.path()
    );
    refusal(StatusCode::NOT_FOUND, &message)
}

async fn not_allowed(method: Method, uri: Uri) -> Response {
    let message = format!("{} is only looked at: use GET, not {method}", uri.path());
    ([(header::ALLOW, "GET,HEAD")], refusal(StatusCode::METHOD_NOT_ALLOWED, &message)).into_response()
}

fn refusal(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "message": message }))).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discovery::Registry;
    use axum::body::Body;
    use axum::http::Request;
    use tower::ServiceExt;

    #[tokio::test]
    async fn a_process_that_folds_no_more_is_neither_alive_nor_ready() {
        let (_stop, stopping) = watch::channel(false);
        let admin = Admin {
            world: World::dead(),
            proxies: Proxies::default(),
            account: "1".into(),
            instances: Arc::new(Registry::default()),
            stopping,
        };
        for path in ["/healthz", "/readyz"] {
            let request = Request::get(path).body(Body::empty()).unwrap();
            let answer = router(admin.clone()).oneshot(request).await.unwrap();
            assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE, "{path}");
        }
    }
}
