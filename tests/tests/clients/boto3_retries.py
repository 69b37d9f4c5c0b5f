"""Creates meshes whose log fails at first, and says which statuses boto3 saw. Usage: boto3_retries.py ENDPOINT"""

import json
import sys

import boto3
from botocore.exceptions import ClientError


def main(endpoint):
    keys = {"aws_access_key_id": "any", "aws_secret_access_key": "thing", "region_name": "us-east-1"}
    client = boto3.client("appmesh", endpoint_url=endpoint, **keys)
    attempts = []

    def note(response, **_):
        attempts.append(response[0].status_code)

    client.meta.events.register("needs-retry.app-mesh", note)
    seen = {}
    for mesh in ["unreachable-2", "damaged-2", "contended-2"]:
        answer = client.create_mesh(meshName=mesh)
        assert answer["mesh"]["meshName"] == mesh
        assert answer["ResponseMetadata"]["RetryAttempts"] == len(attempts) - 1
        seen[mesh] = list(attempts)
        attempts.clear()
    try:
        client.describe_mesh(meshName="nowhere")
    except ClientError as error:
        assert error.response["Error"]["Code"] == "NotFoundException"
    seen["nowhere"] = list(attempts)
    print(json.dumps(seen))


main(*sys.argv[1:])
