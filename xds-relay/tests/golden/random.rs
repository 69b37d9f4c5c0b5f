//! Meshes that nobody would write: random choices among names that exist and names that do not, contending ports,
//! weights of nothing, TLS here and there.

use super::mesh_file::MeshFile;
use serde_json::{Value, json};

/// Choices, taken from random bytes; the first of each once they run out.
#[derive(Debug)]
struct Choices<'b>(&'b [u8]);

impl Choices<'_> {
    fn below(&mut self, count: usize) -> usize {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        usize::from(*first) % count
    }

    fn one<T: Clone>(&mut self, among: &[T]) -> T {
        among[self.below(among.len())].clone()
    }

    fn some(&mut self, most: usize, mut make: impl FnMut(&mut Self) -> Value) -> Value {
        (0..self.below(most + 1)).map(|_| make(self)).collect()
    }

    fn maybe(&mut self, make: impl FnOnce(&mut Self) -> Value) -> Value {
        if self.below(3) == 0 { make(self) } else { Value::Null }
    }
}

const NODES: [&str; 4] = ["a", "b", "c", "gone"];
const SERVICES: [&str; 5] = ["s.local", "S.LOCAL", "t.local", "s.local:80", "gone.local"];
const ROUTERS: [&str; 3] = ["r", "q", "gone"];
const PORTS: [i64; 4] = [80, 443, 8080, 15001];
const PROTOCOLS: [&str; 4] = ["http", "tcp", "http2", "grpc"];

/// The mesh that these bytes choose.
pub fn mesh(bytes: &[u8]) -> MeshFile {
    let c = &mut Choices(bytes);
    let mut file = MeshFile { mesh: without_nulls(mesh_spec(c)), ..MeshFile::default() };
    file.bind = (c.below(4) == 1).then(|| "127.0.0.11".parse().unwrap());
    for name in &NODES[..3] {
        file.virtual_nodes.insert((*name).into(), without_nulls(node(c)));
    }
    for name in &ROUTERS[..2] {
        file.virtual_routers
            .insert((*name).into(), json!({ "listeners": c.some(2, |c| json!({ "portMapping": mapping(c) })) }));
        for route in 0..c.below(4) {
            file.routes.insert(format!("{name}/{route}"), without_nulls(route_spec(c)));
        }
    }
    for name in &SERVICES[..4] {
        file.virtual_services.insert((*name).into(), without_nulls(json!({ "provider": c.maybe(provider) })));
    }
    file.virtual_gateways.insert("g".into(), without_nulls(gateway(c)));
    for route in 0..c.below(6) {
        file.gateway_routes.insert(format!("g/{route}"), without_nulls(gateway_route(c)));
    }
    file
}

fn mesh_spec(c: &mut Choices<'_>) -> Value {
    json!({ "egressFilter": { "type": c.one(&["ALLOW_ALL", "DROP_ALL"]) } })
}

fn mapping(c: &mut Choices<'_>) -> Value {
    json!({ "port": c.one(&PORTS), "protocol": c.one(&PROTOCOLS) })
}

fn tls(c: &mut Choices<'_>) -> Value {
    let certificate = json!({ "file": { "certificateChain": "/c", "privateKey": "/k" } });
    json!({ "mode": c.one(&["STRICT", "PERMISSIVE", "DISABLED"]), "certificate": certificate })
}

fn policy(c: &mut Choices<'_>) -> Value {
    let validation = json!({ "trust": { "file": { "certificateChain": "/c" } } });
    let ports = c.maybe(|c| json!([c.one(&PORTS)]));
    json!({ "tls": { "enforce": c.maybe(|c| json!(c.below(2) == 0)), "ports": ports, "validation": validation } })
}

fn duration(c: &mut Choices<'_>) -> Value {
    json!({ "unit": c.one(&["s", "ms"]), "value": c.one(&[0, 1, 15, 3600, i64::MAX]) })
}

fn node(c: &mut Choices<'_>) -> Value {
    let listeners = c.some(3, |c| json!({ "portMapping": mapping(c), "tls": c.maybe(tls) }));
    let backends = c.some(5, |c| {
        let name = c.one(&SERVICES);
        json!({ "virtualService": { "virtualServiceName": name, "clientPolicy": c.maybe(policy) } })
    });
    let found = match c.below(4) {
        0 => Value::Null,
        1 => json!({ "awsCloudMap": { "namespaceName": "n", "serviceName": "s" } }),
        _ => json!({ "dns": { "hostname": "x.local", "responseType": c.one(&["LOADBALANCER", "ENDPOINTS"]) } }),
    };
    json!({ "listeners": listeners, "backends": backends, "serviceDiscovery": found })
}

