use crate::resource::{Kind, ResourceId};
use crate::testing::*;

fn id(kind: Kind, name: &str) -> ResourceId {
    ResourceId::new(kind, name)
}

/// A mesh in which every kind of reference is there.
fn shop() -> Vec<crate::Command> {
    vec![
        mesh(),
        node("a", &[(8080, "http")], &["later"]),
        router("r", &[(80, "http")]),
        route("r", "x", "/", &["a"]),
        service_by_router("s", "r"),
        gateway("g", &[(8080, "http")]),
        gateway_route("g", "u", "s"),
    ]
}

#[test]
fn a_mesh_comes_first() {
    given([]).when(mesh()).then(&["MeshCreated"]);
    given([]).when(node("a", &[], &[])).then_rejected("Mesh with name m is not present for account 1");
    given([]).when(delete(id(Kind::Mesh, "m"))).then_rejected("Mesh with name m is not present for account 1");
}

#[test]
fn a_resource_is_made_with_version_1_and_what_was_given() {
    let made = given([mesh()]).when(node("a", &[(80, "http")], &[])).then(&["VirtualNodeCreated"]);
    assert_eq!(made.answer.version, 1);
    assert_eq!(made.answer.created_at, made.answer.last_updated_at);
    assert_eq!(made.answer.uid, context(1).uid);
    assert_eq!(**made.state.get(&made.answer.id).unwrap(), made.answer, "the answer is what the fold will hold");
}

#[test]
fn a_name_is_given_once() {
    given([mesh(), service("s")])
        .when(service("s"))
        .then_rejected("VirtualService with name s already exists under mesh m for account 1");
    given([mesh()]).when(mesh()).then_rejected("Mesh with name m already exists for account 1");
}

#[test]
fn the_same_wish_under_the_same_token_is_answered_again() {
    let first = under_token(node("a", &[(80, "http")], &[]), "t");
    given([mesh(), first.clone()]).when(first.clone()).then(&[]);
    let taken = "VirtualNode with name a already exists under mesh m for account 1";
    let used =
        "Client token `t` was used for another request within the last 24 hours. Please try again with a new one.";
    given([mesh(), first.clone()]).when(under_token(node("a", &[], &[]), "t")).then_rejected(used);
    given([mesh(), first.clone()]).when(under_token(node("b", &[(80, "http")], &[]), "t")).then_rejected(used);
    given([mesh(), first.clone()]).when(under_token(service("s"), "t")).then(&["VirtualServiceCreated"]);
    given([mesh(), first.clone()]).when(update(under_token(node("a", &[], &[]), "t"))).then(&["VirtualNodeUpdated"]);
    given([mesh(), first.clone()]).when(node("a", &[(80, "http")], &[])).then_rejected(taken);
    given([mesh(), first.clone()]).when(under_token(node("a", &[(80, "http")], &[]), "u")).then_rejected(taken);
}

#[test]
fn what_is_made_in_another_needs_it() {
    given([mesh(), node("a", &[], &[])])
        .when(route("r", "x", "/", &["a"]))
        .then_rejected("VirtualRouter with name r is not present under mesh m for account 1");
    given([mesh(), service("s")])
        .when(gateway_route("g", "u", "s"))
        .then_rejected("VirtualGateway with name g is not present under mesh m for account 1");
}

#[test]
fn references_lead_somewhere_when_they_are_written() {
    let base = || given([mesh(), router("r", &[(80, "http")]), gateway("g", &[])]);
    base().when(route("r", "x", "/", &["a"])).then_rejected("VirtualNode with name a is missing");
    base().when(service_by_node("s", "a")).then_rejected("VirtualNode with name a is missing");
    base().when(service_by_router("s", "q")).then_rejected("VirtualRouter with name q is missing");
    base().when(gateway_route("g", "u", "s")).then_rejected("VirtualService with name s is missing");
}

#[test]
fn a_backend_may_name_a_service_that_comes_later() {
    given([mesh()]).when(node("a", &[], &["later"])).then(&["VirtualNodeCreated"]);
}

#[test]
fn references_are_asked_on_update_as_well() {
    given(shop()).when(update(route("r", "x", "/", &["b"]))).then_rejected("VirtualNode with name b is missing");
    given(shop()).when(update(service_by_node("s", "b"))).then_rejected("VirtualNode with name b is missing");
}

