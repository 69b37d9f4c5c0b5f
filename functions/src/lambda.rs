//! AWS Lambda as a host of this crate: two functions, thin around what is here anyway.
//!
//! ```text
//!   function URL, HTTP API, REST API, ALB ─▶ appmesh-api ─▶ router(App) ─▶ DynamoDB
//!                                                                            │ the table's stream
//!                                             checkpoint ◀───────────────────┘
//! ```
//!
//! Whatever costs time is done once, before the first invocation is asked for: tracing, credentials, client. Between
//! invocations an instance keeps its folds, so a warm one reads no more than the log's tail ([`crate::app`]); nothing
//! runs between them, because Lambda freezes the process.
//!
//! This is the only place that knows Lambda. What it deliberately does not know: which operation a request is.

mod api;
mod checkpoint;
mod diagnostics;
mod environment;

pub use api::{ApiService, service};
pub use checkpoint::Checkpoints;
pub use environment::{Environment, EnvironmentError};
pub use lambda_runtime::Error;

use crate::{App, AppConfig};
use lambda_runtime::{LambdaEvent, service_fn};
use std::sync::Arc;

/// Answers the App Mesh API, one invocation a request, until Lambda ends the process.
///
/// # Errors
///
/// When the environment says too little, or the Runtime API cannot be reached.
pub async fn serve_api() -> Result<(), Error> {
    diagnostics::start();
    let environment = Environment::read(|name| std::env::var(name).ok())?;
    let connected = environment.connect().await;
    let quotas = environment.quotas;
    let config = AppConfig { quotas, ..AppConfig::new(environment.account, connected.region) };
    lambda_http::run(service(App::new(Arc::new(connected.log), config))).await
}

/// Saves checkpoints, one invocation a batch of the table's stream, until Lambda ends the process.
///
/// # Errors
///
/// When the environment says too little, or the Runtime API cannot be reached.
pub async fn serve_checkpoints() -> Result<(), Error> {
    diagnostics::start();
    let environment = Environment::read(|name| std::env::var(name).ok())?;
    let log = environment.connect().await.log;
    let checkpoints = Checkpoints::new(Arc::new(log), environment.checkpoint_every);
    let checkpoints = &checkpoints;
    let save = |event: LambdaEvent<_>| async move { Ok::<_, Error>(checkpoints.save(event.payload).await) };
    lambda_runtime::run(service_fn(save)).await
}
