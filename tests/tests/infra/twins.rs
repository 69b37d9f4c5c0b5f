//! What Terraform made, beside what the templates say: one deployment in two languages.

use super::policies::statements;
use super::{properties, read, resources};
use mesh_core::{Quota, Quotas};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Compares everything that decides what the parts do. Resources are by their address in the module.
pub fn are_alike(made: &BTreeMap<String, Value>) {
    the_table_is_the_same(&made["aws_dynamodb_table.log"]);
    roles_may_do_the_same(made);
    functions_are_the_same(made);
    the_relay_is_the_same(made);
    alarms_look_at_the_same(made);
}

fn the_table_is_the_same(table: &Value) {
    let wanted: Value = serde_json::from_str(mesh_log::dynamo::DEFINITION).expect("the definition is JSON");
    let key = |at: usize| &wanted["KeySchema"][at]["AttributeName"];
    assert_eq!((&table["hash_key"], &table["range_key"]), (key(0), key(1)));
    assert_eq!(table["attribute"], json!([{ "name": "pk", "type": "S" }, { "name": "sk", "type": "S" }]));
    assert_eq!(table["billing_mode"], wanted["BillingMode"]);
    assert_eq!(
        (&table["stream_enabled"], &table["stream_view_type"]),
        (&json!(true), &wanted["StreamSpecification"]["StreamViewType"])
    );
    assert_eq!(table["point_in_time_recovery"][0]["enabled"], true);
    assert_eq!(table["deletion_protection_enabled"], true);
}

/// What a statement allows, by its name.
fn allowed(statement: &Value) -> (String, Value) {
    let many = |value: &Value| -> BTreeSet<String> {
        let one = |it: &Value| it.as_str().map(str::to_owned);
        value.as_array().map_or_else(|| one(value).into_iter().collect(), |all| all.iter().filter_map(one).collect())
    };
    let condition = statement["Condition"].to_string().replace(['[', ']'], "");
    let said = json!({ "actions": many(&statement["Action"]), "on": many(&statement["Resource"]), "if": condition });
    (statement["Sid"].as_str().unwrap_or("first").to_owned(), said)
}

/// A statement of a template, with the values that CloudFormation would put in.
fn filled(statement: &Value, log_group: &str) -> Value {
    let names = [
        ("${AWS::Partition}", "aws"),
        ("${AWS::Region}", "eu-west-1"),
        ("${AWS::AccountId}", "123456789012"),
        ("${Name}", "remesh"),
        ("${RepositoryName}", "remesh/xds-relay"),
    ];
    let mut statement = statement.clone();
    let resource = &statement["Resource"];
    let text = match (resource["Fn::Sub"].as_str(), resource["Fn::GetAtt"].is_array()) {
        (Some(text), _) => names.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to)),
        // Of the log groups alone is the whole name taken from another resource.
        (None, true) => format!("arn:aws:logs:eu-west-1:123456789012:log-group:{log_group}:*"),
        (None, false) => return statement,
    };
    statement["Resource"] = text.into();
    statement
}

fn roles_may_do_the_same(made: &BTreeMap<String, Value>) {
    for (role, policy, log_group) in [
        ("ApiRole", "aws_iam_role_policy.api", "/aws/lambda/remesh-api"),
        ("CheckpointRole", "aws_iam_role_policy.checkpoint", "/aws/lambda/remesh-checkpoint"),
        ("TaskRole", "aws_iam_role_policy.relay", ""),
        ("ExecutionRole", "aws_iam_role_policy.start", "/remesh/relay"),
    ] {
        let document: Value = serde_json::from_str(made[policy]["policy"].as_str().expect("a policy")).expect("JSON");
        let in_terraform: BTreeMap<_, _> =
            document["Statement"].as_array().expect("statements").iter().map(allowed).collect();
        let wanted = statements().into_iter().filter(|it| it.of == role);
        let wanted: BTreeMap<_, _> = wanted.map(|it| allowed(&filled(it.statement, log_group))).collect();
        assert_eq!(in_terraform, wanted, "{role}");
    }
    assert!(!made.contains_key("aws_iam_role_policy.stream[0]"), "a relay that polls reads no stream");
}

