"""Drives all 38 operations through boto3. Usage: boto3_client.py ENDPOINT DEFINITIONS"""

import datetime
import json
import re
import sys
import uuid

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

OWNER = "000000000000"


def main(endpoint, definitions):
    config = Config(parameter_validation=False, retries={"total_max_attempts": 1})
    keys = {"aws_access_key_id": "any", "aws_secret_access_key": "thing", "region_name": "us-east-1"}
    client = boto3.client("appmesh", endpoint_url=endpoint, config=config, **keys)
    called = set()
    client.meta.events.register("before-call.app-mesh", lambda model, **_: called.add(model.name))
    with open(definitions) as file:
        resources = json.load(file)
    for resource in resources:
        create_describe_update(client, resource)
    check_lists(client, resources)
    check_tags(client, resources)
    check_errors(client)
    for resource in reversed(resources):
        delete(client, resource)
    missing = set(client.meta.service_model.operation_names) - called
    assert not missing, f"never called: {missing}"
    print(json.dumps({"operations": len(called), "resources": len(resources)}))


def call(client, verb, kind, **params):
    """Calls `create_virtual_node` and the like; answers what is under the kind's member."""
    answer = getattr(client, f"{verb}_{snake(kind)}")(**params)
    uuid.UUID(answer["ResponseMetadata"]["RequestId"])
    return answer[kind]


def snake(kind):
    return re.sub("([A-Z])", r"_\1", kind).lower()


def create_describe_update(client, resource):
    kind, names = resource["kind"], resource["names"]
    tags = [{"key": "made-by", "value": "boto3"}]
    created = call(client, "create", kind, **names, spec=resource["spec"], tags=tags, clientToken=str(uuid.uuid4()))
    check(resource, created, resource["spec"], 1, "ACTIVE")
    assert call(client, "describe", kind, **names) == created
    updated = call(client, "update", kind, **names, spec=resource["changed"])
    check(resource, updated, resource["changed"], 2, "ACTIVE")
    back = call(client, "update", kind, **names, spec=resource["spec"])
    check(resource, back, resource["spec"], 3, "ACTIVE")


def delete(client, resource):
    deleted = call(client, "delete", resource["kind"], **resource["names"])
    check(resource, deleted, resource["spec"], 4, "DELETED")
    refused(client, 404, "NotFoundException", f"describe_{snake(resource['kind'])}", **resource["names"])


def check(resource, shown, spec, version, status):
    metadata = shown["metadata"]
    assert shown["spec"] == spec, (shown["spec"], spec)
    assert shown["status"] == {"status": status}, shown["status"]
    assert metadata["version"] == version, metadata
    assert metadata["meshOwner"] == metadata["resourceOwner"] == OWNER
    assert metadata["arn"] == arn(resource), metadata["arn"]
    assert {key: shown[key] for key in resource["names"]} == resource["names"]
    age = datetime.datetime.now(datetime.timezone.utc) - metadata["createdAt"]
    assert datetime.timedelta(seconds=-1) < age < datetime.timedelta(minutes=5), metadata["createdAt"]
    assert metadata["lastUpdatedAt"] >= metadata["createdAt"]


def arn(resource):
    kind, names = resource["kind"], resource["names"]
    path = f"mesh/{names['meshName']}"
    for parent in ("virtualRouter", "virtualGateway"):
        if kind in ("route", "gatewayRoute") and f"{parent}Name" in names:
            path += f"/{parent}/{names[f'{parent}Name']}"
    if kind != "mesh":
        path += f"/{kind}/{names[f'{kind}Name']}"
    return f"arn:aws:appmesh:us-east-1:{OWNER}:{path}"


