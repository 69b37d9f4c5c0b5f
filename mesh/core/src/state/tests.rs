use super::*;
use crate::Command;
use crate::testing::*;
use proptest::prelude::*;

#[test]
fn a_record_out_of_turn_is_refused_and_changes_nothing() {
    let mut state = given([mesh(), service("s")]).state;
    let before = state.clone();
    let mut next = record(&state, Event::Deleted { resource: ResourceId::new(Kind::VirtualService, "s") });
    for seq in [0, 2, 4] {
        next.seq = seq;
        let gap = FoldError::Gap { mesh: state.key().clone(), seq: 2, got: seq };
        assert_eq!(state.apply(&next), Err(gap));
        assert_eq!(state, before);
    }
}

#[test]
fn a_record_of_a_resource_that_is_not_there_is_refused_and_changes_nothing() {
    let mut state = given([mesh()]).state;
    let before = state.clone();
    let ghost = ResourceId::new(Kind::VirtualNode, "ghost");
    let deleted = record(&state, Event::Deleted { resource: ghost.clone() });
    assert_eq!(state.apply(&deleted), Err(FoldError::NoSuchResource { mesh: before.key().clone(), seq: 2, id: ghost }));
    assert_eq!(state, before);
}

#[test]
fn a_mesh_made_again_goes_on_in_its_stream() {
    let gone = given([mesh(), delete(ResourceId::new(Kind::Mesh, "m"))]).state;
    assert_eq!((gone.seq(), gone.mesh()), (2, None));
    let again = given([mesh(), delete(ResourceId::new(Kind::Mesh, "m")), mesh()]).state;
    assert_eq!((again.seq(), again.mesh().map(|mesh| mesh.version)), (3, Some(1)));
}

#[test]
fn a_list_is_of_one_kind_and_one_parent_by_name() {
    let state = given([
        mesh(),
        node("b", &[], &[]),
        node("a", &[], &[]),
        router("r", &[(80, "http")]),
        router("q", &[(80, "http")]),
        route("r", "y", "/y", &["a"]),
        route("r", "x", "/x", &["a"]),
        route("q", "z", "/z", &["a"]),
    ])
    .state;
    let names = |kind, parent: Option<&str>, after: Option<&str>| {
        let (parent, after) = (parent.map(Name::from), after.map(Name::from));
        state.list(kind, parent.as_ref(), after.as_ref()).map(|it| it.id.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(Kind::VirtualNode, None, None), ["a", "b"]);
    assert_eq!(names(Kind::VirtualNode, None, Some("a")), ["b"]);
    assert_eq!(names(Kind::VirtualNode, None, Some("aa")), ["b"], "the name after which to go on may be gone");
    assert_eq!(names(Kind::Route, Some("r"), None), ["x", "y"]);
    assert_eq!(names(Kind::Route, Some("r"), Some("y")), Vec::<String>::new());
    assert_eq!(names(Kind::Mesh, None, None), ["m"]);
}

/// A spec and a name out of few, so that things meet.
fn command() -> impl Strategy<Value = Command> {
    let few = || prop::sample::select(vec!["a", "b"]);
    let ports = || prop::sample::select(vec![&[][..], &[(80, "http")][..], &[(80, "http"), (81, "grpc")][..]]);
    let make = prop_oneof![
        Just(mesh()),
        (few(), ports(), few()).prop_map(|(name, ports, backend)| node(name, ports, &[backend])),
        (few(), ports()).prop_map(|(name, ports)| router(name, ports)),
        (few(), ports()).prop_map(|(name, ports)| gateway(name, ports)),
        (few(), few(), few()).prop_map(|(router, name, target)| route(router, name, "/", &[target])),
        few().prop_map(service),
        (few(), few()).prop_map(|(name, node)| service_by_node(name, node)),
        (few(), few()).prop_map(|(name, router)| service_by_router(name, router)),
        (few(), few(), few()).prop_map(|(gateway, name, service)| gateway_route(gateway, name, service)),
    ];
    (make, 0..6).prop_map(|(make, verb)| match verb {
        0 => delete(make.target),
        1 => tag(make.target, &[("k", "v")]),
        2 => untag(make.target, &["k"]),
        3 => update(make),
        _ => make,
    })
}

/// What has happened after commands of which some were refused.
fn history(commands: Vec<Command>) -> Vec<Record> {
    let mut state = MeshState::new(MeshKey::new("1", "m"));
    let mut records = Vec::new();
    for command in commands {
        let Ok(decision) = crate::decide(&state, &command, &context(state.seq())) else { continue };
        for event in decision.events {
            let next = record(&state, event);
            state.apply(&next).expect("what was decided folds");
            records.push(next);
        }
    }
    records
}

fn folded(mut state: MeshState, records: &[Record]) -> MeshState {
    records.iter().for_each(|record| state.apply(record).expect("records of a history fold"));
    state
}

proptest! {
    #[test]
    fn a_fold_resumed_from_a_checkpoint_is_the_fold_of_everything(
        commands in prop::collection::vec(command(), 0..60),
        cut in any::<prop::sample::Index>(),
    ) {
        let records = history(commands);
        let cut = cut.index(records.len() + 1);
        let new = || MeshState::new(MeshKey::new("1", "m"));
        let whole = folded(new(), &records);
        let saved = serde_json::to_string(&folded(new(), &records[..cut])).unwrap();
        let resumed = folded(serde_json::from_str(&saved).unwrap(), &records[cut..]);
        prop_assert_eq!(resumed, whole);
    }

    #[test]
    fn records_survive_being_written_down(commands in prop::collection::vec(command(), 0..20)) {
        for record in history(commands) {
            let text = serde_json::to_string(&record).unwrap();
            prop_assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
        }
    }

    #[test]
    fn referrers_are_exactly_those_whose_spec_refers(commands in prop::collection::vec(command(), 0..60)) {
        let state = folded(MeshState::new(MeshKey::new("1", "m")), &history(commands));
        for name in ["a", "b"] {
            for kind in Kind::ALL {
                let id = ResourceId::new(kind, name);
                let told: BTreeSet<_> = state.referrers(&id).cloned().collect();
                let true_ones: BTreeSet<_> = state
                    .resources()
                    .filter(|resource| references(&resource.spec).contains(&id))
                    .map(|resource| resource.id.clone())
                    .collect();
                prop_assert_eq!(told, true_ones);
            }
        }
    }

    #[test]
    fn nothing_that_was_decided_leaves_a_reference_hanging_but_a_backends(
        commands in prop::collection::vec(command(), 0..60),
    ) {
        let state = folded(MeshState::new(MeshKey::new("1", "m")), &history(commands));
        for resource in state.resources().filter(|resource| resource.id.kind != Kind::VirtualNode) {
            let parent = resource.id.parent_id();
            for id in references(&resource.spec).into_iter().chain(parent) {
                prop_assert!(state.get(&id).is_some(), "{} refers to {id}", resource.id);
            }
        }
    }
}