fn functions_are_the_same(made: &BTreeMap<String, Value>) {
    let global = &read()["infra/api.yaml"]["template"]["Globals"]["Function"];
    for (key, name) in [("api", "Api"), ("checkpoint", "Checkpoint")] {
        let function = &made[&format!("aws_lambda_function.this[\"{key}\"]")];
        assert_eq!(
            json!([function["runtime"], function["handler"], function["architectures"], function["memory_size"]]),
            json!([global["Runtime"], global["Handler"], global["Architectures"], global["MemorySize"]])
        );
        assert_eq!(function["timeout"], properties("infra/api.yaml", name)["Timeout"]);
        let names = |value: &Value| value.as_object().into_iter().flat_map(Map::keys).cloned().collect::<BTreeSet<_>>();
        let mut wanted = names(&global["Environment"]["Variables"]);
        wanted.extend(names(&properties("infra/api.yaml", name)["Environment"]["Variables"]));
        assert_eq!(names(&function["environment"][0]["variables"]), wanted, "{key}");
    }
    let quotas = &made["aws_lambda_function.this[\"api\"]"]["environment"][0]["variables"]["REMESH_QUOTAS"];
    let quotas: Quotas = quotas.as_str().expect("quotas are set").parse().expect("the API takes them");
    assert_eq!(quotas, Quotas::default().with(Quota::VirtualNodesPerMesh, 200).with(Quota::MeshesPerAccount, 15));
    assert_eq!(made["aws_lambda_function_url.api"]["authorization_type"], "AWS_IAM");
    let (mapping, trigger) =
        (&made["aws_lambda_event_source_mapping.checkpoint"], properties("infra/api.yaml", "CheckpointTrigger"));
    for (ours, theirs) in [
        ("starting_position", "StartingPosition"),
        ("batch_size", "BatchSize"),
        ("maximum_batching_window_in_seconds", "MaximumBatchingWindowInSeconds"),
        ("function_response_types", "FunctionResponseTypes"),
        ("bisect_batch_on_function_error", "BisectBatchOnFunctionError"),
        ("maximum_record_age_in_seconds", "MaximumRecordAgeInSeconds"),
        ("maximum_retry_attempts", "MaximumRetryAttempts"),
    ] {
        assert_eq!(mapping[ours], trigger[theirs], "{ours}");
    }
    let pattern = |value: &Value| serde_json::from_str::<Value>(value.as_str().expect("a pattern")).expect("JSON");
    assert_eq!(
        pattern(&mapping["filter_criteria"][0]["filter"][0]["pattern"]),
        pattern(&trigger["FilterCriteria"]["Filters"][0]["Pattern"])
    );
}

fn the_relay_is_the_same(made: &BTreeMap<String, Value>) {
    let task = &made["aws_ecs_task_definition.relay"];
    let containers = task["container_definitions"].as_str().expect("containers");
    let container = &serde_json::from_str::<Value>(containers).expect("JSON")[0];
    let wanted = &properties("infra/relay.yaml", "Task")["ContainerDefinitions"][0];
    let parameters = read()["infra/relay.yaml"]["template"]["Parameters"].as_object().expect("parameters");
    let command = wanted["Command"].as_array().expect("a command").iter().map(|word| value_of(word, parameters));
    assert_eq!(container["command"], Value::from_iter(command));
    assert_eq!(container["stopTimeout"], wanted["StopTimeout"]);
    let ports = |container: &Value, mappings: &str, port: &str| -> Vec<Value> {
        container[mappings].as_array().expect("ports").iter().map(|it| it[port].clone()).collect()
    };
    assert_eq!(ports(container, "portMappings", "containerPort"), ports(wanted, "PortMappings", "ContainerPort"));
    assert_eq!(task["runtime_platform"][0]["cpu_architecture"], "ARM64");
    let (group, targets) = (&made["aws_lb_target_group.relay"], properties("infra/relay.yaml", "Targets"));
    let check = &group["health_check"][0];
    assert_eq!(
        json!([group["port"], check["protocol"], check["port"], check["path"], check["interval"], check["timeout"]]),
        json!([
            targets["Port"],
            targets["HealthCheckProtocol"],
            targets["HealthCheckPort"],
            targets["HealthCheckPath"],
            targets["HealthCheckIntervalSeconds"],
            targets["HealthCheckTimeoutSeconds"]
        ])
    );
    let listener = &made["aws_lb_listener.xds"];
    assert_eq!(
        (&listener["protocol"], &listener["port"], &listener["alpn_policy"]),
        (&json!("TLS"), &json!(443), &json!("HTTP2Preferred"))
    );
    assert_eq!(made["aws_lb.xds"]["internal"], true);
    let service = &made["aws_ecs_service.relay"];
    assert_eq!((&service["desired_count"], &service["launch_type"]), (&json!(2), &json!("FARGATE")));
}

