//! The AWS SDK for Rust: typed all the way, so an answer with a member missing or misspelt does not even arrive.

use super::specs;
use aws_sdk_appmesh::Client;
use aws_sdk_appmesh::config::{BehaviorVersion, Credentials, Region, retry::RetryConfig};
use aws_sdk_appmesh::error::ProvideErrorMetadata;
use aws_sdk_appmesh::types::{MeshStatusCode, ResourceMetadata, RouteStatusCode, TagRef, VirtualNodeStatusCode};
use mesh_tests::ControlPlane;

fn client(control_plane: &ControlPlane) -> Client {
    let config = aws_sdk_appmesh::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(control_plane.api().url())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("any", "thing", None, None, "tests"))
        .retry_config(RetryConfig::disabled())
        .build();
    Client::from_conf(config)
}

/// Sends a request that must be answered, and takes a member of the answer that must be there.
macro_rules! sent {
    ($request:expr) => {
        $request.send().await.unwrap_or_else(|error| panic!("{}: {error:?}", stringify!($request)))
    };
}

/// The exception a request is refused with.
macro_rules! refused {
    ($request:expr) => {
        $request.send().await.expect_err(stringify!($request)).code().map(str::to_owned).unwrap_or_default()
    };
}

/// Describes, updates with the same spec, and asserts that all three answers are one.
macro_rules! described_and_unchanged {
    ($created:expr, $member:ident, $described:expr, $updated:expr) => {
        let answer = &$created;
        let created = answer.$member().expect("a resource");
        assert_eq!(sent!($described).$member(), Some(created));
        assert_eq!(sent!($updated).$member(), Some(created));
        check(created.metadata(), 1);
    };
}

