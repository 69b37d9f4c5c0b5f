# What a gateway lets in, and where it goes.

resource "aws_appmesh_gateway_route" "http" {
  name                 = "http${var.suffix}"
  mesh_name            = aws_appmesh_mesh.shop.id
  mesh_owner           = var.owner
  virtual_gateway_name = aws_appmesh_virtual_gateway.edge.name

  spec {
    priority = [10, 0][var.round]

    http_route {
      match {
        port   = [9080, 9090][var.round]
        prefix = ["/cart/", "/basket/"][var.round]
        hostname {
          exact = ["shop.example.com", "www.shop.example.com"][var.round]
        }
        header {
          name   = ["x-exact", "x-exact-2"][var.round]
          invert = true
          match {
            exact = ["one", "two"][var.round]
          }
        }
        header {
          name   = "x-prefix"
          invert = [false, true][var.round]
          match {
            prefix = ["a-", "b-"][var.round]
          }
        }
        header {
          name = "x-suffix"
          match {
            suffix = ["-y", "-z"][var.round]
          }
        }
        header {
          name = "x-regex"
          match {
            regex = ["[0-9]+", "[a-z]+"][var.round]
          }
        }
        header {
          name = "x-range"
          match {
            range {
              start = [1, 100][var.round]
              end   = [10, 1000][var.round]
            }
          }
        }
        header {
          name = "x-present"
        }
        query_parameter {
          name = ["page", "from"][var.round]
          match {
            exact = ["1", "2"][var.round]
          }
        }
        query_parameter {
          name = "verbose"
        }
      }
      action {
        target {
          port = [8080, 8090][var.round]
          virtual_service {
            virtual_service_name = aws_appmesh_virtual_service.direct[["first", "second"][var.round]].name
          }
        }
        rewrite {
          hostname {
            default_target_hostname = ["ENABLED", "DISABLED"][var.round]
          }
          prefix {
            value = ["/", "/v2/"][var.round]
          }
        }
      }
    }
  }

  tags = local.tags
}

resource "aws_appmesh_gateway_route" "http_host" {
  name                 = "http-host${var.suffix}"
  mesh_name            = aws_appmesh_mesh.shop.id
  virtual_gateway_name = aws_appmesh_virtual_gateway.edge.name

  spec {
    http_route {
      match {
        port   = 9080
        prefix = "/"
        hostname {
          suffix = [".example.com", ".example.org"][var.round]
        }
      }
      action {
        target {
          port = 8080
          virtual_service {
            virtual_service_name = aws_appmesh_virtual_service.direct["first"].name
          }
        }
        rewrite {
          prefix {
            default_prefix = ["ENABLED", "DISABLED"][var.round]
          }
        }
      }
    }
  }

  tags = local.tags
}

resource "aws_appmesh_gateway_route" "http_path" {
  for_each             = toset(["exact", "regex"])
  name                 = "http-${each.key}${var.suffix}"
  mesh_name            = aws_appmesh_mesh.shop.id
  virtual_gateway_name = aws_appmesh_virtual_gateway.edge.name

  spec {
    http_route {
      match {
        port = 9080
        path {
          exact = each.key == "exact" ? ["/cart", "/basket"][var.round] : null
          regex = each.key == "regex" ? ["/cart/[0-9]+", "/basket/.*"][var.round] : null
        }
      }
      action {
        target {
          port = 8080
          virtual_service {
            virtual_service_name = aws_appmesh_virtual_service.direct["first"].name
          }
        }
        rewrite {
          path {
            exact = ["/items", "/things"][var.round]
          }
        }
      }
    }
  }

  tags = local.tags
}

