//! The embedded log keeps the laws, in memory and in a file.

#![expect(clippy::unwrap_used, reason = "a test that cannot open its log has failed")]

use async_trait::async_trait;
use mesh_log::conformance::Harness;
use mesh_log::sqlite::SqliteLog;
use mesh_log::{Log, conformance_laws};
use std::sync::Arc;
use tempfile::TempDir;

struct Memory;

#[async_trait]
impl Harness for Memory {
    async fn open(&self, _name: &str) -> Arc<dyn Log> {
        Arc::new(SqliteLog::in_memory().unwrap())
    }

    fn keeps(&self) -> bool {
        false
    }
}

struct Files(TempDir);

#[async_trait]
impl Harness for Files {
    async fn open(&self, name: &str) -> Arc<dyn Log> {
        Arc::new(SqliteLog::open(&self.0.path().join(name)).unwrap())
    }

    fn keeps(&self) -> bool {
        true
    }
}

mod in_memory {
    use super::Memory;

    macro_rules! ask {
        ($($law:ident)*) => { $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $law() {
                mesh_log::conformance::$law(&Memory).await;
            }
        )* };
    }
    super::conformance_laws!(ask);
}

mod in_a_file {
    use super::Files;

    macro_rules! ask {
        ($($law:ident)*) => { $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $law() {
                mesh_log::conformance::$law(&Files(tempfile::tempdir().unwrap())).await;
            }
        )* };
    }
    super::conformance_laws!(ask);
}
