//! What deploys Remesh in AWS, as far as a machine without AWS can judge it: by cfn-lint, by SAM's translator, by
//! Terraform, and by what the programs themselves say about their flags, variables and table.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what fails here fails the test"
)]

#[path = "infra/examples.rs"]
mod examples;
#[path = "infra/policies.rs"]
mod policies;
#[path = "infra/readme.rs"]
mod readme;
#[path = "infra/terraform.rs"]
mod terraform;
#[path = "infra/twins.rs"]
mod twins;

use functions::lambda::Environment;
use mesh_core::{Quota, Quotas};
use mesh_tests::tools;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// Every template, by its path from the root.
const TEMPLATES: [&str; 5] = [
    "infra/table.yaml",
    "infra/api.yaml",
    "infra/relay.yaml",
    "infra/examples/meshed-service.yaml",
    "infra/examples/gateway.yaml",
];

/// A program of the environment that `tests/run` makes for templates.
fn tool(name: &str) -> PathBuf {
    let path = tools::workspace().join("target/tools/templates/bin").join(name);
    assert!(path.exists(), "{} is missing: run `tests/run`, which installs what tests need", path.display());
    path
}

fn output(command: &mut Command) -> Output {
    command.current_dir(tools::workspace()).output().expect("an installed program runs")
}

/// What the templates are, once they are read as AWS would.
fn read() -> &'static Value {
    static READ: OnceLock<Value> = OnceLock::new();
    READ.get_or_init(|| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/infra/templates.py");
        let read = output(Command::new(tool("python")).arg(script).args(TEMPLATES));
        assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
        serde_json::from_slice(&read.stdout).expect("the script prints JSON")
    })
}

/// The resources of a template.
fn resources(path: &str) -> &'static serde_json::Map<String, Value> {
    read()[path]["template"]["Resources"].as_object().expect("a template has resources")
}

/// The properties of a resource.
fn properties(path: &str, name: &str) -> &'static Value {
    &resources(path).get(name).unwrap_or_else(|| panic!("{path} has no {name}"))["Properties"]
}

