//! Answers of all 38 operations to specs with every member set, until every member of every answer has been seen.
//!
//! An answer is checked each time ([`answers`]): nothing missing, nothing unknown, no null, every value of its type. That
//! is worth as much as there is in the answers, so at the end it is counted: no member of the model may be left that no
//! answer had.

use crate::http::{Bench, path};
use crate::samples::Walk;
use crate::{answers, samples as all_samples};
use functions::routes::{Operation, name_member};
use mesh_core::Kind;
use mesh_tests::Refusal;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The members that answers had, by operation.
struct Seen<'b> {
    bench: &'b Bench,
    members: BTreeMap<String, BTreeSet<String>>,
}

impl Seen<'_> {
    fn check(&mut self, operation: Operation, answer: Result<Value, Refusal>) -> Value {
        let name = operation.name();
        let answer = answer.unwrap_or_else(|refusal| panic!("{name}: {refusal:?}"));
        let members = answers::check(&self.bench.model, &name, &answer);
        self.members.entry(name).or_default().extend(members);
        answer
    }

    /// The life of a resource with one spec, and then another.
    async fn life(&mut self, kind: Kind, spec: &Value, other: &Value) {
        let api = self.bench.api();
        let collection = path(Operation::List(kind));
        let item = format!("{collection}/rich");
        let tags = json!([{ "key": "k", "value": "" }, { "key": "l", "value": "v" }]);
        let body = json!({ name_member(kind): "rich", "spec": spec, "tags": tags });
        let created = self.check(Operation::Create(kind), api.try_put(&collection, body).await);
        assert_eq!(created["spec"], *spec);
        let described = self.check(Operation::Describe(kind), api.try_get(&item).await);
        assert_eq!(described, created);
        let updated = self.check(Operation::Update(kind), api.try_put(&item, json!({ "spec": other })).await);
        assert_eq!(updated["spec"], *other);
        self.check(Operation::List(kind), api.try_get(&format!("{collection}?limit=1")).await);
        let arn = updated["metadata"]["arn"].as_str().expect("an ARN");
        let by_arn = |verb: &str| format!("/{verb}?resourceArn={arn}");
        self.check(Operation::ListTagsForResource, api.try_get(&format!("{}&limit=1", by_arn("tags"))).await);
        self.check(Operation::TagResource, api.try_put(&by_arn("tag"), json!({ "tags": tags })).await);
        self.check(Operation::UntagResource, api.try_put(&by_arn("untag"), json!({ "tagKeys": ["k"] })).await);
        let deleted = self.check(Operation::Delete(kind), api.try_delete(&item).await);
        assert_eq!(deleted["spec"], *other);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_member_of_every_answer_is_as_the_model_says() {
    let bench = Bench::start().await;
    bench.another_in_every_list().await;
    let mut seen = Seen { bench: &bench, members: BTreeMap::new() };
    for kind in Kind::ALL {
        let samples = all_samples(&bench.model, Walk::Acceptable).into_iter().filter(|(of, ..)| *of == kind);
        let specs: Vec<Value> = samples.map(|(_, _, sample)| sample.value).collect();
        for (number, spec) in specs.iter().enumerate() {
            seen.life(kind, spec, &specs[(number + 1) % specs.len()]).await;
        }
    }
    let mut members = 0;
    for operation in Operation::all() {
        let known = answers::members(&bench.model, &operation.name());
        let met = seen.members.remove(&operation.name()).unwrap_or_default();
        let never: Vec<_> = known.difference(&met).collect();
        assert!(never.is_empty(), "no answer of {} had {never:?}", operation.name());
        members += known.len();
    }
    assert!(members > 2000, "only {members} members: the walk does not reach what it should");
    drop(seen);
    bench.stop().await;
}
