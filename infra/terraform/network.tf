# What leads to the relay: a network load balancer with TLS, and who may come from where.

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
