use crate::resource::{Kind, ResourceId};
use crate::testing::*;
use crate::{Command, MeshState};
use proptest::prelude::*;
use serde_json::{Value, json};

const HTTP: &str = "http";

fn http(ports: &[i64]) -> Vec<(i64, &'static str)> {
    ports.iter().map(|port| (*port, HTTP)).collect()
}

/// A route of router `r` to node `a`, each with a port or without.
fn chosen(name: &str, from: Option<i64>, to: Option<i64>) -> Command {
    let mut target = json!({ "virtualNode": "a", "weight": 1 });
    let mut matched = json!({ "prefix": "/" });
    put(&mut target, to);
    put(&mut matched, from);
    route_of("r", name, json!({ "httpRoute": { "match": matched, "action": { "weightedTargets": [target] } } }))
}

/// A gateway route of gateway `g` to service `s`, each with a port or without.
fn entering(name: &str, from: Option<i64>, to: Option<i64>) -> Command {
    let mut target = json!({ "virtualService": { "virtualServiceName": "s" } });
    let mut matched = json!({ "serviceName": "shop.Cart" });
    put(&mut target, to);
    put(&mut matched, from);
    let mut command = gateway_route("g", name, "s");
    if let crate::Change::Create { spec, .. } = &mut command.change {
        let route = json!({ "grpcRoute": { "match": matched, "action": { "target": target } } });
        *spec = crate::testing::spec(Kind::GatewayRoute, route);
    }
    command
}

fn put(value: &mut Value, port: Option<i64>) {
    if let Some(port) = port {
        value["port"] = json!(port);
    }
}

/// Node `a`, router `r`, service `s` by the router, gateway `g`, with these ports.
fn shop(node_ports: &[i64], router_ports: &[i64], gateway_ports: &[i64]) -> Vec<Command> {
    vec![
        mesh(),
        node("a", &http(node_ports), &[]),
        router("r", &http(router_ports)),
        service_by_router("s", "r"),
        gateway("g", &http(gateway_ports)),
    ]
}

fn and(mut commands: Vec<Command>, more: impl IntoIterator<Item = Command>) -> Vec<Command> {
    commands.extend(more);
    commands
}

#[test]
fn a_route_says_which_of_several_listeners_it_is_for() {
    given(shop(&[9], &[80, 81], &[]))
        .when(chosen("x", None, None))
        .then_rejected("spec.httpRoute.match.port: is missing, must be one of 80, 81: Route must define a port match criteria if the Virtual Router has multiple listeners");
    given(shop(&[9], &[80, 81], &[])).when(chosen("x", Some(81), None)).then(&["RouteCreated"]);
    given(shop(&[9], &[80], &[])).when(chosen("x", None, None)).then(&["RouteCreated"]);
}

#[test]
fn a_target_with_several_listeners_is_named_with_its_port() {
    given(shop(&[9, 10], &[80], &[]))
        .when(chosen("x", None, None))
        .then_rejected("spec.httpRoute.action.weightedTargets[0].port: is missing, must be one of 9, 10: Weighted Target must define a port if the Virtual Node has multiple listeners");
    given(shop(&[9, 10], &[80], &[])).when(chosen("x", None, Some(10))).then(&["RouteCreated"]);
}

#[test]
fn a_gateway_route_names_ports_where_there_are_several() {
    given(shop(&[9], &[80, 81], &[1, 2]))
        .when(entering("x", None, None))
        .then_rejected("spec.grpcRoute.match.port: is missing, must be one of 1, 2: Gateway Route must define a port match criteria if the Virtual Gateway has multiple listeners; \
            spec.grpcRoute.action.target.port: is missing, must be one of 80, 81: Gateway Route must define a target port if the Virtual Service has multiple listeners");
    given(shop(&[9], &[80, 81], &[1, 2])).when(entering("x", Some(2), Some(80))).then(&["GatewayRouteCreated"]);
}

#[test]
fn a_port_that_is_named_is_one_that_is_there() {
    given(shop(&[9], &[80, 81], &[])).when(chosen("x", Some(82), Some(8))).then_rejected(
        "spec.httpRoute.match.port: is 82, must be one of 80, 81, as virtualRouter r listens; \
         spec.httpRoute.action.weightedTargets[0].port: is 8, must be 9, as virtualNode a listens",
    );
    given(shop(&[9], &[80], &[1])).when(entering("x", Some(2), Some(81))).then_rejected(
        "spec.grpcRoute.match.port: is 2, must be 1, as virtualGateway g listens; \
         spec.grpcRoute.action.target.port: is 81, must be 80, as virtualService s listens",
    );
}

