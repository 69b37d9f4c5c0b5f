//! What a function is told by its environment, and the log it is given for it.
//!
//! Region, credentials and `AWS_ENDPOINT_URL_DYNAMODB` are the AWS SDK's to read; only what is Remesh's own is read here.

use aws_config::BehaviorVersion;
use mesh_core::{AccountId, Quotas};
use mesh_log::dynamo::{Client, DynamoLog};

/// How many records a mesh may be ahead of its checkpoint, unless the environment says otherwise. A cold start reads them:
/// at half a kilobyte each that is one page of a query.
const CHECKPOINT_EVERY: u64 = 500;

/// What the functions are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// `REMESH_TABLE`: the table that holds the log.
    pub table: String,
    /// `REMESH_ACCOUNT`: the account that callers belong to.
    pub account: AccountId,
    /// `REMESH_CHECKPOINT_EVERY`: how many records lie between two checkpoints.
    pub checkpoint_every: u64,
    /// `REMESH_QUOTAS`: how many there may be of what, `NAME=NUMBER` with commas between.
    pub quotas: Quotas,
}

/// A variable of the environment that is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{variable} must be set to {wanted}")]
pub struct EnvironmentError {
    variable: &'static str,
    wanted: &'static str,
}

/// What a function works with.
pub struct Connected {
    /// The log.
    pub log: DynamoLog,
    /// The region it is in, and ARNs name.
    pub region: String,
}

impl Environment {
    /// Reads the environment.
    ///
    /// # Errors
    ///
    /// When a variable is missing or has no sense.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, EnvironmentError> {
        let refused = |variable, wanted| EnvironmentError { variable, wanted };
        let table = variable("REMESH_TABLE").filter(|name| !name.is_empty());
        let account = variable("REMESH_ACCOUNT").and_then(|text| AccountId::parse(&text));
        let quotas = variable("REMESH_QUOTAS").map_or(Ok(Quotas::default()), |text| text.parse());
        let every = variable("REMESH_CHECKPOINT_EVERY").map(|text| text.parse().ok().filter(|every| *every > 0));
        Ok(Self {
            table: table.ok_or_else(|| refused("REMESH_TABLE", "the name of the table that holds the event log"))?,
            account: account
                .ok_or_else(|| refused("REMESH_ACCOUNT", "the twelve digits of the account that callers belong to"))?,
            checkpoint_every: every
                .unwrap_or(Some(CHECKPOINT_EVERY))
                .ok_or_else(|| refused("REMESH_CHECKPOINT_EVERY", "a number of records above 0, or not at all"))?,
            quotas: quotas
                .map_err(|_| refused("REMESH_QUOTAS", "quotas as NAME=NUMBER with commas between, or not at all"))?,
        })
    }

    /// The log, without asking it anything yet.
    pub(super) async fn connect(&self) -> Connected {
        let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
        let region = config.region().map_or_else(|| "us-east-1".to_owned(), ToString::to_string);
        Connected { log: DynamoLog::new(Client::new(&config), self.table.clone()), region }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Environment, String> {
        let given = |name: &str| variables.iter().find(|(it, _)| *it == name).map(|(_, value)| (*value).to_owned());
        Environment::read(given).map_err(|error| error.to_string())
    }

    #[test]
    fn table_and_account_must_be_given() {
        let given = read(&[("REMESH_TABLE", "t"), ("REMESH_ACCOUNT", "123456789012")]).unwrap();
        let quotas = Quotas::default();
        assert_eq!(
            given,
            Environment { table: "t".into(), account: "123456789012".into(), checkpoint_every: 500, quotas }
        );
        assert!(
            read(&[("REMESH_TABLE", ""), ("REMESH_ACCOUNT", "123456789012")]).unwrap_err().contains("REMESH_TABLE")
        );
        for account in ["", "1234", "12345678901x"] {
            let error = read(&[("REMESH_TABLE", "t"), ("REMESH_ACCOUNT", account)]).unwrap_err();
            assert!(error.contains("REMESH_ACCOUNT"), "{error}");
        }
    }

    #[test]
    fn quotas_are_set_by_name() {
        let with =
            |quotas| read(&[("REMESH_TABLE", "t"), ("REMESH_ACCOUNT", "123456789012"), ("REMESH_QUOTAS", quotas)]);
        let limit = with("meshes-per-account=15,virtual-nodes-per-mesh=200").unwrap().quotas;
        assert_eq!(limit.limit(mesh_core::Quota::MeshesPerAccount), 15);
        assert!(with("meshes=15").unwrap_err().contains("REMESH_QUOTAS"));
    }

    #[test]
    fn checkpoints_are_made_as_often_as_told() {
        let with = |every| {
            read(&[("REMESH_TABLE", "t"), ("REMESH_ACCOUNT", "123456789012"), ("REMESH_CHECKPOINT_EVERY", every)])
        };
        assert_eq!(with("7").unwrap().checkpoint_every, 7);
        for every in ["", "0", "-1", "often"] {
            assert!(with(every).unwrap_err().contains("REMESH_CHECKPOINT_EVERY"));
        }
    }
}
