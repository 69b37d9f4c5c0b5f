"""Brings a table's stream to a function: Lambda's event source mapping, which LocalStack cannot have without Docker.

    event_source.py TABLE FUNCTION

As infra/api.yaml asks for it: from the oldest record on, records of meshes only, in order, and a batch that the function
does not take comes again from the record that it names. AWS_ENDPOINT_URL_DYNAMODB_STREAMS and AWS_ENDPOINT_URL_LAMBDA say
where the two are.
"""

import base64
import datetime
import json
import sys
import time

import boto3
from botocore.exceptions import BotoCoreError, ClientError

# How long nothing is asked: after a look, and after something failed.
PAUSE = 1

streams = boto3.client("dynamodbstreams")
functions = boto3.client("lambda")


def follow(table, function):
    """Each shard from its beginning to its end; they are few here, so one after the other."""
    stream = streams.list_streams(TableName=table)["Streams"][0]["StreamArn"]
    iterators = {}
    while True:
        for shard in streams.describe_stream(StreamArn=stream)["StreamDescription"]["Shards"]:
            if shard["ShardId"] not in iterators:
                iterators[shard["ShardId"]] = beginning_of(stream, shard["ShardId"])
        for shard, iterator in iterators.items():
            if iterator:
                answer = streams.get_records(ShardIterator=iterator)
                bring([as_event(record, stream) for record in answer["Records"] if is_of_a_mesh(record)], function)
                iterators[shard] = answer.get("NextShardIterator")
        time.sleep(PAUSE)


def beginning_of(stream, shard):
    found = streams.get_shard_iterator(StreamArn=stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    return found["ShardIterator"]


def is_of_a_mesh(record):
    return record["dynamodb"]["Keys"]["pk"]["S"].startswith("mesh#")


def as_event(record, stream):
    return json.loads(json.dumps({**record, "eventSourceARN": stream}, default=as_lambda_writes))


def as_lambda_writes(value):
    if isinstance(value, datetime.datetime):
        return value.timestamp()
    return base64.b64encode(value).decode()


def bring(records, function):
    while records:
        first = first_refused(records, function)
        records = records[first:]
        if records:
            time.sleep(PAUSE)


def first_refused(records, function):
    """How many of them the function has dealt with."""
    try:
        answer = functions.invoke(FunctionName=function, Payload=json.dumps({"Records": records}))
        said = json.load(answer["Payload"])
    except (BotoCoreError, ClientError, ValueError) as error:
        print(f"{function}: {error}", file=sys.stderr)
        return 0
    if "FunctionError" in answer:
        print(f"{function}: {said}", file=sys.stderr)
        return 0
    refused = {failure["itemIdentifier"] for failure in said.get("batchItemFailures", [])}
    numbers = [record["dynamodb"]["SequenceNumber"] for record in records]
    # A name that is no record's means all of them.
    return min((numbers.index(number) if number in numbers else 0 for number in refused), default=len(records))


follow(*sys.argv[1:])
