//! Timeouts: 15 s unless every resource of the conversation says otherwise (§8.1).

use crate::{SERVICE, URL, one_service, start};
use mesh_tests::{Plan, bed, spec};
use serde_json::{Value, json};

fn per_request(value: u32, unit: &str) -> Value {
    json!({ "perRequest": { "value": value, "unit": unit } })
}

fn slow(path: &str, delay_ms: u32) -> Plan {
    Plan::get(format!("{URL}{path}")).header("x-app-delay-ms", &delay_ms.to_string())
}

/// A virtual node whose listener has its own timeout.
fn node_with_timeout(name: &str, timeout: Value) -> Value {
    let mut node = spec::node(name, "http", 8080);
    node["listeners"][0]["timeout"] = json!({ "http": timeout });
    node
}

#[test]
fn requests_end_when_the_route_or_the_listener_says_so() {
    bed::run(async |bed| {
        let mesh = one_service(bed, "http", &["patient"]).await;
        mesh.node("hasty", node_with_timeout("hasty", per_request(300, "ms"))).await;
        let to = |path: &str, node: &str| spec::route("http", json!({ "prefix": path }), &[(node, 1)]);
        let route = spec::with("http", "timeout", per_request(300, "ms"), to("/route", "patient"));
        mesh.route("colour", "route", route).await;
        mesh.route("colour", "listener", to("/listener", "hasty")).await;
        mesh.route("colour", "none", to("/none", "patient")).await;
        start(bed, &mesh, &["patient", "hasty"]).await;

        for path in ["/route", "/listener"] {
            let report = bed.pod("client").load(&slow(path, 5000)).await;
            assert_eq!(report.status(), Some(504), "{path}: {report:#?}");
            assert!(report.slowest_ms < 4000, "{path}: {report:#?}");
            let report = bed.pod("client").load(&slow(path, 0)).await;
            assert_eq!(report.status(), Some(200), "{path}: {report:#?}");
        }
        let report = bed.pod("client").load(&slow("/none", 1000)).await;
        assert_eq!(report.status(), Some(200), "{report:#?}");
    });
}

#[test]
fn fifteen_seconds_are_the_default_and_can_be_raised() {
    bed::run(async |bed| {
        let mesh = one_service(bed, "http", &["default"]).await;
        mesh.node("raised", node_with_timeout("raised", per_request(25, "s"))).await;
        mesh.node("endless", node_with_timeout("endless", per_request(0, "s"))).await;
        let to = |path: &str, node: &str| spec::route("http", json!({ "prefix": path }), &[(node, 1)]);
        mesh.route("colour", "default", to("/default", "default")).await;
        let raised = spec::with("http", "timeout", per_request(25, "s"), to("/raised", "raised"));
        mesh.route("colour", "raised", raised).await;
        let endless = spec::with("http", "timeout", per_request(0, "s"), to("/endless", "endless"));
        mesh.route("colour", "endless", endless).await;
        // A virtual node as provider has no route to raise anything on (§8.1).
        mesh.service("direct.test", spec::served_by("endless")).await;
        mesh.change("virtualNodes/client", spec::client(&[SERVICE, "direct.test"])).await;
        bed.resolve_service("direct.test");
        start(bed, &mesh, &["default", "raised", "endless"]).await;

        let client = bed.pod("client");
        let direct = Plan::get("http://direct.test:8080/").header("x-app-delay-ms", "16500");
        let plans = [slow("/default", 16_500), slow("/raised", 16_500), slow("/endless", 16_500), direct];
        let [default, raised, endless, direct] = plans.map(|plan| client.start_load(&plan));
        let (default, raised) = (default.report().await, raised.report().await);
        let (endless, direct) = (endless.report().await, direct.report().await);

        assert_eq!(default.status(), Some(504), "{default:#?}");
        assert!((14_500..16_400).contains(&default.slowest_ms), "{default:#?}");
        assert_eq!(raised.status(), Some(200), "{raised:#?}");
        assert_eq!(endless.status(), Some(200), "{endless:#?}");
        assert_eq!(direct.status(), Some(504), "{direct:#?}");
    });
}
