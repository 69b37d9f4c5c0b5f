# The API behind an IAM-authorised URL, and the function that saves checkpoints.

data "aws_caller_identity" "this" {}
data "aws_partition" "this" {}
data "aws_region" "this" {}

locals {
  account   = data.aws_caller_identity.this.account_id
  partition = data.aws_partition.this.partition
  region    = data.aws_region.this.name
  tell      = var.alarm_topic_arn == null ? [] : [var.alarm_topic_arn]
  zips      = { api = var.api_zip, checkpoint = var.checkpoint_zip }
  quotas    = join(",", [for name, limit in var.quotas : "${name}=${limit}"])
}

data "aws_iam_policy_document" "lambda" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "function" {
  for_each           = local.zips
  name               = "${var.name}-${each.key}"
  assume_role_policy = data.aws_iam_policy_document.lambda.json
}

resource "aws_cloudwatch_log_group" "function" {
  for_each          = local.zips
  name              = "/aws/lambda/${var.name}-${each.key}"
  retention_in_days = var.log_retention_days
}

# The API reads the log and appends to it. It can neither delete what is there nor write anything else.
data "aws_iam_policy_document" "api" {
  statement {
    sid       = "Read"
    actions   = ["dynamodb:GetItem", "dynamodb:Query"]
    resources = [aws_dynamodb_table.log.arn]
  }

  statement {
    sid       = "AppendRecords"
    actions   = ["dynamodb:PutItem"]
    resources = [aws_dynamodb_table.log.arn]
    condition {
      test     = "ForAllValues:StringLike"
      variable = "dynamodb:LeadingKeys"
      values   = ["mesh#*"]
    }
  }

  statement {
    sid       = "MoveHeads"
    actions   = ["dynamodb:UpdateItem"]
    resources = [aws_dynamodb_table.log.arn]
    condition {
      test     = "ForAllValues:StringEquals"
      variable = "dynamodb:LeadingKeys"
      values   = ["heads"]
    }
  }

  statement {
    sid       = "Say"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.function["api"].arn}:*"]
  }
}

data "aws_iam_policy_document" "checkpoint" {
  statement {
    sid       = "Read"
    actions   = ["dynamodb:GetItem", "dynamodb:Query"]
    resources = [aws_dynamodb_table.log.arn]
  }

  statement {
    sid       = "SaveCheckpoints"
    actions   = ["dynamodb:PutItem", "dynamodb:DeleteItem"]
    resources = [aws_dynamodb_table.log.arn]
    condition {
      test     = "ForAllValues:StringLike"
      variable = "dynamodb:LeadingKeys"
      values   = ["checkpoint#*"]
    }
  }

  statement {
    sid       = "FollowTheStream"
    actions   = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"]
    resources = ["${aws_dynamodb_table.log.arn}/stream/*"]
  }

  statement {
    sid       = "Say"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.function["checkpoint"].arn}:*"]
  }
}

resource "aws_iam_role_policy" "api" {
  name   = "api"
  role   = aws_iam_role.function["api"].id
  policy = data.aws_iam_policy_document.api.json
}

resource "aws_iam_role_policy" "checkpoint" {
  name   = "checkpoint"
  role   = aws_iam_role.function["checkpoint"].id
  policy = data.aws_iam_policy_document.checkpoint.json
}

resource "aws_lambda_function" "this" {
  for_each         = local.zips
  function_name    = "${var.name}-${each.key}"
  role             = aws_iam_role.function[each.key].arn
  filename         = each.value
  source_code_hash = filebase64sha256(each.value)
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = ["arm64"]
  memory_size      = 512
  timeout          = each.key == "api" ? 28 : 60

  environment {
    variables = merge(
      {
        REMESH_TABLE   = aws_dynamodb_table.log.name
        REMESH_ACCOUNT = local.account
      },
      each.key == "api" && local.quotas != "" ? { REMESH_QUOTAS = local.quotas } : {},
    )
  }

  logging_config {
    log_format = "JSON"
    log_group  = aws_cloudwatch_log_group.function[each.key].name
  }

  depends_on = [aws_iam_role_policy.api, aws_iam_role_policy.checkpoint]
}

# Signatures that clients make for App Mesh are not verified by anybody here, so the URL takes only what is signed for
# Lambda: `remesh proxy` signs for clients that cannot.
resource "aws_lambda_function_url" "api" {
  function_name      = aws_lambda_function.this["api"].function_name
  authorization_type = "AWS_IAM"
}

# For the people and pipelines that change meshes: attach it to their roles.
resource "aws_iam_policy" "callers" {
  name        = "${var.name}-callers"
  description = "May call the App Mesh API of Remesh"
  policy      = data.aws_iam_policy_document.callers.json
}

data "aws_iam_policy_document" "callers" {
  statement {
    actions   = ["lambda:InvokeFunctionUrl"]
    resources = [aws_lambda_function.this["api"].arn]
    condition {
      test     = "StringEquals"
      variable = "lambda:FunctionUrlAuthType"
      values   = ["AWS_IAM"]
    }
  }

  # Function URLs ask for this one too; without the condition it would open the function to invented requests.
  statement {
    actions   = ["lambda:InvokeFunction"]
    resources = [aws_lambda_function.this["api"].arn]
    condition {
      test     = "Bool"
      variable = "lambda:InvokedViaFunctionUrl"
      values   = ["true"]
    }
  }
}

resource "aws_lambda_event_source_mapping" "checkpoint" {
  function_name                      = aws_lambda_function.this["checkpoint"].arn
  event_source_arn                   = aws_dynamodb_table.log.stream_arn
  starting_position                  = "TRIM_HORIZON"
  batch_size                         = 1000
  maximum_batching_window_in_seconds = 60
  function_response_types            = ["ReportBatchItemFailures"]
  bisect_batch_on_function_error     = true
  maximum_record_age_in_seconds      = 3600
  maximum_retry_attempts             = 20

  # Records only: checkpoints are items of the same table, and would wake the function that wrote them.
  filter_criteria {
    filter {
      pattern = jsonencode({ dynamodb = { Keys = { pk = { S = [{ prefix = "mesh#" }] } } } })
    }
  }
}
