# Where routes are kept, and what services are called.

resource "aws_appmesh_virtual_router" "all" {
  name       = "all${var.suffix}"
  mesh_name  = aws_appmesh_mesh.shop.id
  mesh_owner = var.owner

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

  tags = local.tags
}

# No route holds it to its port.
resource "aws_appmesh_virtual_router" "spare" {
  name      = "spare${var.suffix}"
  mesh_name = aws_appmesh_mesh.shop.id

  spec {
    listener {
      port_mapping {
        port     = [9000, 9001][var.round]
        protocol = ["http", "tcp"][var.round]
      }
    }
  }

  tags = local.tags
}

resource "aws_appmesh_virtual_service" "routed" {
  name       = "routed${var.suffix}.shop.local"
  mesh_name  = aws_appmesh_mesh.shop.id
  mesh_owner = var.owner

  spec {
    provider {
      virtual_router {
        virtual_router_name = [aws_appmesh_virtual_router.all.name, aws_appmesh_virtual_router.spare.name][var.round]
      }
    }
  }

  tags = local.tags
}

# Two, so that a gateway route can turn from one to the other.
resource "aws_appmesh_virtual_service" "direct" {
  for_each  = toset(["first", "second"])
  name      = "${each.key}${var.suffix}.shop.local"
  mesh_name = aws_appmesh_mesh.shop.id

  spec {
    provider {
      virtual_node {
        virtual_node_name = aws_appmesh_virtual_node.target[["blue", "green"][var.round]].name
      }
    }
  }

  tags = local.tags
}

resource "aws_appmesh_virtual_service" "nobody" {
  name      = "nobody${var.suffix}.shop.local"
  mesh_name = aws_appmesh_mesh.shop.id

  spec {}

  tags = local.tags
}
