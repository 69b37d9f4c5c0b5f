//! What routes match, and which of several matching routes wins (§7.1, §7.2).
//!
//! Two nodes are enough: `hit` is where the route under test leads, `rest` where everything else goes.

use crate::{URL, one_service, start};
use mesh_tests::{Bed, Plan, bed, spec};
use serde_json::{Value, json};

/// Makes a bed whose routes lead to `hit`, with a last route that leads to `rest`.
async fn hit_or_rest(bed: &mut Bed, routes: &[(&str, Value)]) {
    let mesh = one_service(bed, "http", &["hit", "rest"]).await;
    for (name, matches) in routes {
        mesh.route("colour", name, spec::prioritised(10, spec::route("http", matches.clone(), &[("hit", 1)]))).await;
    }
    let rest = spec::route("http", json!({ "prefix": "/" }), &[("rest", 1)]);
    mesh.route("colour", "rest", spec::prioritised(1000, rest)).await;
    start(bed, &mesh, &["hit", "rest"]).await;
}

async fn assert_leads_to(bed: &Bed, node: &str, plans: &[Plan]) {
    for plan in plans {
        let report = bed.pod("client").load(plan).await;
        assert_eq!(report.node(), Some(node), "{plan:?}: {report:#?}");
    }
}

fn get(path: &str) -> Plan {
    Plan::get(format!("{URL}{path}"))
}

#[test]
fn paths_are_matched_whole_by_beginning_or_by_regular_expression() {
    bed::run(async |bed| {
        let routes = [
            ("exact", json!({ "path": { "exact": "/exact" } })),
            ("regex", json!({ "path": { "regex": "/item/[0-9]+" } })),
            ("prefix", json!({ "prefix": "/prefix" })),
        ];
        hit_or_rest(bed, &routes).await;

        let hits = ["/exact", "/exact?query=1", "/item/42", "/prefix", "/prefix/more", "/prefixed"];
        assert_leads_to(bed, "hit", &hits.map(get)).await;
        let misses = ["/exact/", "/exactly", "/item/x", "/item/42/more", "/more/item/42", "/pre", "/more/prefix"];
        assert_leads_to(bed, "rest", &misses.map(get)).await;
    });
}

#[test]
fn headers_are_matched_in_five_ways_and_inverted() {
    bed::run(async |bed| {
        let header = |path: &str, kind: Value, invert: bool| {
            let mut header = json!({ "name": "x-kind", "invert": invert });
            if !kind.is_null() {
                header["match"] = kind;
            }
            json!({ "prefix": path, "headers": [header] })
        };
        let kinds = [
            ("exact", json!({ "exact": "blue" })),
            ("prefix", json!({ "prefix": "bl" })),
            ("suffix", json!({ "suffix": "ue" })),
            ("regex", json!({ "regex": "b.*e" })),
            ("range", json!({ "range": { "start": 10, "end": 20 } })),
            ("present", Value::Null),
        ];
        let mut routes: Vec<(&str, Value)> = Vec::new();
        for (name, kind) in kinds {
            routes.push((name, header(&format!("/{name}"), kind, false)));
        }
        routes.push(("invert", header("/invert", json!({ "exact": "blue" }), true)));
        let both =
            json!([{ "name": "x-one", "match": { "exact": "1" } }, { "name": "x-two", "match": { "exact": "2" } }]);
        routes.push(("both", json!({ "prefix": "/both", "headers": both })));
        hit_or_rest(bed, &routes).await;

        let with = |path: &str, value: &str| get(path).header("x-kind", value);
        let hits = [
            with("/exact", "blue"),
            with("/prefix", "black"),
            with("/suffix", "true"),
            with("/regex", "bathe"),
            with("/range", "10"),
            with("/range", "19"),
            with("/present", "anything"),
            with("/invert", "red"),
            get("/both").header("x-one", "1").header("x-two", "2"),
        ];
        assert_leads_to(bed, "hit", &hits).await;
        let misses = [
            with("/exact", "bluer"),
            get("/exact"),
            with("/prefix", "able"),
            with("/suffix", "uef"),
            with("/regex", "a blue"),
            with("/range", "20"),
            with("/range", "ten"),
            get("/present"),
            with("/invert", "blue"),
            get("/both").header("x-one", "1"),
        ];
        assert_leads_to(bed, "rest", &misses).await;
    });
}

#[test]
fn methods_and_query_parameters_are_matched() {
    bed::run(async |bed| {
        let routes = [
            ("method", json!({ "prefix": "/method", "method": "POST" })),
            (
                "value",
                json!({ "prefix": "/value", "queryParameters": [{ "name": "shade", "match": { "exact": "dark" } }] }),
            ),
            ("present", json!({ "prefix": "/present", "queryParameters": [{ "name": "shade" }] })),
        ];
        hit_or_rest(bed, &routes).await;

        let hits = [
            get("/method").method("POST"),
            get("/value?shade=dark"),
            get("/value?x=1&shade=dark"),
            get("/present?shade="),
        ];
        assert_leads_to(bed, "hit", &hits).await;
        let misses = [
            get("/method"),
            get("/method").method("PUT"),
            get("/value?shade=darker"),
            get("/value"),
            get("/present?x=1"),
        ];
        assert_leads_to(bed, "rest", &misses).await;
    });
}

#[test]
fn the_lower_priority_wins_and_without_one_the_longer_prefix() {
    bed::run(async |bed| {
        let mesh = one_service(bed, "http", &["hit", "rest"]).await;
        let to = |prefix: &str, node: &str| spec::route("http", json!({ "prefix": prefix }), &[(node, 1)]);
        mesh.route("colour", "late", spec::prioritised(20, to("/priority/long", "rest"))).await;
        mesh.route("colour", "early", spec::prioritised(5, to("/priority", "hit"))).await;
        mesh.route("colour", "a-short", to("/length", "rest")).await;
        mesh.route("colour", "b-long", to("/length/long", "hit")).await;
        start(bed, &mesh, &["hit", "rest"]).await;

        assert_leads_to(bed, "hit", &[get("/priority/long"), get("/priority"), get("/length/long/er")]).await;
        assert_leads_to(bed, "rest", &[get("/length"), get("/length/lon")]).await;
        let unmatched = bed.pod("client").load(&get("/nothing")).await;
        assert_eq!(unmatched.status(), Some(404), "{unmatched:#?}");
    });
}
