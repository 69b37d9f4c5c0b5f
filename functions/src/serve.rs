//! Around every request: an id, a span, an answer whatever happens, one line of tracing.
//!
//! The line has the operation, the mesh, the resource, the status, the exception and the time; never a header, a query or
//! a body.

use crate::api;
use crate::app::App;
use crate::error::{ApiError, ERROR_TYPE, Exception};
use crate::request::{Request, discard};
use crate::routes::{BASE, Operation};
use axum::extract::Request as HttpRequest;
use axum::http::HeaderValue;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Instant;
use tracing::{Instrument, field::Empty};
use uuid::Uuid;

/// The header with the request's id.
const REQUEST_ID: &str = "x-amzn-requestid";

/// Answers a request for an operation.
pub async fn operation(app: App, operation: Operation, request: HttpRequest) -> Response {
    let id = Uuid::new_v4();
    answered(id, &operation.name(), async {
        let request = Request::read(id, &app, operation, request).await?;
        api::perform(&app, operation, request).await
    })
    .await
}

/// Answers a request for a path that is none of the API's.
pub async fn unknown_path(request: HttpRequest) -> Response {
    answered(Uuid::new_v4(), "unknown", async {
        let (parts, body) = request.into_parts();
        discard(body).await;
        let path = parts.uri.path();
        let message = format!("There is no `{path}` in this API; its paths begin with {BASE}/meshes or {BASE}/tag");
        Err(ApiError::new(Exception::NotFound, message))
    })
    .await
}

/// Answers a request with a method that its path does not have. The router adds the `Allow` header.
pub async fn wrong_method(request: HttpRequest) -> Response {
    answered(Uuid::new_v4(), "unknown", async {
        let (parts, body) = request.into_parts();
        discard(body).await;
        Err(ApiError::bad_request(format!("Method {} is not allowed for `{}`", parts.method, parts.uri.path())))
    })
    .await
}

/// Answers what a host could not read as a request at all. It says why, as far as it knows.
pub async fn unreadable(why: String) -> Response {
    answered(Uuid::new_v4(), "unknown", async { Err(ApiError::bad_request(why)) }).await
}

async fn answered(id: Uuid, operation: &str, work: impl Future<Output = Result<Response, ApiError>>) -> Response {
    let span = tracing::info_span!("request", %operation, request.id = %id, mesh.name = Empty, resource = Empty);
    async {
        let mut waiting = Waiting { since: Instant::now(), answered: false };
        let outcome = AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|panic| Err(panicked(&*panic)));
        let mut response = outcome.unwrap_or_else(refused);
        if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
            response.headers_mut().insert(REQUEST_ID, value);
        }
        waiting.answered = true;
        let exception = response.headers().get(ERROR_TYPE).and_then(|name| name.to_str().ok());
        tracing::info!(status = response.status().as_u16(), exception, duration_ms = waiting.ms(), "answered");
        response
    }
    .instrument(span)
    .await
}

/// A request that is being answered. Whoever asked may leave meanwhile, and then nobody goes on with the answer; what was
/// wished may happen all the same, so that is traced too.
struct Waiting {
    since: Instant,
    answered: bool,
}

impl Waiting {
    fn ms(&self) -> f64 {
        self.since.elapsed().as_micros() as f64 / 1000.0
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if !self.answered {
            tracing::info!(duration_ms = self.ms(), "left before the answer");
        }
    }
}

fn refused(error: ApiError) -> Response {
    if let Some(cause) = &error.cause {
        tracing::error!(exception = error.exception.name(), %cause, "request failed");
    }
    error.into_response()
}

/// A panic is our fault and one request's trouble: the client gets an answer, the process goes on.
pub fn panicked(panic: &(dyn Any + Send)) -> ApiError {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    ApiError::internal(format!("panicked: {}", text.unwrap_or("without a message")))
}
