//! An API of its own for each test, and a mesh with one of every kind.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use functions::{App, AppConfig, router};
use http_body_util::BodyExt;
use mesh_log::EventLog;
use mesh_log::sqlite::SqliteLog;
use serde_json::{Value, json};
use std::sync::Arc;
use tower::ServiceExt;

pub const ACCOUNT: &str = "123456789012";

#[derive(Clone)]
pub struct Api(Router);

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Api {
    pub fn new() -> Self {
        Self::over(Arc::new(SqliteLog::in_memory().expect("a log in memory")))
    }

    pub fn over(log: Arc<dyn EventLog>) -> Self {
        Self::configured(log, AppConfig::new(ACCOUNT, "eu-west-1"))
    }

    pub fn configured(log: Arc<dyn EventLog>, config: AppConfig) -> Self {
        Self(router(App::new(log, config)))
    }

    /// A mesh `m` with one of every kind, all called `x` but the service, `x.local`.
    pub async fn with_one_of_each() -> Self {
        let api = Self::new();
        for sample in SAMPLES {
            api.put(sample.collection, (sample.create)()).await.ok();
        }
        api
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, Body::empty()).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PUT, path, Body::from(body.to_string())).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, Body::empty()).await
    }

    /// Sends a request; paths are given without the version.
    pub async fn send(&self, method: Method, path: &str, body: Body) -> Answer {
        let uri = format!("/v20190125{path}");
        let request = Request::builder().method(method).uri(uri).header("content-type", "application/json");
        self.raw(request.body(body).expect("a request")).await
    }

    pub async fn raw(&self, request: Request<Body>) -> Answer {
        let response = self.0.clone().oneshot(request).await.expect("an answer");
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("a body").to_bytes();
        let body = serde_json::from_slice(&bytes).unwrap_or_else(|_| panic!("not JSON: {bytes:?}"));
        Answer { status: parts.status, headers: parts.headers, body }
    }
}

impl Answer {
    /// The answer's body, which must be a success.
    #[track_caller]
    pub fn ok(self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}", self.body);
        self.check_headers();
        self.body
    }

    /// The answer's message, which must be this exception with this status.
    #[track_caller]
    pub fn refused(self, status: u16, exception: &str) -> String {
        assert_eq!((self.status.as_u16(), self.error()), (status, exception), "{}", self.body);
        self.check_headers();
        let members: Vec<_> = self.body.as_object().expect("an object").keys().collect();
        assert_eq!(members, ["message"]);
        self.body["message"].as_str().expect("a message").to_owned()
    }

    pub fn error(&self) -> &str {
        self.headers.get("x-amzn-errortype").and_then(|name| name.to_str().ok()).unwrap_or("none")
    }

    #[track_caller]
    fn check_headers(&self) {
        let id = self.headers["x-amzn-requestid"].to_str().expect("an id");
        assert_eq!(id.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12], "{id}");
        assert_eq!(self.headers["content-type"], "application/json");
    }
}

/// A kind as the tests of the grid need it.
pub struct Sample {
    pub kind: &'static str,
    pub collection: &'static str,
    pub item: &'static str,
    pub arn: &'static str,
    pub create: fn() -> Value,
    pub other_spec: fn() -> Value,
}

/// One of every kind, in an order in which they can be created.
pub const SAMPLES: [Sample; 7] = [
    Sample {
        kind: "mesh",
        collection: "/meshes",
        item: "/meshes/m",
        arn: "mesh/m",
        create: || json!({ "meshName": "m", "spec": { "egressFilter": { "type": "ALLOW_ALL" } } }),
        other_spec: || json!({ "egressFilter": { "type": "DROP_ALL" }, "serviceDiscovery": { "ipPreference": "IPv4_ONLY" } }),
    },
    Sample {
        kind: "virtualNode",
        collection: "/meshes/m/virtualNodes",
        item: "/meshes/m/virtualNodes/x",
        arn: "mesh/m/virtualNode/x",
        create: || json!({ "virtualNodeName": "x", "spec": node_spec(8080) }),
        other_spec: || node_spec(8081),
    },
    Sample {
        kind: "virtualRouter",
        collection: "/meshes/m/virtualRouters",
        item: "/meshes/m/virtualRouters/x",
        arn: "mesh/m/virtualRouter/x",
        create: || json!({ "virtualRouterName": "x", "spec": { "listeners": [listener(8080)] } }),
        other_spec: || json!({ "listeners": [listener(8081)] }),
    },
    Sample {
        kind: "route",
        collection: "/meshes/m/virtualRouter/x/routes",
        item: "/meshes/m/virtualRouter/x/routes/x",
        arn: "mesh/m/virtualRouter/x/route/x",
        create: || json!({ "routeName": "x", "spec": route_spec(1) }),
        other_spec: || route_spec(2),
    },
    Sample {
        kind: "virtualService",
        collection: "/meshes/m/virtualServices",
        item: "/meshes/m/virtualServices/x.local",
        arn: "mesh/m/virtualService/x.local",
        create: || {
            let spec = json!({ "provider": { "virtualRouter": { "virtualRouterName": "x" } } });
            json!({ "virtualServiceName": "x.local", "spec": spec })
        },
        other_spec: || json!({ "provider": { "virtualNode": { "virtualNodeName": "x" } } }),
    },
    Sample {
        kind: "virtualGateway",
        collection: "/meshes/m/virtualGateways",
        item: "/meshes/m/virtualGateways/x",
        arn: "mesh/m/virtualGateway/x",
        create: || json!({ "virtualGatewayName": "x", "spec": { "listeners": [listener(9080)] } }),
        other_spec: || json!({ "listeners": [listener(9081)] }),
    },
    Sample {
        kind: "gatewayRoute",
        collection: "/meshes/m/virtualGateway/x/gatewayRoutes",
        item: "/meshes/m/virtualGateway/x/gatewayRoutes/x",
        arn: "mesh/m/virtualGateway/x/gatewayRoute/x",
        create: || json!({ "gatewayRouteName": "x", "spec": gateway_route_spec("/") }),
        other_spec: || gateway_route_spec("/x/"),
    },
];

fn listener(port: u16) -> Value {
    json!({ "portMapping": { "port": port, "protocol": "http" } })
}

pub fn node_spec(port: u16) -> Value {
    json!({
        "listeners": [listener(port)],
        "backends": [{ "virtualService": { "virtualServiceName": "later.local" } }],
        "serviceDiscovery": { "dns": { "hostname": "x.local" } },
    })
}

pub fn route_spec(weight: u8) -> Value {
    let targets = json!([{ "virtualNode": "x", "weight": weight }]);
    json!({ "httpRoute": { "match": { "prefix": "/" }, "action": { "weightedTargets": targets } } })
}

fn gateway_route_spec(prefix: &str) -> Value {
    let target = json!({ "virtualService": { "virtualServiceName": "x.local" } });
    json!({ "httpRoute": { "match": { "prefix": prefix }, "action": { "target": target } } })
}