def check_lists(client, resources):
    lists = {
        "list_meshes": ("meshes", "meshName", {}),
        "list_virtual_nodes": ("virtualNodes", "virtualNodeName", {"meshName": "shop"}),
        "list_virtual_routers": ("virtualRouters", "virtualRouterName", {"meshName": "shop"}),
        "list_routes": ("routes", "routeName", {"meshName": "shop", "virtualRouterName": "ledger"}),
        "list_virtual_services": ("virtualServices", "virtualServiceName", {"meshName": "shop", "meshOwner": OWNER}),
        "list_virtual_gateways": ("virtualGateways", "virtualGatewayName", {"meshName": "shop"}),
        "list_gateway_routes": ("gatewayRoutes", "gatewayRouteName", {"meshName": "shop", "virtualGatewayName": "edge"}),
    }
    for method, (member, name, params) in lists.items():
        own = lambda names: all(names.get(key) == value for key, value in params.items() if key != "meshOwner")
        # A route has its router's name too: a resource is one of its own kind's list.
        kind = name.removesuffix("Name")
        want = sorted(r["names"][name] for r in resources if r["kind"] == kind and own(r["names"]))
        whole = getattr(client, method)(**params)
        assert [line[name] for line in whole[member]] == want, (method, whole)
        assert "nextToken" not in whole
        pages = client.get_paginator(method).paginate(**params, PaginationConfig={"PageSize": 1})
        assert [line[name] for page in pages for line in page[member]] == want, method
        assert all(line["version"] == 3 and line["arn"].startswith("arn:aws:appmesh:") for line in whole[member])


def check_tags(client, resources):
    for resource in resources:
        name = {"resourceArn": arn(resource)}
        assert tags(client, name) == [{"key": "made-by", "value": "boto3"}]
        client.tag_resource(**name, tags=[{"key": "team", "value": "a"}, {"key": "made-by", "value": ""}])
        assert tags(client, name) == [{"key": "made-by", "value": ""}, {"key": "team", "value": "a"}]
        client.untag_resource(**name, tagKeys=["made-by"])
        assert tags(client, name) == [{"key": "team", "value": "a"}]
    shop = {"resourceArn": arn(resources[0])}
    client.tag_resource(**shop, tags=[{"key": f"k{n}", "value": "v"} for n in range(49)])
    pages = client.get_paginator("list_tags_for_resource").paginate(**shop, PaginationConfig={"PageSize": 7})
    assert sum(len(page["tags"]) for page in pages) == 50
    refused(client, 400, "TooManyTagsException", "tag_resource", **shop, tags=[{"key": "one", "value": "more"}])


def tags(client, name):
    return client.list_tags_for_resource(**name)["tags"]


def check_errors(client):
    shop = {"meshName": "shop"}
    dangling = {"provider": {"virtualNode": {"virtualNodeName": "nobody"}}}
    port = {"listeners": [{"portMapping": {"port": "eighty", "protocol": "http"}}]}
    refused(client, 409, "ConflictException", "create_mesh", **shop)
    refused(client, 409, "ResourceInUseException", "delete_mesh", **shop)
    refused(client, 409, "ResourceInUseException", "delete_virtual_node", **shop, virtualNodeName="cart-v1")
    refused(client, 404, "NotFoundException", "describe_mesh", meshName="nowhere")
    refused(client, 403, "ForbiddenException", "describe_mesh", **shop, meshOwner="210987654321")
    refused(client, 404, "NotFoundException", "list_routes", **shop, virtualRouterName="nobody")
    refused(client, 404, "NotFoundException", "create_virtual_service", **shop, virtualServiceName="s", spec=dangling)
    refused(client, 400, "BadRequestException", "create_virtual_router", **shop, virtualRouterName="r", spec=port)
    refused(client, 400, "BadRequestException", "create_virtual_node", **shop, virtualNodeName="n")
    refused(client, 400, "BadRequestException", "list_meshes", limit=0)
    refused(client, 400, "BadRequestException", "list_meshes", nextToken="made up")
    refused(client, 400, "BadRequestException", "list_tags_for_resource", resourceArn="not an ARN")


def refused(client, status, name, method, **params):
    try:
        answer = getattr(client, method)(**params)
    except ClientError as error:
        assert isinstance(error, getattr(client.exceptions, name)), (method, error)
        assert error.response["Error"]["Code"] == name and error.response["Error"]["Message"], error.response
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == status, error.response
        uuid.UUID(error.response["ResponseMetadata"]["RequestId"])
    else:
        raise AssertionError(f"{method}({params}) was answered: {answer}")


main(*sys.argv[1:])