#[test]
fn where_nothing_listens_any_port_may_be_named() {
    given(shop(&[], &[80], &[])).when(chosen("x", None, Some(9))).then(&["RouteCreated"]);
    given([mesh(), service("s"), gateway("g", &[])])
        .when(entering("x", Some(1), Some(80)))
        .then(&["GatewayRouteCreated"]);
}

#[test]
fn a_listener_is_not_added_to_a_router_whose_routes_lack_ports() {
    let routes = ["f", "e", "d", "c", "b", "a"].map(|name| chosen(name, None, None));
    given(and(shop(&[9], &[80], &[]), routes)).when(update(router("r", &http(&[80, 81])))).then_rejected(
        "spec.listeners: would be 2 listeners: All Routes for this Virtual Router must define a port match before adding multiple \
         listeners to this Virtual Router. 6 Route(s) are missing port. Listing up to 5 route names: [a, b, c, d, e]",
    );
    given(and(shop(&[9], &[80], &[]), [chosen("x", Some(80), None)]))
        .when(update(router("r", &http(&[80, 81]))))
        .then(&["VirtualRouterUpdated"]);
}

#[test]
fn a_listener_is_not_added_to_a_node_while_routes_to_it_lack_ports() {
    let text = "spec.listeners: would be 2 listeners: All Routes to this Virtual Node must define a target port before adding multiple \
         listeners to this Virtual Node. 1 Route(s) are missing port. Listing up to 5 route names: [x]";
    given(and(shop(&[9], &[80], &[]), [chosen("x", None, None)]))
        .when(update(node("a", &http(&[9, 10]), &[])))
        .then_rejected(text);
    given(and(shop(&[9], &[80], &[]), [chosen("x", None, Some(9))]))
        .when(update(node("a", &http(&[9, 10]), &[])))
        .then(&["VirtualNodeUpdated"]);
}

#[test]
fn a_listener_is_not_added_behind_a_service_while_gateway_routes_lack_ports() {
    let provided = || and(shop(&[9], &[80], &[1]), [entering("x", None, None)]);
    let text = |holder: &str| {
        format!(
            "All Gateway Routes to this {holder} must define a target port before adding multiple listeners to this {holder}. \
             1 Gateway Route(s) are missing port. Listing up to 5 gateway route names: [x]"
        )
    };
    given(provided())
        .when(update(router("r", &http(&[80, 81]))))
        .then_rejected(&format!("spec.listeners: would be 2 listeners: {}", text("Virtual Router")));
    given(and(provided(), [node("b", &http(&[7, 8]), &[])]))
        .when(update(service_by_node("s", "b")))
        .then_rejected(&format!("spec.provider: would be 2 listeners: {}", text("Virtual Service")));
    given(and(provided(), [update(service_by_node("s", "a"))]))
        .when(update(node("a", &http(&[9, 10]), &[])))
        .then_rejected(&format!("spec.listeners: would be 2 listeners: {}", text("Virtual Node")));
    given(provided()).when(update(gateway("g", &http(&[1, 2])))).then_rejected(
        "spec.listeners: would be 2 listeners: All Gateway Routes for this Virtual Gateway must define a port match before adding \
         multiple listeners to this Virtual Gateway. 1 Gateway Route(s) are missing port. Listing up to 5 gateway route names: [x]",
    );
}

#[test]
fn a_port_that_routes_name_stays() {
    let used = || and(shop(&[9], &[80, 81], &[]), [chosen("x", Some(81), Some(9)), chosen("y", Some(80), None)]);
    given(used()).when(update(router("r", &http(&[80, 82])))).then_rejected(
        "spec.listeners: would not have ports that are in use. 1 Route(s) name them. Listing up to 5 route names: [x (81)]",
    );
    given(used()).when(update(node("a", &http(&[10]), &[]))).then_rejected(
        "spec.listeners: would not have ports that are in use. 1 Route(s) name them. Listing up to 5 route names: [x (9)]",
    );
    given(used()).when(update(router("r", &[(81, "grpc"), (80, "http")]))).then(&["VirtualRouterUpdated"]);
}

