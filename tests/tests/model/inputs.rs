//! The inputs of every operation: names in the path, the query, the members of the body beside the spec.

use crate::answers;
use crate::http::{Bench, assert_bad_request, path};
use crate::service::Shape;
use functions::routes::{Operation, name_member};
use mesh_core::Kind;
use mesh_tests::Refusal;
use serde_json::{Value, json};

/// Constraints of the model that the server does not keep, and why.
const LOOSER: [(&str, &str); 1] =
    [("TagsLimit", "the model's own text says that 1 to 100 may be asked for, its shape 50; the larger is taken")];

/// Sends an operation; `body` only where it has one.
async fn send(bench: &Bench, operation: Operation, path: &str, body: &Value) -> Result<Value, Refusal> {
    match operation.method().as_str() {
        "GET" => bench.api().try_get(path).await,
        "DELETE" => bench.api().try_delete(path).await,
        _ => bench.api().try_put(path, body.clone()).await,
    }
}

/// A body that an operation accepts, for a resource of this name where it creates one.
fn body(operation: Operation, name: &str) -> Value {
    match operation {
        Operation::Create(kind) => json!({ name_member(kind): name, "spec": spec(kind), "tags": [tag("k")] }),
        Operation::Update(kind) => json!({ "spec": spec(kind) }),
        Operation::TagResource => json!({ "tags": [tag("k")] }),
        Operation::UntagResource => json!({ "tagKeys": ["k"] }),
        _ => Value::Null,
    }
}

fn spec(kind: Kind) -> Value {
    let targets = json!([{ "virtualNode": "a", "weight": 1 }]);
    match kind {
        Kind::VirtualGateway => json!({ "listeners": [] }),
        Kind::Route => json!({ "httpRoute": { "match": { "prefix": "/" }, "action": { "weightedTargets": targets } } }),
        Kind::GatewayRoute => {
            let target = json!({ "virtualService": { "virtualServiceName": "a" } });
            json!({ "httpRoute": { "match": { "prefix": "/" }, "action": { "target": target } } })
        }
        _ => json!({}),
    }
}

fn tag(key: &str) -> Value {
    json!({ "key": key, "value": "v" })
}

/// The path with its query, where the operation needs one.
fn address(operation: Operation) -> String {
    match operation.kind() {
        Some(_) => path(operation),
        None => {
            format!("{}?resourceArn=arn:aws:appmesh:us-east-1:000000000000:mesh/m/virtualNode/x", path(operation))
        }
    }
}

