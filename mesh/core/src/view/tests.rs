use super::*;
use crate::event::Event;
use crate::resource::Name;
use crate::testing::*;
use crate::{Change, Command, MeshKey};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

fn view_of(state: &MeshState, name: &str) -> ServiceView {
    service_view(state, &name.into())
}

fn http(port: i64) -> (i64, &'static str) {
    (port, "http")
}

/// The names of a port's routes in the order in which they are tried.
fn order(routes: Vec<(&str, Value)>) -> Vec<String> {
    let mut commands = vec![
        mesh(),
        node("a", &[http(8080)], &[]),
        router("r", &[(80, "http"), (81, "grpc")]),
        service_by_router("s", "r"),
    ];
    for (name, mut json) in routes {
        for protocol in ["httpRoute", "grpcRoute"] {
            if let Some(route) = json.get_mut(protocol) {
                route["action"] = weighted(&["a"]);
            }
        }
        commands.push(route_of("r", name, json));
    }
    // Without ports, as a router with two listeners no longer takes them.
    let view = view_of(&remembered(commands).state, "s");
    view.ports.iter().flat_map(|port| &port.routes).map(|route| route.name.as_ref().unwrap().to_string()).collect()
}

fn matching(matched: Value) -> Value {
    json!({ "httpRoute": { "match": matched } })
}

#[test]
fn routes_without_priority_go_exact_then_longest_prefix_then_regex_then_name() {
    let tried = order(vec![
        ("all", matching(json!({ "prefix": "/" }))),
        ("b", matching(json!({ "prefix": "/cart" }))),
        ("a", matching(json!({ "prefix": "/cart" }))),
        ("any", matching(json!({}))),
        ("exact", matching(json!({ "path": { "exact": "/" } }))),
        ("longer", matching(json!({ "prefix": "/cart/x" }))),
        ("regex", matching(json!({ "path": { "regex": "/cart/x/y/z" } }))),
    ]);
    assert_eq!(tried, ["exact", "longer", "a", "b", "all", "any", "regex"]);
}

#[test]
fn a_priority_goes_before_everything_without_one() {
    let with = |priority: i64, prefix: &str| {
        let mut route = matching(json!({ "prefix": prefix }));
        route["priority"] = json!(priority);
        route
    };
    let tried = order(vec![
        ("exact", matching(json!({ "path": { "exact": "/cart" } }))),
        ("last", with(1000, "/very/long/prefix")),
        ("first", with(0, "/")),
        ("tie-short", with(5, "/")),
        ("tie-long", with(5, "/cart")),
    ]);
    assert_eq!(tried, ["first", "tie-long", "tie-short", "last", "exact"]);
}

#[test]
fn grpc_routes_go_method_then_service_then_all() {
    let grpc = |matched: Value| json!({ "grpcRoute": { "match": matched } });
    let tried = order(vec![
        ("all", grpc(json!({}))),
        ("service", grpc(json!({ "serviceName": "shop.Cart" }))),
        ("method", grpc(json!({ "serviceName": "shop.Cart", "methodName": "Add" }))),
    ]);
    assert_eq!(tried, ["method", "service", "all"]);
}

#[test]
fn a_route_is_for_the_listeners_of_its_protocol_and_port() {
    let mut of_81 = matching(json!({ "prefix": "/", "port": 81 }));
    of_81["httpRoute"]["action"] = weighted(&["a"]);
    let state = remembered([
        mesh(),
        node("a", &[http(8080)], &[]),
        router("r", &[http(80), http(81), (82, "http2")]),
        service_by_router("s", "r"),
        route("r", "every", "/", &["a"]),
        route_of("r", "of-81", of_81),
    ])
    .state;
    let ports: Vec<(i64, Vec<String>)> = view_of(&state, "s")
        .ports
        .iter()
        .map(|port| (port.mapping.port, port.routes.iter().flat_map(|it| &it.name).map(ToString::to_string).collect()))
        .collect();
    let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(ports, [(80, names(&["every"])), (81, names(&["every", "of-81"])), (82, names(&[]))]);
}

/// The port and protocol that a route to node `a` leads to, for a router that speaks grpc.
fn target(listeners: &[(i64, &str)], port: Option<i64>) -> Option<(i64, String)> {
    let mut to = json!({ "virtualNode": "a", "weight": 1 });
    if let Some(port) = port {
        to["port"] = json!(port);
    }
    let route = json!({ "grpcRoute": { "match": {}, "action": { "weightedTargets": [to] } } });
    let commands = [
        mesh(),
        node("a", listeners, &[]),
        router("r", &[(80, "grpc")]),
        service_by_router("s", "r"),
        route_of("r", "x", route),
    ];
    let view = view_of(&remembered(commands).state, "s");
    let mapping = view.ports[0].routes[0].targets[0].port.as_ref()?.mapping();
    Some((mapping.port, mapping.protocol.to_string()))
}

