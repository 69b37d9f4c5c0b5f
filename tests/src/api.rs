//! The App Mesh API as tests write to it: plain JSON over HTTP, so that what is sent stands in the test.

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use serde_json::{Value, json};
use std::net::SocketAddr;

/// The account of clients that name no access key that is known.
pub const OWNER: &str = "000000000000";

/// Another account, which every control plane of [`crate::ControlPlane`] knows by [`GUEST_KEY`].
pub const GUEST: &str = "111122223333";

/// The access key of the other account's clients.
pub const GUEST_KEY: &str = "AKIDGUEST";

/// A client of the App Mesh API.
#[derive(Debug, Clone)]
pub struct Api {
    base: String,
    http: reqwest::Client,
}

/// What the API answered instead of doing what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The exception, `NotFoundException`.
    pub name: String,
    /// Its message.
    pub message: String,
}

impl Api {
    /// A client of the API that listens there.
    pub fn at(addr: SocketAddr) -> Self {
        Self { base: format!("http://{addr}"), http: reqwest::Client::new() }
    }

    /// The same as the other account's clients call it.
    pub fn as_guest(&self) -> Self {
        let signature = "AWS4-HMAC-SHA256 Credential=AKIDGUEST/20261122/us-east-1/appmesh/aws4_request";
        let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(signature))]);
        let http = reqwest::Client::builder().default_headers(headers).build().expect("a client");
        Self { base: self.base.clone(), http }
    }

    /// Where it listens, `http://127.0.0.1:8480`.
    pub fn url(&self) -> &str {
        &self.base
    }

    /// `PUT` below `/v20190125`; fails the test when refused.
    pub async fn put(&self, path: &str, body: Value) -> Value {
        accepted("PUT", path, self.try_put(path, body).await)
    }

    /// `GET` below `/v20190125`; fails the test when refused.
    pub async fn get(&self, path: &str) -> Value {
        accepted("GET", path, self.try_get(path).await)
    }

    /// `DELETE` below `/v20190125`; fails the test when refused.
    pub async fn delete(&self, path: &str) -> Value {
        accepted("DELETE", path, self.try_delete(path).await)
    }

    /// `PUT` that may be refused.
    pub async fn try_put(&self, path: &str, body: Value) -> Result<Value, Refusal> {
        answer(self.http.put(self.address(path)).json(&body)).await
    }

    /// `GET` that may be refused.
    pub async fn try_get(&self, path: &str) -> Result<Value, Refusal> {
        answer(self.http.get(self.address(path))).await
    }

    /// `DELETE` that may be refused.
    pub async fn try_delete(&self, path: &str) -> Result<Value, Refusal> {
        answer(self.http.delete(self.address(path))).await
    }

    /// Creates a mesh and gives a handle to write into it.
    pub async fn create_mesh(&self, name: &str, spec: Value) -> Mesh {
        self.put("/meshes", json!({ "meshName": name, "spec": spec })).await;
        self.mesh(name)
    }

    /// A handle to write into a mesh that is there.
    pub fn mesh(&self, name: &str) -> Mesh {
        Mesh { api: self.clone(), name: name.into(), owner: None }
    }

    /// A handle to write into a mesh of an account that shares it.
    pub fn mesh_of(&self, owner: &str, name: &str) -> Mesh {
        Mesh { owner: Some(owner.into()), ..self.mesh(name) }
    }

    fn address(&self, path: &str) -> String {
        format!("{}/v20190125{path}", self.base)
    }
}

fn accepted(method: &str, path: &str, answer: Result<Value, Refusal>) -> Value {
    answer.unwrap_or_else(|refusal| panic!("{method} {path} was refused: {refusal:?}"))
}

async fn answer(request: reqwest::RequestBuilder) -> Result<Value, Refusal> {
    let answer = request.send().await.expect("the API answers");
    let status = answer.status();
    let name = answer.headers().get("x-amzn-errortype").and_then(|name| name.to_str().ok()).unwrap_or("").to_owned();
    let body: Value = answer.json().await.expect("the API answers in JSON");
    if status.is_success() {
        return Ok(body);
    }
    let message = body["message"].as_str().unwrap_or_default().to_owned();
    Err(Refusal { status: status.as_u16(), name, message })
}

/// A mesh to write into. Creating and updating are one call each; which it is, the method says.
#[derive(Debug, Clone)]
pub struct Mesh {
    api: Api,
    name: String,
    owner: Option<String>,
}

impl Mesh {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How proxies name it: `shop`, or `shop@OWNER` where it is another account's.
    pub fn identity(&self) -> String {
        self.owner.as_ref().map_or_else(|| self.name.clone(), |owner| format!("{}@{owner}", self.name))
    }

    /// UpdateMesh.
    pub async fn update(&self, spec: Value) {
        self.api.put(&self.path(""), json!({ "spec": spec })).await;
    }

    /// CreateVirtualNode.
    pub async fn node(&self, name: &str, spec: Value) {
        self.create("virtualNodes", "virtualNodeName", name, spec).await;
    }

    /// CreateVirtualRouter.
    pub async fn router(&self, name: &str, spec: Value) {
        self.create("virtualRouters", "virtualRouterName", name, spec).await;
    }

    /// CreateRoute.
    pub async fn route(&self, router: &str, name: &str, spec: Value) {
        self.create(&format!("virtualRouter/{router}/routes"), "routeName", name, spec).await;
    }

    /// CreateVirtualService.
    pub async fn service(&self, name: &str, spec: Value) {
        self.create("virtualServices", "virtualServiceName", name, spec).await;
    }

    /// CreateVirtualGateway.
    pub async fn gateway(&self, name: &str, spec: Value) {
        self.create("virtualGateways", "virtualGatewayName", name, spec).await;
    }

    /// CreateGatewayRoute.
    pub async fn gateway_route(&self, gateway: &str, name: &str, spec: Value) {
        self.create(&format!("virtualGateway/{gateway}/gatewayRoutes"), "gatewayRouteName", name, spec).await;
    }

    /// The update of `virtualNodes/NAME`, `virtualRouter/R/routes/NAME` and so on.
    pub async fn change(&self, item: &str, spec: Value) {
        self.api.put(&self.path(&format!("/{item}")), json!({ "spec": spec })).await;
    }

    /// The deletion of `virtualNodes/NAME`, `virtualRouter/R/routes/NAME` and so on.
    pub async fn delete(&self, item: &str) {
        self.api.delete(&self.path(&format!("/{item}"))).await;
    }

    async fn create(&self, collection: &str, key: &str, name: &str, spec: Value) {
        self.api.put(&self.path(&format!("/{collection}")), json!({ key: name, "spec": spec })).await;
    }

    fn path(&self, below: &str) -> String {
        let query = self.owner.as_ref().map(|owner| format!("?meshOwner={owner}")).unwrap_or_default();
        format!("/meshes/{}{below}{query}", self.name)
    }
}
