//! The model from outside: every structure and every constraint, one value inside and one outside, through HTTP.
//!
//! What the model knows must be refused by the server, because clients can switch their own checks off. Each sample of a
//! spec is sent as an update of a resource that is there, and then again with one thing wrong in one place: beyond a
//! bound, without a member, with one too many. The refusal must be the model's exception and name the place.

use crate::samples::{self, At, Sample, Walk};
use crate::service::{Model, Shape};
use crate::{STRICTER, answers, bounds, roots, samples as all_samples};
use functions::routes::{Operation, name_member};
use mesh_core::Kind;
use mesh_tests::{Api, ControlPlane, Refusal};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A control plane with one resource of each kind, called `x`, in the mesh `m`; and others, called `a`, which samples
/// refer to. Those have no listeners, so that a reference may name any port.
pub struct Bench {
    plane: ControlPlane,
    pub model: Model,
}

impl Bench {
    pub async fn start() -> Self {
        let bench = Self { plane: ControlPlane::start().await, model: Model::find() };
        bench.furnish().await;
        bench
    }

    pub fn api(&self) -> &Api {
        self.plane.api()
    }

    async fn furnish(&self) {
        let mesh = self.api().create_mesh("m", json!({})).await;
        // The longest name, too: a sample at the upper bound refers to it.
        for name in ["a", "x", &"a".repeat(255)] {
            mesh.node(name, json!({})).await;
            mesh.router(name, json!({})).await;
            mesh.gateway(name, json!({ "listeners": [] })).await;
            mesh.service(name, json!({})).await;
        }
        let action = json!({ "weightedTargets": [{ "virtualNode": "a", "weight": 1 }] });
        mesh.route("a", "x", json!({ "tcpRoute": { "action": action } })).await;
        let target = json!({ "virtualService": { "virtualServiceName": "a" } });
        mesh.gateway_route("a", "x", json!({ "httpRoute": { "match": {}, "action": { "target": target } } })).await;
    }

    /// Makes every list one that goes on after any one resource.
    pub async fn another_in_every_list(&self) {
        self.api().create_mesh("z", json!({})).await;
        let mesh = self.api().mesh("m");
        let action = json!({ "weightedTargets": [{ "virtualNode": "a", "weight": 1 }] });
        mesh.route("a", "z", json!({ "tcpRoute": { "action": action } })).await;
        let target = json!({ "virtualService": { "virtualServiceName": "a" } });
        mesh.gateway_route("a", "z", json!({ "httpRoute": { "match": {}, "action": { "target": target } } })).await;
    }

    pub async fn stop(self) {
        self.plane.stop().await;
    }

    /// Sends a spec as an update, and checks the answer where there is one.
    async fn update(&self, kind: Kind, spec: &Value) -> Result<Value, Refusal> {
        let operation = Operation::Update(kind);
        let answer = self.api().try_put(&path(operation), json!({ "spec": spec })).await?;
        answers::check(&self.model, &operation.name(), &answer);
        Ok(answer)
    }

    /// Sends a sample with another value at a place, which must be refused there.
    async fn refused(&self, kind: Kind, sample: &Sample, at: &At, value: Value) {
        let mut spec = sample.value.clone();
        *at.of(&mut spec) = value.clone();
        samples::keep_ports_together(&mut spec, at);
        let refusal = self.update(kind, &spec).await.expect_err(&format!("{kind} {at} may not be {value}"));
        assert_bad_request(&refusal, &format!("spec{at}"));
    }
}

/// The path of an operation on the resources of the bench, below the version.
pub fn path(operation: Operation) -> String {
    let own = operation.kind().map(name_member).unwrap_or_default();
    let path = operation.path().replace("{meshName}", "m").replace(&format!("{{{own}}}"), "x");
    let path = path.replace("{virtualRouterName}", "a").replace("{virtualGatewayName}", "a");
    path.trim_start_matches(functions::routes::BASE).to_owned()
}