#[test]
fn a_port_is_moved_by_having_both_for_a_while() {
    given(and(
        shop(&[9], &[80], &[]),
        [chosen("x", Some(80), None), update(router("r", &http(&[80, 90]))), update(chosen("x", Some(90), None))],
    ))
    .when(update(router("r", &http(&[90]))))
    .then(&["VirtualRouterUpdated"]);
}

#[test]
fn what_never_fitted_does_not_stand_in_the_way_of_other_changes() {
    let old = || {
        remembered(and(shop(&[9, 10], &[80, 81], &[]), [chosen("old", None, None), chosen("stray", Some(7), Some(9))]))
    };
    old().when(update(router("r", &http(&[80, 81, 82])))).then(&["VirtualRouterUpdated"]);
    old().when(update(router("r", &http(&[82])))).then(&["VirtualRouterUpdated"]);
    old().when(update(node("a", &http(&[9, 10]), &["s"]))).then(&["VirtualNodeUpdated"]);
    old().when(update(chosen("old", None, None))).then(&[]);
    let missing = "spec.httpRoute.match.port: is 7, must be one of 80, 81, as virtualRouter r listens";
    old().when(update(chosen("stray", Some(7), Some(10)))).then_rejected(missing);
    old().when(update(chosen("old", Some(80), Some(10)))).then(&["RouteUpdated"]);
}

#[test]
fn ports_are_told_together_with_every_other_breach() {
    let mut two = json!({ "virtualNode": "a", "weight": 101 });
    put(&mut two, Some(0));
    let route = json!({ "httpRoute": { "match": { "prefix": "x" }, "action": { "weightedTargets": [two] } } });
    given(shop(&[9], &[80, 81], &[])).when(route_of("r", "x", route)).then_rejected(
        "spec.httpRoute.action.weightedTargets[0].port: is 0, must be between 1 and 65535; \
         spec.httpRoute.action.weightedTargets[0].weight: is 101, must be between 0 and 100; \
         spec.httpRoute.match.prefix: is `x`, must begin with `/`; \
         spec.httpRoute.match.port: is missing, must be one of 80, 81: Route must define a port match criteria if the Virtual Router has multiple listeners",
    );
}

/// Whether every route and gateway route of a mesh has a choice that holds.
fn fits(state: &MeshState) -> bool {
    let users = state.resources().filter(|it| matches!(it.id.kind, Kind::Route | Kind::GatewayRoute));
    users.into_iter().all(|it| super::check(state, &it.id, &it.spec).is_empty())
}

fn ports() -> impl Strategy<Value = Vec<i64>> {
    proptest::sample::subsequence(vec![80, 81, 82], 0..=3)
}

fn port() -> impl Strategy<Value = Option<i64>> {
    proptest::option::of(proptest::sample::select(vec![80, 81, 82]))
}

fn wish() -> impl Strategy<Value = Command> {
    let name = || proptest::sample::select(vec!["x", "y"]);
    prop_oneof![
        ports().prop_map(|ports| update(node("a", &http(&ports), &[]))),
        ports().prop_map(|ports| update(router("r", &http(&ports)))),
        ports().prop_map(|ports| update(gateway("g", &http(&ports)))),
        Just(update(service_by_node("s", "a"))),
        Just(update(service_by_router("s", "r"))),
        Just(update(service("s"))),
        (name(), port(), port()).prop_map(|(name, from, to)| chosen(name, from, to)),
        (name(), port(), port()).prop_map(|(name, from, to)| update(chosen(name, from, to))),
        (name(), port(), port()).prop_map(|(name, from, to)| entering(name, from, to)),
        (name(), port(), port()).prop_map(|(name, from, to)| update(entering(name, from, to))),
        name().prop_map(|name| delete(ResourceId::child(Kind::Route, "r", name))),
        name().prop_map(|name| delete(ResourceId::child(Kind::GatewayRoute, "g", name))),
    ]
}

proptest! {
    #[test]
    fn whatever_is_accepted_in_whatever_order_every_route_keeps_a_choice_that_holds(
        wishes in proptest::collection::vec(wish(), 1..40)
    ) {
        let mut state = given(shop(&[80], &[80], &[80])).state;
        for wish in wishes {
            if let Ok(decision) = crate::decide(&state, &wish, &context(state.seq())) {
                decision.events.into_iter().for_each(|event| fold(&mut state, event));
            }
            prop_assert!(fits(&state), "after {wish:?}");
        }
    }
}