#[test]
fn an_update_replaces_the_spec_and_moves_the_version() {
    let updated = given(shop()).when(update(node("a", &[(9090, "http")], &[]))).then(&["VirtualNodeUpdated"]);
    assert_eq!(updated.answer.version, 2);
    assert!(updated.answer.last_updated_at > updated.answer.created_at);
    assert_eq!(**updated.state.get(&updated.answer.id).unwrap(), updated.answer);
}

#[test]
fn an_update_to_what_already_is_changes_nothing() {
    let same = given(shop()).when(update(route("r", "x", "/", &["a"]))).then(&[]);
    assert_eq!(same.answer.version, 1);
}

#[test]
fn what_does_not_exist_is_neither_updated_nor_deleted_nor_tagged() {
    let missing = "VirtualNode with name b is not present under mesh m for account 1";
    given(shop()).when(update(node("b", &[], &[]))).then_rejected(missing);
    given(shop()).when(delete(id(Kind::VirtualNode, "b"))).then_rejected(missing);
    given(shop()).when(tag(id(Kind::VirtualNode, "b"), &[("k", "v")])).then_rejected(missing);
    given(shop()).when(untag(id(Kind::VirtualNode, "b"), &["k"])).then_rejected(missing);
}

#[test]
fn what_is_needed_is_not_deleted() {
    given(shop())
        .when(delete(id(Kind::VirtualNode, "a")))
        .then_rejected("VirtualNode with name a cannot be deleted because it is the target of one or more routes: x");
    given(shop()).when(delete(id(Kind::VirtualRouter, "r"))).then_rejected(
        "VirtualRouter with name r has active Routes, please delete Routes before deleting the VirtualRouter",
    );
    given(shop())
        .when(delete(id(Kind::VirtualService, "s")))
        .then_rejected("VirtualService s is being referenced in the following: GATEWAY_ROUTE: [u]");
    given(shop()).when(delete(id(Kind::VirtualGateway, "g"))).then_rejected(
        "VirtualGateway with name g has active GatewayRoutes, please delete GatewayRoutes before deleting the VirtualGateway",
    );
    given(shop()).when(delete(id(Kind::Mesh, "m"))).then_rejected(
        "Mesh m for account 1 has active VirtualGateways, please delete VirtualGateways before deleting the Mesh",
    );
}

#[test]
fn a_provider_is_not_deleted() {
    given([mesh(), router("r", &[(80, "http")]), service_by_router("s", "r"), service_by_router("t", "r")])
        .when(delete(id(Kind::VirtualRouter, "r")))
        .then_rejected("VirtualRouter with name r cannot be deleted because it is a VirtualService provider: s, t");
    given([mesh(), node("a", &[], &[]), service_by_node("s", "a")])
        .when(delete(id(Kind::VirtualNode, "a")))
        .then_rejected("VirtualNode with name a cannot be deleted because it is a VirtualService provider: s");
}

#[test]
fn a_backend_does_not_hold_its_service() {
    given([mesh(), service("s"), node("a", &[], &["s"])])
        .when(delete(id(Kind::VirtualService, "s")))
        .then(&["VirtualServiceDeleted"]);
}

#[test]
fn everything_is_deleted_in_the_order_that_works() {
    let mut commands = shop();
    commands.extend([
        delete(ResourceId::child(Kind::GatewayRoute, "g", "u")),
        delete(id(Kind::VirtualGateway, "g")),
        delete(id(Kind::VirtualService, "s")),
        delete(ResourceId::child(Kind::Route, "r", "x")),
        delete(id(Kind::VirtualRouter, "r")),
        delete(id(Kind::VirtualNode, "a")),
    ]);
    let gone = given(commands).when(delete(id(Kind::Mesh, "m"))).then(&["MeshDeleted"]);
    assert_eq!(gone.answer.version, 2, "a deleted resource is shown one version on");
    assert_eq!(gone.state.resources().count(), 0);
}

#[test]
fn a_reference_that_an_update_took_away_holds_nothing() {
    given([
        mesh(),
        node("a", &[], &[]),
        node("b", &[], &[]),
        service_by_node("s", "a"),
        update(service_by_node("s", "b")),
    ])
    .when(delete(id(Kind::VirtualNode, "a")))
    .then(&["VirtualNodeDeleted"]);
}

