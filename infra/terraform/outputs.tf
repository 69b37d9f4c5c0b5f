output "api_url" {
  description = "What `remesh proxy` is given."
  value       = aws_lambda_function_url.api.function_url
}

output "callers_policy_arn" {
  description = "The policy that lets a role call the API."
  value       = aws_iam_policy.callers.arn
}

output "xds_addr" {
  description = "What `remesh bootstrap --xds-addr` is given."
  value       = "https://${var.xds_name}:443"
}

output "load_balancer_name" {
  description = "What xds_name must point to, where the module did not make the record."
  value       = aws_lb.xds.dns_name
}

output "table_name" {
  description = "The event log's table."
  value       = aws_dynamodb_table.log.name
}