#[track_caller]
fn check(metadata: Option<&ResourceMetadata>, version: i64) {
    let metadata = metadata.expect("metadata");
    assert_eq!((metadata.version(), metadata.mesh_owner()), (version, "000000000000"));
    assert_eq!(metadata.created_at(), metadata.last_updated_at());
    assert!(metadata.created_at().secs() > 1_700_000_000 && metadata.uid().len() == 36);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rust_sdk_performs_every_operation() {
    let control_plane = ControlPlane::start().await;
    let client = client(&control_plane);
    create_and_describe(&client).await;
    update(&client).await;
    list(&client).await;
    tag(&client).await;
    refuse(&client).await;
    delete(&client).await;
    control_plane.stop().await;
}

async fn create_and_describe(client: &Client) {
    let tag = TagRef::builder().key("made-by").value("sdk").build().expect("a tag");
    let mesh = sent!(client.create_mesh().mesh_name("m").spec(specs::mesh()).tags(tag));
    described_and_unchanged!(
        mesh,
        mesh,
        client.describe_mesh().mesh_name("m"),
        client.update_mesh().mesh_name("m").spec(specs::mesh())
    );
    let node = client.create_virtual_node().mesh_name("m").virtual_node_name("n").spec(specs::node());
    let node = sent!(node);
    assert_eq!(node.virtual_node().and_then(|node| node.spec()), Some(&specs::node()));
    described_and_unchanged!(
        node,
        virtual_node,
        client.describe_virtual_node().mesh_name("m").virtual_node_name("n"),
        client.update_virtual_node().mesh_name("m").virtual_node_name("n").spec(specs::node())
    );
    let router = client.create_virtual_router().mesh_name("m").virtual_router_name("r").spec(specs::router(8080));
    described_and_unchanged!(
        sent!(router),
        virtual_router,
        client.describe_virtual_router().mesh_name("m").virtual_router_name("r"),
        client.update_virtual_router().mesh_name("m").virtual_router_name("r").spec(specs::router(8080))
    );
    let route = client.create_route().mesh_name("m").virtual_router_name("r").route_name("x").spec(specs::route(1));
    let route = sent!(route);
    assert_eq!(route.route().and_then(|route| route.spec()), Some(&specs::route(1)));
    described_and_unchanged!(
        route,
        route,
        client.describe_route().mesh_name("m").virtual_router_name("r").route_name("x"),
        client.update_route().mesh_name("m").virtual_router_name("r").route_name("x").spec(specs::route(1))
    );
    let service = client.create_virtual_service().mesh_name("m").virtual_service_name("s.local");
    described_and_unchanged!(
        sent!(service.spec(specs::service())),
        virtual_service,
        client.describe_virtual_service().mesh_name("m").virtual_service_name("s.local"),
        client.update_virtual_service().mesh_name("m").virtual_service_name("s.local").spec(specs::service())
    );
    let gateway = client.create_virtual_gateway().mesh_name("m").virtual_gateway_name("g");
    described_and_unchanged!(
        sent!(gateway.spec(specs::gateway())),
        virtual_gateway,
        client.describe_virtual_gateway().mesh_name("m").virtual_gateway_name("g"),
        client.update_virtual_gateway().mesh_name("m").virtual_gateway_name("g").spec(specs::gateway())
    );
    let route = client.create_gateway_route().mesh_name("m").virtual_gateway_name("g").gateway_route_name("x");
    let described = client.describe_gateway_route().mesh_name("m").virtual_gateway_name("g").gateway_route_name("x");
    let updated = client.update_gateway_route().mesh_name("m").virtual_gateway_name("g").gateway_route_name("x");
    described_and_unchanged!(
        sent!(route.spec(specs::gateway_route())),
        gateway_route,
        described,
        updated.spec(specs::gateway_route())
    );
}

async fn update(client: &Client) {
    let request = client.update_route().mesh_name("m").virtual_router_name("r").route_name("x").spec(specs::route(9));
    let updated = sent!(request);
    let route = updated.route().expect("a route");
    assert_eq!(route.spec(), Some(&specs::route(9)));
    assert_eq!(route.metadata().map(ResourceMetadata::version), Some(2));
    assert_eq!(route.status().map(|status| status.status()), Some(&RouteStatusCode::Active));
}

async fn list(client: &Client) {
    assert_eq!(sent!(client.list_meshes()).meshes().len(), 1);
    assert_eq!(sent!(client.list_virtual_nodes().mesh_name("m")).virtual_nodes().len(), 1);
    assert_eq!(sent!(client.list_virtual_routers().mesh_name("m")).virtual_routers().len(), 1);
    assert_eq!(sent!(client.list_virtual_services().mesh_name("m")).virtual_services().len(), 1);
    assert_eq!(sent!(client.list_virtual_gateways().mesh_name("m")).virtual_gateways().len(), 1);
    let routes = sent!(client.list_routes().mesh_name("m").virtual_router_name("r"));
    assert_eq!(
        routes.routes().iter().map(|route| (route.route_name(), route.version())).collect::<Vec<_>>(),
        [("x", 2)]
    );
    let gateway_routes = sent!(client.list_gateway_routes().mesh_name("m").virtual_gateway_name("g"));
    assert_eq!(gateway_routes.gateway_routes().len(), 1);
}

async fn tag(client: &Client) {
    let arn = "arn:aws:appmesh:us-east-1:000000000000:mesh/m";
    let tag = TagRef::builder().key("team").value("a").build().expect("a tag");
    sent!(client.tag_resource().resource_arn(arn).tags(tag.clone()));
    sent!(client.untag_resource().resource_arn(arn).tag_keys("made-by"));
    assert_eq!(sent!(client.list_tags_for_resource().resource_arn(arn)).tags(), [tag]);
}

async fn refuse(client: &Client) {
    assert_eq!(refused!(client.create_mesh().mesh_name("m")), "ConflictException");
    assert_eq!(refused!(client.delete_mesh().mesh_name("m")), "ResourceInUseException");
    let unknown =
        client.describe_mesh().mesh_name("nowhere").send().await.expect_err("no such mesh").into_service_error();
    assert!(unknown.is_not_found_exception());
    assert_eq!(unknown.message(), Some("Mesh with name nowhere is not present for account 000000000000"));
    assert_eq!(refused!(client.list_meshes().limit(0)), "BadRequestException");
}

async fn delete(client: &Client) {
    sent!(client.delete_gateway_route().mesh_name("m").virtual_gateway_name("g").gateway_route_name("x"));
    sent!(client.delete_virtual_gateway().mesh_name("m").virtual_gateway_name("g"));
    sent!(client.delete_virtual_service().mesh_name("m").virtual_service_name("s.local"));
    sent!(client.delete_route().mesh_name("m").virtual_router_name("r").route_name("x"));
    sent!(client.delete_virtual_router().mesh_name("m").virtual_router_name("r"));
    let node = sent!(client.delete_virtual_node().mesh_name("m").virtual_node_name("n"));
    let node = node.virtual_node().expect("a virtual node");
    assert_eq!(node.status().map(|status| status.status()), Some(&VirtualNodeStatusCode::Deleted));
    let mesh = sent!(client.delete_mesh().mesh_name("m"));
    let mesh = mesh.mesh().expect("a mesh");
    assert_eq!(mesh.status().and_then(|status| status.status()), Some(&MeshStatusCode::Deleted));
    assert_eq!(mesh.metadata().map(ResourceMetadata::version), Some(2));
}