#[test]
fn a_name_is_free_again_after_deletion() {
    let again = given([mesh(), service("s"), delete(id(Kind::VirtualService, "s"))])
        .when(service("s"))
        .then(&["VirtualServiceCreated"]);
    assert_eq!(again.answer.version, 1);
}

#[test]
fn broken_rules_are_told_before_anything_else() {
    given([]).when(node("a/b", &[(0, "http")], &[])).then_rejected(
        "virtualNodeName: is `a/b`, may have letters, digits, `-`, `_` only; \
         spec.listeners[0].portMapping.port: is 0, must be between 1 and 65535",
    );
}

#[test]
fn tags_are_set_and_taken_without_a_new_version() {
    let node_a = id(Kind::VirtualNode, "a");
    let tagged = given(shop()).when(tag(node_a.clone(), &[("k", "v"), ("l", "w")])).then(&["VirtualNodeTagged"]);
    assert_eq!((tagged.answer.version, tagged.answer.tags), (1, tags(&[("k", "v"), ("l", "w")])));

    let mut commands = shop();
    commands.push(tag(node_a.clone(), &[("k", "v"), ("l", "w")]));
    let less = given(commands.clone()).when(untag(node_a.clone(), &["k", "z"])).then(&["VirtualNodeUntagged"]);
    assert_eq!(less.answer.tags, tags(&[("l", "w")]));
    given(commands.clone()).when(tag(node_a.clone(), &[("k", "v")])).then(&[]);
    given(commands).when(untag(node_a, &["z"])).then(&[]);
}

#[test]
fn a_resource_has_fifty_tags_at_most() {
    let node_a = id(Kind::VirtualNode, "a");
    let keys: Vec<String> = (0..50).map(|n| format!("k{n}")).collect();
    let fifty: Vec<_> = keys.iter().map(|key| (key.as_str(), "v")).collect();
    let full = || {
        let mut commands = shop();
        commands.push(tag(node_a.clone(), &fifty));
        given(commands)
    };
    full().when(tag(node_a.clone(), &[("k0", "other")])).then(&["VirtualNodeTagged"]);
    full()
        .when(tag(node_a.clone(), &[("one more", "v")]))
        .then_rejected("virtualNode a would have 51 tags; a resource has 50 at most");
}

#[test]
fn a_repeated_request_is_answered_as_it_was_whatever_has_happened_since() {
    let spec = |port| under_token(update(node("a", &[(port, "http")], &[])), &format!("t{port}"));
    let commands = || [mesh(), node("a", &[], &[]), spec(1), spec(2)];
    let again = given(commands()).when(spec(1)).then(&[]);
    let first = given([mesh(), node("a", &[], &[])]).when(spec(1)).then(&["VirtualNodeUpdated"]);
    assert_eq!((again.answer.version, again.answer), (2, first.answer));
    let made = under_token(service("s"), "made");
    let gone = given([mesh(), made.clone(), delete(id(Kind::VirtualService, "s"))]).when(made).then(&[]);
    assert_eq!((gone.answer.version, gone.answer.uid), (1, context(1).uid), "it was made once, and is gone");
}

#[test]
fn a_token_is_free_again_after_a_day() {
    let state = given([mesh(), under_token(service("s"), "t")]).state;
    let other = under_token(service("another"), "t");
    let mut late = context(state.seq());
    assert!(super::decide(&state, &other, &late).is_err());
    late.now.0 += 24 * 60 * 60 * 1000;
    assert!(super::decide(&state, &other, &late).is_ok());
}

#[test]
fn an_update_that_changes_nothing_writes_no_event_under_a_token_either() {
    given(shop()).when(under_token(update(route("r", "x", "/", &["a"])), "t")).then(&[]);
}

#[test]
fn who_makes_a_resource_owns_it() {
    let mut state = given([mesh()]).state;
    fold(&mut state, crate::Event::Shared { resource: id(Kind::Mesh, "m"), with: "2".into() });
    let mut context = context(2);
    context.caller.account = "2".into();
    let decision = super::decide(&state, &service("s"), &context).unwrap();
    assert_eq!(decision.answer.owner.as_str(), "2");
}
