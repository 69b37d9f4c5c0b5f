resource "aws_appmesh_mesh" "shop" {
  name = "shop${var.suffix}"

  spec {
    egress_filter {
      type = ["ALLOW_ALL", "DROP_ALL"][var.round]
    }
    service_discovery {
      ip_preference = ["IPv4_PREFERRED", "IPv6_ONLY"][var.round]
    }
  }

  tags = local.tags
}
