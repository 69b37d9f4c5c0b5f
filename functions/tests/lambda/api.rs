//! `appmesh-api`: an event in, an answer out.

use crate::event::{Front, Sent};
use crate::watched::Watched;
use functions::lambda::{ApiService, service};
use functions::{App, AppConfig};
use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, Response};
use lambda_runtime::LambdaEvent;
use mesh_core::{Caller, MeshKey};
use mesh_log::EventLog;
use serde_json::{Value, json};
use std::sync::Arc;
use tower::{Service, ServiceExt};

const ACCOUNT: &str = "123456789012";
const DEPLOYER: &str = "arn:aws:sts::123456789012:assumed-role/deploy/ci";

/// An instance of the function.
struct Function(Adapter<'static, Response<axum::body::Body>, ApiService>);

impl Function {
    fn new() -> Self {
        Self::over(&Watched::new())
    }

    fn over(log: &Watched) -> Self {
        let config = AppConfig::new(ACCOUNT, "eu-west-1");
        Self(Adapter::from(service(App::new(Arc::new(log.clone()), config))))
    }

    /// What Lambda gets back for an event.
    async fn invoke(&mut self, event: &Value) -> Value {
        let payload: LambdaRequest = serde_json::from_value(event.clone()).expect("an event of a request");
        let event = LambdaEvent::new(payload, lambda_runtime::Context::default());
        let ready = self.0.ready().await.expect("always ready");
        let answer = ready.call(event).await.expect("an answer");
        serde_json::to_value(answer).expect("JSON")
    }

    /// The body of an answer that must be a success.
    async fn ok(&mut self, event: Value) -> Value {
        let answer = self.invoke(&event).await;
        assert_eq!(answer["statusCode"], 200, "{answer} for {event}");
        body(&answer)
    }
}

fn body(answer: &Value) -> Value {
    assert_eq!(answer["isBase64Encoded"], false, "{answer}");
    serde_json::from_str(answer["body"].as_str().expect("a body")).expect("JSON")
}

/// A header, wherever this kind of answer has its headers.
fn header<'a>(answer: &'a Value, name: &str) -> &'a str {
    let single = answer["headers"][name].as_str();
    single.or_else(|| answer["multiValueHeaders"][name][0].as_str()).unwrap_or_else(|| panic!("no {name} in {answer}"))
}

fn create_mesh<'a>(name: &str) -> Sent<'a> {
    Sent::new("PUT", "/v20190125/meshes").body(&json!({ "meshName": name, "spec": {} }))
}

async fn callers(log: &Watched, owner: &str, mesh: &str) -> Vec<Caller> {
    let key = MeshKey { owner: owner.into(), name: mesh.into() };
    log.read(&key, 0).await.expect("records").into_iter().map(|record| record.entry.caller).collect()
}

#[tokio::test]
async fn every_front_carries_requests_and_answers() {
    for front in Front::ALL {
        let mut function = Function::new();
        let created = function.ok(create_mesh("m").through(front)).await;
        assert_eq!(created["metadata"]["arn"], format!("arn:aws:appmesh:eu-west-1:{ACCOUNT}:mesh/m"), "{front:?}");
        let described = function.ok(Sent::new("GET", "/v20190125/meshes/m").through(front)).await;
        assert_eq!(described, created, "{front:?}");
    }
}

#[tokio::test]
async fn what_a_query_says_arrives_as_it_was_meant() {
    for front in Front::ALL {
        let mut function = Function::new();
        function.ok(create_mesh("m").through(front)).await;
        let arn = "resourceArn=arn%3Aaws%3Aappmesh%3Aeu-west-1%3A123456789012%3Amesh%2Fm";
        let tags = json!({ "tags": [{ "key": "team", "value": "a+b & c" }] });
        let tag = Sent { query: arn, ..Sent::new("PUT", "/v20190125/tag").body(&tags) };
        function.ok(tag.through(front)).await;
        let list = Sent { query: arn, ..Sent::new("GET", "/v20190125/tags") };
        assert_eq!(function.ok(list.through(front)).await, tags, "{front:?}");
    }
}

