//! One who writes, and remembers what was acknowledged.

use mesh_tests::Api;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};

/// All write to the first; a few share each of the others.
pub const MESHES: [&str; 4] = ["everyone", "first", "second", "third"];

/// What a writer begins anew in every round.
const NEW_IN_A_ROUND: usize = 4;

/// A task of its own, with resources nobody else writes.
pub struct Writer {
    number: usize,
    pub resources: Vec<Known>,
}

/// What a writer knows of a resource.
pub struct Known {
    pub mesh: &'static str,
    pub kind: Written,
    pub name: String,
    /// The version it was last told of; 0 before it was told of any.
    pub acknowledged: u64,
    /// Whether a write was sent that was never answered.
    pub in_flight: bool,
}

/// The two kinds that are written here.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Written {
    Node,
    Router,
}

/// What a storm writes into.
pub async fn create_meshes(api: &Api) {
    for mesh in MESHES {
        api.put("/meshes", json!({ "meshName": mesh })).await;
    }
}

impl Writer {
    pub fn new(number: usize) -> Self {
        Self { number, resources: Vec::new() }
    }

    /// Creates and updates, one request after the other, until the API is gone.
    pub async fn write_until_the_end(&mut self, api: &str, acknowledged: &AtomicU64) {
        let http = reqwest::Client::new();
        self.begin_some();
        for turn in 0.. {
            // Old ones as well, so that a version once lost would be missed.
            let count = self.resources.len();
            let resource = &mut self.resources[(turn * 7 + turn / 3) % count];
            if !resource.write(&http, api).await {
                return;
            }
            acknowledged.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn begin_some(&mut self) {
        for n in 0..NEW_IN_A_ROUND {
            let mesh = if n % 2 == 0 { MESHES[0] } else { MESHES[1 + self.number % 3] };
            let kind = if n < 2 { Written::Node } else { Written::Router };
            let name = format!("writer-{}-{}", self.number, self.resources.len());
            self.resources.push(Known { mesh, kind, name, acknowledged: 0, in_flight: false });
        }
    }
}

impl Known {
    /// Writes the next version; `false` when nobody answered any more.
    async fn write(&mut self, http: &reqwest::Client, api: &str) -> bool {
        let next = self.acknowledged + 1;
        let mut body = json!({ "spec": self.kind.spec(next) });
        let mut url = format!("{api}/v20190125{}", self.collection());
        if next == 1 {
            body[self.kind.name_member()] = Value::from(self.name.as_str());
        } else {
            url = format!("{url}/{}", self.name);
        }
        self.in_flight = true;
        let Ok(answer) = http.put(url).json(&body).send().await else { return false };
        let status = answer.status();
        // A body that breaks off acknowledges nothing: the version in it was not read.
        let Ok(answer) = answer.json::<Value>().await else { return false };
        assert!(status.is_success(), "{} was refused: {status} {answer}", self.name);
        assert_eq!(answer["metadata"]["version"], next, "{answer}");
        (self.acknowledged, self.in_flight) = (next, false);
        true
    }

    /// Where its kind is created and listed.
    pub fn collection(&self) -> String {
        format!("/meshes/{}/{}", self.mesh, self.kind.collection())
    }

    /// What was found is what its writer goes on from, if it may be found: no less than what was acknowledged, and no
    /// more than what was on its way.
    pub fn settle(&mut self, found: u64) {
        let most = self.acknowledged + u64::from(self.in_flight);
        assert!(
            (self.acknowledged..=most).contains(&found),
            "{} in {}: version {} was acknowledged, {most} was sent, {found} is there",
            self.name,
            self.mesh,
            self.acknowledged
        );
        (self.acknowledged, self.in_flight) = (found, false);
    }
}

impl Written {
    /// A spec that says which version it is.
    fn spec(self, version: u64) -> Value {
        match self {
            Self::Node => json!({
                "listeners": [{ "portMapping": { "port": 8080, "protocol": "http" } }],
                "serviceDiscovery": { "dns": { "hostname": format!("v{version}.example") } },
            }),
            Self::Router => json!({ "listeners": [{ "portMapping": { "port": version, "protocol": "http" } }] }),
        }
    }

    /// The version a spec says.
    pub fn version_in(self, spec: &Value) -> u64 {
        let said = match self {
            Self::Node => spec["serviceDiscovery"]["dns"]["hostname"]
                .as_str()
                .and_then(|host| host.strip_prefix('v')?.strip_suffix(".example")?.parse().ok()),
            Self::Router => spec["listeners"][0]["portMapping"]["port"].as_u64(),
        };
        said.unwrap_or_else(|| panic!("a spec nobody wrote: {spec}"))
    }

    pub fn collection(self) -> &'static str {
        match self {
            Self::Node => "virtualNodes",
            Self::Router => "virtualRouters",
        }
    }

    pub fn name_member(self) -> &'static str {
        match self {
            Self::Node => "virtualNodeName",
            Self::Router => "virtualRouterName",
        }
    }
}
