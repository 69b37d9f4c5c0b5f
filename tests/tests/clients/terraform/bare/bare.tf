# The mesh of whole/ with nothing that can be left away. Routes turn from one protocol to another, and services from one kind
# of provider to the other, so that nothing at all remains of what they were.

resource "aws_appmesh_mesh" "shop" {
  name = "shop"
}

resource "aws_appmesh_virtual_node" "many" {
  name      = "many"
  mesh_name = aws_appmesh_mesh.shop.id

  spec {}
}

resource "aws_appmesh_virtual_node" "found" {
  name      = "found"
  mesh_name = aws_appmesh_mesh.shop.id

  spec {}
}

resource "aws_appmesh_virtual_node" "spare" {
  name      = "spare"
  mesh_name = aws_appmesh_mesh.shop.id

  spec {}
}

resource "aws_appmesh_virtual_node" "target" {
  for_each  = toset(["blue", "green", "red"])
  name      = each.key
  mesh_name = aws_appmesh_mesh.shop.id

  spec {
    dynamic "listener" {
      for_each = local.ports
      content {
        port_mapping {
          port     = listener.key
          protocol = listener.value
        }
      }
    }

    service_discovery {
      dns {
        hostname = "${each.key}.shop.local"
      }
    }
  }
}

resource "aws_appmesh_virtual_router" "all" {
  name      = "all"
  mesh_name = aws_appmesh_mesh.shop.id

  spec {
    dynamic "listener" {
      for_each = local.ports
      content {
        port_mapping {
          port     = listener.key
          protocol = listener.value
        }
      }
    }
  }
}

resource "aws_appmesh_virtual_router" "spare" {
  name      = "spare"
  mesh_name = aws_appmesh_mesh.shop.id

  spec {}
}

resource "aws_appmesh_virtual_service" "routed" {
  name      = "routed.shop.local"
  mesh_name = aws_appmesh_mesh.shop.id

  spec {}
}

resource "aws_appmesh_virtual_service" "direct" {
  for_each  = toset(["first", "second"])
  name      = "${each.key}.shop.local"
  mesh_name = aws_appmesh_mesh.shop.id

  spec {
    provider {
      virtual_router {
        virtual_router_name = aws_appmesh_virtual_router.all.name
      }
    }
  }
}

resource "aws_appmesh_virtual_service" "nobody" {
  name      = "nobody.shop.local"
  mesh_name = aws_appmesh_mesh.shop.id

  spec {}
}

resource "aws_appmesh_route" "http" {
  name                = "http"
  mesh_name           = aws_appmesh_mesh.shop.id
  virtual_router_name = aws_appmesh_virtual_router.all.name

  spec {
    http2_route {
      match {
        port   = 8081
        prefix = "/"
      }

      action {
        weighted_target {
          virtual_node = aws_appmesh_virtual_node.target["blue"].name
          weight       = 1
          port         = 8081
        }
      }
    }
  }
}

resource "aws_appmesh_route" "http_path" {
  for_each            = toset(["exact", "regex"])
  name                = "http-${each.key}"
  mesh_name           = aws_appmesh_mesh.shop.id
  virtual_router_name = aws_appmesh_virtual_router.all.name

  spec {
    http_route {
      match {
        port   = 8080
        prefix = "/"
      }

      action {
        weighted_target {
          virtual_node = aws_appmesh_virtual_node.target["blue"].name
          weight       = 1
          port         = 8080
        }
      }
    }
  }
}

resource "aws_appmesh_route" "http2" {
  name                = "http2"
  mesh_name           = aws_appmesh_mesh.shop.id
  virtual_router_name = aws_appmesh_virtual_router.all.name

  spec {
    tcp_route {
      match {
        port = 8083
      }

      action {
        weighted_target {
          virtual_node = aws_appmesh_virtual_node.target["blue"].name
          weight       = 1
          port         = 8083
        }
      }
    }
  }
}

resource "aws_appmesh_route" "http2_path" {
  for_each            = toset(["exact", "regex"])
  name                = "http2-${each.key}"
  mesh_name           = aws_appmesh_mesh.shop.id
  virtual_router_name = aws_appmesh_virtual_router.all.name

  spec {
    http2_route {
      match {
        port   = 8081
        prefix = "/"
      }

      action {
        weighted_target {
          virtual_node = aws_appmesh_virtual_node.target["blue"].name
          weight       = 1
          port         = 8081
        }
      }
    }
  }
}

resource "aws_appmesh_route" "grpc" {
  name                = "grpc"
  mesh_name           = aws_appmesh_mesh.shop.id
  virtual_router_name = aws_appmesh_virtual_router.all.name

  spec {
    http_route {
      match {
        port   = 8080
        prefix = "/"
      }

      action {
        weighted_target {
          virtual_node = aws_appmesh_virtual_node.target["blue"].name
          weight       = 1
          port         = 8080
        }
      }
    }
  }
}

