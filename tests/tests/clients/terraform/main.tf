# A mesh with each resource the provider has, as its users write it.

terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

variable "endpoint" {
  type = string
}

# What the tests change between two applies.
variable "canary" {
  type    = number
  default = 10
}

provider "aws" {
  region                      = "us-east-1"
  access_key                  = "any"
  secret_key                  = "thing"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
  skip_requesting_account_id  = true
  max_retries                 = 1

  endpoints {
    appmesh = var.endpoint
  }

  default_tags {
    tags = { environment = "test" }
  }
}

resource "aws_appmesh_mesh" "shop" {
  name = "shop"

  spec {
    egress_filter {
      type = "ALLOW_ALL"
    }
    service_discovery {
      ip_preference = "IPv4_PREFERRED"
    }
  }

  tags = { team = "platform" }
}

resource "aws_appmesh_virtual_node" "cart" {
  for_each  = toset(["v1", "v2"])
  name      = "cart-${each.key}"
  mesh_name = aws_appmesh_mesh.shop.id

  spec {
    listener {
      port_mapping {
        port     = 8080
        protocol = "http"
      }
      health_check {
        protocol            = "http"
        path                = "/health"
        healthy_threshold   = 2
        unhealthy_threshold = 2
        timeout_millis      = 2000
        interval_millis     = 5000
      }
      outlier_detection {
        max_server_errors    = 5
        max_ejection_percent = 50
        interval {
          unit  = "s"
          value = 10
        }
        base_ejection_duration {
          unit  = "s"
          value = 30
        }
      }
      connection_pool {
        http {
          max_connections      = 100
          max_pending_requests = 10
        }
      }
      timeout {
        http {
          per_request {
            unit  = "s"
            value = 5
          }
        }
      }
      tls {
        mode = "STRICT"
        certificate {
          file {
            certificate_chain = "/certs/cart.pem"
            private_key       = "/certs/cart.key"
          }
        }
      }
    }

    backend {
      virtual_service {
        virtual_service_name = "prices.shop.local"
        client_policy {
          tls {
            enforce = true
            ports   = [8080]
            validation {
              trust {
                file {
                  certificate_chain = "/certs/ca.pem"
                }
              }
            }
          }
        }
      }
    }

    service_discovery {
      dns {
        hostname = "cart-${each.key}.shop.local"
      }
    }

    logging {
      access_log {
        file {
          path = "/dev/stdout"
        }
      }
    }
  }
}

resource "aws_appmesh_virtual_node" "ledger" {
  name      = "ledger"
  mesh_name = aws_appmesh_mesh.shop.id

  spec {
    listener {
      port_mapping {
        port     = 9000
        protocol = "http"
      }
    }

    service_discovery {
      aws_cloud_map {
        namespace_name = "shop.local"
        service_name   = "ledger"
        attributes     = { stage = "test" }
      }
    }
  }
}

resource "aws_appmesh_virtual_router" "cart" {
  name      = "cart"
  mesh_name = aws_appmesh_mesh.shop.id

  spec {
    listener {
      port_mapping {
        port     = 8080
        protocol = "http"
      }
    }
  }
}

resource "aws_appmesh_route" "cart" {
  name                = "all"
  mesh_name           = aws_appmesh_mesh.shop.id
  virtual_router_name = aws_appmesh_virtual_router.cart.name

  spec {
    priority = 10

    http_route {
      match {
        prefix = "/"
        method = "GET"
        header {
          name = "x-tenant"
          match {
            prefix = "a"
          }
        }
      }
      action {
        weighted_target {
          virtual_node = aws_appmesh_virtual_node.cart["v1"].name
          weight       = 100 - var.canary
        }
        weighted_target {
          virtual_node = aws_appmesh_virtual_node.cart["v2"].name
          weight       = var.canary
        }
      }
      retry_policy {
        http_retry_events = ["server-error"]
        tcp_retry_events  = ["connection-error"]
        max_retries       = 2
        per_retry_timeout {
          unit  = "ms"
          value = 500
        }
      }
      timeout {
        per_request {
          unit  = "s"
          value = 3
        }
      }
    }
  }
}

resource "aws_appmesh_virtual_service" "cart" {
  name      = "cart.shop.local"
  mesh_name = aws_appmesh_mesh.shop.id

  spec {
    provider {
      virtual_router {
        virtual_router_name = aws_appmesh_virtual_router.cart.name
      }
    }
  }
}

resource "aws_appmesh_virtual_gateway" "edge" {
  name      = "edge"
  mesh_name = aws_appmesh_mesh.shop.id

  spec {
    listener {
      port_mapping {
        port     = 9080
        protocol = "http"
      }
    }
  }
}

resource "aws_appmesh_gateway_route" "cart" {
  name                 = "cart"
  mesh_name            = aws_appmesh_mesh.shop.id
  virtual_gateway_name = aws_appmesh_virtual_gateway.edge.name

  spec {
    http_route {
      match {
        prefix = "/cart/"
      }
      action {
        target {
          virtual_service {
            virtual_service_name = aws_appmesh_virtual_service.cart.name
          }
        }
        rewrite {
          prefix {
            value = "/"
          }
        }
      }
    }
  }
}

data "aws_appmesh_mesh" "shop" {
  name = aws_appmesh_mesh.shop.name
}

data "aws_appmesh_route" "cart" {
  name                = aws_appmesh_route.cart.name
  mesh_name           = aws_appmesh_mesh.shop.name
  virtual_router_name = aws_appmesh_virtual_router.cart.name
}

output "mesh_arn" {
  value = data.aws_appmesh_mesh.shop.arn
}
