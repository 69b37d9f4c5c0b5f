#!/usr/bin/env bash
# Runs in LocalStack's container once LocalStack is ready: the table by the template that AWS gets, the two functions, and
# a mesh in which `edge` sends half of its requests to red and half to blue, which Cloud Map finds.
set -euo pipefail

export AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=thing AWS_DEFAULT_REGION=us-east-1 AWS_PAGER=""
role=arn:aws:iam::000000000000:role/remesh

aws_local() { aws --endpoint-url http://localhost:4566 --output text "$@"; }
cloud_map() { aws --endpoint-url http://cloud-map:5000 --output text servicediscovery "$@"; }
appmesh() { aws --endpoint-url http://remesh-api.lambda-url.us-east-1.localhost.localstack.cloud:4566 appmesh "$@" >/dev/null; }

make_table() {
    aws_local cloudformation deploy --stack-name remesh-table --template-file /opt/remesh/table.yaml
    stream=$(aws_local dynamodb describe-table --table-name remesh --query Table.LatestStreamArn)
}

# make_function NAME PROGRAM: LocalStack tells functions itself where it is, by AWS_ENDPOINT_URL.
make_function() {
    aws_local lambda create-function --function-name "$1" --runtime provided.al2023 --handler bootstrap --role "$role" \
        --architectures "$(uname -m | sed s/aarch64/arm64/)" --timeout 28 --tags "_custom_id_=$1" \
        --environment 'Variables={REMESH_TABLE=remesh,REMESH_ACCOUNT=000000000000}' \
        --zip-file "fileb:///opt/remesh/lambda/$2/bootstrap.zip" >/dev/null
    aws_local lambda wait function-active-v2 --function-name "$1"
}

make_functions() {
    make_function remesh-api appmesh-api
    aws_local lambda create-function-url-config --function-name remesh-api --auth-type NONE >/dev/null
    make_function remesh-checkpoint checkpoint
    aws_local lambda create-event-source-mapping --function-name remesh-checkpoint --event-source-arn "$stream" \
        --starting-position TRIM_HORIZON --function-response-types ReportBatchItemFailures >/dev/null
}

register_blue() {
    local namespace service
    cloud_map create-http-namespace --name shop.local >/dev/null
    namespace=$(cloud_map list-namespaces --query 'Namespaces[0].Id')
    service=$(cloud_map create-service --name blue --namespace-id "$namespace" --query Service.Id)
    cloud_map register-instance --service-id "$service" --instance-id blue --attributes AWS_INSTANCE_IPV4=10.89.7.12 >/dev/null
}

make_mesh() {
    local port='"portMapping": { "port": 8080, "protocol": "http" }'
    appmesh create-mesh --mesh-name demo
    appmesh create-virtual-node --mesh-name demo --virtual-node-name red --spec \
        "{ \"listeners\": [{ $port }], \"serviceDiscovery\": { \"dns\": { \"hostname\": \"red\" } } }"
    appmesh create-virtual-node --mesh-name demo --virtual-node-name blue --spec \
        "{ \"listeners\": [{ $port }], \"serviceDiscovery\":
           { \"awsCloudMap\": { \"namespaceName\": \"shop.local\", \"serviceName\": \"blue\" } } }"
    appmesh create-virtual-router --mesh-name demo --virtual-router-name colour --spec "{ \"listeners\": [{ $port }] }"
    appmesh create-route --mesh-name demo --virtual-router-name colour --route-name all --spec \
        '{ "httpRoute": { "match": { "prefix": "/" }, "action": { "weightedTargets": [
            { "virtualNode": "red", "weight": 1 }, { "virtualNode": "blue", "weight": 1 }] } } }'
    appmesh create-virtual-service --mesh-name demo --virtual-service-name colour.test --spec \
        '{ "provider": { "virtualRouter": { "virtualRouterName": "colour" } } }'
    appmesh create-virtual-gateway --mesh-name demo --virtual-gateway-name edge --spec "{ \"listeners\": [{ $port }] }"
    appmesh create-gateway-route --mesh-name demo --virtual-gateway-name edge --gateway-route-name all --spec \
        '{ "httpRoute": { "match": { "prefix": "/" }, "action": { "target": {
            "virtualService": { "virtualServiceName": "colour.test" } } } } }'
}

make_table
make_functions
register_blue
make_mesh
touch /tmp/remesh-is-ready
