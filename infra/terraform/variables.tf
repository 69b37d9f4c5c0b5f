variable "name" {
  description = "What everything is called; also the table's name."
  type        = string
  default     = "remesh"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,24}$", var.name))
    error_message = "A name has 2 to 25 lower-case letters, digits and hyphens, and begins with a letter."
  }
}

variable "api_zip" {
  description = "The API function: target/lambda/appmesh-api/bootstrap.zip of `cargo lambda build --output-format zip`."
  type        = string
}

variable "checkpoint_zip" {
  description = "The checkpoint function: target/lambda/checkpoint/bootstrap.zip."
  type        = string
}

variable "vpc_id" {
  description = "Where the relay runs."
  type        = string
}

variable "subnet_ids" {
  description = "Two or more, in different zones. From them DynamoDB, Cloud Map, ECR and CloudWatch Logs must be reachable."
  type        = list(string)
}

variable "assign_public_ip" {
  description = "For public subnets without a NAT gateway; nothing is let in from outside either way."
  type        = bool
  default     = false
}

variable "proxy_cidrs" {
  description = "Where Envoys connect from. Proxies are not authenticated yet: whoever connects from here can read the mesh."
  type        = list(string)
}

variable "admin_cidrs" {
  description = "From where people may look at the tasks' admin endpoints (/proxies, /snapshot, /metrics)."
  type        = list(string)
  default     = []
}

variable "certificate_arn" {
  description = "A certificate in ACM, in this region, for xds_name."
  type        = string
}

variable "xds_name" {
  description = "The name that Envoys connect to, as in the certificate."
  type        = string
}

variable "hosted_zone_id" {
  description = "The Route 53 zone in which xds_name is made; null to make the record yourself."
  type        = string
  default     = null
}

variable "repository_name" {
  description = "The ECR repository of this account that holds the relay's image."
  type        = string
  default     = "remesh/xds-relay"
}

variable "image_tag" {
  description = "The image's tag."
  type        = string
  default     = "latest"
}

variable "minimum_tasks" {
  description = "Relays that always run."
  type        = number
  default     = 2
}

variable "maximum_tasks" {
  description = "Relays at most."
  type        = number
  default     = 6
}

variable "proxies_per_task" {
  description = "Relays are added above this many connected proxies for each."
  type        = number
  default     = 1000
}

variable "feed" {
  description = "How relays learn of changes: poll or stream. A table's stream bears two readers at once, of which the checkpoint function is one, so stream is for a single relay; one that is refused there polls, which is as quick and costs less."
  type        = string
  default     = "poll"

  validation {
    condition     = contains(["poll", "stream"], var.feed)
    error_message = "A feed is poll or stream."
  }
}

variable "cpu" {
  description = "A relay's share of a processor, in 1024ths."
  type        = number
  default     = 256
}

variable "memory_mib" {
  description = "A relay's memory."
  type        = number
  default     = 512
}

variable "log_retention_days" {
  description = "How long what the parts say is kept."
  type        = number
  default     = 30
}

variable "alarm_topic_arn" {
  description = "The SNS topic that alarms go to; null for alarms that are only shown."
  type        = string
  default     = null
}

variable "quotas" {
  description = "How many there may be of what, such as { virtual-nodes-per-mesh = 200 }; docs/running.md has the names. What is not named has the default."
  type        = map(number)
  default     = {}

  # A function that cannot read its quotas does not start.
  validation {
    condition = alltrue([
      for name, limit in var.quotas : limit >= 0 && floor(limit) == limit && contains([
        "meshes-per-account",
        "virtual-nodes-per-mesh",
        "virtual-routers-per-mesh",
        "virtual-services-per-mesh",
        "virtual-gateways-per-mesh",
        "routes-per-virtual-router",
        "gateway-routes-per-virtual-gateway",
        "backends-per-virtual-node",
      ], name)
    ])
    error_message = "A quota is one of those in docs/running.md, and a whole number from 0."
  }
}
