use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

fn refusal(kind: Kind, text: &str) -> String {
    Body::parse(text.as_bytes()).and_then(|body| body.spec(kind)).unwrap_err().message
}

#[test]
fn a_refusal_points_at_the_field() {
    let port = r#"{"spec": {"listeners": [{"portMapping": {"port": "x", "protocol": "http"}}]}}"#;
    assert_eq!(
        refusal(Kind::VirtualNode, port),
        r#"spec.listeners[0].portMapping.port: is a string, must be a whole number of 64 bits"#
    );
    let member = r#"{"spec": {"listeners": [{"portMapping": {"port": 80}}]}}"#;
    assert_eq!(refusal(Kind::VirtualRouter, member), "spec.listeners[0].portMapping: has no `protocol`, must have it");
    assert_eq!(refusal(Kind::Route, "{}"), "spec: missing from the body");
    assert_eq!(refusal(Kind::Route, r#"{"spec": []}"#), "spec: is a list, must be an object");
    let listed = r#"{"spec": {"listeners": [{"portMapping": [80, "http"]}]}}"#;
    assert_eq!(refusal(Kind::VirtualRouter, listed), "spec.listeners[0].portMapping: is a list, must be an object");
}

#[test]
fn null_is_absent_at_any_depth() {
    let text = r#"{"spec": {"egressFilter": null, "serviceDiscovery": {"ipPreference": null}}, "clientToken": null}"#;
    let body = Body::parse(text.as_bytes()).unwrap();
    assert_eq!(body.replacement(Kind::Mesh).unwrap().token, None);
    let Spec::Mesh(spec) = body.spec(Kind::Mesh).unwrap() else { panic!("not a mesh") };
    assert_eq!(serde_json::to_value(&*spec).unwrap(), serde_json::json!({ "serviceDiscovery": {} }));
}

#[test]
fn a_clients_token_is_short_and_plain() {
    let token = |token: &str| {
        let body = json!({ "spec": {}, "clientToken": token }).to_string();
        Body::parse(body.as_bytes()).unwrap().replacement(Kind::Mesh).map(|wish| wish.token)
    };
    assert!(token("aB3-_").is_ok() && token(&"a".repeat(36)).is_ok());
    for refused in ["", &"a".repeat(37), "a b", "é", "a\n"] {
        let told = token(refused).unwrap_err().message;
        assert!(
            told.starts_with(&format!("clientToken: is `{}`, must have 1 to 36 ", refused.escape_debug())),
            "{told}"
        );
    }
    assert_eq!(Body::parse(b"{}").unwrap().replacement(Kind::Mesh).unwrap().token, None);
}

#[test]
fn what_does_not_fit_is_told_in_the_apis_words() {
    for (kind, spec, told) in [
        (
            Kind::Mesh,
            r#"{"egressFilter": {"type": {"ALLOW_ALL": 1}}}"#,
            "egressFilter.type: is an object, must be one of the strings ",
        ),
        (
            Kind::VirtualNode,
            r#"{"serviceDiscovery": "dns"}"#,
            "serviceDiscovery: is a string, must be an object with exactly one of ",
        ),
        (
            Kind::VirtualNode,
            r#"{"serviceDiscovery": {}}"#,
            "serviceDiscovery: has 0 members, must have exactly one of ",
        ),
        (
            Kind::VirtualNode,
            r#"{"serviceDiscovery": {"a": 1, "dns": 2}}"#,
            "serviceDiscovery: has 2 members, must have exactly one of ",
        ),
        (
            Kind::VirtualNode,
            r#"{"serviceDiscovery": {"dns": ["a", null, null]}}"#,
            "serviceDiscovery.dns: is a list, must be an object",
        ),
        (Kind::VirtualNode, r#"{"backends": {}}"#, "backends: is an object, must be a list"),
        (
            Kind::VirtualRouter,
            r#"{"listeners": [{"portMapping": {"port": 8.5, "protocol": "http"}}]}"#,
            "listeners[0].portMapping.port: is the number 8.5, must be a whole number of 64 bits",
        ),
        (
            Kind::VirtualRouter,
            r#"{"listeners": [{"portMapping": {"port": 80, "protocol": "udp"}}]}"#,
            "listeners[0].portMapping.protocol: is `udp`, must be one of ",
        ),
    ] {
        let message = refusal(kind, &format!(r#"{{"spec": {spec}}}"#));
        assert!(message.starts_with(&format!("spec.{told}")), "{message}");
    }
}

#[test]
fn a_tag_is_given_once_and_told_of_by_its_place() {
    let text = r#"{"tags": [{"key": "a", "value": "1"}, {"key": "a", "value": "2"}, {"key": "aws:x", "value": ""}]}"#;
    let error = Body::parse(text.as_bytes()).unwrap().tags().unwrap_err();
    assert_eq!(
        error.message,
        "tags[1].key: `a` is given more than once; tags[2].key: begins with `aws:`, which is reserved"
    );
}

#[test]
fn everything_that_is_wrong_with_a_body_is_told_at_once() {
    let text = json!({
        "virtualNodeName": "a/b",
        "clientToken": 7,
        "tags": [{ "key": "", "value": "" }, { "key": "k" }, null],
        "spec": { "listeners": [
            { "portMapping": { "port": "80", "protocol": "udp" }, "healthCheck": { "healthyThreshold": 1, "intervalMillis": 5000,
                "protocol": "tcp", "timeoutMillis": 1 } },
            { "portMapping": { "port": 0, "protocol": "http" } },
            7,
        ], "backends": {}, "logging": { "accessLog": { "file": { "path": "" } } } },
    });
    let told = Body::parse(text.to_string().as_bytes()).unwrap().creation(Kind::VirtualNode).err().unwrap().message;
    let told: Vec<_> = told.split("; ").collect();
    assert_eq!(
        told,
        [
            "virtualNodeName: is `a/b`, may have letters, digits, `-`, `_` only",
            "spec.backends: is an object, must be a list",
            "spec.listeners[0].healthCheck: has no `unhealthyThreshold`, must have it",
            "spec.listeners[0].portMapping.port: is a string, must be a whole number of 64 bits",
            "spec.listeners[0].portMapping.protocol: is `udp`, must be one of http, tcp, http2, grpc",
            "spec.listeners[2]: is the number 7, must be an object",
            "spec.listeners[0].healthCheck.healthyThreshold: is 1, must be between 2 and 10",
            "spec.listeners[0].healthCheck.timeoutMillis: is 1, must be between 2000 and 60000",
            "spec.listeners[1].portMapping.port: is 0, must be between 1 and 65535",
            "spec.logging.accessLog.file.path: has 0 characters, must have between 1 and 255",
            "tags[1]: has no `value`, must have it",
            "tags[2]: is null, must be an object",
            "tags[0].key: has 0 characters, must have between 1 and 128",
            "clientToken: is the number 7, must be a string",
        ]
    );
}

#[test]
fn a_rule_that_only_a_filler_breaks_is_not_told() {
    for (kind, spec, told) in [
        // Whatever the protocol was meant to be: the pool may be for it, and the health check's port may be the port.
        (
            Kind::VirtualNode,
            json!({ "listeners": [{ "portMapping": { "port": [], "protocol": 1 }, "connectionPool": { "tcp": { "maxConnections": 1 } },
                "healthCheck": { "healthyThreshold": 2, "intervalMillis": 5000, "port": 80, "protocol": "tcp", "timeoutMillis": 2000,
                    "unhealthyThreshold": 2 } }, { "portMapping": { "port": 1, "protocol": "http" } }] }),
            vec!["spec.listeners[0].portMapping.port", "spec.listeners[0].portMapping.protocol"],
        ),
        (
            Kind::Route,
            json!({ "httpRoute": { "match": { "prefix": 7 }, "action": {} } }),
            vec!["spec.httpRoute.action", "spec.httpRoute.match.prefix"],
        ),
        (
            Kind::Route,
            json!({ "httpRoute": [], "grpcRoute": { "match": { "methodName": "m", "serviceName": {} }, "action": 1 } }),
            vec!["spec.grpcRoute.action", "spec.grpcRoute.match.serviceName", "spec.httpRoute", "spec"],
        ),
        (
            Kind::Route,
            json!({ "tcpRoute": { "action": { "weightedTargets": [] }, "timeout": { "idle": { "unit": "h", "value": 1 } } } }),
            vec!["spec.tcpRoute.timeout.idle.unit", "spec.tcpRoute.action.weightedTargets"],
        ),
    ] {
        let message = refusal(kind, &json!({ "spec": spec }).to_string());
        let paths: Vec<_> = message.split("; ").map(|one| one.split_once(':').unwrap().0).collect();
        assert_eq!(paths, told, "{message}");
    }
}

#[test]
fn more_misfits_than_anybody_reads_are_not_noted() {
    for spec in [json!({ "listeners": vec![1; 400_000] }), json!({ "listeners": vec![json!({}); 200_000] })] {
        let message = refusal(Kind::VirtualRouter, &json!({ "spec": spec }).to_string());
        assert_eq!(message.split("; ").count(), 100, "{}", message.len());
    }
}

/// Specs with much in them, from which others are made by breaking them in some places.
fn whole() -> [(Kind, Value); 3] {
    let seconds = json!({ "unit": "s", "value": 1 });
    let node = json!({
        "listeners": [{ "portMapping": { "port": 80, "protocol": "http" }, "timeout": { "http": { "idle": seconds } },
            "healthCheck": { "healthyThreshold": 2, "intervalMillis": 5000, "path": "/", "port": 80, "protocol": "http",
                "timeoutMillis": 2000, "unhealthyThreshold": 2 } }],
        "backends": [{ "virtualService": { "virtualServiceName": "s.local", "clientPolicy": { "tls": { "enforce": true, "ports": [1],
            "validation": { "trust": { "file": { "certificateChain": "/ca.pem" } } } } } } }],
        "serviceDiscovery": { "dns": { "hostname": "n.local", "responseType": "ENDPOINTS" } },
    });
    let route = json!({ "priority": 1, "httpRoute": {
        "match": { "prefix": "/", "method": "GET", "headers": [{ "name": "x", "invert": true, "match": { "range": { "start": 1, "end": 2 } } }] },
        "action": { "weightedTargets": [{ "virtualNode": "a", "weight": 1, "port": 80 }] },
        "retryPolicy": { "maxRetries": 1, "perRetryTimeout": seconds, "tcpRetryEvents": ["connection-error"] },
    } });
    let gateway_route = json!({ "grpcRoute": {
        "match": { "serviceName": "s", "hostname": { "suffix": ".s" }, "metadata": [{ "name": "m", "match": { "exact": "v" } }] },
        "action": { "target": { "virtualService": { "virtualServiceName": "s" } },
            "rewrite": { "hostname": { "defaultTargetHostname": "DISABLED" } } },
    } });
    [(Kind::VirtualNode, node), (Kind::Route, route), (Kind::GatewayRoute, gateway_route)]
}

/// The places of a value, each as a path for [`Value::pointer`].
fn places(value: &Value, at: &str, into: &mut Vec<String>) {
    into.push(at.to_owned());
    match value {
        Value::Object(members) => members.iter().for_each(|(name, it)| places(it, &format!("{at}/{name}"), into)),
        Value::Array(list) => list.iter().enumerate().for_each(|(n, it)| places(it, &format!("{at}/{n}"), into)),
        _ => {}
    }
}

/// Puts something else at a place, or takes away the member there.
fn spoil(value: &mut Value, place: usize, instead: Option<Value>) {
    let mut all = Vec::new();
    places(value, "", &mut all);
    let place = &all[place % all.len()];
    let (around, name) = place.rsplit_once('/').unwrap_or_default();
    match (instead, value.pointer_mut(around)) {
        (None, Some(Value::Object(members))) => drop(members.remove(name)),
        (instead, _) => *value.pointer_mut(place).unwrap() = instead.unwrap_or_else(|| json!({})),
    }
}

fn instead() -> impl Strategy<Value = Option<Value>> {
    proptest::option::weighted(
        0.8,
        prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "[a-z/.]{0,3}".prop_map(Value::from),
            proptest::sample::select(vec!["http", "grpc", "GET", "s", "ENDPOINTS"]).prop_map(Value::from),
            Just(json!({})),
            Just(json!([])),
            Just(json!({ "http": {}, "exact": "a", "unit": "ms" })),
            Just(json!([[], {}, 1])),
        ],
    )
}

proptest! {
    #[test]
    fn what_is_read_is_what_the_types_say_and_what_is_refused_says_where(
        which in 0usize..3,
        spoilt in proptest::collection::vec((any::<usize>(), instead()), 0..6),
    ) {
        let (kind, mut spec) = whole()[which].clone();
        spoilt.into_iter().for_each(|(place, instead)| spoil(&mut spec, place, instead));
        let body = Body::parse(json!({ "spec": spec }).to_string().as_bytes()).unwrap();
        match body.spec(kind) {
            Ok(read) => prop_assert_eq!(read, serde_json::from_value(json!({ kind.as_str(): spec })).unwrap()),
            Err(refusal) => {
                let mut told = refusal.message.split("; ");
                prop_assert!(told.all(|one| one.starts_with("spec")), "{}", refusal.message);
            }
        }
    }
}
