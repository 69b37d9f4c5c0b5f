//! Specs by chance: they keep the rules, nothing of a spec is forgotten among them, and whatever they go through, events,
//! records, checkpoints, they come out as they went in.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "what cannot be read fails the test that reads it")]

mod expressions;
mod known;
#[path = "../../../../fuzz/src/stored_event.rs"]
mod stored_event;

use mesh_core::strategies::{Surroundings, any_spec, record, spec};
use mesh_core::{Event, Kind, MeshKey, MeshState, Record, Spec, rules};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

/// How many specs of a kind are made to find everything that a spec may have among them.
const SAMPLES: usize = 1000;

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

fn again<T: Serialize + DeserializeOwned>(value: &T) -> T {
    serde_json::from_slice(&serde_json::to_vec(value).unwrap()).unwrap()
}

proptest! {
    #![proptest_config(config(2000))]

    #[test]
    fn a_generated_spec_keeps_every_rule(spec in any_spec()) {
        prop_assert_eq!(rules::check(&spec), []);
    }

    #[test]
    fn a_spec_that_was_written_is_read_as_it_was(spec in any_spec()) {
        prop_assert_eq!(again(&spec), spec);
    }
}

proptest! {
    #![proptest_config(config(400))]

    #[test]
    fn a_record_and_its_event_that_were_written_are_read_as_they_were(record in record()) {
        prop_assert_eq!(again(&record.entry.event), record.entry.event.clone());
        prop_assert_eq!(again(&record), record);
    }
}

proptest! {
    #![proptest_config(config(50))]

    #[test]
    fn a_mesh_of_any_resources_is_the_same_after_a_checkpoint(records in vec(record(), 1..12)) {
        let mut state = MeshState::new(MeshKey::new("123456789012", "m"));
        for record in records {
            let before = state.clone();
            let next = Record { mesh: state.key().clone(), seq: state.seq() + 1, ..record };
            let known = state.get(next.entry.event.resource()).is_some();
            let folds = known || matches!(next.entry.event, Event::Created { .. });
            prop_assert_eq!(state.apply(&next).is_ok(), folds);
            prop_assert!(folds || state == before, "what does not fold changes nothing");
        }
        prop_assert_eq!(again(&state), state);
    }
}

/// Specs of a kind as JSON, the same in every run.
fn samples(kind: Kind) -> impl Iterator<Item = Value> {
    let (strategy, mut runner) = (spec(kind, &Surroundings::default()), TestRunner::deterministic());
    let member = kind.as_str();
    std::iter::repeat_with(move || {
        let spec: Spec = strategy.new_tree(&mut runner).unwrap().current();
        serde_json::to_value(&spec).unwrap()[member].take()
    })
    .take(SAMPLES)
}

#[test]
fn every_member_of_every_spec_comes_and_every_choice_is_taken() {
    let mut count = 0;
    for kind in Kind::ALL {
        let mut seen = BTreeSet::new();
        samples(kind).for_each(|spec| known::paths_in(&spec, kind.as_str(), &mut seen));
        let known = known::paths_of(kind);
        count += known.len();
        let missing: Vec<_> = known.difference(&seen).filter(|path| !known::is_refused(path)).collect();
        assert!(missing.is_empty(), "never generated: {missing:#?}");
        let refused: Vec<_> = seen.iter().filter(|path| known::is_refused(path)).collect();
        assert!(refused.is_empty(), "generated although the rules refuse it: {refused:#?}");
    }
    assert!(count > 500, "the walk saw {count} paths and went nowhere");
}

#[test]
fn the_bounds_of_numbers_and_texts_come() {
    let numbers = [
        ("portMapping.port", 1, 65_535),
        ("weightedTargets[].weight", 0, 100),
        ("httpRoute.retryPolicy.maxRetries", 0, i64::from(u32::MAX)),
        ("route.priority", 0, 1000),
        ("healthCheck.intervalMillis", 5_000, 300_000),
        ("healthCheck.unhealthyThreshold", 2, 10),
        ("outlierDetection.maxEjectionPercent", 0, 100),
        ("connectionPool.http.maxPendingRequests", 1, i64::from(i32::MAX)),
        ("headers[].match.range.start", i64::MIN, i64::MAX - 1),
    ];
    let lengths = [
        ("headers[].name", 1, 50),
        ("headers[].match.prefix", 1, 255),
        ("path.regex", 1, 255),
        ("accessLog.file.format.text", 1, 1000),
        ("awsCloudMap.attributes[].value", 1, 1024),
        ("virtualServiceName", 1, 255),
        ("hostname.suffix", 1, 253),
    ];
    let mut leaves = Vec::new();
    for kind in Kind::ALL {
        samples(kind).for_each(|spec| known::leaves_in(&spec, kind.as_str(), &mut leaves));
    }
    let of =
        |end: &str| leaves.iter().filter(|(path, _)| path.ends_with(end)).map(|(_, leaf)| leaf).collect::<Vec<_>>();
    for (end, least, most) in numbers {
        let given: BTreeSet<i64> = of(end).into_iter().filter_map(Value::as_i64).collect();
        assert_eq!((given.first(), given.last()), (Some(&least), Some(&most)), "{end}");
    }
    for (end, least, most) in lengths {
        let length = |leaf: &Value| leaf.as_str().map(|text| text.chars().count());
        let given: BTreeSet<usize> = of(end).into_iter().filter_map(length).collect();
        assert_eq!((given.first(), given.last()), (Some(&least), Some(&most)), "{end}");
    }
}

/// What fuzzing begins with, and what it found: see fuzz/README.md.
#[test]
fn what_was_fuzzed_as_a_stored_event_holds() {
    for folder in ["tests/events", "../../fuzz/seeds/stored_event"] {
        let files = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap();
        let files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
        assert!(!files.is_empty(), "{folder}");
        files.iter().for_each(|file| stored_event::check(&std::fs::read(file).unwrap()));
    }
}
