//! What must exist when it is referred to, and what cannot go while it is (§13.7).

use crate::api::{ACCOUNT, Api, SAMPLES, route_spec};
use serde_json::json;

#[tokio::test]
async fn a_route_needs_its_virtual_nodes() {
    let api = Api::with_one_of_each().await;
    let mut spec = route_spec(1);
    spec["httpRoute"]["action"]["weightedTargets"][0]["virtualNode"] = "nobody".into();
    let create = api.put("/meshes/m/virtualRouter/x/routes", json!({ "routeName": "y", "spec": spec })).await;
    assert_eq!(create.refused(404, "NotFoundException"), "VirtualNode with name nobody is missing");
    let update = api.put("/meshes/m/virtualRouter/x/routes/x", json!({ "spec": spec })).await;
    assert_eq!(update.refused(404, "NotFoundException"), "VirtualNode with name nobody is missing");
}

#[tokio::test]
async fn a_virtual_service_needs_its_provider() {
    let api = Api::with_one_of_each().await;
    for (kind, title) in [("virtualNode", "VirtualNode"), ("virtualRouter", "VirtualRouter")] {
        let provider = json!({ kind: { format!("{kind}Name"): "nobody" } });
        let body = json!({ "virtualServiceName": "s", "spec": { "provider": provider } });
        let message = api.put("/meshes/m/virtualServices", body).await.refused(404, "NotFoundException");
        assert_eq!(message, format!("{title} with name nobody is missing"));
    }
}

#[tokio::test]
async fn a_gateway_route_needs_its_virtual_service() {
    let api = Api::with_one_of_each().await;
    let target = json!({ "virtualService": { "virtualServiceName": "nobody.local" } });
    let spec = json!({ "httpRoute": { "match": { "prefix": "/" }, "action": { "target": target } } });
    let body = json!({ "gatewayRouteName": "y", "spec": spec });
    let message = api.put("/meshes/m/virtualGateway/x/gatewayRoutes", body).await.refused(404, "NotFoundException");
    assert_eq!(message, "VirtualService with name nobody.local is missing");
}

#[tokio::test]
async fn a_backend_need_not_exist_and_holds_nothing() {
    let api = Api::with_one_of_each().await;
    let service = json!({ "virtualServiceName": "later.local", "spec": {} });
    api.put("/meshes/m/virtualServices", service).await.ok();
    api.delete("/meshes/m/virtualServices/later.local").await.ok();
}

#[tokio::test]
async fn what_is_needed_cannot_be_deleted() {
    let api = Api::with_one_of_each().await;
    for (item, text) in [
        (
            "/meshes/m/virtualNodes/x",
            "VirtualNode with name x cannot be deleted because it is the target of one or more routes",
        ),
        ("/meshes/m/virtualRouters/x", "VirtualRouter with name x "),
        (
            "/meshes/m/virtualServices/x.local",
            "VirtualService x.local is being referenced in the following: GATEWAY_ROUTE: [x]",
        ),
        ("/meshes/m/virtualGateways/x", "VirtualGateway with name x has active GatewayRoutes"),
        ("/meshes/m", "Mesh m for account 123456789012 has active Virtual"),
    ] {
        let message = api.delete(item).await.refused(409, "ResourceInUseException");
        assert!(message.starts_with(text), "{message}");
        api.get(item).await.ok();
    }
}

#[tokio::test]
async fn a_router_is_held_by_the_last_of_its_services() {
    let api = Api::with_one_of_each().await;
    api.delete("/meshes/m/virtualRouter/x/routes/x").await.ok();
    let spec = json!({ "provider": { "virtualRouter": { "virtualRouterName": "x" } } });
    api.put("/meshes/m/virtualServices", json!({ "virtualServiceName": "y.local", "spec": spec })).await.ok();
    api.delete("/meshes/m/virtualGateway/x/gatewayRoutes/x").await.ok();
    for service in ["x.local", "y.local"] {
        let message = api.delete("/meshes/m/virtualRouters/x").await.refused(409, "ResourceInUseException");
        assert!(message.contains("because it is a VirtualService provider"), "{message}");
        api.delete(&format!("/meshes/m/virtualServices/{service}")).await.ok();
    }
    api.delete("/meshes/m/virtualRouters/x").await.ok();
}

#[tokio::test]
async fn nothing_is_created_in_what_does_not_exist() {
    let api = Api::new();
    for sample in &SAMPLES[1..] {
        let message = api.put(sample.collection, (sample.create)()).await.refused(404, "NotFoundException");
        assert_eq!(message, format!("Mesh with name m is not present for account {ACCOUNT}"));
        api.get(sample.collection).await.refused(404, "NotFoundException");
    }
    api.put("/meshes", json!({ "meshName": "m" })).await.ok();
    for (sample, parent) in [(&SAMPLES[3], "VirtualRouter"), (&SAMPLES[6], "VirtualGateway")] {
        let text = format!("{parent} with name x is not present under mesh m for account {ACCOUNT}");
        assert_eq!(api.put(sample.collection, (sample.create)()).await.refused(404, "NotFoundException"), text);
        assert_eq!(api.get(sample.collection).await.refused(404, "NotFoundException"), text);
        assert!(api.delete(sample.item).await.refused(404, "NotFoundException").contains("Route"));
    }
}
