# A mesh with every argument the provider has (whole/), each with two values: the first of a pair when the mesh is made, the
# second when it is changed. Whatever excludes something else has a resource of its own. Then the same mesh with as little
# as can be (bare/), and no tags.

terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

# Which value of each pair; 2 when nearly everything is gone.
variable "round" {
  type    = number
  default = 0
}

# What no resource survives: another name, another owner.
variable "suffix" {
  type    = string
  default = ""
}

variable "owner" {
  type    = string
  default = "000000000000"
}

# App Mesh is found by AWS_ENDPOINT_URL_APP_MESH. It can be said here, in `endpoints`, and is so at last: a command then takes
# some seconds longer, in which the provider checks those of all other services.
provider "aws" {
  region                      = "us-east-1"
  access_key                  = "any"
  secret_key                  = "thing"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
  skip_requesting_account_id  = true
  max_retries                 = 1

  default_tags {
    tags = [{ environment = "test", contact = "mesh@shop" }, { environment = "live" }, {}][var.round]
  }
}

locals {
  # One tag stays, one changes, one goes and one comes.
  tags = [
    { kept = "always", team = "platform", trial = "" },
    { kept = "always", team = "shop", "cost:centre" = "a/b + c" },
    {},
  ][var.round]

  # Two of each protocol, so that a route can move from one to the other.
  ports = {
    8080 = "http", 8090 = "http",
    8081 = "http2", 8091 = "http2",
    8082 = "grpc", 8092 = "grpc",
    8083 = "tcp", 8093 = "tcp",
  }
  gateway_ports = {
    9080 = "http", 9090 = "http",
    9081 = "http2", 9091 = "http2",
    9082 = "grpc", 9092 = "grpc",
  }
}