fn file(path: &str) -> String {
    std::fs::read_to_string(tools::workspace().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn cfn_lint_finds_nothing() {
    let lint = output(Command::new(tool("cfn-lint")).args(TEMPLATES));
    let said = String::from_utf8_lossy(&lint.stdout).into_owned() + &String::from_utf8_lossy(&lint.stderr);
    assert!(lint.status.success() && said.trim().is_empty(), "{said}");
}

#[test]
fn no_template_has_aliases_which_cloudformation_does_not_take() {
    for path in TEMPLATES {
        assert_eq!(read()[path]["aliases"], json!([]), "{path}");
    }
}

#[test]
fn sam_makes_functions_behind_an_iam_authorised_url_and_opens_it_to_nobody_else() {
    let made = read()["infra/api.yaml"]["translated"]["Resources"].as_object().expect("SAM translates it");
    let of_type = |wanted: &str| made.values().filter(|it| it["Type"] == wanted).collect::<Vec<_>>();
    assert_eq!(of_type("AWS::Lambda::Function").len(), 2);
    let urls = of_type("AWS::Lambda::Url");
    assert_eq!(urls.len(), 1);
    assert_eq!(urls[0]["Properties"]["AuthType"], "AWS_IAM");
    // A function has no policy of its own that would let callers in whom IAM does not.
    assert!(of_type("AWS::Lambda::Permission").is_empty());
}

#[test]
fn the_table_is_the_one_that_the_log_asks_for_and_outlives_its_stack() {
    let mut table = properties("infra/table.yaml", "Table").clone();
    table.as_object_mut().expect("properties").remove("TableName");
    let wanted: Value = serde_json::from_str(mesh_log::dynamo::DEFINITION).expect("the definition is JSON");
    assert_eq!(table, wanted);
    for (path, name) in [("infra/table.yaml", "Table"), ("infra/api.yaml", "Log")] {
        let resource = &resources(path)[name];
        assert_eq!(
            (&resource["DeletionPolicy"], &resource["UpdateReplacePolicy"]),
            (&json!("Retain"), &json!("Retain"))
        );
    }
}

#[test]
fn functions_are_given_the_environment_that_they_ask_for() {
    let globals = &read()["infra/api.yaml"]["template"]["Globals"]["Function"]["Environment"]["Variables"];
    let given = |name: &str| match &globals[name]["Ref"] {
        Value::Null => None,
        Value::String(reference) if reference == "AWS::AccountId" => Some("111122223333".to_owned()),
        Value::String(reference) => Some(reference.clone()),
        other => panic!("{name} is {other}"),
    };
    if let Err(error) = Environment::read(given) {
        panic!("{error}");
    }
}

#[test]
fn quotas_that_a_stack_is_given_are_the_apis() {
    let template = &read()["infra/api.yaml"]["template"];
    let given = &properties("infra/api.yaml", "Api")["Environment"]["Variables"]["REMESH_QUOTAS"];
    assert_eq!(given, &json!({ "Fn::If": ["SetsQuotas", { "Ref": "Quotas" }, { "Ref": "AWS::NoValue" }] }));
    // The example that the parameter's description gives is one.
    let description = template["Parameters"]["Quotas"]["Description"].as_str().expect("a description");
    let example = description.split("such as ").nth(1).and_then(|rest| rest.split(';').next()).expect("an example");
    let quotas: Quotas = example.parse().unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(quotas.limit(Quota::MeshesPerAccount), 15);
}

#[test]
fn functions_are_where_cargo_lambda_puts_them() {
    for (name, binary) in [("Api", "appmesh-api"), ("Checkpoint", "checkpoint")] {
        assert_eq!(properties("infra/api.yaml", name)["CodeUri"], format!("../target/lambda/{binary}/"));
        assert!(tools::workspace().join("functions/src/bin").join(format!("{binary}.rs")).exists());
    }
}

#[test]
fn only_records_wake_the_checkpoint_function() {
    let trigger = properties("infra/api.yaml", "CheckpointTrigger");
    let pattern = trigger["FilterCriteria"]["Filters"][0]["Pattern"].as_str().expect("a pattern");
    let pattern: Value = serde_json::from_str(pattern).expect("a pattern is JSON");
    let prefix = pattern["dynamodb"]["Keys"]["pk"]["S"][0]["prefix"].as_str().expect("a prefix");
    let is_record = |key: &str| mesh_log::dynamo::mesh_of(key).is_some();
    for key in ["mesh#111122223333#shop", "checkpoint#111122223333#shop", "heads"] {
        assert_eq!(key.starts_with(prefix), is_record(key), "{key}");
    }
    assert_eq!(trigger["FunctionResponseTypes"], json!(["ReportBatchItemFailures"]));
}

/// The relay's container.
fn relay() -> &'static Value {
    &properties("infra/relay.yaml", "Task")["ContainerDefinitions"][0]
}

#[test]
fn the_relay_is_given_flags_that_it_has() {
    let program = file("xds-relay/src/main.rs");
    let command = relay()["Command"].as_array().expect("a command");
    let flags: Vec<&str> = command.iter().filter_map(Value::as_str).filter(|it| it.starts_with("--")).collect();
    assert!(flags.len() > 5, "{flags:?}");
    for flag in flags {
        let field = format!("    {}: ", flag.trim_start_matches("--").replace('-', "_"));
        assert!(program.contains(&field), "{flag}");
    }
}

#[test]
fn what_alarms_look_for_in_the_log_is_what_the_relay_says() {
    let pattern = &properties("infra/relay.yaml", "Refusals")["FilterPattern"];
    assert_eq!(pattern, r#"{ $.message = "Envoy refused resources" }"#);
    assert!(file("xds-relay/src/serve/stream.rs").contains(r#""Envoy refused resources""#));
    let pattern = properties("infra/relay.yaml", "Absences")["FilterPattern"].as_str().expect("a pattern");
    let looked_for: Vec<&str> = pattern.split('"').skip(1).step_by(2).map(|text| text.trim_end_matches('*')).collect();
    assert_eq!(looked_for.len(), 2, "{pattern}");
    for text in looked_for {
        assert!(file("xds-relay/src/world/feed.rs").contains(&format!("\"{text}")), "the relay does not say: {text}");
    }
}

#[test]
fn the_dashboard_is_json() {
    let body = properties("infra/relay.yaml", "Dashboard")["DashboardBody"]["Fn::Sub"][0].as_str().expect("a text");
    let dashboard: Value = serde_json::from_str(body).expect("the dashboard is JSON");
    assert_eq!(dashboard["widgets"].as_array().map(Vec::len), Some(6));
}

#[test]
fn envoys_reach_the_relay_encrypted_and_nobody_else_does() {
    let listener = properties("infra/relay.yaml", "Listener");
    assert_eq!((&listener["Protocol"], &listener["Port"]), (&json!("TLS"), &json!(443)));
    assert_eq!(properties("infra/relay.yaml", "LoadBalancer")["Scheme"], "internal");
    for rule in properties("infra/relay.yaml", "TaskGroup")["SecurityGroupIngress"].as_array().expect("rules") {
        assert_eq!(rule["SourceSecurityGroupId"]["Ref"], "LoadBalancerGroup", "{rule}");
    }
}

/// What the relay's source gives a flag when nobody says anything.
fn usual(program: &str, flag: &str) -> String {
    let field = program.lines().find(|line| line.contains("#[arg(") && line.contains(&format!("REMESH_{flag}\"")));
    let value = field.and_then(|line| line.split("default_value = \"").nth(1)).and_then(|rest| rest.split('"').next());
    value.unwrap_or_else(|| panic!("{flag} has no usual value")).to_owned()
}

#[test]
fn the_load_balancer_asks_the_relay_where_it_answers() {
    let (targets, relay) = (properties("infra/relay.yaml", "Targets"), relay());
    let after = |flag: &str| {
        let words = relay["Command"].as_array().expect("a command");
        let at = words.iter().position(|word| word == flag).unwrap_or_else(|| panic!("no {flag}"));
        words[at + 1].as_str().expect("an address").to_owned()
    };
    assert_eq!(after("--xds-addr"), format!("0.0.0.0:{}", targets["Port"]));
    assert_eq!(after("--admin-addr"), format!("0.0.0.0:{}", targets["HealthCheckPort"].as_str().expect("a port")));
    let path = targets["HealthCheckPath"].as_str().expect("a path");
    assert!(file("xds-relay/src/admin.rs").contains(&format!("route({path:?}, get(ready))")));
    assert_eq!(properties("infra/relay.yaml", "Service")["LoadBalancers"][0]["ContainerPort"], targets["Port"]);
    // Beyond loopback, and so only because it says so; and let in is only who comes from the load balancer.
    assert!(relay["Command"].as_array().expect("a command").contains(&json!("--allow-unauthenticated")));
}

#[test]
fn a_relay_is_not_killed_before_it_has_moved_its_proxies() {
    let drain: u64 = usual(&file("xds-relay/src/main.rs"), "DRAIN_SECONDS").parse().expect("a number");
    let patience = relay()["StopTimeout"].as_u64().expect("a time");
    assert!(patience >= drain + 5, "{patience} s, and it takes up to {drain} + 5");
}

#[test]
fn as_many_relays_as_there_is_need_for_are_told_by_connections() {
    let metrics = &properties("infra/relay.yaml", "ScalingByProxies")["TargetTrackingScalingPolicyConfiguration"]["CustomizedMetricSpecification"]
        ["Metrics"];
    let of = |at: usize| (&metrics[at]["Id"], &metrics[at]["MetricStat"]["Metric"]["MetricName"]);
    assert_eq!(of(0), (&json!("flows"), &json!("ActiveFlowCount_TLS")));
    assert_eq!(of(1), (&json!("relays"), &json!("HealthyHostCount")));
    assert_eq!(metrics[2]["Expression"]["Fn::Sub"], "flows * ${Zones} / relays");
    let returned: Vec<_> = metrics.as_array().expect("metrics").iter().filter(|it| it["ReturnData"] == true).collect();
    assert_eq!(returned.len(), 1, "a policy tracks one metric");
}