/// It is the model's exception for what is malformed, and it names the place or a member of the list there.
#[track_caller]
pub fn assert_bad_request(refusal: &Refusal, place: &str) {
    assert_eq!((refusal.status, refusal.name.as_str()), (400, "BadRequestException"), "{place}: {refusal:?}");
    let named = refusal.message.split("; ").any(|one| {
        let rest = one.strip_prefix(place);
        rest.is_some_and(|rest| rest.starts_with(": ") || rest.starts_with('['))
    });
    assert!(named, "{place} is not named: {}", refusal.message);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_sample_is_accepted_and_answered_as_it_was_sent() {
    let bench = Bench::start().await;
    for (kind, _, sample) in all_samples(&bench.model, Walk::Acceptable) {
        let answer = bench.update(kind, &sample.value).await;
        let answer = answer.unwrap_or_else(|refusal| panic!("{kind} {sample}: {refusal:?}"));
        assert_eq!(answer["spec"], sample.value, "{kind}");
        let described = bench.api().get(&path(Operation::Describe(kind))).await;
        answers::check(&bench.model, &Operation::Describe(kind).name(), &described);
        assert_eq!(described["spec"], sample.value, "{kind}");
    }
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_constraint_is_kept_by_the_server_itself() {
    let bench = Bench::start().await;
    let (mut asked, mut inside, mut outside) = (BTreeSet::new(), 0, 0);
    for (kind, root) in roots() {
        for sample in samples::of(&bench.model, &root, Walk::Acceptable) {
            for (at, shape, value) in places(&bench.model, &root, &sample) {
                let chosen =
                    value.as_object().filter(|_| shape.is_union()).and_then(|union| union.keys().next().cloned());
                if !asked.insert((kind, at.pattern(), chosen)) {
                    continue;
                }
                let (good, bad) = values(shape, &value);
                let stricter = STRICTER.iter().any(|(end, _)| at.pattern().ends_with(end));
                for value in good.into_iter().filter(|_| !stricter) {
                    let mut spec = sample.value.clone();
                    *at.of(&mut spec) = value.clone();
                    samples::keep_ports_together(&mut spec, &at);
                    let answer = bench.update(kind, &spec).await;
                    answer.unwrap_or_else(|refusal| panic!("{kind} {at} may be {value}, but: {refusal:?}"));
                    inside += 1;
                }
                for value in bad {
                    bench.refused(kind, &sample, &at, value).await;
                    outside += 1;
                }
            }
        }
    }
    assert!(asked.len() > 500 && inside > 300 && outside > 1500, "{} {inside} {outside}", asked.len());
    bench.stop().await;
}

/// Every value of a sample, with its place and shape.
fn places<'m>(model: &'m Model, root: &str, sample: &Sample) -> Vec<(At, Shape<'m>, Value)> {
    let mut places = Vec::new();
    samples::visit(model, root, &sample.value, &mut |at, shape, value| {
        places.push((at.clone(), model.shape(shape.name()), value.clone()));
    });
    places
}

/// Values at a place that must be accepted, and values that must not.
fn values(shape: Shape<'_>, value: &Value) -> (Vec<Value>, Vec<Value>) {
    let edges = bounds::edges(shape, value);
    let (good, mut bad) = edges.map_or_else(Default::default, |edges| (edges.inside, edges.outside));
    // Of another type. A member that is null counts as absent, as with AWS's own services, and is none of these.
    bad.push(if value.is_array() { json!({ "a": 1 }) } else { json!([[1]]) });
    if let Some(number) = value.as_i64() {
        bad.extend([json!(number.to_string()), json!(0.5), json!(1e300), json!(true)]);
    }
    if shape.values().is_some() {
        bad.extend([json!("unknown"), json!(""), json!({})]);
    }
    for member in shape.required() {
        let mut less = value.clone();
        less.as_object_mut().unwrap().remove(member);
        bad.push(less);
    }
    if shape.is_union() {
        let known = value.as_object().and_then(|union| union.keys().next().cloned()).unwrap();
        let other = shape.members().map(|(name, _)| name).find(|name| **name != known);
        let mut two = value.clone();
        two[other.map_or("unknown", String::as_str)] = two[&known].clone();
        bad.extend([json!({}), json!({ "unknown": {} }), two]);
    }
    (good, bad)
}
