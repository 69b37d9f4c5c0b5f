//! Rules as tables: a spec, and the paths that must be told. The numbers themselves are proved against the service model.

use super::*;
use crate::resource::Kind;
use serde_json::{Value, json};

/// The paths of the broken rules of a spec that is written as the API writes it.
fn paths(kind: Kind, spec: &Value) -> Vec<String> {
    let spec = serde_json::from_value(json!({ kind.as_str(): spec })).expect("a readable spec");
    check(&spec).into_iter().map(|violation| violation.path).collect()
}

fn accepted(kind: Kind, spec: Value) {
    assert_eq!(paths(kind, &spec), Vec::<String>::new(), "{spec}");
}

fn refused(kind: Kind, spec: Value, at: &[&str]) {
    assert_eq!(paths(kind, &spec), at, "{spec}");
}

fn http_route(matched: Value) -> Value {
    json!({ "httpRoute": { "match": matched, "action": { "weightedTargets": [{ "virtualNode": "a", "weight": 1 }] } } })
}

fn grpc_route(matched: Value) -> Value {
    json!({ "grpcRoute": { "match": matched, "action": { "weightedTargets": [{ "virtualNode": "a", "weight": 1 }] } } })
}

fn gateway_route(matched: Value, rewrite: Value) -> Value {
    let target = json!({ "virtualService": { "virtualServiceName": "cart.shop.local" } });
    json!({ "httpRoute": { "match": matched, "action": { "target": target, "rewrite": rewrite } } })
}

fn listener(more: Value) -> Value {
    let mut listener = json!({ "portMapping": { "port": 80, "protocol": "http" } });
    listener.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ "listeners": [listener] })
}

#[test]
fn a_route_has_exactly_one_protocol() {
    let mut two = http_route(json!({ "prefix": "/" }));
    two["grpcRoute"] = grpc_route(json!({}))["grpcRoute"].clone();
    refused(Kind::Route, json!({}), &["spec"]);
    refused(Kind::Route, two, &["spec"]);
    refused(Kind::GatewayRoute, json!({ "priority": 3 }), &["spec"]);
    accepted(Kind::Route, grpc_route(json!({})));
}

#[test]
fn every_breach_is_told_at_once() {
    let spec = json!({ "priority": 1001, "httpRoute": {
        "match": { "prefix": "cart", "port": 0, "headers": [{ "name": "x y" }] },
        "action": { "weightedTargets": [{ "virtualNode": "a/b", "weight": 101 }] },
    }});
    let at = [
        "spec.httpRoute.action.weightedTargets[0].virtualNode",
        "spec.httpRoute.action.weightedTargets[0].weight",
        "spec.httpRoute.match.headers[0].name",
        "spec.httpRoute.match.prefix",
        "spec.httpRoute.match.port",
        "spec.priority",
    ];
    refused(Kind::Route, spec, &at);
}

#[test]
fn a_breach_says_what_was_given_and_what_is_allowed() {
    let spec = serde_json::from_value(json!({ "route": http_route(json!({ "prefix": "/", "port": 70000 })) })).unwrap();
    let told: Vec<_> = check(&spec).iter().map(ToString::to_string).collect();
    assert_eq!(told, ["spec.httpRoute.match.port: is 70000, must be between 1 and 65535"]);
}

#[test]
fn a_path_is_matched_one_way() {
    let at = "spec.httpRoute.match";
    for (matched, told) in [
        (json!({}), vec![]),
        (json!({ "port": 80 }), vec![]),
        (json!({ "prefix": "/a" }), vec![]),
        (json!({ "path": { "exact": "/a" } }), vec![]),
        (json!({ "path": { "regex": "/a/[0-9]+" } }), vec![]),
        (json!({ "path": {} }), vec![format!("{at}.path")]),
        (json!({ "path": { "exact": "/a", "regex": "/a" } }), vec![format!("{at}.path")]),
        (json!({ "path": { "exact": "/a" }, "prefix": "/" }), vec![at.to_owned()]),
        (json!({ "path": { "exact": "a" } }), vec![format!("{at}.path.exact")]),
        (json!({ "prefix": "" }), vec![format!("{at}.prefix")]),
        (json!({ "prefix": "/a\nb" }), vec![format!("{at}.prefix")]),
    ] {
        assert_eq!(paths(Kind::Route, &http_route(matched.clone())), told, "{matched}");
    }
}