#[tokio::test]
async fn an_exception_has_its_status_and_name_through_every_front() {
    for front in Front::ALL {
        let answer = Function::new().invoke(&Sent::new("GET", "/v20190125/meshes/nowhere").through(front)).await;
        assert_eq!(
            (answer["statusCode"].as_u64(), header(&answer, "x-amzn-errortype")),
            (Some(404), "NotFoundException")
        );
        assert_eq!(header(&answer, "content-type"), "application/json");
        assert_eq!(header(&answer, "x-amzn-requestid").len(), 36);
        assert!(body(&answer)["message"].as_str().is_some_and(|message| message.contains("nowhere")), "{answer}");
    }
}

#[tokio::test]
async fn whatever_stands_in_a_path_is_answered() {
    for front in Front::ALL {
        for path in ["/", "/favicon.ico", "/v20190125", "/v20190125/meshes/caf\u{e9} au lait", "/v20190125/meshes/%zz"]
        {
            let answer = Function::new().invoke(&Sent::new("GET", path).through(front)).await;
            assert!(matches!(answer["statusCode"].as_u64(), Some(400 | 404)), "{front:?} {path}: {answer}");
        }
    }
}

#[tokio::test]
async fn a_base_path_of_a_domain_is_no_part_of_the_api() {
    let mut function = Function::new();
    let created = function.ok(create_mesh("m").through(Front::RestApi)).await;
    let described = Sent::new("GET", "/mesh/v20190125/meshes/m").through(Front::RestApi);
    assert_eq!(function.ok(described).await, created);
}

#[tokio::test]
async fn a_body_may_come_in_base64() {
    let mut event = create_mesh("m").through(Front::FunctionUrl);
    event["body"] = "eyJtZXNoTmFtZSI6ICJtIiwgInNwZWMiOiB7fX0=".into();
    event["isBase64Encoded"] = true.into();
    assert_eq!(Function::new().ok(event).await["meshName"], "m");
}

#[tokio::test]
async fn the_record_names_who_aws_says_has_asked() {
    for front in [Front::FunctionUrl, Front::HttpApi, Front::RestApi] {
        let log = Watched::new();
        Function::over(&log).ok(create_mesh("m").by(ACCOUNT, DEPLOYER).through(front)).await;
        let deployer = Caller { account: ACCOUNT.into(), principal: Some(DEPLOYER.into()) };
        assert_eq!(callers(&log, ACCOUNT, "m").await, [deployer], "{front:?}");
    }
}

#[tokio::test]
async fn where_aws_says_nothing_the_caller_is_of_the_deployment() {
    for front in Front::ALL {
        let log = Watched::new();
        let signed = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261122/eu-west-1/appmesh/aws4_request, SignedHeaders=host, Signature=1";
        let create = Sent { headers: json!({ "authorization": signed }), ..create_mesh("m") };
        Function::over(&log).ok(create.through(front)).await;
        let signer = Caller { account: ACCOUNT.into(), principal: Some("AKIDEXAMPLE".into()) };
        assert_eq!(callers(&log, ACCOUNT, "m").await, [signer], "{front:?}");
    }
}

#[tokio::test]
async fn another_account_has_meshes_of_its_own() {
    let (mut function, other) = (Function::new(), "210987654321");
    let by_other = |sent: Sent<'static>| sent.by(other, "arn:aws:iam::210987654321:user/x").through(Front::FunctionUrl);
    function.ok(create_mesh("ours").through(Front::FunctionUrl)).await;
    function.ok(by_other(create_mesh("theirs"))).await;
    let list = function.ok(by_other(Sent::new("GET", "/v20190125/meshes"))).await;
    assert_eq!(list["meshes"].as_array().map(Vec::len), Some(1), "{list}");
    assert_eq!((&list["meshes"][0]["meshName"], &list["meshes"][0]["meshOwner"]), (&json!("theirs"), &json!(other)));
    let list = function.ok(Sent::new("GET", "/v20190125/meshes").through(Front::FunctionUrl)).await;
    assert_eq!(list["meshes"][0]["meshName"], "ours");
}

