//! The API over an SQLite log in memory, asked without a socket, and a name for every resource that nothing else has.

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request};
use functions::error::ERROR_TYPE;
use functions::{App, AppConfig, router};
use http_body_util::BodyExt;
use mesh_log::sqlite::SqliteLog;
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;
use std::cell::Cell;
use std::sync::Arc;
use tokio::runtime::Runtime;
use tower::ServiceExt;

/// The most characters of a name.
const MAX_NAME: usize = 255;

pub struct Served {
    runtime: Runtime,
    router: Router,
    named: Cell<usize>,
}

/// Status, exception or nothing, body.
pub struct Answer(pub u16, pub String, pub Value);

impl Served {
    pub fn new() -> Self {
        let log = Arc::new(SqliteLog::in_memory().unwrap());
        let router = router(App::new(log, AppConfig::new("123456789012", "eu-west-1")));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { runtime, router, named: Cell::new(0) }
    }

    /// This name, but for a number in front of it.
    pub fn another(&self, name: &str) -> String {
        self.named.set(self.named.get() + 1);
        format!("{}{name}", self.named.get()).chars().take(MAX_NAME).collect()
    }

    pub fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let request = Request::builder().method(method).uri(format!("/v20190125{path}")).body(body).unwrap();
        self.runtime.block_on(async {
            let response = self.router.clone().oneshot(request).await.unwrap();
            let exception = response.headers().get(ERROR_TYPE).map(|name| name.to_str().unwrap().to_owned());
            let status = response.status().as_u16();
            let body = response.into_body().collect().await.unwrap().to_bytes();
            Answer(status, exception.unwrap_or_default(), serde_json::from_slice(&body).unwrap())
        })
    }

    pub fn get(&self, path: &str) -> Value {
        self.ask(Method::GET, path, None).ok()
    }

    pub fn put(&self, path: &str, body: &Value) -> Answer {
        self.ask(Method::PUT, path, Some(body))
    }

    pub fn delete(&self, path: &str) -> Value {
        self.ask(Method::DELETE, path, None).ok()
    }
}

impl Answer {
    #[track_caller]
    pub fn ok(self) -> Value {
        let Self(status, exception, body) = self;
        assert_eq!((status, exception.as_str()), (200, ""), "{body}");
        body
    }
}

/// Checks so many values of a strategy. What fails is made as small as it can be, and told.
#[track_caller]
pub fn for_all<S: Strategy>(cases: u32, strategy: &S, check: impl Fn(S::Value)) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let checked = TestRunner::new(config).run(strategy, |value| {
        check(value);
        Ok(())
    });
    if let Err(error) = checked {
        panic!("{error}");
    }
}