/// A word of a command, with the values that CloudFormation would put in.
fn value_of(word: &Value, parameters: &Map<String, Value>) -> Value {
    match word["Ref"].as_str() {
        None => word.clone(),
        Some("AWS::Region") => "eu-west-1".into(),
        Some("AWS::AccountId") => "123456789012".into(),
        Some(parameter) => parameters[parameter]["Default"].clone(),
    }
}

fn alarms_look_at_the_same(made: &BTreeMap<String, Value>) {
    let in_terraform: BTreeSet<String> = made
        .iter()
        .filter(|(address, _)| address.starts_with("aws_cloudwatch_metric_alarm."))
        .map(|(_, it)| format!("{}/{} {} {}", it["namespace"], it["metric_name"], it["statistic"], it["period"]))
        .collect();
    let of_templates = ["infra/api.yaml", "infra/relay.yaml"].into_iter().flat_map(resources);
    let in_templates: BTreeSet<String> = of_templates
        .filter(|(_, it)| it["Type"] == "AWS::CloudWatch::Alarm")
        .map(|(_, it)| &it["Properties"])
        .map(|it| {
            let namespace = if it["Namespace"].is_string() { it["Namespace"].clone() } else { "remesh".into() };
            format!("{namespace}/{} {} {}", it["MetricName"], it["Statistic"], it["Period"])
        })
        .collect();
    assert_eq!(in_terraform, in_templates);
    for (name, metric) in [("Refusals", "EnvoyRefusals"), ("Troubles", "RelayErrors"), ("Absences", "LogAbsences")] {
        let filter = &made[&format!("aws_cloudwatch_log_metric_filter.relay[\"{metric}\"]")];
        assert_eq!(filter["pattern"], properties("infra/relay.yaml", name)["FilterPattern"]);
    }
    let dashboard = |body: &str| -> BTreeSet<String> {
        let body: Value = serde_json::from_str(body).expect("a dashboard is JSON");
        body["widgets"].as_array().expect("widgets").iter().map(|it| it["properties"]["title"].to_string()).collect()
    };
    let body = &properties("infra/relay.yaml", "Dashboard")["DashboardBody"]["Fn::Sub"][0];
    let in_terraform = made["aws_cloudwatch_dashboard.this"]["dashboard_body"].as_str().expect("a body");
    assert_eq!(dashboard(in_terraform), dashboard(body.as_str().expect("a text")));
}

/// Compares when relays join and leave.
pub fn scale_alike(planned: &BTreeMap<String, Value>) {
    let policy = &planned["aws_appautoscaling_policy.proxies"]["target_tracking_scaling_policy_configuration"][0];
    let wanted = &properties("infra/relay.yaml", "ScalingByProxies")["TargetTrackingScalingPolicyConfiguration"];
    assert_eq!(policy["scale_out_cooldown"], wanted["ScaleOutCooldown"]);
    assert_eq!(policy["scale_in_cooldown"], wanted["ScaleInCooldown"]);
    let metrics = policy["customized_metric_specification"][0]["metrics"].as_array().expect("metrics");
    let expressions: Vec<&str> =
        metrics.iter().filter_map(|it| it["expression"].as_str()).filter(|it| !it.is_empty()).collect();
    let in_template = &wanted["CustomizedMetricSpecification"]["Metrics"][2]["Expression"]["Fn::Sub"];
    assert_eq!(expressions, [in_template.as_str().expect("an expression").replace("${Zones}", "2")]);
    let of = |metric: &Value| metric["metric_stat"][0]["metric"][0]["metric_name"].clone();
    let in_terraform: BTreeSet<String> = metrics.iter().map(|it| of(it).to_string()).collect();
    let of = |metric: &Value| metric["MetricStat"]["Metric"]["MetricName"].clone();
    let metrics = wanted["CustomizedMetricSpecification"]["Metrics"].as_array().expect("metrics");
    assert_eq!(in_terraform, metrics.iter().map(|it| of(it).to_string()).collect());
}
