//! The App Mesh service model against our types: what the model can say, ours can hold; what it forbids, ours refuses.
//!
//! The model is botocore's (`appmesh/2019-01-25/service-2.json`), and it is frozen. From each of the seven specs this test
//! walks everything reachable, and makes samples with every member there: one for every member of every union, one for
//! every value of every enumeration, at every place where it occurs. What is proved of each:
//!
//! - it is read, and written again without a member lost;
//! - it is refused without a required member, with an unknown member of a union, with an unknown value;
//! - [`mesh_core::rules::check`] accepts it at its bounds and names the right place beyond them.
//!
//! And all of it again from outside, through HTTP, with the inputs and the answers of every operation: `http.rs`,
//! `inputs.rs`, `whole.rs`.
//!
//! Some samples break rules that the model does not know, such as exactly one route in a route's spec. `samples.rs` knows
//! these few places; [`STRICTER`] lists the bounds that ours are narrower than, each with its reason.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what is not as expected fails the test, with a message"
)]

#[path = "model/answers.rs"]
mod answers;
#[path = "model/bounds.rs"]
mod bounds;
#[path = "model/http.rs"]
mod http;
#[path = "model/inputs.rs"]
mod inputs;
#[path = "model/operations.rs"]
mod operations;
#[path = "model/samples.rs"]
mod samples;
#[path = "model/service.rs"]
mod service;
#[path = "model/whole.rs"]
mod whole;

use functions::Body;
use mesh_core::{Kind, Spec};
use samples::{Sample, Walk};
use serde_json::{Value, json};
use service::{Model, Shape};

/// Bounds of the model that ours are narrower than: the end of the shape's path, and why.
const STRICTER: [(&str, &str); 3] = [
    ("outlierDetection.interval.value", "Envoy refuses an interval of 0"),
    ("outlierDetection.baseEjectionDuration.value", "Envoy refuses an ejection time of 0"),
    ("httpRetryEvents[]", "the events are a known set, whatever their length"),
];

/// The seven kinds with the model's name of their spec.
fn roots() -> impl Iterator<Item = (Kind, String)> {
    Kind::ALL.into_iter().map(|kind| (kind, format!("{}Spec", kind.title())))
}

fn read(kind: Kind, spec: &Value) -> Result<Spec, serde_json::Error> {
    serde_json::from_value(json!({ kind.as_str(): spec }))
}

/// Every sample of every spec.
fn samples(model: &Model, walk: Walk) -> Vec<(Kind, String, Sample)> {
    roots()
        .flat_map(|(kind, root)| {
            let samples = samples::of(model, &root, walk);
            samples.into_iter().map(move |sample| (kind, root.clone(), sample))
        })
        .collect()
}

#[test]
fn what_the_model_can_say_is_read_and_written_again_unchanged() {
    let model = Model::find();
    let samples = samples(&model, Walk::Everything);
    for (kind, _, sample) in &samples {
        let spec = read(*kind, &sample.value).unwrap_or_else(|error| panic!("{kind} {sample}: {error}"));
        let mut again = serde_json::to_value(&spec).unwrap();
        assert_eq!(again[kind.as_str()].take(), sample.value, "{kind} {sample}");
    }
    assert!(samples.len() > 100, "only {} samples: the walk does not reach what it should", samples.len());
}

#[test]
fn a_spec_without_a_required_member_is_refused() {
    let model = Model::find();
    let mut asked = 0;
    for (kind, root, sample) in samples(&model, Walk::Everything) {
        samples::visit(&model, &root, &sample.value, &mut |at, shape, value| {
            for member in shape.required() {
                let mut less = sample.value.clone();
                assert!(
                    at.of(&mut less).as_object_mut().unwrap().remove(member).is_some(),
                    "{kind} {at} has no {member}"
                );
                assert!(read(kind, &less).is_err(), "{kind} is read without {at}.{member}: {value}");
                asked += 1;
            }
        });
    }
    assert!(asked > 1000, "only {asked} members asked for");
}