#[test]
fn header_matches_are_headers_and_ranges_are_ranges() {
    let header = |header: Value| http_route(json!({ "prefix": "/", "headers": [header] }));
    let at = "spec.httpRoute.match.headers[0]";
    accepted(Kind::Route, header(json!({ "name": ":authority", "match": { "suffix": ".local" } })));
    accepted(Kind::Route, header(json!({ "name": "x-n", "match": { "range": { "start": -1, "end": 0 } } })));
    for name in ["", ":", "a b", "ü", "a:b"] {
        refused(Kind::Route, header(json!({ "name": name })), &[&format!("{at}.name")]);
    }
    for (start, end) in [(1, 1), (2, 1)] {
        let range = json!({ "name": "n", "match": { "range": { "start": start, "end": end } } });
        refused(Kind::Route, header(range), &[&format!("{at}.match.range.end")]);
    }
    refused(
        Kind::Route,
        header(json!({ "name": "n", "match": { "exact": "a\r\nb" } })),
        &[&format!("{at}.match.exact")],
    );
}

#[test]
fn query_parameters_have_names() {
    let query = |name: &str| http_route(json!({ "prefix": "/", "queryParameters": [{ "name": name }] }));
    accepted(Kind::Route, query("page"));
    accepted(Kind::Route, query(&"é".repeat(512)));
    for name in [String::new(), "a".repeat(1025), "é".repeat(513)] {
        refused(Kind::Route, query(&name), &["spec.httpRoute.match.queryParameters[0].name"]);
    }
    let gateway = json!({ "prefix": "/", "queryParameters": [{ "name": "a".repeat(1025) }] });
    let at = "spec.httpRoute.match.queryParameters[0].name";
    refused(Kind::GatewayRoute, gateway_route(gateway, json!({ "prefix": { "value": "/" } })), &[at]);
}