#[test]
fn a_target_is_the_listener_named_else_the_one_that_speaks_the_protocol_else_the_first() {
    let two = [(8080, "http"), (9090, "grpc")];
    assert_eq!(target(&two, Some(8080)), Some((8080, "http".into())));
    assert_eq!(target(&two, None), Some((9090, "grpc".into())));
    assert_eq!(target(&two[..1], None), Some((8080, "http".into())));
    assert_eq!(target(&two, Some(1)), None, "a port that the node does not have is no target");
    assert_eq!(target(&[], None), None);
}

#[test]
fn a_service_that_leads_nowhere_has_no_ports() {
    let state = given([mesh(), service("empty")]).state;
    for name in ["empty", "never made"] {
        assert_eq!(view_of(&state, name), ServiceView { name: name.into(), ports: Vec::new() });
    }
}

#[test]
fn a_service_of_a_node_has_the_nodes_ports_and_takes_everything() {
    let state = given([mesh(), node("a", &[http(8080), (9090, "grpc")], &[]), service_by_node("s", "a")]).state;
    let view = view_of(&state, "s");
    assert_eq!(view.ports.iter().map(|port| port.mapping.port).collect::<Vec<_>>(), [8080, 9090]);
    for port in &view.ports {
        assert_eq!((port.routes.len(), &port.routes[0].name, &port.routes[0].rule), (1, &None, &RouteRule::Everything));
        assert_eq!(port.routes[0].targets[0].port.as_ref().unwrap().mapping(), port.mapping);
    }
}

#[test]
fn a_target_that_is_gone_stays_visible_without_a_port() {
    let mut state = given([
        mesh(),
        node("a", &[http(8080)], &[]),
        router("r", &[http(80)]),
        service_by_router("s", "r"),
        route("r", "x", "/", &["a"]),
    ])
    .state;
    // No command leads here; a log may.
    fold(&mut state, Event::Deleted { resource: ResourceId::new(Kind::VirtualNode, "a") });
    let view = view_of(&state, "s");
    assert_eq!(view.ports[0].routes[0].targets, [Target { node: "a".into(), weight: 1, port: None }]);
}

#[test]
fn a_sidecar_sees_its_backends_once_in_their_order_whether_or_not_they_exist() {
    let state = given([mesh(), service("t"), node("a", &[], &["t", "ghost"])]).state;
    let view = sidecar_view(&state, &"a".into(), |name| Arc::new(service_view(&state, name))).unwrap();
    let names: Vec<_> = view.backends.iter().map(|backend| backend.service.name.as_str()).collect();
    assert_eq!(names, ["t", "ghost"]);
    assert!(sidecar_view(&state, &"b".into(), |name| Arc::new(service_view(&state, name))).is_none());
}

#[test]
fn a_backend_named_again_among_very_many_is_seen_once() {
    let names: Vec<String> = (0..60_000).map(|number| format!("service-{}", number % 40_000)).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut state = given([mesh()]).state;
    let Change::Create { spec, tags, token } = node("a", &[], &names).change else { unreachable!("it is made") };
    let resource = ResourceId::new(Kind::VirtualNode, "a");
    fold(&mut state, Event::Created { resource, uid: uuid::Uuid::nil(), owner: "1".into(), spec, tags, token });
    let nothing = |name: &Name| Arc::new(ServiceView { name: name.clone(), ports: Vec::new() });
    assert_eq!(sidecar_view(&state, &"a".into(), nothing).unwrap().backends.len(), 40_000);
}

#[test]
fn a_backends_own_policy_goes_before_the_default() {
    let policy = |ca: &str| json!({ "clientPolicy": { "tls": { "validation": { "trust": { "file": { "certificateChain": ca } } } } } });
    let mut own = policy("/own.pem");
    own["virtualServiceName"] = json!("own");
    let json = json!({
        "backendDefaults": policy("/default.pem"),
        "backends": [
            { "virtualService": own },
            { "virtualService": { "virtualServiceName": "other" } },
            { "virtualService": { "virtualServiceName": "silent", "clientPolicy": {} } },
        ],
    });
    let node = ResourceId::new(Kind::VirtualNode, "a");
    let change = Change::Create { spec: spec(Kind::VirtualNode, json), tags: tags(&[]), token: None };
    let state = given([mesh(), Command { target: node, change }]).state;
    let view = sidecar_view(&state, &"a".into(), |name| Arc::new(service_view(&state, name))).unwrap();
    let trusts: Vec<_> = view.backends.iter().map(|backend| format!("{:?}", backend.client_policy)).collect();
    assert!(trusts[0].contains("/own.pem") && trusts[1].contains("/default.pem"), "{trusts:?}");
    assert!(trusts[2].contains("/default.pem"), "a policy that says nothing switches nothing off: {trusts:?}");
}

