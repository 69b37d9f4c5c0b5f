//! Roles may do what their programs do, and nothing else.

use super::{TEMPLATES, file, resources};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// AWS knows no resources for these.
const WITHOUT_RESOURCES: [&str; 3] =
    ["ecr:GetAuthorizationToken", "servicediscovery:DiscoverInstances", "servicediscovery:DiscoverInstancesRevision"];

/// One statement of a policy, and whose it is.
pub struct Statement {
    /// The name of the role, of a policy that stands alone, or the role that a policy is added to.
    pub of: String,
    /// The statement as the template has it.
    pub statement: &'static Value,
}

impl Statement {
    fn actions(&self) -> BTreeSet<&'static str> {
        many(&self.statement["Action"]).into_iter().map(|it| it.as_str().expect("an action is a name")).collect()
    }

    /// The partition keys it is limited to.
    fn keys(&self) -> Option<&'static Value> {
        let conditions = self.statement["Condition"].as_object()?;
        conditions.values().find_map(|condition| condition.get("dynamodb:LeadingKeys"))
    }
}

fn many(value: &'static Value) -> Vec<&'static Value> {
    value.as_array().map_or_else(|| vec![value], |values| values.iter().collect())
}

/// Everything that any template allows, except who may take a role.
pub fn statements() -> Vec<Statement> {
    let mut found = Vec::new();
    for path in TEMPLATES {
        for (name, resource) in resources(path) {
            let properties = &resource["Properties"];
            let documents = match resource["Type"].as_str() {
                Some("AWS::IAM::Role") => {
                    assert!(properties.get("ManagedPolicyArns").is_none(), "{name} has a policy that is not in sight");
                    many(&properties["Policies"]).into_iter().map(|policy| &policy["PolicyDocument"]).collect()
                }
                Some("AWS::IAM::ManagedPolicy" | "AWS::IAM::RolePolicy") => vec![&properties["PolicyDocument"]],
                _ => Vec::new(),
            };
            let all = documents.into_iter().flat_map(|document| many(&document["Statement"]));
            found.extend(all.map(|statement| Statement { of: name.clone(), statement }));
        }
    }
    found
}

fn of(role: &str) -> BTreeSet<&'static str> {
    statements().iter().filter(|it| it.of == role).flat_map(Statement::actions).collect()
}

#[test]
fn nothing_is_allowed_by_a_pattern_of_actions_or_on_everything() {
    assert!(statements().len() > 10);
    for statement in statements() {
        let actions = statement.actions();
        assert!(actions.iter().all(|action| !action.contains('*')), "{}: {actions:?}", statement.of);
        if many(&statement.statement["Resource"]).contains(&&json!("*")) {
            let known = actions.iter().all(|action| WITHOUT_RESOURCES.contains(action));
            assert!(known, "{}: {actions:?} on everything", statement.of);
        }
    }
}

#[test]
fn the_api_appends_and_can_neither_delete_records_nor_change_them_by_an_update() {
    let log = of("ApiRole").into_iter().filter(|action| action.starts_with("dynamodb:")).collect::<Vec<_>>();
    assert_eq!(log, ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"]);
    for statement in statements().iter().filter(|it| it.of == "ApiRole") {
        for (action, keys) in [("dynamodb:PutItem", json!(["mesh#*"])), ("dynamodb:UpdateItem", json!(["heads"]))] {
            if statement.actions().contains(action) {
                assert_eq!(statement.keys(), Some(&keys), "{action}");
            }
        }
    }
}

#[test]
fn the_checkpoint_function_writes_checkpoints_only() {
    for statement in statements().iter().filter(|it| it.of == "CheckpointRole") {
        let writes =
            statement.actions().into_iter().any(|action| action.ends_with("Item") && action != "dynamodb:GetItem");
        if writes {
            assert_eq!(statement.keys(), Some(&json!(["checkpoint#*"])));
        }
    }
    assert!(of("CheckpointRole").contains("dynamodb:DeleteItem"), "pieces of earlier checkpoints are swept");
}

#[test]
fn the_relay_reads_and_writes_nowhere() {
    let reading = ["Get", "Query", "Describe", "Discover"];
    for action in &of("TaskRole") | &of("StreamPolicy") {
        let verb = action.split_once(':').expect("an action has a service").1;
        assert!(reading.iter().any(|start| verb.starts_with(start)), "{action}");
    }
}

#[test]
fn only_a_relay_that_is_to_be_woken_by_the_stream_may_read_it() {
    assert!(of("TaskRole").iter().all(|action| !action.contains("Stream") && !action.contains("Records")));
    assert_eq!(resources("infra/relay.yaml")["StreamPolicy"]["Condition"], "IsWoken");
    let wakes = of("StreamPolicy");
    let wanted = ["DescribeStream", "DescribeTable", "GetRecords", "GetShardIterator"];
    assert_eq!(wakes, wanted.map(|action| format!("dynamodb:{action}")).iter().map(String::as_str).collect());
}

#[test]
fn what_the_log_asks_of_dynamodb_is_allowed() {
    let allowed: BTreeSet<&str> = statements().iter().flat_map(Statement::actions).collect();
    let calls = [
        ("delete_item", "DeleteItem"),
        ("describe_stream", "DescribeStream"),
        ("describe_table", "DescribeTable"),
        ("get_item", "GetItem"),
        ("get_records", "GetRecords"),
        ("get_shard_iterator", "GetShardIterator"),
        ("put_item", "PutItem"),
        ("query", "Query"),
        ("scan", "Scan"),
        ("transact_get_items", "GetItem"),
        ("batch_get_item", "BatchGetItem"),
        ("batch_write_item", "BatchWriteItem"),
        ("update_item", "UpdateItem"),
    ];
    let parts = ["append", "checkpoints", "feed", "query", "stream"]
        .map(|part| file(&format!("mesh/log/src/dynamo/{part}.rs")));
    let made: Vec<_> = calls.iter().filter(|(call, _)| parts.concat().contains(&format!(".{call}()"))).collect();
    assert!(made.len() >= 5, "{made:?}");
    for (call, action) in made {
        assert!(allowed.contains(format!("dynamodb:{action}").as_str()), "nobody may {call}");
    }
}