#[test]
fn a_union_has_exactly_one_member_that_is_known() {
    let model = Model::find();
    let mut asked = 0;
    for (kind, root, sample) in samples(&model, Walk::Everything) {
        samples::visit(&model, &root, &sample.value, &mut |at, shape, value| {
            if !shape.is_union() {
                return;
            }
            let mut two = value.clone();
            let known = two.as_object().and_then(|union| union.keys().next().cloned()).unwrap();
            let other = shape.members().map(|(name, _)| name).find(|name| **name != known);
            two[other.map_or("unknown", String::as_str)] = two[&known].clone();
            for broken in [json!({}), json!({ "unknown": {} }), two] {
                let mut spec = sample.value.clone();
                *at.of(&mut spec) = broken.clone();
                assert!(read(kind, &spec).is_err(), "{kind} is read with {at} as {broken}");
                asked += 1;
            }
        });
    }
    assert!(asked > 500, "only {asked} unions asked for");
}

#[test]
fn an_enumeration_has_no_unknown_value() {
    let model = Model::find();
    for (kind, root, sample) in samples(&model, Walk::Everything) {
        samples::visit(&model, &root, &sample.value, &mut |at, shape, _| {
            if shape.values().is_some() {
                let mut spec = sample.value.clone();
                *at.of(&mut spec) = json!("unknown");
                assert!(read(kind, &spec).is_err(), "{kind} is read with {at} as `unknown`");
            }
        });
    }
}

#[test]
fn a_value_of_the_wrong_type_is_refused() {
    let model = Model::find();
    for (kind, root, sample) in samples(&model, Walk::Everything) {
        samples::visit(&model, &root, &sample.value, &mut |at, shape, value| {
            let wrong = if value.is_array() { json!({ "a": 1 }) } else { json!([[1]]) };
            let mut spec = sample.value.clone();
            *at.of(&mut spec) = wrong.clone();
            assert!(read(kind, &spec).is_err(), "{kind} is read with {at}, {}, as {wrong}", shape.name());
        });
    }
}

/// A spec as a request's body has it.
fn requested(kind: Kind, spec: &Value) -> Result<Spec, functions::error::ApiError> {
    Body::parse(json!({ "spec": spec }).to_string().as_bytes())?.spec(kind)
}

#[test]
fn a_request_says_what_an_event_says() {
    let model = Model::find();
    for (kind, _, sample) in samples(&model, Walk::Everything) {
        assert_eq!(requested(kind, &sample.value).unwrap(), read(kind, &sample.value).unwrap(), "{kind} {sample}");
    }
}

#[test]
fn a_list_in_place_of_a_structure_is_refused_where_it_is() {
    let model = Model::find();
    let mut asked = 0;
    for (kind, root, sample) in samples(&model, Walk::Everything) {
        samples::visit(&model, &root, &sample.value, &mut |at, shape, value| {
            let Some(members) = value.as_object().filter(|_| shape.kind() == "structure") else { return };
            for list in [json!([]), members.values().cloned().collect()] {
                let mut spec = sample.value.clone();
                *at.of(&mut spec) = list;
                let message = requested(kind, &spec).unwrap_err().message;
                assert!(message.starts_with(&format!("spec{at}: is a list, must be ")), "{kind} {at}: {message}");
                asked += 1;
            }
        });
    }
    assert!(asked > 1000, "only {asked} lists asked for");
}