#[test]
fn regular_expressions_are_those_of_re2() {
    for pattern in [
        ".*green.*",
        "/v[0-9]+/(?:a|b)",
        "(?i)abc",
        "(?P<name>x)(?<other>y)",
        r"\d{1,3}\.\d{1,3}",
        r"\Qa.b*\E+x",
        "/items/{id}",
        "a{,5}",
        "[[a]",
        "[a&&b~~]",
        "[]a-]",
        "[+--]",
        "[[:alpha:]_]",
        r"\p{Greek}\pL\P{Lu}",
        r"\_\-\/\ ",
        r"\x41\x{fF}\07",
        "a*?b+?",
        "(a{30}){30}",
        "(a{300})(b{300})c{300}",
        r"\<b\>",
        "[a-z]{990}",
        "(?s).{990}",
        "(?i)[a-z]{990}",
        "(a{8}){90}",
        r"\p{^Greek}\p{Any}\p{Old_Italic}",
        "[[:^word:]]",
        "é{900}",
        r"(?i)/api/v[0-9]+/(users|carts)/[^/]+(/items/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})?",
    ] {
        accepted(Kind::Route, http_route(json!({ "path": { "regex": pattern } })));
    }
    for pattern in [
        "(?=a)b",
        "a(?!b)",
        "(?<=a)b",
        "(?<!a)b",
        "(?x)a b",
        "(?u)a",
        r"(a)\1",
        r"\u0041",
        r"\Z",
        r"\p{Alphabetic}",
        r"\p{gc=Lu}",
        "a**",
        "a{2}{3}",
        "a{1001}",
        "(a{100}){100}",
        "((a{2}|b{50})c){21}",
        r"\x{1F600}",
        "a{1,99999999999}",
        "*a",
        "(a",
        "a)",
        "[a",
        "[z-a]",
        r"a\",
        r"[\b]",
        // Programs that are too large.
        "[a-z]{1000}",
        ".{1000}",
        "(?s).{1000}",
        "(.{10}){100}",
        "(a*){1000}",
        "x{0,1000}",
        "x{1000,}",
        "(x{1000}){1}",
        "a{1000}b{1000}",
        "(?i:A{999})|b{999}",
        "((a{100}){10}){1}",
        "(?i)é{1000}",
        "[é]{1000}",
        r"\Q{\E{1000}",
        // Repetitions of repetitions.
        "((a{2}){250}){2}",
        "(((a{2}){2}){251})",
        "(((((a{2}){2}){5}){5}){11})",
        "(((a{2}){2}){250})",
        "(((((a{2}){2}){5}){5}){10})",
        // Classes that RE2 has not.
        r"\p{Cn}",
        r"\p{LC}",
        r"\p{Grek}",
        r"\p{Latn}",
        r"\p{GREEK}",
        r"\p{Zyyy}",
        r"\p{OldItalic}",
        r"\p{Garay}",
        r"[\p{Grek}]",
        r"\pX",
        r"\p{",
        r"\p",
        "[[:foo:]]",
        "[[:ALPHA:]]",
        // Names of groups.
        "(?P<a.b>x)",
        "(?P<a[0]>x)",
        "(?P<é>x)",
        "(?<a-b>x)",
    ] {
        refused(Kind::Route, http_route(json!({ "path": { "regex": pattern } })), &["spec.httpRoute.match.path.regex"]);
    }
    let header = json!({ "name": "n", "match": { "regex": "(?=x)" } });
    let at = "spec.httpRoute.match.headers[0].match.regex";
    refused(Kind::Route, http_route(json!({ "headers": [header] })), &[at]);
}

#[test]
fn an_expression_that_is_too_long_is_not_read_nor_are_too_many() {
    let long = "(".repeat(1 << 20);
    refused(Kind::Route, http_route(json!({ "path": { "regex": long } })), &["spec.httpRoute.match.path.regex"]);
    let broken = json!({ "name": "n", "match": { "regex": "(" } });
    let many = json!({ "prefix": "/", "headers": vec![broken; 11] });
    refused(Kind::Route, http_route(many), &["spec.httpRoute.match.headers"]);
}

