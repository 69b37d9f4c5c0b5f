# The relay: a Fargate service. What leads to it is in network.tf.

resource "aws_ecs_cluster" "relay" {
  name = "${var.name}-relay"
}

resource "aws_cloudwatch_log_group" "relay" {
  name              = "/${var.name}/relay"
  retention_in_days = var.log_retention_days
}

data "aws_iam_policy_document" "tasks" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

# What the relay does: reads the log, asks Cloud Map. It writes nowhere.
data "aws_iam_policy_document" "relay" {
  statement {
    sid       = "ReadTheLog"
    actions   = ["dynamodb:GetItem", "dynamodb:Query"]
    resources = [aws_dynamodb_table.log.arn]
  }

  # Cloud Map knows no resources for these two.
  statement {
    sid       = "Discover"
    actions   = ["servicediscovery:DiscoverInstances", "servicediscovery:DiscoverInstancesRevision"]
    resources = ["*"]
  }
}

# And with feed = "stream": is woken by the table's stream.
data "aws_iam_policy_document" "stream" {
  statement {
    sid       = "FindTheStream"
    actions   = ["dynamodb:DescribeTable"]
    resources = [aws_dynamodb_table.log.arn]
  }

  statement {
    sid       = "BeWokenByTheStream"
    actions   = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"]
    resources = ["${aws_dynamodb_table.log.arn}/stream/*"]
  }
}

# What Fargate does before the relay runs: fetches its image and opens its log.
data "aws_iam_policy_document" "start" {
  # A token is for all repositories or none.
  statement {
    sid       = "SignInToEcr"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }

  statement {
    sid       = "FetchTheImage"
    actions   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    resources = ["arn:${local.partition}:ecr:${local.region}:${local.account}:repository/${var.repository_name}"]
  }

  statement {
    sid       = "Say"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.relay.arn}:*"]
  }
}

resource "aws_iam_role" "relay" {
  name               = "${var.name}-relay"
  assume_role_policy = data.aws_iam_policy_document.tasks.json
}

resource "aws_iam_role_policy" "relay" {
  name   = "relay"
  role   = aws_iam_role.relay.id
  policy = data.aws_iam_policy_document.relay.json
}

resource "aws_iam_role_policy" "stream" {
  count  = var.feed == "stream" ? 1 : 0
  name   = "stream"
  role   = aws_iam_role.relay.id
  policy = data.aws_iam_policy_document.stream.json
}

resource "aws_iam_role" "start" {
  name               = "${var.name}-relay-start"
  assume_role_policy = data.aws_iam_policy_document.tasks.json
}

resource "aws_iam_role_policy" "start" {
  name   = "start"
  role   = aws_iam_role.start.id
  policy = data.aws_iam_policy_document.start.json
}

resource "aws_ecs_task_definition" "relay" {
  family                   = "${var.name}-relay"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.cpu
  memory                   = var.memory_mib
  execution_role_arn       = aws_iam_role.start.arn
  task_role_arn            = aws_iam_role.relay.arn

  runtime_platform {
    cpu_architecture        = "ARM64"
    operating_system_family = "LINUX"
  }

  container_definitions = jsonencode([{
    name      = "relay"
    image     = "${local.account}.dkr.ecr.${local.region}.${data.aws_partition.this.dns_suffix}/${var.repository_name}:${var.image_tag}"
    essential = true
    # Beyond loopback only because this says so: what may connect is decided by the security groups below.
    command = [
      "--table", aws_dynamodb_table.log.name,
      "--region", local.region,
      "--account", local.account,
      "--xds-addr", "0.0.0.0:18000",
      "--admin-addr", "0.0.0.0:8481",
      "--feed", var.feed,
      "--allow-unauthenticated",
    ]
    portMappings = [{ containerPort = 18000 }, { containerPort = 8481 }]
    # On SIGTERM streams are moved over --drain-seconds, which is 5, and what is left is cut within 5 more.
    stopTimeout = 30
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        "awslogs-group"         = aws_cloudwatch_log_group.relay.name
        "awslogs-region"        = local.region
        "awslogs-stream-prefix" = "relay"
      }
    }
  }])
}

resource "aws_ecs_service" "relay" {
  name                               = "${var.name}-relay"
  cluster                            = aws_ecs_cluster.relay.id
  task_definition                    = aws_ecs_task_definition.relay.arn
  launch_type                        = "FARGATE"
  desired_count                      = var.minimum_tasks
  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200
  health_check_grace_period_seconds  = 900
  enable_ecs_managed_tags            = true
  propagate_tags                     = "SERVICE"

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    subnets          = var.subnet_ids
    security_groups  = [aws_security_group.relay.id]
    assign_public_ip = var.assign_public_ip
  }

  load_balancer {
    container_name   = "relay"
    container_port   = 18000
    target_group_arn = aws_lb_target_group.relay.arn
  }

  # The number of tasks is the scaling policy's.
  lifecycle {
    ignore_changes = [desired_count]
  }

  depends_on = [aws_lb_listener.xds, aws_iam_role_policy.relay, aws_iam_role_policy.start]
}
