//! The log in DynamoDB keeps the laws, on DynamoDB Local.

#![expect(clippy::unwrap_used, reason = "a test that cannot open its log has failed")]

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use mesh_log::conformance::Harness;
use mesh_log::dynamo::local::DynamoDbLocal;
use mesh_log::dynamo::{DynamoLog, create_table};
use mesh_log::{Log, conformance_laws};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OnceCell;

/// One for all tests of this file; each law has tables of its own.
async fn database() -> Option<&'static DynamoDbLocal> {
    static DATABASE: OnceCell<Option<DynamoDbLocal>> = OnceCell::const_new();
    DATABASE.get_or_init(DynamoDbLocal::start).await.as_ref()
}

/// Logs in tables whose names begin like this.
struct Tables {
    database: &'static DynamoDbLocal,
    prefix: &'static str,
    stream: bool,
}

#[async_trait]
impl Harness for Tables {
    async fn open(&self, name: &str) -> Arc<dyn Log> {
        let (client, table) = (patient(&self.database.client()), format!("{}-{name}", self.prefix));
        if client.describe_table().table_name(&table).send().await.is_err() {
            create_table(&client, &table).await.unwrap();
        }
        let log = DynamoLog::new(client, table);
        match self.stream {
            true => Arc::new(log.with_table_stream(self.database.streams())),
            false => Arc::new(log),
        }
    }

    fn keeps(&self) -> bool {
        true
    }
}

/// A client that puts up with a busy machine: the laws are about what is answered, not when.
fn patient(client: &Client) -> Client {
    let limit = Duration::from_secs(60);
    let limits = TimeoutConfig::builder().operation_attempt_timeout(limit).operation_timeout(limit).build();
    Client::from_conf(client.config().to_builder().timeout_config(limits).build())
}

mod polled {
    use super::{Tables, database};

    macro_rules! ask {
        ($($law:ident)*) => { $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $law() {
                let Some(database) = database().await else { return };
                mesh_log::conformance::$law(&Tables { database, prefix: "polled", stream: false }).await;
            }
        )* };
    }
    super::conformance_laws!(ask);
}

mod woken_by_the_stream {
    use super::{Tables, database};

    macro_rules! ask {
        ($($law:ident)*) => { $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $law() {
                let Some(database) = database().await else { return };
                mesh_log::conformance::$law(&Tables { database, prefix: "streamed", stream: true }).await;
            }
        )* };
    }
    super::conformance_laws!(ask);
}