#[test]
fn everything_that_does_not_fit_is_told_at_once() {
    let model = Model::find();
    let mut broken = 0;
    for (kind, root, sample) in samples(&model, Walk::Acceptable) {
        let mut places = Vec::new();
        samples::visit(&model, &root, &sample.value, &mut |at, _, value| {
            if !value.is_object() && !value.is_array() {
                places.push(at.clone());
            }
        });
        let mut spec = sample.value.clone();
        places.iter().for_each(|at| *at.of(&mut spec) = json!([[1]]));
        if places.is_empty() {
            continue;
        }
        let message = requested(kind, &spec).unwrap_err().message;
        let told: Vec<_> = message.split("; ").map(|one| one.split(": ").next().unwrap().to_owned()).collect();
        let expected: Vec<_> = places.iter().map(|at| format!("spec{at}")).collect();
        assert_eq!(sorted(told), sorted(expected), "{kind} {sample}");
        broken += places.len();
    }
    assert!(broken > 1000, "only {broken} places broken");
}

fn sorted(mut texts: Vec<String>) -> Vec<String> {
    texts.sort();
    texts
}

#[test]
fn every_sample_that_keeps_to_the_cross_field_rules_is_accepted() {
    let model = Model::find();
    for (kind, _, sample) in samples(&model, Walk::Acceptable) {
        assert_eq!(mesh_core::rules::check(&read(kind, &sample.value).unwrap()), [], "{kind} {sample}");
    }
}

#[test]
fn every_bound_of_the_model_is_accepted_at_its_edge_and_told_beyond_it() {
    let model = Model::find();
    let mut asked = std::collections::BTreeSet::new();
    for (kind, root, sample) in samples(&model, Walk::Acceptable) {
        samples::visit(&model, &root, &sample.value, &mut |at, shape: Shape<'_>, value| {
            if !asked.insert((kind, at.pattern())) {
                return;
            }
            let stricter = STRICTER.iter().any(|(end, _)| at.pattern().ends_with(end));
            let Some(edges) = bounds::edges(shape, value) else { return };
            for inside in edges.inside {
                let told = check_with(kind, &sample, at, &inside);
                assert!(stricter || told.is_empty(), "{kind} {at} may be {inside}, but: {told:?}");
            }
            for outside in edges.outside {
                let told = check_with(kind, &sample, at, &outside);
                let path = format!("spec{at}");
                let right = told.iter().any(|told| *told == path || told.starts_with(&format!("{path}[")));
                assert!(right, "{kind} {at} may not be {outside}, but: {told:?}");
            }
        });
    }
    assert!(asked.len() > 500, "only {} places asked for", asked.len());
}

/// The paths of the broken rules of a sample with one value replaced.
fn check_with(kind: Kind, sample: &Sample, at: &samples::At, value: &Value) -> Vec<String> {
    let mut spec = sample.value.clone();
    *at.of(&mut spec) = value.clone();
    samples::keep_ports_together(&mut spec, at);
    let spec = read(kind, &spec).unwrap_or_else(|error| panic!("{kind} {at} as {value}: {error}"));
    mesh_core::rules::check(&spec).into_iter().map(|violation| violation.path).collect()
}

#[test]
fn names_and_tags_have_the_models_bounds() {
    use mesh_core::rules::{check_name, check_tags};
    let model = Model::find();
    let bounds = |shape: &str| model.shape(shape).length();
    let name = |length: usize| check_name(&mesh_core::ResourceId::new(Kind::Mesh, "a".repeat(length)));
    let (least, most) = bounds("ResourceName");
    assert_eq!([name(least), name(most)], [[], []]);
    assert_eq!([name(least - 1).len(), name(most + 1).len()], [1, 1]);

    let tag = |key: usize, value: usize| check_tags(&[("k".repeat(key), "v".repeat(value))].into()).len();
    let ((least, most), (_, longest)) = (bounds("TagKey"), bounds("TagValue"));
    assert_eq!([tag(least, 0), tag(most, longest)], [0, 0]);
    assert_eq!([tag(least - 1, 0), tag(most + 1, 0), tag(least, longest + 1)], [1, 1, 1]);
    assert_eq!(model.shape("TagList").length().1, mesh_core::decide::MAX_TAGS);
}
