//! What Lambda's event source does: the table's stream, read from its beginning, as a batch for a function.

use mesh_log::dynamo::local::DynamoDbLocal;
use serde_json::{Value, json};

/// Everything in the stream of a table. DynamoDB Local keeps it in one shard, oldest first.
pub async fn batch(database: &DynamoDbLocal, table: &str) -> Value {
    let streams = database.streams();
    let list = streams.list_streams().table_name(table).send().await.expect("a list");
    let stream = list.streams()[0].stream_arn().expect("a stream has a name").to_owned();
    let described = streams.describe_stream().stream_arn(&stream).send().await.expect("a stream");
    let mut records = Vec::new();
    for shard in described.stream_description().expect("a stream").shards() {
        let request = streams.get_shard_iterator().stream_arn(&stream).set_shard_id(shard.shard_id().map(Into::into));
        let iterator = request.shard_iterator_type("TRIM_HORIZON".into()).send().await.expect("an iterator");
        let request = streams.get_records().set_shard_iterator(iterator.shard_iterator);
        records.extend(request.send().await.expect("records").records.unwrap_or_default());
    }
    // The clients' types stay unnamed: they are the log's.
    let events = records.iter().enumerate().map(|(at, record)| {
        let change = record.dynamodb().expect("a change");
        let text = |key: &str| change.keys().and_then(|keys| keys.get(key)?.as_s().ok()).expect("a text key");
        as_event(at, &stream, change.sequence_number(), [text("pk"), text("sk")])
    });
    json!({ "Records": events.collect::<Vec<_>>() })
}

fn as_event(at: usize, stream: &str, number: Option<&str>, [pk, sk]: [&str; 2]) -> Value {
    let keys = json!({ "pk": { "S": pk }, "sk": { "S": sk } });
    json!({
        "eventID": format!("e{at}"), "eventName": "INSERT", "eventVersion": "1.1", "eventSource": "aws:dynamodb",
        "awsRegion": "eu-west-1", "eventSourceARN": stream,
        "dynamodb": { "ApproximateCreationDateTime": 1_795_356_000, "Keys": keys, "SequenceNumber": number, "SizeBytes": 100,
                      "StreamViewType": "NEW_IMAGE" },
    })
}