#[test]
fn an_event_that_is_no_request_is_refused() {
    let event = json!({ "source": "aws.events", "detail-type": "Scheduled Event", "detail": {} });
    let refused = serde_json::from_value::<LambdaRequest>(event).expect_err("not a request");
    assert!(refused.to_string().contains("Function URLs"), "{refused}");
}

#[tokio::test]
async fn a_warm_instance_reads_only_the_tail() {
    let log = Watched::new();
    let mut function = Function::over(&log);
    function.ok(create_mesh("m").through(Front::FunctionUrl)).await;
    log.asked();
    let describe = Sent::new("GET", "/v20190125/meshes/m").through(Front::FunctionUrl);
    function.ok(describe.clone()).await;
    assert_eq!(log.asked(), ["read m after 1"]);
    Function::over(&log).ok(describe.clone()).await;
    assert_eq!(log.asked(), ["checkpoint of m", "read m after 0"], "a cold one looks for a checkpoint first");
    function
        .ok(Sent::new("PUT", "/v20190125/meshes/m")
            .body(&json!({ "spec": { "egressFilter": { "type": "ALLOW_ALL" } } }))
            .through(Front::HttpApi))
        .await;
    assert_eq!(log.asked(), ["read m after 1", "append to m at 1"]);
    function.ok(describe).await;
    assert_eq!(log.asked(), ["read m after 2"]);
}

#[tokio::test]
async fn what_another_instance_wrote_is_seen_by_the_next_request() {
    let log = Watched::new();
    let (mut one, mut other) = (Function::over(&log), Function::over(&log));
    one.ok(create_mesh("m").through(Front::HttpApi)).await;
    let update = json!({ "spec": { "egressFilter": { "type": "ALLOW_ALL" } } });
    let updated = other.ok(Sent::new("PUT", "/v20190125/meshes/m").body(&update).through(Front::RestApi)).await;
    let described = one.ok(Sent::new("GET", "/v20190125/meshes/m").through(Front::FunctionUrl)).await;
    assert_eq!((&described, &described["metadata"]["version"]), (&updated, &json!(2)));
}

#[tokio::test]
async fn a_log_that_cannot_be_reached_is_an_answer_and_not_an_error_of_the_function() {
    let log = Watched::new();
    log.fail(Some("m"));
    let answer =
        Function::over(&log).invoke(&Sent::new("GET", "/v20190125/meshes/m").through(Front::FunctionUrl)).await;
    assert_eq!(
        (answer["statusCode"].as_u64(), header(&answer, "x-amzn-errortype")),
        (Some(503), "ServiceUnavailableException")
    );
}

#[tokio::test]
async fn accounts_that_aws_has_verified_share_a_mesh() {
    const GUEST: (&str, &str) = ("111122223333", "arn:aws:sts::111122223333:assumed-role/deploy/ci");
    for front in [Front::FunctionUrl, Front::HttpApi, Front::RestApi] {
        let mut function = Function::new();
        function.ok(create_mesh("m").by(ACCOUNT, DEPLOYER).through(front)).await;
        // A key of the owner in the client's own signature makes nobody the owner.
        let headers =
            json!({ "authorization": "AWS4-HMAC-SHA256 Credential=AKIDOWNER/20261122/x/appmesh/aws4_request" });
        let query = "meshOwner=123456789012";
        let node = json!({ "virtualNodeName": "n", "spec": {} });
        let make = || Sent { query, headers: headers.clone(), ..Sent::new("PUT", "/v20190125/meshes/m/virtualNodes") };
        let make = || make().body(&node).by(GUEST.0, GUEST.1).through(front);
        let refused = function.invoke(&make()).await;
        assert_eq!(refused["statusCode"], 403, "{front:?}: {refused}");
        let share = Sent::new("PUT", "/v20190125/meshes/m/shares/111122223333").by(ACCOUNT, DEPLOYER);
        assert_eq!(function.ok(share.through(front)).await["sharedWith"], json!([GUEST.0]));
        let made = function.ok(make()).await;
        assert_eq!(made["metadata"]["resourceOwner"], GUEST.0, "{front:?}");
        assert_eq!(made["metadata"]["meshOwner"], ACCOUNT);
    }
}
