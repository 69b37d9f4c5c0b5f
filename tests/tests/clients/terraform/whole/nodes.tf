# Nodes: every kind of listener, discovery, backend and log.

resource "aws_appmesh_virtual_node" "many" {
  name       = "many${var.suffix}"
  mesh_name  = aws_appmesh_mesh.shop.id
  mesh_owner = var.owner

  spec {
    listener {
      port_mapping {
        port     = 8080
        protocol = "http"
      }
      connection_pool {
        http {
          max_connections      = [100, 200][var.round]
          max_pending_requests = [10, 20][var.round]
        }
      }
      timeout {
        http {
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
      health_check {
        protocol            = "http"
        port                = 8080
        path                = ["/health", "/ready"][var.round]
        healthy_threshold   = [2, 3][var.round]
        unhealthy_threshold = [4, 5][var.round]
        timeout_millis      = [2000, 3000][var.round]
        interval_millis     = [5000, 6000][var.round]
      }
      outlier_detection {
        max_server_errors    = [5, 10][var.round]
        max_ejection_percent = [50, 20][var.round]
        interval {
          unit  = ["s", "ms"][var.round]
          value = [10, 20000][var.round]
        }
        base_ejection_duration {
          unit  = ["s", "ms"][var.round]
          value = [30, 60000][var.round]
        }
      }
      tls {
        mode = ["STRICT", "PERMISSIVE"][var.round]
        certificate {
          acm {
            certificate_arn = [
              "arn:aws:acm:us-east-1:000000000000:certificate/many-http-1",
              "arn:aws:acm:us-east-1:000000000000:certificate/many-http-2",
            ][var.round]
          }
        }
        validation {
          subject_alternative_names {
            match {
              exact = [["many-http.clients.local"], ["many-http-2.clients.local", "*.shop.local"]][var.round]
            }
          }
          trust {
            file {
              certificate_chain = ["/certs/many-http-ca.pem", "/certs/many-http-ca-2.pem"][var.round]
            }
          }
        }
      }
    }

    listener {
      port_mapping {
        port     = 8081
        protocol = "http2"
      }
      connection_pool {
        http2 {
          max_requests = [100, 200][var.round]
        }
      }
      timeout {
        http2 {
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
      health_check {
        protocol            = "http2"
        port                = 8081
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
            certificate_chain = ["/certs/many-http2.pem", "/certs/many-http2-2.pem"][var.round]
            private_key       = ["/certs/many-http2.key", "/certs/many-http2-2.key"][var.round]
          }
        }
        validation {
          subject_alternative_names {
            match {
              exact = [["many-http2.clients.local"], ["many-http2-2.clients.local", "*.shop.local"]][var.round]
            }
          }
          trust {
            sds {
              secret_name = ["many-http2-ca", "many-http2-ca-2"][var.round]
            }
          }
        }
      }
    }

    listener {
      port_mapping {
        port     = 8082
        protocol = "grpc"
      }
      connection_pool {
        grpc {
          max_requests = [100, 200][var.round]
        }
      }
      timeout {
        grpc {
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
      health_check {
        protocol            = "grpc"
        port                = 8082
        healthy_threshold   = [2, 3][var.round]
        unhealthy_threshold = [4, 5][var.round]
        timeout_millis      = [2000, 3000][var.round]
        interval_millis     = [5000, 6000][var.round]
      }
      tls {
        mode = ["STRICT", "PERMISSIVE"][var.round]
        certificate {
          sds {
            secret_name = ["many-grpc", "many-grpc-2"][var.round]
          }
        }
      }
    }

    listener {
      port_mapping {
        port     = 8083
        protocol = "tcp"
      }
      connection_pool {
        tcp {
          max_connections = [100, 200][var.round]
        }
      }
      timeout {
        tcp {
          idle {
            unit  = ["s", "ms"][var.round]
            value = [60, 90000][var.round]
          }
        }
      }
      health_check {
        protocol            = "tcp"
        port                = 8083
        healthy_threshold   = [2, 3][var.round]
        unhealthy_threshold = [4, 5][var.round]
        timeout_millis      = [2000, 3000][var.round]
        interval_millis     = [5000, 6000][var.round]
      }
    }

    backend {
      virtual_service {
        virtual_service_name = ["prices.shop.local", "prices-2.shop.local"][var.round]
        client_policy {
          tls {
            enforce = [true, false][var.round]
            ports   = [[8080, 8443], [8443]][var.round]
            certificate {
              file {
                certificate_chain = ["/certs/prices.pem", "/certs/prices-2.pem"][var.round]
                private_key       = ["/certs/prices.key", "/certs/prices-2.key"][var.round]
              }
            }
            validation {
              subject_alternative_names {
                match {
                  exact = [["prices.shop.local"], ["prices-2.shop.local", "*.shop.local"]][var.round]
                }
              }
              trust {
                acm {
                  certificate_authority_arns = [
                    ["arn:aws:acm-pca:us-east-1:000000000000:certificate-authority/prices-1"],
                    ["arn:aws:acm-pca:us-east-1:000000000000:certificate-authority/prices-2"],
                  ][var.round]
                }
              }
            }
          }
        }
      }
    }

    backend {
      virtual_service {
        virtual_service_name = ["stock.shop.local", "stock-2.shop.local"][var.round]
        client_policy {
          tls {
            enforce = true
            ports   = [[8080, 8443], [8443]][var.round]
            certificate {
              sds {
                secret_name = ["stock", "stock-2"][var.round]
              }
            }
            validation {
              subject_alternative_names {
                match {
                  exact = [["stock.shop.local"], ["stock-2.shop.local", "*.shop.local"]][var.round]
                }
              }
              trust {
                file {
                  certificate_chain = ["/certs/stock-ca.pem", "/certs/stock-ca-2.pem"][var.round]
                }
              }
            }
          }
        }
      }
    }

    backend {
      virtual_service {
        virtual_service_name = ["offers.shop.local", "offers-2.shop.local"][var.round]
        client_policy {
          tls {
            enforce = true
            ports   = [[8080, 8443], [8443]][var.round]
            validation {
              subject_alternative_names {
                match {
                  exact = [["offers.shop.local"], ["offers-2.shop.local", "*.shop.local"]][var.round]
                }
              }
              trust {
                sds {
                  secret_name = ["offers-ca", "offers-ca-2"][var.round]
                }
              }
            }
          }
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
              certificate_chain = ["/certs/many.pem", "/certs/many-2.pem"][var.round]
              private_key       = ["/certs/many.key", "/certs/many-2.key"][var.round]
            }
          }
          validation {
            subject_alternative_names {
              match {
                exact = [["many.shop.local"], ["many-2.shop.local", "*.shop.local"]][var.round]
              }
            }
            trust {
              acm {
                certificate_authority_arns = [
                  ["arn:aws:acm-pca:us-east-1:000000000000:certificate-authority/many-1"],
                  ["arn:aws:acm-pca:us-east-1:000000000000:certificate-authority/many-2"],
                ][var.round]
              }
            }
          }
        }
      }
    }

    service_discovery {
      dns {
        hostname      = ["many.shop.local", "many-2.shop.local"][var.round]
        ip_preference = ["IPv6_PREFERRED", "IPv4_ONLY"][var.round]
        response_type = ["LOADBALANCER", "ENDPOINTS"][var.round]
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

resource "aws_appmesh_virtual_node" "found" {
  name       = "found${var.suffix}"
  mesh_name  = aws_appmesh_mesh.shop.id
  mesh_owner = var.owner

  spec {
    listener {
      port_mapping {
        port     = 8080
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
              secret_name = ["found", "found-2"][var.round]
            }
          }
          validation {
            subject_alternative_names {
              match {
                exact = [["found.shop.local"], ["found-2.shop.local", "*.shop.local"]][var.round]
              }
            }
            trust {
              file {
                certificate_chain = ["/certs/found-ca.pem", "/certs/found-ca-2.pem"][var.round]
              }
            }
          }
        }
      }
    }

    service_discovery {
      aws_cloud_map {
        namespace_name = ["shop.local", "shop-2.local"][var.round]
        service_name   = ["found", "found-2"][var.round]
        attributes     = [{ stage = "test", zone = "a" }, { stage = "live" }][var.round]
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
resource "aws_appmesh_virtual_node" "spare" {
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

    service_discovery {
      dns {
        hostname = "spare.shop.local"
      }
    }
  }

  tags = local.tags
}

# What routes lead to.
resource "aws_appmesh_virtual_node" "target" {
  for_each  = toset(["blue", "green", "red"])
  name      = "${each.key}${var.suffix}"
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

  tags = local.tags
}
