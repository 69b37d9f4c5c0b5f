//! Specs that tests write often, as the JSON a client sends.

use crate::bed::host_of;
use serde_json::{Value, json};

/// A virtual node that is found as the pod of its name and listens on a port.
pub fn node(name: &str, protocol: &str, port: u16) -> Value {
    json!({
        "listeners": [{ "portMapping": { "port": port, "protocol": protocol } }],
        "serviceDiscovery": { "dns": { "hostname": host_of(name) } },
    })
}

/// A virtual node that only calls these virtual services.
pub fn client(services: &[&str]) -> Value {
    let backends: Vec<Value> =
        services.iter().map(|name| json!({ "virtualService": { "virtualServiceName": name } })).collect();
    json!({ "backends": backends })
}

/// A virtual router that listens on a port.
pub fn router(protocol: &str, port: u16) -> Value {
    json!({ "listeners": [{ "portMapping": { "port": port, "protocol": protocol } }] })
}

/// A virtual service behind a virtual router.
pub fn routed(router: &str) -> Value {
    json!({ "provider": { "virtualRouter": { "virtualRouterName": router } } })
}

/// A virtual service that is a virtual node.
pub fn served_by(node: &str) -> Value {
    json!({ "provider": { "virtualNode": { "virtualNodeName": node } } })
}

/// A route for one protocol (`http`, `http2`, `grpc`, `tcp`): what it matches, and where that goes with which weights.
pub fn route(protocol: &str, matches: Value, targets: &[(&str, u32)]) -> Value {
    let targets: Vec<Value> =
        targets.iter().map(|(node, weight)| json!({ "virtualNode": node, "weight": weight })).collect();
    let mut route = json!({ "action": { "weightedTargets": targets } });
    if !matches.is_null() {
        route["match"] = matches;
    }
    json!({ format!("{protocol}Route"): route })
}

/// The same with a priority.
pub fn prioritised(priority: u32, mut route: Value) -> Value {
    route["priority"] = priority.into();
    route
}

/// The same with another member beside `match` and `action`: `retryPolicy`, `timeout`.
pub fn with(protocol: &str, member: &str, value: Value, mut route: Value) -> Value {
    route[format!("{protocol}Route")][member] = value;
    route
}

/// An HTTP gateway route to a virtual service: what it matches, what it rewrites.
pub fn gateway_route(matches: Value, service: &str, rewrite: Value) -> Value {
    let mut action = json!({ "target": { "virtualService": { "virtualServiceName": service } } });
    if !rewrite.is_null() {
        action["rewrite"] = rewrite;
    }
    json!({ "httpRoute": { "match": matches, "action": action } })
}

/// A virtual gateway that listens on ports.
pub fn gateway(protocol: &str, ports: &[u16]) -> Value {
    let listeners: Vec<Value> =
        ports.iter().map(|port| json!({ "portMapping": { "port": port, "protocol": protocol } })).collect();
    json!({ "listeners": listeners })
}
