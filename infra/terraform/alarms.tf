# What somebody should know of, and one page to look at.

locals {
  alarms = {
    api-fails = {
      says       = "Invocations of the API end without an answer. Look into the function's log."
      namespace  = "AWS/Lambda", metric = "Errors", statistic = "Sum", period = 300, times = 1, over = 0
      dimensions = { FunctionName = "${var.name}-api" }
    }
    api-answers-5xx = {
      says       = "The API answers that something is wrong on its side. Look into the function's log for level ERROR."
      namespace  = "AWS/Lambda", metric = "Url5xxCount", statistic = "Sum", period = 300, times = 1, over = 4
      dimensions = { FunctionName = "${var.name}-api" }
    }
    api-throttled = {
      says       = "Lambda turns requests to the API away; the account's concurrency is used up."
      namespace  = "AWS/Lambda", metric = "Throttles", statistic = "Sum", period = 300, times = 1, over = 0
      dimensions = { FunctionName = "${var.name}-api" }
    }
    checkpoints-late = {
      says       = "Checkpoints are not saved. Nothing is lost, but cold starts get slower."
      namespace  = "AWS/Lambda", metric = "IteratorAge", statistic = "Maximum", period = 300, times = 3, over = 1800000
      dimensions = { FunctionName = "${var.name}-checkpoint" }
    }
    table-throttled = {
      says       = "DynamoDB turns writes to the event log away. Clients are told to try again."
      namespace  = "AWS/DynamoDB", metric = "WriteThrottleEvents", statistic = "Sum", period = 300, times = 1, over = 0
      dimensions = { TableName = var.name }
    }
    relay-busy = {
      says       = "The relays' processors are nearly used up."
      namespace  = "AWS/ECS", metric = "CPUUtilization", statistic = "Average", period = 300, times = 3, over = 80
      dimensions = { ClusterName = aws_ecs_cluster.relay.name, ServiceName = aws_ecs_service.relay.name }
    }
    relay-full = {
      says       = "The relays' memory is nearly used up. Raise memory_mib, or lower proxies_per_task."
      namespace  = "AWS/ECS", metric = "MemoryUtilization", statistic = "Maximum", period = 300, times = 3, over = 85
      dimensions = { ClusterName = aws_ecs_cluster.relay.name, ServiceName = aws_ecs_service.relay.name }
    }
    log-away = {
      says       = "A relay could not reach the event log. Proxies keep what they have; /proxies and the log say how old it is."
      namespace  = var.name, metric = "LogAbsences", statistic = "Sum", period = 300, times = 1, over = 0
      dimensions = {}
    }
    envoys-refuse = {
      says       = "An Envoy has refused what it was sent, and goes on with what it had. The relay's log has its message."
      namespace  = var.name, metric = "EnvoyRefusals", statistic = "Sum", period = 60, times = 1, over = 0
      dimensions = {}
    }
    relay-in-trouble = {
      says       = "The relay has logged something that somebody must look at."
      namespace  = var.name, metric = "RelayErrors", statistic = "Sum", period = 300, times = 1, over = 0
      dimensions = {}
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "over" {
  for_each            = local.alarms
  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.says
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  period              = each.value.period
  evaluation_periods  = each.value.times
  threshold           = each.value.over
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.tell
}

resource "aws_cloudwatch_metric_alarm" "relays_missing" {
  alarm_name          = "${var.name}-relays-missing"
  alarm_description   = "Fewer relays are ready than there should be. Proxies keep their configuration; new ones wait if none is."
  namespace           = "AWS/NetworkELB"
  metric_name         = "HealthyHostCount"
  dimensions          = { LoadBalancer = aws_lb.xds.arn_suffix, TargetGroup = aws_lb_target_group.relay.arn_suffix }
  statistic           = "Minimum"
  period              = 60
  evaluation_periods  = 5
  threshold           = var.minimum_tasks
  comparison_operator = "LessThanThreshold"
  treat_missing_data  = "breaching"
  alarm_actions       = local.tell
}

resource "aws_cloudwatch_log_metric_filter" "relay" {
  for_each = {
    LogAbsences   = "{ ($.message = \"cannot follow the event log*\") || ($.message = \"cannot read the event log*\") }"
    EnvoyRefusals = "{ $.message = \"Envoy refused resources\" }"
    RelayErrors   = "{ $.level = \"ERROR\" }"
  }
  name           = "${var.name}-${each.key}"
  log_group_name = aws_cloudwatch_log_group.relay.name
  pattern        = each.value

  metric_transformation {
    namespace     = var.name
    name          = each.key
    value         = "1"
    default_value = "0"
  }
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name
  dashboard_body = jsonencode({
    widgets = concat([for at, widget in [
      {
        title = "Connected proxies, relays that are ready", stat = "Average"
        metrics = [
          ["AWS/NetworkELB", "ActiveFlowCount_TLS", "LoadBalancer", aws_lb.xds.arn_suffix, { id = "flows", visible = false }],
          [{ expression = "flows * ${length(var.subnet_ids)}", label = "connected proxies" }],
          ["AWS/NetworkELB", "HealthyHostCount", "TargetGroup", aws_lb_target_group.relay.arn_suffix, "LoadBalancer", aws_lb.xds.arn_suffix],
        ]
      },
      {
        title   = "What Envoys refused, what went wrong in relays", stat = "Sum"
        metrics = [[var.name, "EnvoyRefusals"], [var.name, "RelayErrors"], [var.name, "LogAbsences"]]
      },
      {
        title = "Relays", stat = "Maximum"
        metrics = [
          ["AWS/ECS", "CPUUtilization", "ServiceName", aws_ecs_service.relay.name, "ClusterName", aws_ecs_cluster.relay.name],
          [".", "MemoryUtilization", ".", ".", ".", "."],
        ]
      },
      {
        title = "API", stat = "Sum"
        metrics = [
          ["AWS/Lambda", "Invocations", "FunctionName", "${var.name}-api"],
          [".", "Errors", ".", "."],
          [".", "Throttles", ".", "."],
          [".", "Duration", ".", ".", { stat = "p99", yAxis = "right" }],
        ]
      },
      {
        title = "Event log", stat = "Sum"
        metrics = [
          ["AWS/DynamoDB", "ConsumedReadCapacityUnits", "TableName", var.name],
          [".", "ConsumedWriteCapacityUnits", ".", "."],
          [".", "WriteThrottleEvents", ".", "."],
        ]
      },
      ] : {
      type       = "metric"
      x          = (at % 2) * 12
      y          = floor(at / 2) * 6
      width      = 12
      height     = 6
      properties = merge(widget, { region = local.region, period = 60 })
      }], [{
      type   = "log"
      x      = 12
      y      = 12
      width  = 12
      height = 6
      properties = {
        title  = "What relays warn of"
        region = local.region
        query  = "SOURCE '${aws_cloudwatch_log_group.relay.name}' | filter level in ['WARN', 'ERROR'] | sort @timestamp desc | limit 50"
      }
    }])
  })
}