fn with_query(address: &str, pair: &str) -> String {
    format!("{address}{}{pair}", if address.contains('?') { '&' } else { '?' })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_answers_what_the_model_says() {
    let bench = Bench::start().await;
    let (deleting, others): (Vec<_>, Vec<_>) = Operation::all().partition(|it| matches!(it, Operation::Delete(_)));
    for operation in others.into_iter().chain(deleting) {
        // What is deleted was created just before, under a name of its own: nothing refers to it.
        let address = match operation {
            Operation::Delete(Kind::Mesh) => "/meshes/new".to_owned(),
            Operation::Delete(kind) => {
                let item = path(Operation::Delete(kind));
                format!("{}/new", item.trim_end_matches("/x"))
            }
            _ => address(operation),
        };
        let answer = send(&bench, operation, &address, &body(operation, "new")).await;
        let answer = answer.unwrap_or_else(|refusal| panic!("{}: {address}: {refusal:?}", operation.name()));
        answers::check(&bench.model, &operation.name(), &answer);
    }
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_member_of_every_input_is_there_when_it_must_be_and_within_its_bounds() {
    let bench = Bench::start().await;
    let mut asked = 0;
    for operation in Operation::all() {
        let input = bench.model.operation(&operation.name())["input"]["shape"].as_str().unwrap();
        let input = bench.model.shape(input);
        for (member, shape) in input.members() {
            let required = input.required().any(|name| name == member);
            match input.location(member) {
                "uri" => in_path(&bench, operation, member, shape).await,
                "querystring" => in_query(&bench, operation, member, shape, required).await,
                _ => in_body(&bench, operation, member, shape, required).await,
            }
            asked += 1;
        }
    }
    assert!(asked > 120, "only {asked} members");
    bench.stop().await;
}

/// A name in the path: the longest is looked for, a longer one is refused.
async fn in_path(bench: &Bench, operation: Operation, member: &str, shape: Shape<'_>) {
    if shape.max().is_none() {
        return;
    }
    let (_, most) = shape.length();
    for (length, right) in [(most, true), (most + 1, false)] {
        let template = operation.path().replace(&format!("{{{member}}}"), &"c".repeat(length));
        let own = operation.kind().map(name_member).unwrap_or_default();
        let filled = template.replace("{meshName}", "m").replace(&format!("{{{own}}}"), "x");
        let filled = filled.replace("{virtualRouterName}", "a").replace("{virtualGatewayName}", "a");
        let address = filled.trim_start_matches(functions::routes::BASE);
        let refusal = send(bench, operation, address, &body(operation, "y")).await.expect_err("nothing has that name");
        if right {
            assert_eq!((refusal.status, refusal.name.as_str()), (404, "NotFoundException"), "{address}: {refusal:?}");
        } else {
            assert_bad_request(&refusal, member);
        }
    }
}

async fn in_query(bench: &Bench, operation: Operation, member: &str, shape: Shape<'_>, required: bool) {
    let address = address(operation);
    if required {
        let refusal =
            send(bench, operation, &path(operation), &body(operation, "y")).await.expect_err("it is required");
        assert_bad_request(&refusal, member);
    }
    let (good, bad): (Vec<String>, Vec<String>) = match (shape.kind(), shape.min(), shape.max()) {
        ("integer", Some(min), Some(max)) => {
            let looser = LOOSER.iter().any(|(name, _)| *name == shape.name());
            let beyond = [min - 1, max + 1].into_iter().filter(|number| !looser || *number < min);
            let words = ["", "x", "1.0", "99999999999999999999"].map(str::to_owned);
            ([min, max].map(|it| it.to_string()).into(), beyond.map(|it| it.to_string()).chain(words).collect())
        }
        ("string", Some(_), Some(_)) => {
            let (least, most) = shape.length();
            (vec![], vec!["0".repeat(least - 1), "0".repeat(most + 1), "a".repeat(most)])
        }
        _ => return,
    };
    for value in good {
        let address = with_query(&address, &format!("{member}={value}"));
        send(bench, operation, &address, &Value::Null).await.unwrap_or_else(|refusal| panic!("{address}: {refusal:?}"));
    }
    for value in bad {
        let address = with_query(&address, &format!("{member}={value}"));
        let refusal = send(bench, operation, &address, &body(operation, "y")).await.expect_err(&address);
        assert_bad_request(&refusal, member);
    }
}

async fn in_body(bench: &Bench, operation: Operation, member: &str, shape: Shape<'_>, required: bool) {
    let address = address(operation);
    let whole = body(operation, "y");
    let refused = async |value: Option<Value>| {
        let mut body = whole.clone();
        match value {
            Some(value) => body[member] = value,
            None => drop(body.as_object_mut().unwrap().remove(member)),
        }
        let refusal = send(bench, operation, &address, &body).await.expect_err(&format!("{address} {body}"));
        assert_bad_request(&refusal, member);
    };
    if required {
        refused(None).await;
    }
    refused(Some(json!(7))).await;
    match shape.name() {
        "ResourceName" => {
            refused(Some(json!(""))).await;
            refused(Some(json!("b".repeat(shape.length().1 + 1)))).await;
            let longest = body(operation, &"b".repeat(shape.length().1));
            send(bench, operation, &address, &longest).await.unwrap_or_else(|refusal| panic!("{address}: {refusal:?}"));
        }
        "TagList" => in_tags(&refused, shape, operation).await,
        "TagKeyList" => {
            let key = shape.item();
            let keys = |keys: &[String]| Some(json!(keys));
            for bad in [String::new(), "k".repeat(key.length().1 + 1)] {
                refused(keys(&[bad])).await;
            }
            refused(keys(&vec!["k".to_owned(); shape.length().1 + 1])).await;
            let most = json!({ member: vec!["k".repeat(key.length().1); shape.length().1] });
            send(bench, operation, &address, &most).await.unwrap_or_else(|refusal| panic!("{address}: {refusal:?}"));
        }
        _ => {}
    }
}

async fn in_tags(refused: &impl AsyncFn(Option<Value>), shape: Shape<'_>, operation: Operation) {
    let (key, value) = (shape.item().member("key").length(), shape.item().member("value").length());
    let one = |key: usize, value: usize| Some(json!([{ "key": "k".repeat(key), "value": "v".repeat(value) }]));
    refused(one(key.0 - 1, value.0)).await;
    refused(one(key.1 + 1, value.1)).await;
    refused(one(key.1, value.1 + 1)).await;
    refused(Some(json!([{ "key": "k" }]))).await;
    refused(Some(json!([{ "value": "v" }]))).await;
    // TagResource has an exception of its own for too many.
    if operation != Operation::TagResource {
        let many: Vec<_> = (0..=shape.length().1).map(|n| tag(&format!("k{n}"))).collect();
        refused(Some(json!(many))).await;
    }
}
