# The event log. Everything Remesh knows is here. The properties are those of mesh/log/src/dynamo/table.json.
resource "aws_dynamodb_table" "log" {
  name                        = var.name
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "pk"
  range_key                   = "sk"
  stream_enabled              = true
  stream_view_type            = "NEW_IMAGE"
  deletion_protection_enabled = true

  attribute {
    name = "pk"
    type = "S"
  }

  attribute {
    name = "sk"
    type = "S"
  }

  point_in_time_recovery {
    enabled = true
  }

  # infra/README.md says how to remove the rest without it.
  lifecycle {
    prevent_destroy = true
  }
}