fn action(c: &mut Choices<'_>) -> Value {
    let target = |c: &mut Choices<'_>| {
        let port = c.maybe(|c| json!(c.one(&PORTS)));
        json!({ "virtualNode": c.one(&NODES), "weight": c.one(&[0, 1, 50, 100]), "port": port })
    };
    json!({ "weightedTargets": c.some(4, target) })
}

fn route_spec(c: &mut Choices<'_>) -> Value {
    let priority = c.maybe(|c| json!(c.below(3)));
    let timeout = c.maybe(|c| json!({ "perRequest": duration(c), "idle": duration(c) }));
    let retry = c.maybe(|c| {
        json!({ "maxRetries": c.below(4), "perRetryTimeout": duration(c), "httpRetryEvents": [c.one(&["server-error", "what"])] })
    });
    let port = c.maybe(|c| json!(c.one(&PORTS)));
    let route = json!({ "match": { "prefix": c.one(&["/", "/x", "/x/"]), "port": port },
        "action": action(c), "retryPolicy": retry, "timeout": timeout });
    let tcp = json!({ "match": { "port": port }, "action": action(c), "timeout": c.maybe(|c| json!({ "idle": duration(c) })) });
    let grpc = json!({ "match": { "serviceName": c.maybe(|_| json!("a.B")), "port": port }, "action": action(c), "retryPolicy": retry });
    match c.below(4) {
        0 => json!({ "httpRoute": route, "priority": priority }),
        1 => json!({ "http2Route": route, "priority": priority }),
        2 => json!({ "grpcRoute": grpc, "priority": priority }),
        _ => json!({ "tcpRoute": tcp, "priority": priority }),
    }
}

fn provider(c: &mut Choices<'_>) -> Value {
    match c.below(2) {
        0 => json!({ "virtualNode": { "virtualNodeName": c.one(&NODES) } }),
        _ => json!({ "virtualRouter": { "virtualRouterName": c.one(&ROUTERS) } }),
    }
}

fn gateway(c: &mut Choices<'_>) -> Value {
    let protocols = ["http", "http2", "grpc"];
    let listener = |c: &mut Choices<'_>| json!({ "portMapping": { "port": c.one(&PORTS), "protocol": c.one(&protocols) }, "tls": c.maybe(tls) });
    let defaults = c.maybe(|c| json!({ "clientPolicy": policy(c) }));
    json!({ "listeners": c.some(3, listener), "backendDefaults": defaults })
}

fn gateway_route(c: &mut Choices<'_>) -> Value {
    let target = json!({ "virtualService": { "virtualServiceName": c.one(&SERVICES) }, "port": c.maybe(|c| json!(c.one(&PORTS))) });
    let hostname = c.maybe(|c| match c.below(3) {
        0 => json!({ "suffix": ".example.com" }),
        1 => json!({ "exact": "Shop.example.com:8080" }),
        _ => json!({ "exact": "shop.example.com" }),
    });
    let kept = c.maybe(|_| json!({ "defaultTargetHostname": "DISABLED" }));
    let prefix = c.maybe(|c| match c.below(3) {
        0 => json!({ "defaultPrefix": "DISABLED" }),
        1 => json!({ "value": "/y/" }),
        _ => json!({ "value": "/y" }),
    });
    let http = json!({
        "match": { "prefix": c.one(&["/", "/x", "/x/"]), "hostname": hostname },
        "action": { "target": target, "rewrite": { "hostname": kept, "prefix": prefix } },
    });
    let grpc = json!({ "match": { "hostname": hostname, "serviceName": "a.B" }, "action": { "target": target, "rewrite": { "hostname": kept } } });
    match c.below(3) {
        0 => json!({ "httpRoute": http, "priority": c.maybe(|c| json!(c.below(3))) }),
        1 => json!({ "http2Route": http }),
        _ => json!({ "grpcRoute": grpc }),
    }
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(kept.map(|(key, value)| (key, without_nulls(value))).collect())
        }
        Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        other => other,
    }
}
