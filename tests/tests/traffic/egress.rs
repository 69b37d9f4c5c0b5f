//! What leaves the mesh: ALLOW_ALL and DROP_ALL (§5.3, §5.5).

use crate::{URL, one_service};
use mesh_tests::bed::Workload;
use mesh_tests::{Bed, Plan, Report, bed, eventually, spec};
use serde_json::json;

/// On a port where the mesh speaks HTTP, to a host that is no virtual service.
const UNKNOWN_HOST: &str = "http://outside.pods:8080/";

/// On a port that the mesh does not know.
const UNKNOWN_PORT: &str = "http://outside.pods:9090/";

async fn client_and_outside(bed: &mut Bed) -> mesh_tests::api::Mesh {
    let mesh = one_service(bed, "http", &["blue"]).await;
    mesh.route("colour", "all", spec::route("http", json!({ "prefix": "/" }), &[("blue", 1)])).await;
    let outside = Workload::unmeshed("outside").http(8080).http(9090);
    bed.start(&mesh, [Workload::node("blue").http(8080), Workload::node("client"), outside]).await;
    mesh
}

async fn get(bed: &Bed, url: &str) -> Report {
    bed.pod("client").get(url).await
}

/// DROP_ALL: 404 where Envoy speaks HTTP, a closed connection elsewhere; nothing arrives outside.
async fn assert_closed(bed: &Bed) {
    assert_eq!(get(bed, UNKNOWN_HOST).await.status(), Some(404));
    let dropped = get(bed, UNKNOWN_PORT).await;
    assert_eq!((dropped.failed, dropped.status()), (1, None), "{dropped:#?}");
    assert_eq!(get(bed, URL).await.node(), Some("blue"));
}

async fn assert_open(bed: &Bed) {
    assert_eq!(get(bed, UNKNOWN_HOST).await.node(), Some("outside"));
    assert_eq!(get(bed, UNKNOWN_PORT).await.node(), Some("outside"));
    assert_eq!(get(bed, URL).await.node(), Some("blue"));
}

#[test]
fn a_mesh_without_an_egress_filter_drops_what_it_does_not_know() {
    bed::run(async |bed| {
        client_and_outside(bed).await;
        assert_closed(bed).await;
        let outside = bed.pod("client").load(&Plan::get(UNKNOWN_PORT).header("x-app-key", "dropped")).await;
        assert_eq!(outside.failed, 1);
        assert_eq!(bed.pod("outside").arrived("dropped").await, 0);
    });
}

#[test]
fn allow_all_lets_through_what_it_does_not_know_and_both_ways_can_be_changed() {
    bed::run(async |bed| {
        let mesh = client_and_outside(bed).await;
        for _ in 0..2 {
            mesh.update(json!({ "egressFilter": { "type": "ALLOW_ALL" } })).await;
            let open = async || (get(bed, UNKNOWN_PORT).await.failed == 0).then_some(()).ok_or("closed".into());
            eventually("the egress opens", open).await;
            assert_open(bed).await;
            mesh.update(json!({ "egressFilter": { "type": "DROP_ALL" } })).await;
            let closed = async || (get(bed, UNKNOWN_PORT).await.failed == 1).then_some(()).ok_or("open".into());
            eventually("the egress closes", closed).await;
            assert_closed(bed).await;
        }
    });
}
