//! Virtual gateways: prefixes, rewrites, hosts, headers, several listeners (§6).

use mesh_tests::api::Mesh;
use mesh_tests::bed::Workload;
use mesh_tests::{Bed, Plan, Report, bed, spec};
use serde_json::{Value, json};

/// A mesh with virtual services `NAME.test`, each a virtual node `NAME`.
async fn services(bed: &mut Bed, names: &[&str]) -> Mesh {
    let mesh = bed.mesh("library", json!({})).await;
    for name in names {
        mesh.node(name, spec::node(name, "http", 8080)).await;
        mesh.service(&format!("{name}.test"), spec::served_by(name)).await;
    }
    mesh
}

async fn start(bed: &mut Bed, mesh: &Mesh, names: &[&str]) {
    let pods = names.iter().map(|node| Workload::node(node).http(8080));
    bed.start(mesh, pods.chain([Workload::gateway("door")])).await;
}

/// Asks the gateway for a path.
async fn get(bed: &Bed, path: &str) -> Report {
    bed.load(&Plan::get(format!("http://door.pods:8088{path}"))).await
}

/// Who answered, which path and which host the application saw.
fn seen(report: &Report) -> (Option<&str>, &str, &str) {
    let text = |what: &str| report.saw(what).as_str().unwrap_or_default();
    (report.node(), text("path"), text("authority"))
}

#[test]
fn a_prefix_is_replaced_by_a_slash() {
    bed::run(async |bed| {
        let mesh = services(bed, &["book", "shelf"]).await;
        mesh.gateway("door", spec::gateway("http", &[8088])).await;
        for (name, prefix, service) in [("chapter", "/chapter", "book.test"), ("all", "/", "shelf.test")] {
            let route = spec::gateway_route(json!({ "prefix": prefix }), service, Value::Null);
            mesh.gateway_route("door", name, route).await;
        }
        start(bed, &mesh, &["book", "shelf"]).await;

        for (path, node, arrives) in [
            ("/chapter", "book", "/"),
            ("/chapter/", "book", "/"),
            ("/chapter/page", "book", "/page"),
            ("/chapter1", "book", "/1"),
            ("/chapter?page=1", "book", "/"),
            ("/", "shelf", "/"),
            ("/chapte", "shelf", "/chapte"),
        ] {
            let report = get(bed, path).await;
            assert_eq!(seen(&report), (Some(node), arrives, format!("{node}.test").as_str()), "{path}: {report:#?}");
        }
        assert_eq!(get(bed, "/chapter?page=1").await.saw("query"), "page=1");
    });
}

#[test]
fn rewrites_can_be_chosen_and_switched_off() {
    bed::run(async |bed| {
        let mesh = services(bed, &["book"]).await;
        mesh.gateway("door", spec::gateway("http", &[8088])).await;
        let off = json!({ "hostname": { "defaultTargetHostname": "DISABLED" } });
        for (name, matches, rewrite) in [
            ("keep", json!({ "prefix": "/keep/" }), json!({ "prefix": { "defaultPrefix": "DISABLED" } })),
            ("other", json!({ "prefix": "/old/" }), json!({ "prefix": { "value": "/new/" } })),
            ("exact", json!({ "path": { "exact": "/exact" } }), Value::Null),
            ("path", json!({ "path": { "regex": "/[0-9]+" } }), json!({ "path": { "exact": "/number" } })),
            ("host", json!({ "prefix": "/host/" }), off),
        ] {
            mesh.gateway_route("door", name, spec::gateway_route(matches, "book.test", rewrite)).await;
        }
        start(bed, &mesh, &["book"]).await;

        for (path, arrives, host) in [
            ("/keep/page", "/keep/page", "book.test"),
            ("/old/page", "/new/page", "book.test"),
            ("/exact", "/exact", "book.test"),
            ("/42", "/number", "book.test"),
            ("/host/page", "/page", "door.pods:8088"),
        ] {
            let report = get(bed, path).await;
            assert_eq!(seen(&report), (Some("book"), arrives, host), "{path}: {report:#?}");
            let sent = &report.saw("headers")["x-app-mesh-virtual-service"];
            assert!(sent.is_null(), "{path}: the gateway's own header stays inside it: {report:#?}");
        }
        assert_eq!(get(bed, "/unknown").await.status(), Some(404));
    });
}

