//! What asks: the router as a socket would ask it, and the log that it stands on.

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request};
use functions::{App, AppConfig, router};
use http_body_util::BodyExt;
use mesh_log::EventLog;
use mesh_log::sqlite::SqliteLog;
use serde_json::Value;
use std::sync::Arc;
use tower::ServiceExt;

pub const ACCOUNT: &str = "123456789012";

/// One process that serves the API.
#[derive(Clone)]
pub struct Client(Router);

/// What it answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// The exception, or nothing.
    pub exception: String,
    pub body: Value,
}

impl Answer {
    /// Status and exception.
    pub fn outcome(&self) -> (u16, &str) {
        (self.status, &self.exception)
    }
}

/// A log in memory.
pub fn log() -> Arc<SqliteLog> {
    Arc::new(SqliteLog::in_memory().expect("a log in memory"))
}

impl Client {
    pub fn over(log: Arc<dyn EventLog>) -> Self {
        Self(router(App::new(log, AppConfig::new(ACCOUNT, "eu-west-1"))))
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, Body::empty()).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PUT, path, Body::from(body.to_string())).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, Body::empty()).await
    }

    /// Sends a request; paths are given without the version.
    async fn send(&self, method: Method, path: &str, body: Body) -> Answer {
        let request = Request::builder().method(method).uri(format!("/v20190125{path}")).body(body);
        let response = self.0.clone().oneshot(request.expect("a request")).await.expect("an answer");
        let (parts, body) = response.into_parts();
        let exception = parts.headers.get("x-amzn-errortype").map(|name| name.to_str().expect("text").to_owned());
        let bytes = body.collect().await.expect("a body").to_bytes();
        let body = serde_json::from_slice(&bytes).unwrap_or_else(|_| panic!("not JSON: {bytes:?}"));
        Answer { status: parts.status.as_u16(), exception: exception.unwrap_or_default(), body }
    }
}