#[test]
fn what_is_too_long_or_too_many_is_not_read() {
    let broken = |length: usize| json!({ "name": "n", "match": { "regex": "(".repeat(length) } });
    let headers = |headers: Vec<Value>| http_route(json!({ "prefix": "/", "headers": headers }));
    let found = |headers: Value| {
        check(&crate::testing::spec(Kind::Route, headers)).iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let long = found(headers(vec![broken(256)]));
    assert!(matches!(&long[..], [one] if one.contains("256") && one.contains("255")), "{long:?}");
    let many = found(headers(vec![broken(1); 500]));
    assert!(matches!(&many[..], [one] if one.starts_with("spec.httpRoute.match.headers: ")), "{many:?}");
}

#[test]
fn a_method_needs_its_service() {
    accepted(Kind::Route, grpc_route(json!({ "serviceName": "color.ColorService", "methodName": "GetColor" })));
    refused(Kind::Route, grpc_route(json!({ "methodName": "GetColor" })), &["spec.grpcRoute.match.methodName"]);
    refused(Kind::Route, grpc_route(json!({ "serviceName": "a/b" })), &["spec.grpcRoute.match.serviceName"]);
}

#[test]
fn retries_name_known_events() {
    let policy = |more: Value| {
        let mut route = http_route(json!({ "prefix": "/" }));
        route["httpRoute"]["retryPolicy"] = json!({ "maxRetries": 1, "perRetryTimeout": { "unit": "s", "value": 1 } });
        route["httpRoute"]["retryPolicy"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        route
    };
    accepted(Kind::Route, policy(json!({ "httpRetryEvents": ["server-error", "gateway-error"] })));
    accepted(Kind::Route, policy(json!({ "tcpRetryEvents": ["connection-error"] })));
    refused(Kind::Route, policy(json!({})), &["spec.httpRoute.retryPolicy"]);
    let unknown = json!({ "httpRetryEvents": ["server-error", "5xx"] });
    refused(Kind::Route, policy(unknown), &["spec.httpRoute.retryPolicy.httpRetryEvents[1]"]);
}

#[test]
fn a_length_of_time_has_a_value_and_a_unit() {
    let timeout = |duration: Value| {
        let mut route = http_route(json!({ "prefix": "/" }));
        route["httpRoute"]["timeout"] = json!({ "perRequest": duration });
        route
    };
    let at = "spec.httpRoute.timeout.perRequest";
    accepted(Kind::Route, timeout(json!({ "unit": "ms", "value": 0 })));
    refused(Kind::Route, timeout(json!({ "value": 1 })), &[&format!("{at}.unit")]);
    refused(Kind::Route, timeout(json!({ "unit": "s" })), &[&format!("{at}.value")]);
    refused(Kind::Route, timeout(json!({ "unit": "s", "value": i64::MAX })), &[&format!("{at}.value")]);
}

#[test]
fn all_weights_zero_is_a_choice() {
    let targets = json!([{ "virtualNode": "a", "weight": 0 }, { "virtualNode": "b", "weight": 0 }]);
    accepted(Kind::Route, json!({ "tcpRoute": { "action": { "weightedTargets": targets } } }));
}

#[test]
fn what_a_listener_has_is_for_its_protocol_and_port() {
    let check =
        json!({ "healthyThreshold": 2, "unhealthyThreshold": 2, "intervalMillis": 5000, "timeoutMillis": 2000 });
    let health = |more: Value| {
        let mut health = check.clone();
        health.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        listener(json!({ "healthCheck": health }))
    };
    let at = "spec.listeners[0]";
    accepted(Kind::VirtualNode, listener(json!({ "connectionPool": { "http": { "maxConnections": 1 } } })));
    refused(
        Kind::VirtualNode,
        listener(json!({ "connectionPool": { "grpc": { "maxRequests": 1 } } })),
        &[&format!("{at}.connectionPool")],
    );
    refused(Kind::VirtualNode, listener(json!({ "timeout": { "tcp": {} } })), &[&format!("{at}.timeout")]);
    accepted(Kind::VirtualNode, health(json!({ "protocol": "http", "path": "/ping", "port": 80 })));
    accepted(Kind::VirtualNode, health(json!({ "protocol": "tcp" })));
    refused(Kind::VirtualNode, health(json!({ "protocol": "tcp", "port": 81 })), &[&format!("{at}.healthCheck.port")]);
    refused(Kind::VirtualNode, health(json!({ "protocol": "http2" })), &[&format!("{at}.healthCheck.path")]);
    refused(
        Kind::VirtualNode,
        health(json!({ "protocol": "http", "path": "ping" })),
        &[&format!("{at}.healthCheck.path")],
    );
}

#[test]
fn outlier_detection_takes_time() {
    let outliers = |interval: i64| {
        let duration = |value: i64| json!({ "unit": "s", "value": value });
        listener(json!({ "outlierDetection": { "baseEjectionDuration": duration(1), "interval": duration(interval),
            "maxEjectionPercent": 50, "maxServerErrors": 5 } }))
    };
    accepted(Kind::VirtualNode, outliers(1));
    refused(Kind::VirtualNode, outliers(0), &["spec.listeners[0].outlierDetection.interval.value"]);
}

#[test]
fn listeners_of_one_resource_have_ports_of_their_own() {
    let twice = json!({ "listeners": [
        { "portMapping": { "port": 80, "protocol": "http" } },
        { "portMapping": { "port": 80, "protocol": "grpc" } },
    ]});
    for kind in [Kind::VirtualNode, Kind::VirtualRouter, Kind::VirtualGateway] {
        refused(kind, twice.clone(), &["spec.listeners[1].portMapping.port"]);
    }
}

#[test]
fn a_node_names_each_backend_once_and_by_a_name() {
    let backend = |name: &str| json!({ "virtualService": { "virtualServiceName": name } });
    accepted(Kind::VirtualNode, json!({ "backends": [backend("a.local"), backend("b.local")] }));
    let at = "spec.backends[1].virtualService.virtualServiceName";
    refused(Kind::VirtualNode, json!({ "backends": [backend("a"), backend("a")] }), &[at]);
    refused(Kind::VirtualNode, json!({ "backends": [backend("a"), backend("*")] }), &[at]);
}

#[test]
fn tls_that_would_check_nothing_is_refused() {
    let tls = |names: Value| {
        json!({ "backendDefaults": { "clientPolicy": { "tls": { "validation": {
            "trust": { "file": { "certificateChain": "/ca.pem" } },
            "subjectAlternativeNames": { "match": { "exact": names } },
        } } } } })
    };
    accepted(Kind::VirtualNode, tls(json!(["spiffe://shop/cart"])));
    let at = "spec.backendDefaults.clientPolicy.tls.validation.subjectAlternativeNames.match.exact";
    refused(Kind::VirtualNode, tls(json!([])), &[at]);
}

/// A virtual node that is found by these attributes.
fn cloud_map(attributes: &[(&str, &str)]) -> Value {
    let attributes: Vec<_> = attributes.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect();
    let mut node = listener(json!({}));
    node["serviceDiscovery"] =
        json!({ "awsCloudMap": { "namespaceName": "n", "serviceName": "s", "attributes": attributes } });
    node
}

#[test]
fn cloud_map_attributes_do_not_contradict_each_other() {
    accepted(Kind::VirtualNode, cloud_map(&[("a", "1"), ("b", "2"), ("a", "1")]));
    let at = "spec.serviceDiscovery.awsCloudMap.attributes[2].value";
    refused(Kind::VirtualNode, cloud_map(&[("a", "1"), ("b", "2"), ("a", "2")]), &[at]);
}

#[test]
fn service_discovery_finds_a_listener() {
    let mut node = cloud_map(&[]);
    accepted(Kind::VirtualNode, node.clone());
    node["listeners"] = json!([]);
    refused(Kind::VirtualNode, node, &["spec.serviceDiscovery"]);
    accepted(Kind::VirtualNode, listener(json!({})));
}

#[test]
fn cloud_map_attributes_are_not_its_own() {
    let attribute = |key: &str, value: &str| cloud_map(&[(key, value)]);
    let at = "spec.serviceDiscovery.awsCloudMap.attributes[0]";
    accepted(Kind::VirtualNode, attribute("color", "light blue"));
    accepted(Kind::VirtualNode, attribute("AWS_TEAM", "80"));
    for key in [
        "AWS_INSTANCE_PORT",
        "AWS_INSTANCE_IPV4",
        "AWS_ALIAS_DNS_NAME",
        "AWS_EC2_INSTANCE_ID",
        "AWS_INIT_HEALTH_STATUS",
    ] {
        refused(Kind::VirtualNode, attribute(key, "80"), &[&format!("{at}.key")]);
    }
    refused(Kind::VirtualNode, attribute("a b", "x"), &[&format!("{at}.key")]);
    refused(Kind::VirtualNode, attribute("a", " x"), &[&format!("{at}.value")]);
}

#[test]
fn hosts_are_hosts() {
    let dns = |host: &str| {
        let mut node = listener(json!({}));
        node["serviceDiscovery"] = json!({ "dns": { "hostname": host } });
        node
    };
    for host in ["cart", "cart.shop.local.", "10.0.0.1", "fd00::1", "a_b.local"] {
        accepted(Kind::VirtualNode, dns(host));
    }
    for host in ["", "http://cart", "a b", "a\n"] {
        refused(Kind::VirtualNode, dns(host), &["spec.serviceDiscovery.dns.hostname"]);
    }
}

#[test]
fn a_gateway_speaks_http_on_ports_that_are_free() {
    let gateway =
        |port: i64, protocol: &str| json!({ "listeners": [{ "portMapping": { "port": port, "protocol": protocol } }] });
    accepted(Kind::VirtualGateway, gateway(8080, "grpc"));
    refused(Kind::VirtualGateway, gateway(8080, "tcp"), &["spec.listeners[0].portMapping.protocol"]);
    refused(Kind::VirtualGateway, gateway(15001, "http"), &["spec.listeners[0].portMapping.port"]);
}

#[test]
fn a_gateway_route_rewrites_what_it_matched() {
    let at = "spec.httpRoute.action.rewrite";
    for (matched, rewrite, told) in [
        (json!({ "prefix": "/a/" }), json!({ "prefix": { "value": "/b/" } }), vec![]),
        (json!({ "prefix": "/a/" }), json!({ "prefix": { "defaultPrefix": "DISABLED" } }), vec![]),
        (json!({ "path": { "regex": "/a.*" } }), json!({ "path": { "exact": "/b" } }), vec![]),
        (json!({}), json!({ "hostname": { "defaultTargetHostname": "DISABLED" } }), vec![]),
        (
            json!({ "prefix": "/" }),
            json!({ "prefix": { "defaultPrefix": "ENABLED", "value": "/b/" } }),
            vec![format!("{at}.prefix")],
        ),
        (json!({ "prefix": "/" }), json!({ "prefix": { "value": "/b" } }), vec![format!("{at}.prefix.value")]),
        (json!({ "prefix": "/" }), json!({ "prefix": { "value": "b/" } }), vec![format!("{at}.prefix.value")]),
        (json!({ "prefix": "/" }), json!({ "path": { "exact": "/b" } }), vec![format!("{at}.path")]),
        (json!({ "path": { "exact": "/a" } }), json!({ "prefix": { "value": "/b/" } }), vec![format!("{at}.prefix")]),
        (
            json!({ "path": { "exact": "/a" } }),
            json!({ "prefix": {}, "path": {} }),
            vec![at.to_owned(), format!("{at}.prefix")],
        ),
    ] {
        assert_eq!(
            paths(Kind::GatewayRoute, &gateway_route(matched.clone(), rewrite.clone())),
            told,
            "{matched} {rewrite}"
        );
    }
}

#[test]
fn what_app_mesh_reserved_stays_reserved() {
    for prefix in ["/aws-appmesh", "/aws-app-mesh/x"] {
        let route = gateway_route(json!({ "prefix": prefix }), json!({}));
        refused(Kind::GatewayRoute, route, &["spec.httpRoute.match.prefix"]);
    }
    let target = json!({ "target": { "virtualService": { "virtualServiceName": "s" } } });
    let grpc = json!({ "grpcRoute": { "match": { "serviceName": "aws.app-mesh.x" }, "action": target } });
    refused(Kind::GatewayRoute, grpc, &["spec.grpcRoute.match.serviceName"]);
}

#[test]
fn a_gateway_route_knows_hosts_by_name_or_by_end() {
    let host = |host: Value| gateway_route(json!({ "hostname": host }), json!({}));
    let at = "spec.httpRoute.match.hostname";
    accepted(Kind::GatewayRoute, host(json!({ "exact": "shop.example.com" })));
    accepted(Kind::GatewayRoute, host(json!({ "suffix": ".example.com" })));
    refused(Kind::GatewayRoute, host(json!({})), &[at]);
    refused(Kind::GatewayRoute, host(json!({ "exact": "a", "suffix": ".b" })), &[at]);
    refused(Kind::GatewayRoute, host(json!({ "exact": "*" })), &[&format!("{at}.exact")]);
    refused(Kind::GatewayRoute, host(json!({ "suffix": "example.com" })), &[&format!("{at}.suffix")]);
}

#[test]
fn names_fit_into_arns_and_urls() {
    let told = |kind: Kind, name: &str| {
        check_name(&ResourceId::new(kind, name)).into_iter().map(|it| it.path).collect::<Vec<_>>()
    };
    for kind in Kind::ALL {
        assert_eq!(told(kind, "cart-v1_shop"), Vec::<String>::new());
        for name in ["", "a/b", "a b", "a\n", "a@b", "ä", &"a".repeat(256)] {
            assert_eq!(told(kind, name), [format!("{kind}Name")], "{kind} {name:?}");
        }
    }
    assert_eq!(told(Kind::VirtualService, "cart.shop.local"), Vec::<String>::new());
    assert_eq!(told(Kind::VirtualService, ".."), ["virtualServiceName"]);
    assert_eq!(told(Kind::VirtualNode, "cart.shop"), ["virtualNodeName"]);
}

#[test]
fn tags_have_their_lengths() {
    let tags = |key: &str, value: &str| Tags::from([(key.to_owned(), value.to_owned())]);
    assert_eq!(check_tags(&tags("k", "")), []);
    assert_eq!(check_tags(&tags("", "v")).len(), 1);
    assert_eq!(check_tags(&tags("k", &"v".repeat(257)))[0].path, "tags[k].value");
}

#[test]
fn tags_are_text_and_not_those_of_aws() {
    let told = |key: &str, value: &str| {
        let tags = Tags::from([(key.to_owned(), value.to_owned())]);
        check_tags(&tags).into_iter().map(|it| it.path.rsplit('.').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(told("team:aws:x", "aws:y"), Vec::<String>::new());
    for key in ["aws:", "aws:x", "AWS:x", "aWs:é", "a\tb", "a\u{85}"] {
        assert_eq!(told(key, ""), ["key"], "{key:?}");
    }
    assert_eq!(told("k", "a\0"), ["value"]);
}

#[test]
fn keys_of_tags_that_are_to_go_are_keys() {
    let told = |keys: &[&str]| {
        let keys: Vec<_> = keys.iter().map(ToString::to_string).collect();
        check_tag_keys(&keys).into_iter().map(|it| it.path).collect::<Vec<_>>()
    };
    assert_eq!(told(&["a", "aws:a", &"k".repeat(128)]), Vec::<String>::new());
    assert_eq!(told(&[]), Vec::<String>::new());
    assert_eq!(told(&["a", "", "a\tb", &"k".repeat(129)]), ["tagKeys[1]", "tagKeys[2]", "tagKeys[3]"]);
    assert_eq!(told(&["k"; 51]), ["tagKeys"]);
}

#[test]
fn an_exact_host_has_a_name_and_maybe_a_port() {
    let host = |exact: &str| gateway_route(json!({ "hostname": { "exact": exact } }), Value::Null);
    for exact in ["shop.example", "shop.example:80", "10.0.0.1:65535", "a"] {
        accepted(Kind::GatewayRoute, host(exact));
    }
    for exact in [":80", "a:", "a:0", "a:65536", ":", "a:b:80", "a:80b", "::1"] {
        refused(Kind::GatewayRoute, host(exact), &["spec.httpRoute.match.hostname.exact"]);
    }
}

#[test]
fn very_many_backends_and_listeners_are_judged_one_by_one() {
    let backends = |count: usize| {
        let backend = |n: usize| json!({ "virtualService": { "virtualServiceName": format!("s{n}.local") } });
        json!({ "backends": (0..count).map(backend).collect::<Vec<_>>() })
    };
    accepted(Kind::VirtualNode, backends(5000));
    refused(Kind::VirtualNode, backends(5001), &["spec.backends"]);
    let listener = |n: usize| json!({ "portMapping": { "port": n % 65535 + 1, "protocol": "http" } });
    let listeners = (0..65536).map(listener).collect::<Vec<_>>();
    let at = "spec.listeners[65535].portMapping.port";
    refused(Kind::VirtualNode, json!({ "listeners": listeners }), &[at]);
}
