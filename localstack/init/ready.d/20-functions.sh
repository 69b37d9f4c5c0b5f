#!/usr/bin/env bash
# The two functions, as `cargo lambda build` made them. They run in containers, so this is for LocalStack in Docker only.
set -euo pipefail

export AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=thing AWS_DEFAULT_REGION=us-east-1 AWS_PAGER=""

aws_local() { aws --endpoint-url http://localhost:4566 --output text "$@"; }

# make_function NAME PROGRAM: LocalStack tells functions itself where it is, by AWS_ENDPOINT_URL. Its own tag `_custom_id_`
# makes the name a part of the function's URL.
make_function() {
    aws_local lambda create-function --function-name "$1" --runtime provided.al2023 --handler bootstrap \
        --role arn:aws:iam::000000000000:role/remesh --architectures "$(uname -m | sed s/aarch64/arm64/)" --timeout 28 \
        --environment 'Variables={REMESH_TABLE=remesh,REMESH_ACCOUNT=000000000000}' --tags "_custom_id_=$1" \
        --zip-file "fileb:///opt/remesh/lambda/$2/bootstrap.zip" >/dev/null
    aws_local lambda wait function-active-v2 --function-name "$1"
}

make_function remesh-api appmesh-api
aws_local lambda create-function-url-config --function-name remesh-api --auth-type NONE >/dev/null

make_function remesh-checkpoint checkpoint
stream=$(aws_local dynamodb describe-table --table-name remesh --query Table.LatestStreamArn)
aws_local lambda create-event-source-mapping --function-name remesh-checkpoint --event-source-arn "$stream" \
    --starting-position TRIM_HORIZON --function-response-types ReportBatchItemFailures >/dev/null
