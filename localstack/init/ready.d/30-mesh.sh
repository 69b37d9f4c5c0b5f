#!/usr/bin/env bash
# A mesh in which the gateway `edge` sends half of its requests to red, which DNS finds, and half to blue, which Cloud Map
# finds. For compose.yaml; where things are elsewhere, the variables below say so.
set -euo pipefail

export AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=thing AWS_DEFAULT_REGION=us-east-1 AWS_PAGER=""
api=${API_URL:-http://remesh-api.lambda-url.us-east-1.localhost.localstack.cloud:4566}
cloud_map=${CLOUD_MAP_URL:-http://cloud-map:5000}
red=${RED_HOST:-red}
blue=${BLUE_IPV4:-10.89.7.12}

appmesh() { aws --endpoint-url "$api" appmesh "$@" >/dev/null; }
cloud_map() { aws --endpoint-url "$cloud_map" --output text servicediscovery "$@"; }

register_blue() {
    local namespace service
    cloud_map create-http-namespace --name shop.local >/dev/null
    namespace=$(cloud_map list-namespaces --query 'Namespaces[0].Id')
    service=$(cloud_map create-service --name blue --namespace-id "$namespace" --query Service.Id)
    cloud_map register-instance --service-id "$service" --instance-id blue --attributes "AWS_INSTANCE_IPV4=$blue" >/dev/null
}

# spec PORT-AND-MORE: what has a listener on 8080.
spec() { printf '{ "listeners": [{ "portMapping": { "port": 8080, "protocol": "http" } }]%s }' "${1:+, $1}"; }

make_mesh() {
    appmesh create-mesh --mesh-name demo
    appmesh create-virtual-node --mesh-name demo --virtual-node-name red \
        --spec "$(spec "\"serviceDiscovery\": { \"dns\": { \"hostname\": \"$red\" } }")"
    appmesh create-virtual-node --mesh-name demo --virtual-node-name blue \
        --spec "$(spec '"serviceDiscovery": { "awsCloudMap": { "namespaceName": "shop.local", "serviceName": "blue" } }')"
    appmesh create-virtual-router --mesh-name demo --virtual-router-name colour --spec "$(spec)"
    appmesh create-route --mesh-name demo --virtual-router-name colour --route-name all --spec \
        '{ "httpRoute": { "match": { "prefix": "/" }, "action": { "weightedTargets": [
            { "virtualNode": "red", "weight": 1 }, { "virtualNode": "blue", "weight": 1 }] } } }'
    appmesh create-virtual-service --mesh-name demo --virtual-service-name colour.test --spec \
        '{ "provider": { "virtualRouter": { "virtualRouterName": "colour" } } }'
    appmesh create-virtual-gateway --mesh-name demo --virtual-gateway-name edge --spec "$(spec)"
    appmesh create-gateway-route --mesh-name demo --virtual-gateway-name edge --gateway-route-name all --spec \
        '{ "httpRoute": { "match": { "prefix": "/" }, "action": { "target": {
            "virtualService": { "virtualServiceName": "colour.test" } } } } }'
}

register_blue
make_mesh
# What the container's health is told by.
touch "${READY_FILE:-/dev/null}"