#[test]
fn a_gateway_sees_each_service_once() {
    let state = given([
        mesh(),
        service("s"),
        service("t"),
        gateway("g", &[http(8080)]),
        gateway("h", &[http(8080)]),
        gateway_route("g", "v", "t"),
        gateway_route("g", "u", "s"),
        gateway_route("g", "w", "s"),
        gateway_route("h", "x", "t"),
    ])
    .state;
    let view = gateway_view(&state, &"g".into(), |name| Arc::new(service_view(&state, name))).unwrap();
    assert_eq!(view.routes.iter().map(|route| route.name.as_str()).collect::<Vec<_>>(), ["u", "v", "w"]);
    assert_eq!(view.backends.iter().map(|it| it.service.name.as_str()).collect::<Vec<_>>(), ["s", "t"]);
}

/// Any event about few names: also those that no command would lead to, so that references hang as well.
fn event() -> impl Strategy<Value = Event> {
    let few = || prop::sample::select(vec!["a", "b"]);
    let ports = || prop::sample::select(vec![&[][..], &[(80, "http")][..], &[(80, "http"), (81, "grpc")][..]]);
    let make = prop_oneof![
        2 => prop::sample::select(vec!["ALLOW_ALL", "DROP_ALL"]).prop_map(|filter| Command {
            target: ResourceId::new(Kind::Mesh, "m"),
            change: Change::Create {
                spec: spec(Kind::Mesh, json!({ "egressFilter": { "type": filter } })),
                tags: tags(&[]),
                token: None,
            },
        }),
        3 => (few(), ports(), prop::collection::vec(few(), 0..3)).prop_map(|(name, ports, to)| node(name, ports, &to)),
        3 => (few(), ports()).prop_map(|(name, ports)| router(name, ports)),
        1 => (few(), ports()).prop_map(|(name, ports)| gateway(name, ports)),
        3 => (few(), few(), prop::collection::vec(few(), 1..3)).prop_map(|(of, name, to)| route(of, name, "/", &to)),
        3 => (few(), few()).prop_map(|(name, node)| service_by_node(name, node)),
        3 => (few(), few()).prop_map(|(name, router)| service_by_router(name, router)),
        3 => (few(), few(), few()).prop_map(|(of, name, service)| gateway_route(of, name, service)),
    ];
    let owner = prop::sample::select(vec!["1", "1", "2"]);
    (make, 0..8, owner).prop_map(|(make, verb, owner)| {
        let resource = make.target;
        let Change::Create { spec, tags: none, token } = make.change else {
            unreachable!("all of them make something")
        };
        match verb {
            0 => Event::Deleted { resource },
            1 => Event::Updated { resource, spec, token },
            2 => Event::Tagged { resource, tags: tags(&[("k", "v")]) },
            3 => shared("2"),
            4 => unshared("2"),
            _ => Event::Created { resource, uid: uuid::Uuid::nil(), owner: owner.into(), spec, tags: none, token },
        }
    })
}

fn shared(with: &str) -> Event {
    Event::Shared { resource: ResourceId::new(Kind::Mesh, "m"), with: with.into() }
}

fn unshared(with: &str) -> Event {
    Event::Unshared { resource: ResourceId::new(Kind::Mesh, "m"), with: with.into() }
}

/// Everything that anyone can see.
#[derive(PartialEq)]
struct Seen {
    services: BTreeMap<Name, ServiceView>,
    nodes: BTreeMap<ResourceId, Option<NodeView>>,
}

impl Seen {
    fn changed_since<'s>(&'s self, before: &'s Self) -> impl Iterator<Item = &'s Name> {
        let changed = |(name, view): &(&Name, &ServiceView)| before.services.get(*name) != Some(*view);
        self.services.iter().filter(changed).map(|(name, _)| name)
    }
}

