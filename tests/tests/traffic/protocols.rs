//! HTTP/2, gRPC and TCP (§5.4, §7.3, §7.6).

use crate::{SERVICE, URL, one_service, start};
use mesh_tests::bed::Workload;
use mesh_tests::{Plan, bed, spec};
use serde_json::json;

#[test]
fn http2_reaches_the_application_as_http2() {
    bed::run(async |bed| {
        let mesh = one_service(bed, "http2", &["blue", "green"]).await;
        let path = json!({ "prefix": "/green" });
        mesh.route("colour", "green", spec::route("http2", path, &[("green", 1)])).await;
        mesh.route("colour", "all", spec::route("http2", json!({ "prefix": "/" }), &[("blue", 1)])).await;
        start(bed, &mesh, &["blue", "green"]).await;

        let many = bed.pod("client").load(&Plan::get(URL).http2().times(200)).await;
        many.assert_all_ok();
        assert_eq!(many.by("blue"), 200);
        assert_eq!(many.saw("protocol"), "HTTP/2.0");
        let green = bed.pod("client").load(&Plan::get(format!("{URL}/green")).http2()).await;
        assert_eq!(green.node(), Some("green"), "{green:#?}");
    });
}

#[test]
fn grpc_is_routed_by_service_method_and_metadata_and_retried() {
    bed::run(async |bed| {
        let mesh = one_service(bed, "grpc", &["mix", "service", "dark"]).await;
        let method = json!({ "serviceName": "paint.Mixer", "methodName": "Mix" });
        let retry = json!({
            "grpcRetryEvents": ["unavailable"], "maxRetries": 2, "perRetryTimeout": { "unit": "s", "value": 5 },
        });
        let mix = spec::with("grpc", "retryPolicy", retry, spec::route("grpc", method, &[("mix", 1)]));
        mesh.route("colour", "mix", spec::prioritised(2, mix)).await;
        let shade = json!([{ "name": "x-shade", "match": { "exact": "dark" } }]);
        let dark = spec::route("grpc", json!({ "serviceName": "paint.Mixer", "metadata": shade }), &[("dark", 1)]);
        mesh.route("colour", "dark", spec::prioritised(1, dark)).await;
        let service = spec::route("grpc", json!({ "serviceName": "paint.Mixer" }), &[("service", 1)]);
        mesh.route("colour", "service", spec::prioritised(3, service)).await;
        start(bed, &mesh, &["mix", "service", "dark"]).await;

        let call = |method: &str| Plan::grpc(format!("{URL}/{method}"));
        let cases = [
            (call("paint.Mixer/Mix"), "mix"),
            (call("paint.Mixer/Stir"), "service"),
            (call("paint.Mixer/Mix").header("x-shade", "dark"), "dark"),
        ];
        for (plan, node) in cases {
            let report = bed.pod("client").load(&plan).await;
            assert_eq!(report.node(), Some(node), "{plan:?}: {report:#?}");
            assert_eq!(report.grpc_statuses.get("0"), Some(&1), "{report:#?}");
        }
        let unknown = bed.pod("client").load(&call("paint.MixerTwo/Mix")).await;
        assert_eq!(unknown.grpc_statuses.get("12"), Some(&1), "unknown services are unimplemented: {unknown:#?}");
        let unavailable = call("paint.Mixer/Mix").header("x-app-grpc-status", "14").header("x-app-times", "2");
        let retried = bed.pod("client").load(&unavailable.header("x-app-key", "retried")).await;
        assert_eq!(retried.grpc_statuses.get("0"), Some(&1), "{retried:#?}");
        assert_eq!(bed.pod("mix").arrived("retried").await, 3);
    });
}

#[test]
fn tcp_connections_are_spread_by_weight() {
    bed::run(async |bed| {
        let mesh = one_service(bed, "tcp", &["left", "right"]).await;
        let route = spec::route("tcp", serde_json::Value::Null, &[("left", 80), ("right", 20)]);
        mesh.route("colour", "all", route).await;
        let pods = ["left", "right"].map(|node| Workload::node(node).tcp(8080));
        bed.start(&mesh, pods.into_iter().chain([Workload::node("client")])).await;

        let report = bed.pod("client").load(&Plan::tcp(format!("tcp://{SERVICE}:8080")).times(1000)).await;

        report.assert_all_ok();
        report.assert_share("left", 0.8);
        report.assert_share("right", 0.2);
    });
}

#[test]
fn a_router_port_differs_from_the_port_of_the_node_behind_it() {
    bed::run(async |bed| {
        let mesh = bed.mesh("paint", json!({})).await;
        mesh.node("blue", spec::node("blue", "http", 9090)).await;
        mesh.router("colour", spec::router("http", 80)).await;
        mesh.route("colour", "all", spec::route("http", json!({ "prefix": "/" }), &[("blue", 1)])).await;
        mesh.service(SERVICE, spec::routed("colour")).await;
        mesh.node("client", spec::client(&[SERVICE])).await;
        bed.resolve_service(SERVICE);
        bed.start(&mesh, [Workload::node("blue").http(9090), Workload::node("client")]).await;

        let report = bed.pod("client").get(&format!("http://{SERVICE}/")).await;

        assert_eq!(report.node(), Some("blue"), "{report:#?}");
        assert_eq!(report.saw("port"), 9090);
        assert_eq!(report.saw("authority"), SERVICE);
    });
}

#[test]
fn each_listener_of_a_node_and_of_a_router_has_its_own_routes() {
    bed::run(async |bed| {
        let mesh = bed.mesh("paint", json!({})).await;
        let listeners = |ports: [(u16, &str); 2]| {
            ports.map(|(port, protocol)| json!({ "portMapping": { "port": port, "protocol": protocol } }))
        };
        let mut both = spec::node("both", "http", 0);
        both["listeners"] = json!(listeners([(8080, "http"), (9090, "http2")]));
        mesh.node("both", both).await;
        mesh.router("colour", json!({ "listeners": listeners([(80, "http"), (90, "http2")]) })).await;
        for (protocol, from, to) in [("http", 80, 8080), ("http2", 90, 9090)] {
            let action = json!({ "weightedTargets": [{ "virtualNode": "both", "weight": 1, "port": to }] });
            let route = json!({ "match": { "prefix": "/", "port": from }, "action": action });
            mesh.route("colour", protocol, json!({ format!("{protocol}Route"): route })).await;
        }
        mesh.service(SERVICE, spec::routed("colour")).await;
        mesh.node("client", spec::client(&[SERVICE])).await;
        bed.resolve_service(SERVICE);
        bed.start(&mesh, [Workload::node("both").http(8080).http(9090), Workload::node("client")]).await;

        let first = bed.pod("client").get(&format!("http://{SERVICE}:80/")).await;
        assert_eq!((first.node(), first.saw("port").as_u64()), (Some("both"), Some(8080)), "{first:#?}");
        let second = bed.pod("client").load(&Plan::get(format!("http://{SERVICE}:90/")).http2()).await;
        assert_eq!((second.node(), second.saw("port").as_u64()), (Some("both"), Some(9090)), "{second:#?}");
        assert_eq!(second.saw("protocol"), "HTTP/2.0");
    });
}
