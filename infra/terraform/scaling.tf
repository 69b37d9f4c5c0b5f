# More relays for more proxies.

resource "aws_appautoscaling_target" "relay" {
  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = "service/${aws_ecs_cluster.relay.name}/${aws_ecs_service.relay.name}"
  min_capacity       = var.minimum_tasks
  max_capacity       = var.maximum_tasks
}

# A proxy holds one stream, which is one flow through the load balancer. The load balancer tells CloudWatch how many there
# are, every minute and by itself; nothing has to be scraped, and it costs nothing. Each zone's node tells its own, so an
# average of them is a zone's share.
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
        expression  = "flows * ${length(var.subnet_ids)} / relays"
        return_data = true
      }
    }
  }
}