fn seen(state: &MeshState) -> Seen {
    let names = || ["a", "b"].into_iter().map(Name::from);
    let services = names().map(|name| (name.clone(), service_view(state, &name))).collect();
    let proxies = names()
        .flat_map(|name| [Kind::VirtualNode, Kind::VirtualGateway].map(|kind| ResourceId::new(kind, name.clone())));
    let view = |id: ResourceId| {
        let view = node_view(state, &id, |name| Arc::new(service_view(state, name)));
        (id, view)
    };
    Seen { services, nodes: proxies.map(view).collect() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn every_view_that_an_event_changes_is_named_as_affected(events in prop::collection::vec(event(), 1..25)) {
        let mut state = MeshState::new(MeshKey::new("1", "m"));
        for event in events {
            let before = seen(&state);
            let next = record(&state, event.clone());
            if state.apply(&next).is_err() {
                continue;
            }
            let affected = affected(&state, &event);
            let after = seen(&state);
            for (name, view) in &after.services {
                let told = affected.services.contains(name);
                prop_assert!(told || before.services.get(name) == Some(view), "service {name} by {event:?}");
            }
            for (id, view) in &after.nodes {
                let called = |service| callers(&state, service).contains(id);
                let told = affected.everything || affected.nodes.contains(id);
                let told = told || after.changed_since(&before).any(called);
                prop_assert!(told || before.nodes.get(id) == Some(view), "{id} by {event:?}");
            }
        }
    }
}

#[test]
fn sharing_affects_the_nodes_of_the_account_and_nobody_else() {
    let mut state =
        given([mesh(), node("mine", &[http(80)], &["s"]), service_by_node("s", "mine"), gateway("g", &[http(80)])])
            .state;
    for (owner, name) in [("2", "theirs"), ("3", "others"), ("2", "theirs-too")] {
        let Change::Create { spec, tags, token } = node(name, &[http(80)], &["s"]).change else { unreachable!() };
        let (resource, uid) = (ResourceId::new(Kind::VirtualNode, name), uuid::Uuid::nil());
        fold(&mut state, Event::Created { resource, uid, owner: owner.into(), spec, tags, token });
    }
    let node = |name| ResourceId::new(Kind::VirtualNode, name);
    let theirs = ["theirs", "theirs-too"].map(node);
    let sees =
        |state: &MeshState, name| node_view(state, &node(name), |it| Arc::new(service_view(state, it))).is_some();
    for (event, visible) in [(shared("2"), true), (unshared("2"), false), (shared("2"), true)] {
        fold(&mut state, event.clone());
        assert_eq!(affected(&state, &event), Affected { nodes: theirs.clone().into(), ..Affected::default() });
        assert_eq!((sees(&state, "theirs"), sees(&state, "theirs-too")), (visible, visible), "{event:?}");
        assert_eq!((sees(&state, "mine"), sees(&state, "others")), (true, false), "never shared with the others");
    }
    assert_eq!(affected(&state, &shared("4")), Affected::default(), "an account that has made nothing");
}

#[test]
fn a_tag_affects_nobody() {
    let state = given([mesh(), node("a", &[], &[])]).state;
    let event = Event::Tagged { resource: ResourceId::new(Kind::VirtualNode, "a"), tags: tags(&[("k", "v")]) };
    assert_eq!(affected(&state, &event), Affected::default());
}

#[test]
fn a_change_affects_those_who_can_see_it_and_nobody_else() {
    let state = given([
        mesh(),
        node("a", &[http(80)], &[]),
        node("b", &[http(80)], &[]),
        router("r", &[http(80)]),
        route("r", "x", "/", &["a"]),
        service_by_router("s", "r"),
        service_by_node("t", "b"),
        node("client", &[], &["s"]),
        node("bystander", &[], &["t"]),
        gateway("g", &[http(8080)]),
        gateway_route("g", "u", "s"),
    ])
    .state;
    let event = Event::Deleted { resource: ResourceId::child(Kind::Route, "r", "x") };
    let told = affected(&state, &event);
    assert_eq!(told.services, [Name::from("s")].into());
    assert_eq!(told.nodes, [].into());
    let nodes = [ResourceId::new(Kind::VirtualNode, "client"), ResourceId::new(Kind::VirtualGateway, "g")];
    assert_eq!(callers(&state, &"s".into()), nodes.into());
}

#[test]
fn callers_see_nothing_of_a_node_but_how_it_is_found_and_where_it_listens() {
    let node = |backends: &[&str], hostname: &str, timeout: i64| {
        let json = json!({
            "listeners": [{
                "portMapping": { "port": 80, "protocol": "http" },
                "timeout": { "http": { "idle": { "unit": "s", "value": timeout } } },
            }],
            "serviceDiscovery": { "dns": { "hostname": hostname } },
            "backends": backends.iter().map(|name| json!({ "virtualService": { "virtualServiceName": name } })).collect::<Vec<_>>(),
        });
        let change = Change::Create { spec: spec(Kind::VirtualNode, json), tags: tags(&[]), token: None };
        let state = given([
            mesh(),
            Command { target: ResourceId::new(Kind::VirtualNode, "a"), change },
            service_by_node("s", "a"),
        ])
        .state;
        view_of(&state, "s")
    };
    assert_eq!(node(&[], "a.local", 1), node(&["t", "u"], "a.local", 1));
    assert_ne!(node(&[], "a.local", 1), node(&[], "b.local", 1));
    assert_ne!(node(&[], "a.local", 1), node(&[], "a.local", 2), "callers are told of everything of the listener");
}
