//! Proxies of an account that a mesh is shared with (§2.1, §13.11).

use crate::bed::{Bed, Delta, WEB, assert_refused, created, names, node_spec, soon};
use mesh_core::{Entry, Event, Kind, ResourceId};
use serde_json::Value;
use tonic::Code;

/// The account that the mesh is shared with.
const GUEST: &str = "111122223333";

/// A node of the guest, as its proxy names it.
const CAFE: &str = "mesh/shop@000000000000/virtualNode/cafe";

fn the_mesh() -> ResourceId {
    ResourceId::new(Kind::Mesh, "shop")
}

async fn share(bed: &Bed) {
    bed.append(Event::Shared { resource: the_mesh(), with: GUEST.into() }).await;
}

async fn unshare(bed: &Bed) {
    bed.append(Event::Unshared { resource: the_mesh(), with: GUEST.into() }).await;
}

/// The shop, shared with the guest, who has a node in it that calls the cart.
async fn shared() -> Bed {
    let bed = Bed::start().await;
    share(&bed).await;
    let made = created(ResourceId::new(Kind::VirtualNode, "cafe"), "virtualNode", node_spec(8080, &["cart.local"]));
    let Entry { mut event, .. } = made;
    if let Event::Created { owner, .. } = &mut event {
        *owner = GUEST.into();
    }
    bed.append(event).await;
    bed
}

/// A stream of a node that has been sent its clusters, once the relay knows the node.
async fn served(bed: &Bed, node: &str) -> Delta {
    soon(async {
        loop {
            let mut stream = bed.delta_of(node).await;
            if let Ok(Some(first)) = stream.responses.message().await {
                assert!(names(&first).0.contains(&"cds_egress_shop_cart_http_8080"), "{first:?}");
                stream.accept(&first).await;
                return stream;
            }
        }
    })
    .await
}

/// Waits until the relay has folded what was appended: the guest's node has a snapshot, or has none.
async fn until_known(bed: &Bed, there: bool) -> Value {
    soon(async {
        loop {
            let (status, answer) = bed.get_json(&format!("/snapshot?node={CAFE}")).await;
            if (status == 200) == there {
                return answer;
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_node_of_another_account_is_served_in_the_owners_mesh() {
    let bed = shared().await;
    let _stream = served(&bed, CAFE).await;
    let proxies = bed.proxies_when(|proxies| proxies.len() == 1).await;
    assert_eq!(proxies[0]["meshOwner"], "000000000000");
    assert_eq!(proxies[0]["resource"], "mesh/shop/virtualNode/cafe");
    // In the mesh that the guest would have himself there is no such node.
    let elsewhere = bed.delta_of(&format!("mesh/shop@{GUEST}/virtualNode/cafe")).await;
    assert_refused(&elsewhere.end().await, Code::InvalidArgument, GUEST);
}

#[tokio::test]
async fn after_unsharing_streams_of_the_account_end_and_new_ones_are_refused() {
    let bed = shared().await;
    let (delta, mut owners) = (served(&bed, CAFE).await, served(&bed, WEB).await);
    let mut sotw = bed.sotw_of(CAFE).await;
    sotw.next().await;
    unshare(&bed).await;

    assert_refused(&delta.end().await, Code::PermissionDenied, GUEST);
    let ended = soon(sotw.responses.message()).await.expect_err("this one ends as well");
    assert_eq!(ended.code(), Code::PermissionDenied);
    assert_refused(&bed.delta_of(CAFE).await.end().await, Code::PermissionDenied, "not shared any more");
    let told = until_known(&bed, false).await;
    assert!(told.to_string().contains(GUEST), "{told}");
    // Those of the owner go on, and see what changes.
    bed.move_cart(9090).await;
    assert!(names(&owners.next().await).0.contains(&"cds_egress_shop_cart_http_9090"));
}

#[tokio::test]
async fn after_sharing_again_the_node_is_served_as_the_mesh_is_by_then() {
    let bed = shared().await;
    until_known(&bed, true).await;
    unshare(&bed).await;
    until_known(&bed, false).await;
    bed.move_cart(9090).await;
    share(&bed).await;
    until_known(&bed, true).await;
    let mut stream = bed.delta_of(CAFE).await;
    assert!(names(&stream.next().await).0.contains(&"cds_egress_shop_cart_http_9090"));
}

#[tokio::test]
async fn a_node_that_is_deleted_while_the_mesh_is_not_shared_is_unknown_again() {
    let bed = shared().await;
    until_known(&bed, true).await;
    unshare(&bed).await;
    assert!(until_known(&bed, false).await.to_string().contains("not shared any more"));
    bed.append(Event::Deleted { resource: ResourceId::new(Kind::VirtualNode, "cafe") }).await;
    soon(async {
        while !until_known(&bed, false).await.to_string().contains("does not exist") {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_refused(&bed.delta_of(CAFE).await.end().await, Code::InvalidArgument, "does not exist");
}
