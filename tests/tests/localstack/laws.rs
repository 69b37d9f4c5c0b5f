//! The laws every log keeps, asked of the DynamoDB log with its tables and their streams on LocalStack.

use async_trait::async_trait;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::config::Credentials;
use mesh_log::Log;
use mesh_log::conformance::{self, Harness};
use mesh_log::dynamo::{self, DynamoLog};
use mesh_tests::bed::in_hub;
use mesh_tests::control_plane::{end, localstack};
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::Mutex;

/// A table for every log, made when it is first opened.
struct Tables {
    dynamodb: aws_sdk_dynamodb::Client,
    streams: aws_sdk_dynamodbstreams::Client,
    made: Mutex<BTreeSet<String>>,
}

impl Tables {
    async fn on(endpoint: &str) -> Self {
        let credentials = Credentials::new("any", "thing", None, None, "tests");
        let config = aws_config::defaults(BehaviorVersion::latest()).region(Region::from_static("us-east-1"));
        let config = config.credentials_provider(credentials).endpoint_url(endpoint).load().await;
        Self {
            dynamodb: aws_sdk_dynamodb::Client::new(&config),
            streams: aws_sdk_dynamodbstreams::Client::new(&config),
            made: Mutex::default(),
        }
    }
}

#[async_trait]
impl Harness for Tables {
    async fn open(&self, name: &str) -> Arc<dyn Log> {
        let mut made = self.made.lock().await;
        if made.insert(name.to_owned()) {
            dynamo::create_table(&self.dynamodb, name).await.expect("LocalStack makes tables");
        }
        Arc::new(DynamoLog::new(self.dynamodb.clone(), name).with_table_stream(self.streams.clone()))
    }

    fn keeps(&self) -> bool {
        true
    }
}

#[test]
fn a_log_on_localstack_keeps_every_law() {
    if !super::is_here() {
        return;
    }
    in_hub(async |hub| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (program, _) = localstack(&hub, &["--only-localstack"], folder.path()).await;
        conformance::run_all(&Tables::on("http://127.0.0.1:4566").await).await;
        end(program).await;
    });
}
