# Everything once more, by the data sources.

data "aws_appmesh_mesh" "read" {
  name       = aws_appmesh_mesh.shop.name
  mesh_owner = var.owner
}

data "aws_appmesh_virtual_node" "read" {
  for_each = merge(
    { for node in [aws_appmesh_virtual_node.many, aws_appmesh_virtual_node.found, aws_appmesh_virtual_node.spare] : node.name => node },
    aws_appmesh_virtual_node.target,
  )
  name       = each.value.name
  mesh_name  = each.value.mesh_name
  mesh_owner = each.value.mesh_owner
}

data "aws_appmesh_virtual_router" "read" {
  for_each   = { for router in [aws_appmesh_virtual_router.all, aws_appmesh_virtual_router.spare] : router.name => router }
  name       = each.value.name
  mesh_name  = each.value.mesh_name
  mesh_owner = each.value.mesh_owner
}

data "aws_appmesh_virtual_service" "read" {
  for_each = merge(
    { for service in [aws_appmesh_virtual_service.routed, aws_appmesh_virtual_service.nobody] : service.name => service },
    aws_appmesh_virtual_service.direct,
  )
  name       = each.value.name
  mesh_name  = each.value.mesh_name
  mesh_owner = each.value.mesh_owner
}

data "aws_appmesh_route" "read" {
  for_each = merge(
    { http = aws_appmesh_route.http, http2 = aws_appmesh_route.http2, grpc = aws_appmesh_route.grpc, tcp = aws_appmesh_route.tcp },
    { for route in aws_appmesh_route.http_path : route.name => route },
    { for route in aws_appmesh_route.http2_path : route.name => route },
  )
  name                = each.value.name
  mesh_name           = each.value.mesh_name
  mesh_owner          = each.value.mesh_owner
  virtual_router_name = each.value.virtual_router_name
}

data "aws_appmesh_virtual_gateway" "read" {
  for_each = {
    for gateway in [aws_appmesh_virtual_gateway.edge, aws_appmesh_virtual_gateway.side, aws_appmesh_virtual_gateway.spare] :
    gateway.name => gateway
  }
  name      = each.value.name
  mesh_name = each.value.mesh_name
}

data "aws_appmesh_gateway_route" "read" {
  for_each = merge(
    { http = aws_appmesh_gateway_route.http, http2 = aws_appmesh_gateway_route.http2, grpc = aws_appmesh_gateway_route.grpc },
    { http_host = aws_appmesh_gateway_route.http_host, http2_host = aws_appmesh_gateway_route.http2_host },
    { for route in aws_appmesh_gateway_route.http_path : route.name => route },
    { for route in aws_appmesh_gateway_route.http2_path : route.name => route },
  )
  name                 = each.value.name
  mesh_name            = each.value.mesh_name
  virtual_gateway_name = each.value.virtual_gateway_name
}