resource "aws_appmesh_gateway_route" "http2" {
  name                 = "http2${var.suffix}"
  mesh_name            = aws_appmesh_mesh.shop.id
  mesh_owner           = var.owner
  virtual_gateway_name = aws_appmesh_virtual_gateway.edge.name

  spec {
    priority = [10, 0][var.round]

    http2_route {
      match {
        port   = [9081, 9091][var.round]
        prefix = ["/cart/", "/basket/"][var.round]
        hostname {
          exact = ["shop.example.com", "www.shop.example.com"][var.round]
        }
        header {
          name   = ["x-exact", "x-exact-2"][var.round]
          invert = true
          match {
            exact = ["one", "two"][var.round]
          }
        }
        header {
          name   = "x-prefix"
          invert = [false, true][var.round]
          match {
            prefix = ["a-", "b-"][var.round]
          }
        }
        header {
          name = "x-suffix"
          match {
            suffix = ["-y", "-z"][var.round]
          }
        }
        header {
          name = "x-regex"
          match {
            regex = ["[0-9]+", "[a-z]+"][var.round]
          }
        }
        header {
          name = "x-range"
          match {
            range {
              start = [1, 100][var.round]
              end   = [10, 1000][var.round]
            }
          }
        }
        header {
          name = "x-present"
        }
        query_parameter {
          name = ["page", "from"][var.round]
          match {
            exact = ["1", "2"][var.round]
          }
        }
        query_parameter {
          name = "verbose"
        }
      }
      action {
        target {
          port = [8081, 8091][var.round]
          virtual_service {
            virtual_service_name = aws_appmesh_virtual_service.direct[["first", "second"][var.round]].name
          }
        }
        rewrite {
          hostname {
            default_target_hostname = ["ENABLED", "DISABLED"][var.round]
          }
          prefix {
            value = ["/", "/v2/"][var.round]
          }
        }
      }
    }
  }

  tags = local.tags
}

resource "aws_appmesh_gateway_route" "http2_host" {
  name                 = "http2-host${var.suffix}"
  mesh_name            = aws_appmesh_mesh.shop.id
  virtual_gateway_name = aws_appmesh_virtual_gateway.edge.name

  spec {
    http2_route {
      match {
        port   = 9081
        prefix = "/"
        hostname {
          suffix = [".example.com", ".example.org"][var.round]
        }
      }
      action {
        target {
          port = 8081
          virtual_service {
            virtual_service_name = aws_appmesh_virtual_service.direct["first"].name
          }
        }
        rewrite {
          prefix {
            default_prefix = ["ENABLED", "DISABLED"][var.round]
          }
        }
      }
    }
  }

  tags = local.tags
}

resource "aws_appmesh_gateway_route" "http2_path" {
  for_each             = toset(["exact", "regex"])
  name                 = "http2-${each.key}${var.suffix}"
  mesh_name            = aws_appmesh_mesh.shop.id
  virtual_gateway_name = aws_appmesh_virtual_gateway.edge.name

  spec {
    http2_route {
      match {
        port = 9081
        path {
          exact = each.key == "exact" ? ["/cart", "/basket"][var.round] : null
          regex = each.key == "regex" ? ["/cart/[0-9]+", "/basket/.*"][var.round] : null
        }
      }
      action {
        target {
          port = 8081
          virtual_service {
            virtual_service_name = aws_appmesh_virtual_service.direct["first"].name
          }
        }
        rewrite {
          path {
            exact = ["/items", "/things"][var.round]
          }
        }
      }
    }
  }

  tags = local.tags
}

resource "aws_appmesh_gateway_route" "grpc" {
  name                 = "grpc${var.suffix}"
  mesh_name            = aws_appmesh_mesh.shop.id
  mesh_owner           = var.owner
  virtual_gateway_name = aws_appmesh_virtual_gateway.edge.name

  spec {
    priority = [1000, 500][var.round]

    grpc_route {
      match {
        port         = [9082, 9092][var.round]
        service_name = ["shop.Cart", "shop.Basket"][var.round]
      }
      action {
        target {
          port = [8082, 8092][var.round]
          virtual_service {
            virtual_service_name = aws_appmesh_virtual_service.direct[["first", "second"][var.round]].name
          }
        }
      }
    }
  }

  tags = local.tags
}
