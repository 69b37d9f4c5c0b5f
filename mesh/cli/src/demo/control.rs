//! The demo as a client of its own control plane: the App Mesh API and the admin endpoints, over HTTP like any other.

use super::definitions::{self, MESH, ROUTE, ROUTER, Weights};
use super::ports::Places;
use mesh_local::Running;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// A client of the API and the admin endpoints.
#[derive(Debug, Clone)]
pub struct Control {
    client: reqwest::Client,
    /// The API's URL, as a person would type it.
    pub api: String,
    admin: String,
}

/// What a proxy says of itself.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProxyState {
    /// The name of its virtual node.
    pub name: String,
    /// Whether it has acknowledged everything it was sent.
    pub in_sync: bool,
}

/// Why a call had no answer to use.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Nothing came back.
    #[error("no answer from {path}")]
    NoAnswer {
        /// What was called.
        path: String,
        /// Why.
        source: reqwest::Error,
    },
    /// Something else came back.
    #[error("{path} was refused with {status}: {message}")]
    Refused {
        /// What was called.
        path: String,
        /// The status.
        status: StatusCode,
        /// The reason given.
        message: String,
    },
}

impl Control {
    /// A client of a control plane in this process.
    pub fn of(running: &Running, client: reqwest::Client) -> Self {
        let (api, admin) = (format!("http://{}", running.api_addr()), format!("http://{}", running.admin_addr()));
        Self { client, api, admin }
    }

    /// Makes the demo's mesh.
    pub async fn define(&self, places: &Places, weights: Weights) -> Result<(), ControlError> {
        for (path, body) in definitions::calls(places, weights) {
            self.call(Method::PUT, &self.url(&path), Some(body)).await?;
        }
        Ok(())
    }

    /// The weights as they are now, whoever set them.
    pub async fn weights(&self) -> Result<Weights, ControlError> {
        let route = self.call(Method::GET, &self.url(&route_path()), None).await?;
        Ok(definitions::weights_of(&route["spec"]))
    }

    /// Changes the weights.
    pub async fn set_weights(&self, weights: Weights) -> Result<(), ControlError> {
        let body = json!({ "spec": definitions::route_spec(weights) });
        self.call(Method::PUT, &self.url(&route_path()), Some(body)).await.map(drop)
    }

    /// The connected proxies, by name.
    pub async fn proxies(&self) -> Result<Vec<ProxyState>, ControlError> {
        let answer = self.call(Method::GET, &format!("{}/proxies", self.admin), None).await?;
        let listed = answer.get("proxies").unwrap_or(&answer).as_array().cloned().unwrap_or_default();
        let mut states: Vec<ProxyState> = listed.iter().filter_map(proxy_state).collect();
        states.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(states)
    }

    fn url(&self, path: &str) -> String {
        format!("{}/v20190125/{path}", self.api)
    }

    async fn call(&self, method: Method, url: &str, body: Option<Value>) -> Result<Value, ControlError> {
        let path = format!("{method} {url}");
        let no_answer = |source| ControlError::NoAnswer { path: path.clone(), source };
        let request = self.client.request(method.clone(), url);
        let request = body.iter().fold(request, |request, body| request.json(body));
        let response = request.send().await.map_err(no_answer)?;
        let status = response.status();
        let text = response.text().await.map_err(no_answer)?;
        if !status.is_success() {
            return Err(ControlError::Refused { path, status, message: text });
        }
        Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
    }
}

fn route_path() -> String {
    format!("meshes/{MESH}/virtualRouter/{ROUTER}/routes/{ROUTE}")
}

fn proxy_state(proxy: &Value) -> Option<ProxyState> {
    let name = proxy["resource"].as_str()?.rsplit('/').next()?.to_owned();
    Some(ProxyState { name, in_sync: proxy["inSync"].as_bool().unwrap_or(false) })
}
