//! The mesh that is measured, made and changed through the App Mesh API.

use serde_json::{Value, json};

/// A client of the App Mesh API.
pub struct Api {
    base: String,
    http: reqwest::Client,
}

impl Api {
    /// A client of the API at an address.
    pub fn new(address: String) -> Self {
        Self { base: format!("{address}/v20190125/meshes"), http: reqwest::Client::new() }
    }

    /// Makes a mesh of client nodes that all call the same services, each with a router, a route and two targets.
    pub async fn create_mesh(&self, nodes: usize, services: usize) {
        self.put("", json!({"meshName": "bench"})).await;
        for service in 0..services {
            for version in ["a", "b"] {
                let name = format!("server-{service}-{version}");
                let spec = json!({
                    "listeners": [{"portMapping": {"port": 8080, "protocol": "http"}}],
                    "serviceDiscovery": {"dns": {"hostname": format!("{name}.bench.local")}},
                });
                self.put("/bench/virtualNodes", json!({"virtualNodeName": name, "spec": spec})).await;
            }
            let spec = json!({"listeners": [{"portMapping": {"port": 8080, "protocol": "http"}}]});
            let router = format!("router-{service}");
            self.put("/bench/virtualRouters", json!({"virtualRouterName": router, "spec": spec})).await;
            let route = json!({"routeName": "all", "spec": route(service, 50)});
            self.put(&format!("/bench/virtualRouter/{router}/routes"), route).await;
            let spec = json!({"provider": {"virtualRouter": {"virtualRouterName": router}}});
            let name = format!("service-{service}.bench.local");
            self.put("/bench/virtualServices", json!({"virtualServiceName": name, "spec": spec})).await;
        }
        for node in 0..nodes {
            let backend =
                |service| json!({"virtualService": {"virtualServiceName": format!("service-{service}.bench.local")}});
            let spec = json!({
                "listeners": [{"portMapping": {"port": 8080, "protocol": "http"}}],
                "serviceDiscovery": {"dns": {"hostname": format!("client-{node}.bench.local")}},
                "backends": (0..services).map(backend).collect::<Vec<_>>(),
            });
            self.put("/bench/virtualNodes", json!({"virtualNodeName": format!("client-{node}"), "spec": spec})).await;
        }
    }

    /// Moves the weights of the first service's route to others than it had.
    pub async fn change_weights(&self, change: usize) {
        let spec = json!({"spec": route(0, change % 50)});
        self.put("/bench/virtualRouter/router-0/routes/all", spec).await;
    }

    async fn put(&self, path: &str, body: Value) {
        let answer = self.http.put(format!("{}{path}", self.base)).json(&body).send().await.expect("an answer");
        assert!(answer.status().is_success(), "{path}: {}", answer.text().await.unwrap());
        answer.bytes().await.unwrap();
    }
}

fn route(service: usize, weight: usize) -> Value {
    let target = |version, weight| json!({"virtualNode": format!("server-{service}-{version}"), "weight": weight});
    json!({"httpRoute": {
        "match": {"prefix": "/"},
        "action": {"weightedTargets": [target("a", weight), target("b", 100 - weight)]},
    }})
}
