# The relay: a Fargate service behind a network load balancer with TLS.

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

# What the relay does: reads the log, is woken by the table's stream, asks Cloud Map. It writes nowhere.
data "aws_iam_policy_document" "relay" {
  statement {
    sid       = "ReadTheLog"
    actions   = ["dynamodb:GetItem", "dynamodb:Query", "dynamodb:DescribeTable"]
    resources = [aws_dynamodb_table.log.arn]
  }

  statement {
    sid       = "BeWokenByTheStream"
    actions   = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"]
    resources = ["${aws_dynamodb_table.log.arn}/stream/*"]
  }

  # Cloud Map knows no resources for these two.
  statement {
    sid       = "Discover"
    actions   = ["servicediscovery:DiscoverInstances", "servicediscovery:DiscoverInstancesRevision"]
    resources = ["*"]
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
    # The time to drain: streams are moved over a few seconds.
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
  health_check_grace_period_seconds  = 120
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

resource "aws_security_group" "balancer" {
  name        = "${var.name}-xds"
  description = "Envoys that may connect to the relay"
  vpc_id      = var.vpc_id
}

resource "aws_vpc_security_group_ingress_rule" "proxies" {
  for_each          = toset(var.proxy_cidrs)
  security_group_id = aws_security_group.balancer.id
  description       = "Envoys"
  cidr_ipv4         = each.value
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_security_group" "relay" {
  name        = "${var.name}-relay"
  description = "The relay, for its load balancer only"
  vpc_id      = var.vpc_id
}

resource "aws_vpc_security_group_ingress_rule" "relay" {
  for_each                     = { xds = 18000, health = 8481 }
  security_group_id            = aws_security_group.relay.id
  description                  = each.key
  referenced_security_group_id = aws_security_group.balancer.id
  ip_protocol                  = "tcp"
  from_port                    = each.value
  to_port                      = each.value
}

resource "aws_vpc_security_group_ingress_rule" "admin" {
  for_each          = toset(var.admin_cidrs)
  security_group_id = aws_security_group.relay.id
  description       = "People who look"
  cidr_ipv4         = each.value
  ip_protocol       = "tcp"
  from_port         = 8481
  to_port           = 8481
}

resource "aws_vpc_security_group_egress_rule" "balancer" {
  for_each                     = { xds = 18000, health = 8481 }
  security_group_id            = aws_security_group.balancer.id
  description                  = each.key
  referenced_security_group_id = aws_security_group.relay.id
  ip_protocol                  = "tcp"
  from_port                    = each.value
  to_port                      = each.value
}

resource "aws_vpc_security_group_egress_rule" "relay" {
  security_group_id = aws_security_group.relay.id
  description       = "DynamoDB, Cloud Map, ECR, CloudWatch Logs"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_lb" "xds" {
  name               = "${var.name}-relay"
  load_balancer_type = "network"
  internal           = true
  subnets            = var.subnet_ids
  security_groups    = [aws_security_group.balancer.id]
  # A proxy has one stream that stays: without this a zone with few proxies would have an idle relay.
  enable_cross_zone_load_balancing = true
}

resource "aws_lb_target_group" "relay" {
  name                 = "${var.name}-relay"
  vpc_id               = var.vpc_id
  target_type          = "ip"
  protocol             = "TCP"
  port                 = 18000
  deregistration_delay = 30
  preserve_client_ip   = false

  # Ready is caught up: a relay that has just started gets no proxy before it can serve it.
  health_check {
    protocol            = "HTTP"
    port                = "8481"
    path                = "/readyz"
    interval            = 10
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }
}

resource "aws_lb_listener" "xds" {
  load_balancer_arn = aws_lb.xds.arn
  port              = 443
  protocol          = "TLS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  alpn_policy       = "HTTP2Preferred"
  certificate_arn   = var.certificate_arn

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.relay.arn
  }
}

resource "aws_route53_record" "xds" {
  count   = var.hosted_zone_id == null ? 0 : 1
  zone_id = var.hosted_zone_id
  name    = var.xds_name
  type    = "A"

  alias {
    name                   = aws_lb.xds.dns_name
    zone_id                = aws_lb.xds.zone_id
    evaluate_target_health = false
  }
}

resource "aws_appautoscaling_target" "relay" {
  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = "service/${aws_ecs_cluster.relay.name}/${aws_ecs_service.relay.name}"
  min_capacity       = var.minimum_tasks
  max_capacity       = var.maximum_tasks
}

# A proxy holds one stream, which is one flow through the load balancer.
resource "aws_appautoscaling_policy" "proxies" {
  name               = "${var.name}-relay-proxies"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.relay.service_namespace
  scalable_dimension = aws_appautoscaling_target.relay.scalable_dimension
  resource_id        = aws_appautoscaling_target.relay.resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = var.proxies_per_task
    scale_out_cooldown = 60
    # Taking a relay away moves its proxies: seldom.
    scale_in_cooldown = 900

    customized_metric_specification {
      metrics {
        id          = "flows"
        return_data = false
        metric_stat {
          stat = "Average"
          metric {
            namespace   = "AWS/NetworkELB"
            metric_name = "ActiveFlowCount_TLS"
            dimensions {
              name  = "LoadBalancer"
              value = aws_lb.xds.arn_suffix
            }
          }
        }
      }
      metrics {
        id          = "relays"
        return_data = false
        metric_stat {
          stat = "Maximum"
          metric {
            namespace   = "AWS/NetworkELB"
            metric_name = "HealthyHostCount"
            dimensions {
              name  = "LoadBalancer"
              value = aws_lb.xds.arn_suffix
            }
            dimensions {
              name  = "TargetGroup"
              value = aws_lb_target_group.relay.arn_suffix
            }
          }
        }
      }
      metrics {
        id          = "proxies"
        label       = "connected proxies for each relay"
        expression  = "flows / relays"
        return_data = true
      }
    }
  }
}
