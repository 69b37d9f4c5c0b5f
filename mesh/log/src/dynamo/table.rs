//! The table: its definition, which `infra/` repeats word for word, and the keys of everything in it.
//!
//! | what | `pk` | `sk` |
//! | --- | --- | --- |
//! | a record | `mesh#OWNER#NAME` | its sequence number, twenty digits |
//! | where a mesh is | `heads` | `OWNER#NAME` |
//! | a checkpoint | `checkpoint#OWNER#NAME` | `current`, or `SEQ#ID#NUMBER` for a piece of a large one |

use crate::LogError;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::client::Waiters;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, StreamSpecification,
    StreamViewType,
};
use mesh_core::{MeshKey, Seq};
use std::time::Duration;

/// The properties of the table as CloudFormation writes them (`AWS::DynamoDB::Table`, without its name).
pub const DEFINITION: &str = include_str!("table.json");

/// The partition that says where every mesh is.
pub(super) const HEADS: &str = "heads";

/// The partition key.
pub(super) const PK: &str = "pk";

/// The sort key.
pub(super) const SK: &str = "sk";

/// The sort key of the newest checkpoint.
pub(super) const CURRENT: &str = "current";

/// How long a new table may take.
const CREATION: Duration = Duration::from_secs(60);

/// Makes the table, for tests and for machines of one's own, and waits until it can be used. What only concerns
/// operation (recovery, deletion protection) is left to the template in `infra/`.
///
/// # Errors
///
/// When it cannot be made; also when there is one of this name.
pub async fn create_table(client: &Client, name: &str) -> Result<(), LogError> {
    let attribute =
        |name: &str| AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build();
    let key = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
    let stream = StreamSpecification::builder().stream_enabled(true).stream_view_type(StreamViewType::NewImage).build();
    let failed = |error: &dyn std::fmt::Display| LogError::Unavailable(format!("table {name} not made: {error}"));
    client
        .create_table()
        .table_name(name)
        .set_attribute_definitions(Some(vec![
            attribute(PK).map_err(|error| failed(&error))?,
            attribute(SK).map_err(|error| failed(&error))?,
        ]))
        .set_key_schema(Some(vec![
            key(PK, KeyType::Hash).map_err(|error| failed(&error))?,
            key(SK, KeyType::Range).map_err(|error| failed(&error))?,
        ]))
        .billing_mode(BillingMode::PayPerRequest)
        .stream_specification(stream.map_err(|error| failed(&error))?)
        .send()
        .await
        .map_err(|error| super::trouble::unavailable("CreateTable", &error))?;
    let waited = client.wait_until_table_exists().table_name(name).wait(CREATION).await;
    waited.map(drop).map_err(|error| failed(&error))
}

/// The mesh whose record an item is, by its partition key; `None` for whatever else is in the table. For those who are
/// given items by the table's stream.
pub fn mesh_of(pk: &str) -> Option<MeshKey> {
    parse(pk.strip_prefix("mesh#")?)
}

/// The partition of a mesh's records.
pub(super) fn records(mesh: &MeshKey) -> String {
    format!("mesh#{}", head(mesh))
}

/// The partition of a mesh's checkpoints.
pub(super) fn checkpoints(mesh: &MeshKey) -> String {
    format!("checkpoint#{}", head(mesh))
}

/// The sort key of a mesh among the heads: every mesh has its own, because the owner's part holds no `#`.
pub(super) fn head(mesh: &MeshKey) -> String {
    format!("{}#{}", mesh.owner.as_str().replace('%', "%25").replace('#', "%23"), mesh.name)
}

/// The mesh of such a key.
pub(super) fn parse(head: &str) -> Option<MeshKey> {
    let (owner, name) = head.split_once('#')?;
    Some(MeshKey::new(owner.replace("%23", "#").replace("%25", "%"), name))
}

/// The sort key of a record: text sorts like the numbers do.
pub(super) fn place(seq: Seq) -> String {
    format!("{seq:020}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mesh_has_a_key_of_its_own_that_names_it() {
        for (owner, name) in [("123456789012", "shop"), ("", "a#b"), ("#", "b"), ("%23", "b"), ("%", "#"), ("a", "#b")]
        {
            let mesh = MeshKey::new(owner, name);
            assert_eq!(mesh_of(&records(&mesh)).unwrap(), mesh);
        }
        assert_ne!(head(&MeshKey::new("#", "b")), head(&MeshKey::new("", "#b")));
        assert_eq!(mesh_of(HEADS), None);
        assert_eq!(mesh_of(&checkpoints(&MeshKey::new("1", "a"))), None);
    }

    #[test]
    fn places_sort_like_their_numbers() {
        assert!(place(9) < place(10));
        assert!(place(Seq::from(u32::MAX)) < place(Seq::MAX));
    }

    #[test]
    fn the_definition_is_the_table_that_is_made() {
        let defined: serde_json::Value = serde_json::from_str(DEFINITION).unwrap();
        assert_eq!(defined["KeySchema"][0]["AttributeName"], PK);
        assert_eq!(defined["KeySchema"][1]["AttributeName"], SK);
        assert_eq!(defined["StreamSpecification"]["StreamViewType"], "NEW_IMAGE");
        assert_eq!(defined["BillingMode"], "PAY_PER_REQUEST");
    }
}
