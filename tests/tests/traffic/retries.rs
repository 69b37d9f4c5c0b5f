//! Retries: the ones App Mesh injects, and the ones a route asks for (§8.2, §8.3).

use crate::{URL, one_service, start};
use mesh_tests::{Bed, Plan, Report, bed, spec};
use serde_json::json;

/// A request that the application answers with a status so many times, and then with 200.
fn failing(status: u16, times: u16, key: &str) -> Plan {
    let plan = Plan::get(format!("{URL}/")).header("x-app-status", &status.to_string());
    plan.header("x-app-times", &times.to_string()).header("x-app-key", key)
}

/// What the client got, and how often the application was asked.
async fn outcome(bed: &Bed, plan: &Plan, key: &str) -> (Option<u16>, u64, Report) {
    let report = bed.pod("client").load(plan).await;
    (report.status(), bed.pod("blue").arrived(key).await, report)
}

async fn assert_outcomes(bed: &Bed, cases: &[(u16, u16, u16, u64)]) {
    for (status, times, expected, attempts) in cases {
        let key = format!("{status} x {times}");
        let (got, arrived, report) = outcome(bed, &failing(*status, *times, &key), &key).await;
        assert_eq!((got, arrived), (Some(*expected), *attempts), "{key}: {report:#?}");
    }
}

#[test]
fn a_route_without_a_policy_retries_503_twice() {
    bed::run(async |bed| {
        let mesh = one_service(bed, "http", &["blue"]).await;
        mesh.route("colour", "all", spec::route("http", json!({ "prefix": "/" }), &[("blue", 1)])).await;
        start(bed, &mesh, &["blue"]).await;

        // (status, how often the application answers it; what the client gets, after how many attempts)
        assert_outcomes(bed, &[(503, 1, 200, 2), (503, 2, 200, 3), (503, 9, 503, 3), (500, 1, 500, 1)]).await;
        let post = failing(503, 1, "post").method("POST");
        assert_eq!(outcome(bed, &post, "post").await.1, 2, "App Mesh retries POST as well");
    });
}

#[test]
fn a_policy_replaces_the_default() {
    bed::run(async |bed| {
        let mesh = one_service(bed, "http", &["blue"]).await;
        let policy = json!({
            "httpRetryEvents": ["gateway-error", "client-error"], "tcpRetryEvents": ["connection-error"],
            "maxRetries": 3, "perRetryTimeout": { "unit": "ms", "value": 500 },
        });
        let route = spec::route("http", json!({ "prefix": "/" }), &[("blue", 1)]);
        mesh.route("colour", "all", spec::with("http", "retryPolicy", policy, route)).await;
        start(bed, &mesh, &["blue"]).await;

        let cases = [(502, 3, 200, 4), (504, 9, 504, 4), (409, 1, 200, 2), (500, 1, 500, 1), (429, 1, 429, 1)];
        assert_outcomes(bed, &cases).await;
        let slow = Plan::get(URL).header("x-app-delay-ms", "3000").header("x-app-times", "1");
        let (status, attempts, report) = outcome(bed, &slow.header("x-app-key", "slow"), "slow").await;
        assert_eq!((status, attempts), (Some(200), 2), "an attempt that takes too long is retried: {report:#?}");
    });
}

#[test]
fn a_policy_of_no_retries_retries_nothing() {
    bed::run(async |bed| {
        let mesh = one_service(bed, "http", &["blue"]).await;
        let policy = json!({
            "httpRetryEvents": ["server-error"], "maxRetries": 0, "perRetryTimeout": { "unit": "s", "value": 0 },
        });
        let route = spec::route("http", json!({ "prefix": "/" }), &[("blue", 1)]);
        mesh.route("colour", "all", spec::with("http", "retryPolicy", policy, route)).await;
        start(bed, &mesh, &["blue"]).await;

        assert_outcomes(bed, &[(503, 1, 503, 1)]).await;
    });
}
