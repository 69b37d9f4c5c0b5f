# Routes of every protocol, with every match and every action.

resource "aws_appmesh_route" "http" {
  name                = "http${var.suffix}"
  mesh_name           = aws_appmesh_mesh.shop.id
  mesh_owner          = var.owner
  virtual_router_name = aws_appmesh_virtual_router.all.name

  spec {
    priority = [10, 0][var.round]

    http_route {
      match {
        port   = [8080, 8090][var.round]
        prefix = ["/", "/shop"][var.round]
        method = ["GET", "POST"][var.round]
        scheme = ["http", "https"][var.round]
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
        weighted_target {
          virtual_node = aws_appmesh_virtual_node.target[["blue", "green"][var.round]].name
          weight       = [90, 0][var.round]
          port         = [8080, 8090][var.round]
        }
        weighted_target {
          virtual_node = aws_appmesh_virtual_node.target["red"].name
          weight       = [10, 100][var.round]
          port         = [8080, 8090][var.round]
        }
      }
      retry_policy {
        http_retry_events = [["server-error", "gateway-error"], ["stream-error"]][var.round]
        tcp_retry_events  = [["connection-error"], null][var.round]
        max_retries       = [2, 4][var.round]
        per_retry_timeout {
          unit  = ["ms", "s"][var.round]
          value = [500, 1][var.round]
        }
      }
      timeout {
        idle {
          unit  = ["s", "ms"][var.round]
          value = [60, 90000][var.round]
        }
        per_request {
          unit  = ["s", "ms"][var.round]
          value = [5, 2500][var.round]
        }
      }
    }
  }

  tags = local.tags
}

resource "aws_appmesh_route" "http_path" {
  for_each            = toset(["exact", "regex"])
  name                = "http-${each.key}${var.suffix}"
  mesh_name           = aws_appmesh_mesh.shop.id
  virtual_router_name = aws_appmesh_virtual_router.all.name

  spec {
    http_route {
      match {
        port = 8080
        path {
          exact = each.key == "exact" ? ["/cart", "/basket"][var.round] : null
          regex = each.key == "regex" ? ["/cart/[0-9]+", "/basket/.*"][var.round] : null
        }
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

  tags = local.tags
}

resource "aws_appmesh_route" "http2" {
  name                = "http2${var.suffix}"
  mesh_name           = aws_appmesh_mesh.shop.id
  mesh_owner          = var.owner
  virtual_router_name = aws_appmesh_virtual_router.all.name

  spec {
    priority = [10, 0][var.round]

    http2_route {
      match {
        port   = [8081, 8091][var.round]
        prefix = ["/", "/shop"][var.round]
        method = ["GET", "POST"][var.round]
        scheme = ["http", "https"][var.round]
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
        weighted_target {
          virtual_node = aws_appmesh_virtual_node.target[["blue", "green"][var.round]].name
          weight       = [90, 0][var.round]
          port         = [8081, 8091][var.round]
        }
        weighted_target {
          virtual_node = aws_appmesh_virtual_node.target["red"].name
          weight       = [10, 100][var.round]
          port         = [8081, 8091][var.round]
        }
      }
      retry_policy {
        http_retry_events = [["server-error", "gateway-error"], ["stream-error"]][var.round]
        tcp_retry_events  = [["connection-error"], null][var.round]
        max_retries       = [2, 4][var.round]
        per_retry_timeout {
          unit  = ["ms", "s"][var.round]
          value = [500, 1][var.round]
        }
      }
      timeout {
        idle {
          unit  = ["s", "ms"][var.round]
          value = [60, 90000][var.round]
        }
        per_request {
          unit  = ["s", "ms"][var.round]
          value = [5, 2500][var.round]
        }
      }
    }
  }

  tags = local.tags
}

resource "aws_appmesh_route" "http2_path" {
  for_each            = toset(["exact", "regex"])
  name                = "http2-${each.key}${var.suffix}"
  mesh_name           = aws_appmesh_mesh.shop.id
  virtual_router_name = aws_appmesh_virtual_router.all.name

  spec {
    http2_route {
      match {
        port = 8081
        path {
          exact = each.key == "exact" ? ["/cart", "/basket"][var.round] : null
          regex = each.key == "regex" ? ["/cart/[0-9]+", "/basket/.*"][var.round] : null
        }
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

  tags = local.tags
}

resource "aws_appmesh_route" "grpc" {
  name                = "grpc${var.suffix}"
  mesh_name           = aws_appmesh_mesh.shop.id
  mesh_owner          = var.owner
  virtual_router_name = aws_appmesh_virtual_router.all.name

  spec {
    priority = [1000, 500][var.round]

    grpc_route {
      match {
        port         = [8082, 8092][var.round]
        service_name = ["shop.Cart", "shop.Basket"][var.round]
        method_name  = ["Add", "Remove"][var.round]
        metadata {
          name   = ["x-exact", "x-exact-2"][var.round]
          invert = true
          match {
            exact = ["one", "two"][var.round]
          }
        }
        metadata {
          name   = "x-prefix"
          invert = [false, true][var.round]
          match {
            prefix = ["a-", "b-"][var.round]
          }
        }
        metadata {
          name = "x-suffix"
          match {
            suffix = ["-y", "-z"][var.round]
          }
        }
        metadata {
          name = "x-regex"
          match {
            regex = ["[0-9]+", "[a-z]+"][var.round]
          }
        }
        metadata {
          name = "x-range"
          match {
            range {
              start = [1, 100][var.round]
              end   = [10, 1000][var.round]
            }
          }
        }
        metadata {
          name = "x-present"
        }
      }
      action {
        weighted_target {
          virtual_node = aws_appmesh_virtual_node.target[["blue", "green"][var.round]].name
          weight       = [90, 0][var.round]
          port         = [8082, 8092][var.round]
        }
        weighted_target {
          virtual_node = aws_appmesh_virtual_node.target["red"].name
          weight       = [10, 100][var.round]
          port         = [8082, 8092][var.round]
        }
      }
      retry_policy {
        grpc_retry_events = [["cancelled", "unavailable"], ["internal"]][var.round]
        http_retry_events = [["server-error", "gateway-error"], ["stream-error"]][var.round]
        tcp_retry_events  = [["connection-error"], null][var.round]
        max_retries       = [2, 4][var.round]
        per_retry_timeout {
          unit  = ["ms", "s"][var.round]
          value = [500, 1][var.round]
        }
      }
      timeout {
        idle {
          unit  = ["s", "ms"][var.round]
          value = [60, 90000][var.round]
        }
        per_request {
          unit  = ["s", "ms"][var.round]
          value = [5, 2500][var.round]
        }
      }
    }
  }

  tags = local.tags
}

resource "aws_appmesh_route" "tcp" {
  name                = "tcp${var.suffix}"
  mesh_name           = aws_appmesh_mesh.shop.id
  mesh_owner          = var.owner
  virtual_router_name = aws_appmesh_virtual_router.all.name

  spec {
    priority = [1, 2][var.round]

    tcp_route {
      match {
        port = [8083, 8093][var.round]
      }
      action {
        weighted_target {
          virtual_node = aws_appmesh_virtual_node.target[["blue", "green"][var.round]].name
          weight       = [90, 0][var.round]
          port         = [8083, 8093][var.round]
        }
        weighted_target {
          virtual_node = aws_appmesh_virtual_node.target["red"].name
          weight       = [10, 100][var.round]
          port         = [8083, 8093][var.round]
        }
      }
      timeout {
        idle {
          unit  = ["s", "ms"][var.round]
          value = [60, 90000][var.round]
        }
      }
    }
  }

  tags = local.tags
}
