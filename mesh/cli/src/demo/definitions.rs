//! The demo's mesh, as it is asked for through the API: one service, two versions behind it, one client.

use super::ports::Places;
use serde_json::{Value, json};

/// The mesh.
pub const MESH: &str = "demo";
/// The virtual router of the backend.
pub const ROUTER: &str = "backend";
/// Its one route.
pub const ROUTE: &str = "split";
/// The virtual service that the front calls.
pub const SERVICE: &str = "backend.demo.local";
/// The virtual node of the front.
pub const FRONT: &str = "front";
/// The virtual nodes of the two versions.
pub const BACKENDS: [&str; 2] = ["backend-v1", "backend-v2"];

/// How requests are split between the two versions: whole numbers that need not add up to a hundred.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weights(pub [u32; 2]);

impl Weights {
    /// With this percentage for the second version.
    pub fn percent_v2(percent: u32) -> Self {
        let percent = percent.min(100);
        Self([100 - percent, percent])
    }

    /// The share each version should have; nothing where no version should have any.
    pub fn shares(self) -> Option<[f64; 2]> {
        let total: u32 = self.0.iter().sum();
        (total > 0).then(|| self.0.map(|weight| f64::from(weight) / f64::from(total)))
    }

    /// Ten per cent more or less for the second version, from the nearest ten.
    pub fn shifted(self, tens: i32) -> Self {
        let now = self.shares().map_or(0.0, |[_, v2]| v2 * 10.0).round();
        #[expect(clippy::cast_possible_truncation, reason = "a share times ten lies between 0 and 10")]
        let next = (now as i32).saturating_add(tens).clamp(0, 10);
        Self::percent_v2(next.unsigned_abs() * 10)
    }
}

/// Every call that makes the mesh, in order: path below the API's version, body.
pub fn calls(places: &Places, weights: Weights) -> Vec<(String, Value)> {
    let router = json!({ "virtualRouterName": ROUTER, "spec": { "listeners": [listener(places.router)] } });
    let provider = json!({ "virtualRouter": { "virtualRouterName": ROUTER } });
    let service = json!({ "virtualServiceName": SERVICE, "spec": { "provider": provider } });
    vec![
        ("meshes".into(), json!({ "meshName": MESH })),
        (format!("meshes/{MESH}/virtualNodes"), backend(places, 0)),
        (format!("meshes/{MESH}/virtualNodes"), backend(places, 1)),
        (format!("meshes/{MESH}/virtualRouters"), router),
        (
            format!("meshes/{MESH}/virtualRouter/{ROUTER}/routes"),
            json!({ "routeName": ROUTE, "spec": route_spec(weights) }),
        ),
        (format!("meshes/{MESH}/virtualServices"), service),
        (format!("meshes/{MESH}/virtualNodes"), front(places)),
    ]
}

/// The spec of the one route.
pub fn route_spec(weights: Weights) -> Value {
    let target = |index: usize| json!({ "virtualNode": BACKENDS[index], "weight": weights.0[index] });
    json!({ "httpRoute": {
        "match": { "prefix": "/" },
        "action": { "weightedTargets": [target(0), target(1)] },
    } })
}

/// The weights in a route's spec, whoever wrote it last.
pub fn weights_of(spec: &Value) -> Weights {
    let targets = spec.pointer("/httpRoute/action/weightedTargets").and_then(Value::as_array);
    let weight = |name: &str| {
        let of = |target: &&Value| target["virtualNode"] == name;
        let weight = targets?.iter().find(of)?["weight"].as_u64()?;
        u32::try_from(weight).ok()
    };
    Weights(BACKENDS.map(|name| weight(name).unwrap_or(0)))
}

/// The line that changes the weights from any other terminal. Nothing is signed, because nothing here asks for it.
pub fn update_line(api: &str, weights: Weights) -> String {
    format!(
        "aws appmesh update-route --endpoint-url {api} --region us-east-1 --no-sign-request --mesh-name {MESH} \
         --virtual-router-name {ROUTER} --route-name {ROUTE} --spec '{}'",
        route_spec(weights)
    )
}

fn front(places: &Places) -> Value {
    let backend = json!({ "virtualService": { "virtualServiceName": SERVICE } });
    json!({ "virtualNodeName": FRONT, "spec": {
        "listeners": [listener(places.front.port())],
        "serviceDiscovery": { "dns": { "hostname": places.front.ip().to_string() } },
        "backends": [backend],
    } })
}

fn backend(places: &Places, index: usize) -> Value {
    let place = places.backends[index];
    json!({ "virtualNodeName": BACKENDS[index], "spec": {
        "listeners": [listener(place.port())],
        "serviceDiscovery": { "dns": { "hostname": place.ip().to_string() } },
    } })
}

fn listener(port: u16) -> Value {
    json!({ "portMapping": { "port": port, "protocol": "http" } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_move_in_tens_and_stay_between_none_and_all() {
        assert_eq!(Weights([90, 10]).shifted(1), Weights([80, 20]));
        assert_eq!(Weights([90, 10]).shifted(-1), Weights([100, 0]));
        assert_eq!(Weights([100, 0]).shifted(-1), Weights([100, 0]));
        assert_eq!(Weights([0, 3]).shifted(1), Weights([0, 100]));
        assert_eq!(Weights([2, 1]).shifted(1), Weights([60, 40]));
        assert_eq!(Weights([0, 0]).shifted(1), Weights([90, 10]));
    }

    #[test]
    fn weights_are_read_as_they_were_written() {
        assert_eq!(weights_of(&route_spec(Weights([7, 3]))), Weights([7, 3]));
        assert_eq!(weights_of(&json!({ "tcpRoute": {} })), Weights([0, 0]));
    }
}
