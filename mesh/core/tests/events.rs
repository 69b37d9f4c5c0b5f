//! Events are for ever. `tests/events/` holds one stored record of every event ever written, as it was written; each must
//! load, mean what its file's name says, and be written again as it is.
//!
//! A file here is never changed. A new event, or a new form of one, is a new file.

#![allow(clippy::unwrap_used, reason = "what cannot be read fails the test that reads it")]

use mesh_core::{Kind, MeshState, Record};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

fn stored() -> BTreeMap<String, Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/events");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    files
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap())
        })
        .collect()
}

fn load(stored: &Value) -> Record {
    serde_json::from_value(stored.clone()).unwrap()
}

#[test]
fn every_stored_event_loads_and_is_written_again_as_it_is() {
    for (name, stored) in stored() {
        let record = load(&stored);
        assert_eq!(record.entry.event.name(), name.split('-').next().unwrap(), "{name}");
        assert_eq!(serde_json::to_value(&record).unwrap(), stored, "{name}");
    }
}

#[test]
fn there_is_a_stored_event_of_every_kind_and_verb() {
    let stored = stored();
    for kind in Kind::ALL {
        for verb in ["Created", "Updated", "Deleted", "Tagged", "Untagged"] {
            let name = format!("{}{verb}", kind.title());
            assert!(stored.contains_key(&name), "{name}.json is missing");
        }
    }
    for name in ["MeshShared", "MeshUnshared"] {
        assert!(stored.contains_key(name), "{name}.json is missing");
    }
}

#[test]
fn stored_events_fold() {
    let mut records: Vec<Record> = stored().values().map(load).collect();
    records.sort_by_key(|record| record.seq);
    let mut state = MeshState::new(records[0].mesh.clone());
    for record in records {
        state.apply(&record).unwrap();
    }
    assert_eq!(state.resources().count(), 0, "every one of them was deleted again");
}

#[test]
fn members_that_a_later_version_adds_do_not_stop_an_older_one() {
    for (name, mut stored) in stored() {
        let plain = load(&stored);
        stored["entry"]["later"] = Value::from(1);
        for event in stored["entry"]["event"].as_object_mut().unwrap().values_mut() {
            event["later"] = Value::from(1);
            if let Some(spec) = event.get_mut("spec").and_then(Value::as_object_mut) {
                spec.values_mut().for_each(|spec| spec["later"] = Value::from(1));
            }
        }
        assert_eq!(load(&stored), plain, "{name}");
    }
}