resource "aws_appmesh_route" "tcp" {
  name                = "tcp"
  mesh_name           = aws_appmesh_mesh.shop.id
  virtual_router_name = aws_appmesh_virtual_router.all.name

  spec {
    grpc_route {
      match {
        port = 8082
      }

      action {
        weighted_target {
          virtual_node = aws_appmesh_virtual_node.target["blue"].name
          weight       = 1
          port         = 8082
        }
      }
    }
  }
}

resource "aws_appmesh_virtual_gateway" "edge" {
  name      = "edge"
  mesh_name = aws_appmesh_mesh.shop.id

  spec {
    dynamic "listener" {
      for_each = local.gateway_ports
      content {
        port_mapping {
          port     = listener.key
          protocol = listener.value
        }
      }
    }
  }
}

resource "aws_appmesh_virtual_gateway" "side" {
  name      = "side"
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

resource "aws_appmesh_virtual_gateway" "spare" {
  name      = "spare"
  mesh_name = aws_appmesh_mesh.shop.id

  spec {
    listener {
      port_mapping {
        port     = 9001
        protocol = "http2"
      }
    }
  }
}

resource "aws_appmesh_gateway_route" "http" {
  name                 = "http"
  mesh_name            = aws_appmesh_mesh.shop.id
  virtual_gateway_name = aws_appmesh_virtual_gateway.edge.name

  spec {
    http2_route {
      match {
        port   = 9081
        prefix = "/"
      }

      action {
        target {
          port = 8081
          virtual_service {
            virtual_service_name = aws_appmesh_virtual_service.direct["first"].name
          }
        }
      }
    }
  }
}

resource "aws_appmesh_gateway_route" "http_host" {
  name                 = "http-host"
  mesh_name            = aws_appmesh_mesh.shop.id
  virtual_gateway_name = aws_appmesh_virtual_gateway.edge.name

  spec {
    http_route {
      match {
        port   = 9080
        prefix = "/"
      }

      action {
        target {
          port = 8080
          virtual_service {
            virtual_service_name = aws_appmesh_virtual_service.direct["first"].name
          }
        }
      }
    }
  }
}

resource "aws_appmesh_gateway_route" "http_path" {
  for_each             = toset(["exact", "regex"])
  name                 = "http-${each.key}"
  mesh_name            = aws_appmesh_mesh.shop.id
  virtual_gateway_name = aws_appmesh_virtual_gateway.edge.name

  spec {
    http_route {
      match {
        port   = 9080
        prefix = "/"
      }

      action {
        target {
          port = 8080
          virtual_service {
            virtual_service_name = aws_appmesh_virtual_service.direct["first"].name
          }
        }
      }
    }
  }
}

resource "aws_appmesh_gateway_route" "http2" {
  name                 = "http2"
  mesh_name            = aws_appmesh_mesh.shop.id
  virtual_gateway_name = aws_appmesh_virtual_gateway.edge.name

  spec {
    grpc_route {
      match {
        port         = 9082
        service_name = "shop.Cart"
      }

      action {
        target {
          port = 8082
          virtual_service {
            virtual_service_name = aws_appmesh_virtual_service.direct["first"].name
          }
        }
      }
    }
  }
}

resource "aws_appmesh_gateway_route" "http2_host" {
  name                 = "http2-host"
  mesh_name            = aws_appmesh_mesh.shop.id
  virtual_gateway_name = aws_appmesh_virtual_gateway.edge.name

  spec {
    http2_route {
      match {
        port   = 9081
        prefix = "/"
      }

      action {
        target {
          port = 8081
          virtual_service {
            virtual_service_name = aws_appmesh_virtual_service.direct["first"].name
          }
        }
      }
    }
  }
}

resource "aws_appmesh_gateway_route" "http2_path" {
  for_each             = toset(["exact", "regex"])
  name                 = "http2-${each.key}"
  mesh_name            = aws_appmesh_mesh.shop.id
  virtual_gateway_name = aws_appmesh_virtual_gateway.edge.name

  spec {
    http2_route {
      match {
        port   = 9081
        prefix = "/"
      }

      action {
        target {
          port = 8081
          virtual_service {
            virtual_service_name = aws_appmesh_virtual_service.direct["first"].name
          }
        }
      }
    }
  }
}

resource "aws_appmesh_gateway_route" "grpc" {
  name                 = "grpc"
  mesh_name            = aws_appmesh_mesh.shop.id
  virtual_gateway_name = aws_appmesh_virtual_gateway.edge.name

  spec {
    http_route {
      match {
        port   = 9080
        prefix = "/"
      }

      action {
        target {
          port = 8080
          virtual_service {
            virtual_service_name = aws_appmesh_virtual_service.direct["first"].name
          }
        }
      }
    }
  }
}