#[test]
fn hosts_headers_methods_and_queries_choose_the_route() {
    bed::run(async |bed| {
        let names = ["exact", "suffix", "member", "writer", "asked", "rest"];
        let mesh = services(bed, &names).await;
        mesh.gateway("door", spec::gateway("http", &[8088])).await;
        let member = json!([{ "name": "x-member", "match": { "prefix": "gold" } }]);
        for (name, matches) in [
            ("exact", json!({ "prefix": "/", "hostname": { "exact": "www.example.com" } })),
            ("suffix", json!({ "prefix": "/", "hostname": { "suffix": ".example.org" } })),
            ("member", json!({ "prefix": "/a", "headers": member })),
            ("writer", json!({ "prefix": "/b", "method": "PUT" })),
            ("asked", json!({ "prefix": "/c", "queryParameters": [{ "name": "q", "match": { "exact": "1" } }] })),
            ("rest", json!({ "prefix": "/" })),
        ] {
            let route = spec::gateway_route(matches, &format!("{name}.test"), Value::Null);
            mesh.gateway_route("door", name, route).await;
        }
        start(bed, &mesh, &names).await;

        let get = |path: &str| Plan::get(format!("http://door.pods:8088{path}"));
        for (plan, node) in [
            (get("/").authority("www.example.com"), "exact"),
            (get("/").authority("www.example.com:8088"), "exact"),
            (get("/").authority("a.b.example.org"), "suffix"),
            (get("/").authority("example.org"), "rest"),
            (get("/a").header("x-member", "golden"), "member"),
            (get("/a").header("x-member", "silver"), "rest"),
            (get("/b").method("PUT"), "writer"),
            (get("/b"), "rest"),
            (get("/c?q=1"), "asked"),
            (get("/c?q=2"), "rest"),
        ] {
            let report = bed.load(&plan).await;
            assert_eq!(report.node(), Some(node), "{plan:?}: {report:#?}");
        }
    });
}

#[test]
fn each_listener_of_a_gateway_has_its_own_routes() {
    bed::run(async |bed| {
        let mesh = services(bed, &["first", "second"]).await;
        mesh.gateway("door", spec::gateway("http", &[8088, 8089])).await;
        for (name, port) in [("first", 8088), ("second", 8089)] {
            let matches = json!({ "prefix": "/", "port": port });
            let route = spec::gateway_route(matches, &format!("{name}.test"), Value::Null);
            mesh.gateway_route("door", name, route).await;
        }
        start(bed, &mesh, &["first", "second"]).await;

        for (node, port) in [("first", 8088), ("second", 8089)] {
            let report = bed.load(&Plan::get(format!("http://door.pods:{port}/")).times(50)).await;
            report.assert_all_ok();
            assert_eq!(report.by(node), 50, "{report:#?}");
        }
    });
}

#[test]
fn a_gateway_spreads_by_the_weights_of_the_route_behind_it() {
    bed::run(async |bed| {
        let mesh = services(bed, &["old", "new"]).await;
        mesh.router("edition", spec::router("http", 8080)).await;
        let route = spec::route("http", json!({ "prefix": "/" }), &[("old", 90), ("new", 10)]);
        mesh.route("edition", "all", route).await;
        mesh.service("edition.test", spec::routed("edition")).await;
        mesh.gateway("door", spec::gateway("http", &[8088])).await;
        let all = spec::gateway_route(json!({ "prefix": "/" }), "edition.test", Value::Null);
        mesh.gateway_route("door", "all", all).await;
        start(bed, &mesh, &["old", "new"]).await;

        let report = bed.load(&Plan::get("http://door.pods:8088/").times(2000)).await;

        report.assert_all_ok();
        report.assert_share("new", 0.1);
    });
}

#[test]
fn a_grpc_gateway_leads_calls_to_the_service_they_name() {
    bed::run(async |bed| {
        let mesh = bed.mesh("library", json!({})).await;
        mesh.gateway("door", spec::gateway("grpc", &[8088])).await;
        for (name, matches) in
            [("loans", json!({ "serviceName": "library.Loans" })), ("fines", json!({ "serviceName": "library.Fines" }))]
        {
            mesh.node(name, spec::node(name, "grpc", 8080)).await;
            mesh.service(&format!("{name}.test"), spec::served_by(name)).await;
            let target = json!({ "virtualService": { "virtualServiceName": format!("{name}.test") } });
            let route = json!({ "grpcRoute": { "match": matches, "action": { "target": target } } });
            mesh.gateway_route("door", name, route).await;
        }
        start(bed, &mesh, &["loans", "fines"]).await;

        for (call, node) in [("library.Loans/List", "loans"), ("library.Fines/Pay", "fines")] {
            let report = bed.load(&Plan::grpc(format!("http://door.pods:8088/{call}"))).await;
            assert_eq!(report.node(), Some(node), "{report:#?}");
            assert_eq!(report.saw("path"), &json!(format!("/{call}")));
            assert_eq!(report.grpc_statuses.get("0"), Some(&1), "{report:#?}");
        }
    });
}
