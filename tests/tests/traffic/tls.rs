//! TLS fails closed: what asks for it is never served in plain text.

use crate::{SERVICE, URL};
use mesh_tests::bed::Workload;
use mesh_tests::{Plan, bed, eventually, spec};
use serde_json::json;

#[test]
fn a_listener_that_asks_for_tls_answers_nothing_in_plain_text() {
    bed::run(async |bed| {
        let mesh = bed.mesh("paint", json!({})).await;
        let mut secret = spec::node("secret", "http", 8080);
        let file = json!({ "certificateChain": "/certificate.pem", "privateKey": "/key.pem" });
        secret["listeners"][0]["tls"] = json!({ "mode": "STRICT", "certificate": { "file": file } });
        mesh.node("secret", secret).await;
        mesh.service(SERVICE, spec::served_by("secret")).await;
        mesh.node("client", spec::client(&[SERVICE])).await;
        bed.resolve_service(SERVICE);
        bed.start(&mesh, [Workload::node("secret").http(8080), Workload::node("client")]).await;

        let meshed = bed.pod("client").load(&Plan::get(URL).header("x-app-key", "plain")).await;
        assert_ne!(meshed.status(), Some(200), "{meshed:#?}");
        let direct = bed.load(&Plan::get("http://secret.pods:8080/").header("x-app-key", "plain")).await;
        assert_eq!((direct.failed, direct.status()), (1, None), "the connection is closed: {direct:#?}");
        assert_eq!(bed.pod("secret").arrived("plain").await, 0);
        let proxies = bed.plane().admin().proxies_of("mesh/paint/virtualNode/secret").await;
        assert!(proxies[0]["notInEffect"].to_string().contains("tls"), "{proxies:#?}");
    });
}

#[test]
fn a_client_policy_that_asks_for_tls_sends_nothing_in_plain_text() {
    bed::run(async |bed| {
        let mesh = bed.mesh("paint", json!({})).await;
        mesh.node("blue", spec::node("blue", "http", 8080)).await;
        mesh.service(SERVICE, spec::served_by("blue")).await;
        let trust = json!({ "trust": { "file": { "certificateChain": "/ca.pem" } } });
        let policy = |enforce: bool| json!({ "tls": { "enforce": enforce, "validation": trust } });
        let client = |enforce: bool| {
            json!({
                "backends": [{ "virtualService": { "virtualServiceName": SERVICE } }],
                "backendDefaults": { "clientPolicy": policy(enforce) },
            })
        };
        mesh.node("client", client(true)).await;
        bed.resolve_service(SERVICE);
        bed.start(&mesh, [Workload::node("blue").http(8080), Workload::node("client")]).await;

        let refused = bed.pod("client").load(&Plan::get(URL).header("x-app-key", "plain")).await;
        assert_eq!(refused.status(), Some(503), "{refused:#?}");
        assert_eq!(bed.pod("blue").arrived("plain").await, 0);
        mesh.change("virtualNodes/client", client(false)).await;
        eventually("a policy that is not enforced lets plain text through", async || {
            let report = bed.pod("client").get(URL).await;
            (report.status() == Some(200)).then_some(()).ok_or_else(|| format!("{report:#?}"))
        })
        .await;
    });
}
