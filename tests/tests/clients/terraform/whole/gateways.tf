# Gateways, and the routes that lead in.

resource "aws_appmesh_virtual_gateway" "edge" {
  name       = "edge${var.suffix}"
  mesh_name  = aws_appmesh_mesh.shop.id
  mesh_owner = var.owner

  spec {
    listener {
      port_mapping {
        port     = 9080
        protocol = "http"
      }
      connection_pool {
        http {
          max_connections      = [100, 200][var.round]
          max_pending_requests = [10, 20][var.round]
        }
      }
      health_check {
        protocol            = "http"
        port                = 9080
        path                = ["/health", "/ready"][var.round]
        healthy_threshold   = [2, 3][var.round]
        unhealthy_threshold = [4, 5][var.round]
        timeout_millis      = [2000, 3000][var.round]
        interval_millis     = [5000, 6000][var.round]
      }
      tls {
        mode = ["STRICT", "PERMISSIVE"][var.round]
        certificate {
          acm {
            certificate_arn = [
              "arn:aws:acm:us-east-1:000000000000:certificate/edge-http-1",
              "arn:aws:acm:us-east-1:000000000000:certificate/edge-http-2",
            ][var.round]
          }
        }
        validation {
          subject_alternative_names {
            match {
              exact = [["edge-http.clients.local"], ["edge-http-2.clients.local", "*.shop.local"]][var.round]
            }
          }
          trust {
            file {
              certificate_chain = ["/certs/edge-http-ca.pem", "/certs/edge-http-ca-2.pem"][var.round]
            }
          }
        }
      }
    }

    listener {
      port_mapping {
        port     = 9081
        protocol = "http2"
      }
      connection_pool {
        http2 {
          max_requests = [100, 200][var.round]
        }
      }
      health_check {
        protocol            = "http2"
        port                = 9081
        path                = ["/health", "/ready"][var.round]
        healthy_threshold   = [2, 3][var.round]
        unhealthy_threshold = [4, 5][var.round]
        timeout_millis      = [2000, 3000][var.round]
        interval_millis     = [5000, 6000][var.round]
      }
      tls {
        mode = ["STRICT", "PERMISSIVE"][var.round]
        certificate {
          file {
            certificate_chain = ["/certs/edge-http2.pem", "/certs/edge-http2-2.pem"][var.round]
            private_key       = ["/certs/edge-http2.key", "/certs/edge-http2-2.key"][var.round]
          }
        }
        validation {
          subject_alternative_names {
            match {
              exact = [["edge-http2.clients.local"], ["edge-http2-2.clients.local", "*.shop.local"]][var.round]
            }
          }
          trust {
            sds {
              secret_name = ["edge-http2-ca", "edge-http2-ca-2"][var.round]
            }
          }
        }
      }
    }

    listener {
      port_mapping {
        port     = 9082
        protocol = "grpc"
      }
      connection_pool {
        grpc {
          max_requests = [100, 200][var.round]
        }
      }
      health_check {
        protocol            = "grpc"
        port                = 9082
        healthy_threshold   = [2, 3][var.round]
        unhealthy_threshold = [4, 5][var.round]
        timeout_millis      = [2000, 3000][var.round]
        interval_millis     = [5000, 6000][var.round]
      }
      tls {
        mode = ["STRICT", "PERMISSIVE"][var.round]
        certificate {
          sds {
            secret_name = ["edge-grpc", "edge-grpc-2"][var.round]
          }
        }
      }
    }

    dynamic "listener" {
      for_each = { for port, protocol in local.gateway_ports : port => protocol if port >= 9090 }
      content {
        port_mapping {
          port     = listener.key
          protocol = listener.value
        }
      }
    }

    backend_defaults {
      client_policy {
        tls {
          enforce = [true, false][var.round]
          ports   = [[8080, 8443], [8443]][var.round]
          certificate {
            file {
              certificate_chain = ["/certs/edge.pem", "/certs/edge-2.pem"][var.round]
              private_key       = ["/certs/edge.key", "/certs/edge-2.key"][var.round]
            }
          }
          validation {
            subject_alternative_names {
              match {
                exact = [["edge.shop.local"], ["edge-2.shop.local", "*.shop.local"]][var.round]
              }
            }
            trust {
              acm {
                certificate_authority_arns = [
                  ["arn:aws:acm-pca:us-east-1:000000000000:certificate-authority/edge-1"],
                  ["arn:aws:acm-pca:us-east-1:000000000000:certificate-authority/edge-2"],
                ][var.round]
              }
            }
          }
        }
      }
    }

    logging {
      access_log {
        file {
          path = ["/dev/stdout", "/var/log/access"][var.round]
          format {
            text = ["%START_TIME% %PROTOCOL%", "%RESPONSE_CODE%"][var.round]
          }
        }
      }
    }
  }

  tags = local.tags
}

resource "aws_appmesh_virtual_gateway" "side" {
  name       = "side${var.suffix}"
  mesh_name  = aws_appmesh_mesh.shop.id
  mesh_owner = var.owner

  spec {
    listener {
      port_mapping {
        port     = 9080
        protocol = "http"
      }

    }

    backend_defaults {
      client_policy {
        tls {
          enforce = [false, true][var.round]
          ports   = [[8080, 8443], [8443]][var.round]
          certificate {
            sds {
              secret_name = ["side", "side-2"][var.round]
            }
          }
          validation {
            subject_alternative_names {
              match {
                exact = [["side.shop.local"], ["side-2.shop.local", "*.shop.local"]][var.round]
              }
            }
            trust {
              file {
                certificate_chain = ["/certs/side-ca.pem", "/certs/side-ca-2.pem"][var.round]
              }
            }
          }
        }
      }
    }

    logging {
      access_log {
        file {
          path = ["/dev/stderr", "/var/log/access"][var.round]
          format {
            json {
              key   = ["when", "at"][var.round]
              value = ["%START_TIME%", "%START_TIME(%s)%"][var.round]
            }
            json {
              key   = "code"
              value = "%RESPONSE_CODE%"
            }
          }
        }
      }
    }
  }

  tags = local.tags
}

# No route holds it to its port.
resource "aws_appmesh_virtual_gateway" "spare" {
  name      = "spare${var.suffix}"
  mesh_name = aws_appmesh_mesh.shop.id

  spec {
    listener {
      port_mapping {
        port     = [9000, 9001][var.round]
        protocol = ["http", "http2"][var.round]
      }
      health_check {
        protocol            = ["http", "http2"][var.round]
        port                = [9000, 9001][var.round]
        path                = ["/health", "/ready"][var.round]
        healthy_threshold   = [2, 3][var.round]
        unhealthy_threshold = [4, 5][var.round]
        timeout_millis      = [2000, 3000][var.round]
        interval_millis     = [5000, 6000][var.round]
      }
    }

    backend_defaults {
      client_policy {
        tls {
          enforce = [true, false][var.round]
          ports   = [[8080, 8443], [8443]][var.round]
          validation {
            subject_alternative_names {
              match {
                exact = [["spare.shop.local"], ["spare-2.shop.local", "*.shop.local"]][var.round]
              }
            }
            trust {
              sds {
                secret_name = ["spare-ca", "spare-ca-2"][var.round]
              }
            }
          }
        }
      }
    }
  }

  tags = local.tags
}
