#!/usr/bin/env bash
# The table of the event log, by the template that AWS gets. LocalStack's container runs this once LocalStack is ready, and
# localstack/run where there is no Docker.
set -euo pipefail

export AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=thing AWS_DEFAULT_REGION=us-east-1 AWS_PAGER=""
template=${TABLE_TEMPLATE:-/opt/remesh/table.yaml}

cloudformation() { aws --endpoint-url "${LOCALSTACK_URL:-http://localhost:4566}" --output text cloudformation "$@"; }

# `cloudformation deploy` would look only every half minute.
cloudformation create-stack --stack-name remesh-table --template-body "file://$template" \
    --parameters ParameterKey=TableName,ParameterValue=remesh >/dev/null
while :; do
    status=$(cloudformation describe-stacks --stack-name remesh-table --query 'Stacks[0].StackStatus')
    case $status in
        CREATE_COMPLETE) exit 0 ;;
        CREATE_IN_PROGRESS) sleep 0.2 ;;
        *) echo "the table's stack is $status" >&2; exit 1 ;;
    esac
done
