//! `remesh share` and `remesh unshare`: whom a mesh is shared with, changed and told through the API like by any client.
//!
//! App Mesh left this to AWS Resource Access Manager, so no client of App Mesh has a command for it. Who asks is said as
//! clients say it, by the access key that a signature names. There is nothing to sign with: `remesh up` verifies no
//! signature, and `remesh proxy` makes one of its own.

use crate::diagnostics::Failure;
use clap::Args;
use reqwest::header::AUTHORIZATION;
use reqwest::{Client, Method, StatusCode, Url};
use serde::Deserialize;
use std::io::Write;
use std::time::Duration;

/// Where the API is, where nobody says otherwise.
const USUAL: &str = "http://127.0.0.1:8480";

/// How long an answer may take: more than the API gives itself.
const PATIENCE: Duration = Duration::from_secs(30);

/// The flags of `remesh share`.
#[derive(Debug, Args)]
pub struct Share {
    /// The mesh
    #[arg(value_name = "MESH")]
    mesh: String,
    /// The AWS account to share it with, twelve digits; without one, it is only told whom the mesh is shared with
    #[arg(value_name = "ACCOUNT")]
    account: Option<String>,
    #[command(flatten)]
    owner: Owner,
}

/// The flags of `remesh unshare`.
#[derive(Debug, Args)]
pub struct Unshare {
    /// The mesh
    #[arg(value_name = "MESH")]
    mesh: String,
    /// The AWS account that it is no longer shared with
    #[arg(value_name = "ACCOUNT")]
    account: String,
    #[command(flatten)]
    owner: Owner,
}

/// The owner of the mesh, and where the API is.
#[derive(Debug, Args)]
struct Owner {
    /// The API, of `remesh up` or `remesh proxy`; without it AWS_ENDPOINT_URL_APP_MESH, else http://127.0.0.1:8480
    #[arg(long, value_name = "URL", value_parser = url)]
    api: Option<Url>,
    /// The access key of the mesh's owner, as `remesh up --access-key` has it; without it AWS_ACCESS_KEY_ID
    #[arg(long, value_name = "KEY", value_parser = access_key)]
    access_key: Option<String>,
}

/// Why nothing was shared.
#[derive(Debug, thiserror::Error)]
enum ShareError {
    #[error("{name} in the environment: {why}")]
    Environment { name: &'static str, why: String },
    #[error(
        "no API answers at {url}: start one with `remesh up`, reach one in AWS with `remesh proxy`, or say with --api \
         where it is"
    )]
    NoAnswer { url: Url, source: reqwest::Error },
    #[error("what answers at {url} is not the API of Remesh: status {status}")]
    NoApi { url: Url, status: StatusCode },
    /// In the API's own words.
    #[error("{0}")]
    Refused(String),
}

impl Share {
    /// Shares the mesh, and tells whom it is shared with.
    pub fn run(self) -> Result<(), Failure> {
        let method = if self.account.is_some() { Method::PUT } else { Method::GET };
        self.owner.ask(method, &self.mesh, self.account.as_deref())
    }
}

impl Unshare {
    /// Ends a share, and tells which are left.
    pub fn run(self) -> Result<(), Failure> {
        self.owner.ask(Method::DELETE, &self.mesh, Some(&self.account))
    }
}

impl Owner {
    fn ask(self, method: Method, mesh: &str, account: Option<&str>) -> Result<(), Failure> {
        let api = self.api.map_or_else(|| environment("AWS_ENDPOINT_URL_APP_MESH", url), |url| Ok(Some(url)))?;
        let api = api.map_or_else(|| url(USUAL), Ok).map_err(ShareError::Refused)?;
        let key = self.access_key.map_or_else(|| environment("AWS_ACCESS_KEY_ID", access_key), |key| Ok(Some(key)))?;
        let runtime = tokio::runtime::Runtime::new()?;
        let shares = runtime.block_on(asked(&api, method, shares(&api, mesh, account), key.as_deref()))?;
        Ok(shares.tell()?)
    }
}

/// A variable of the environment, where it is set to something.
fn environment<T>(name: &'static str, read: fn(&str) -> Result<T, String>) -> Result<Option<T>, ShareError> {
    let set = std::env::var(name).ok().filter(|text| !text.is_empty());
    set.map(|text| read(&text)).transpose().map_err(|why| ShareError::Environment { name, why })
}

fn url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    url.ok_or_else(|| format!("`{text}` is no URL of an API; one is {USUAL}"))
}

/// The API takes any other text for no access key at all, and its sender for somebody else.
fn access_key(text: &str) -> Result<String, String> {
    match crate::up::is_access_key(text) {
        true => Ok(text.to_owned()),
        false => Err("an access key has up to 128 letters, digits and `_`".into()),
    }
}

/// The shares of a mesh, or one of them. There may be a path before the API's own.
fn shares(api: &Url, mesh: &str, account: Option<&str>) -> Url {
    let mut url = api.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(["v20190125", "meshes", mesh, "shares"]).extend(account);
    }
    url
}

async fn asked(api: &Url, method: Method, url: Url, key: Option<&str>) -> Result<Shares, ShareError> {
    let no_answer = |source| ShareError::NoAnswer { url: api.clone(), source };
    // The API is on this machine or in a network of its own.
    let client = Client::builder().no_proxy().timeout(PATIENCE).build().map_err(no_answer)?;
    let request = client.request(method, url);
    let request = key.into_iter().fold(request, |request, key| request.header(AUTHORIZATION, naming(key)));
    let answer = request.send().await.map_err(no_answer)?;
    let status = answer.status();
    let text = answer.text().await.map_err(no_answer)?;
    let no_api = || ShareError::NoApi { url: api.clone(), status };
    if status.is_success() {
        return serde_json::from_str(&text).map_err(|_| no_api());
    }
    let refusal: Refusal = serde_json::from_str(&text).map_err(|_| no_api())?;
    Err(ShareError::Refused(refusal.message))
}

/// What a client's signature looks like to those who do not verify it.
fn naming(key: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential={key}/20190125/us-east-1/appmesh/aws4_request, SignedHeaders=host, Signature=none"
    )
}

/// What the API answers.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shares {
    mesh_name: String,
    shared_with: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Refusal {
    message: String,
}

impl Shares {
    /// The accounts, one a line.
    fn tell(&self) -> std::io::Result<()> {
        if self.shared_with.is_empty() {
            return writeln!(std::io::stderr(), "mesh {} is shared with nobody", self.mesh_name);
        }
        let mut stdout = std::io::stdout().lock();
        self.shared_with.iter().try_for_each(|account| writeln!(stdout, "{account}"))?;
        stdout.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_below_the_api_wherever_it_is() {
        for (api, expected) in [
            (USUAL, "http://127.0.0.1:8480/v20190125/meshes/shop/shares/1"),
            ("http://localhost:1/", "http://localhost:1/v20190125/meshes/shop/shares/1"),
            ("http://localhost/live", "http://localhost/live/v20190125/meshes/shop/shares/1"),
        ] {
            assert_eq!(shares(&url(api).unwrap(), "shop", Some("1")).as_str(), expected);
        }
        assert_eq!(shares(&url(USUAL).unwrap(), "a b/c", None).path(), "/v20190125/meshes/a%20b%2Fc/shares");
    }

    #[test]
    fn a_url_without_a_scheme_is_refused_with_one_that_has() {
        for text in ["", "127.0.0.1:8480", "localhost:8480", "ftp://localhost", "http://"] {
            assert!(url(text).unwrap_err().contains(USUAL), "{text}");
        }
    }
}
