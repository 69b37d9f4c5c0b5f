//! What the provider has in its schema and cannot be tested, with the reason.

use super::arguments::Argument;
use std::fmt;

/// What is done with every argument, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    Given,
    Changed,
    TakenAway,
}

pub struct LeftOut {
    resource: &'static str,
    path: &'static str,
    /// From here on.
    since: Step,
    reason: &'static str,
}

pub const LEFT_OUT: [LeftOut; 14] = [
    LeftOut {
        resource: "aws_appmesh_route",
        path: "spec.grpc_route.match.prefix",
        since: Step::Given,
        reason: "App Mesh has no such member, and the provider neither sends nor reads it",
    },
    made_by_the_provider("aws_appmesh_gateway_route"),
    made_by_the_provider("aws_appmesh_mesh"),
    made_by_the_provider("aws_appmesh_route"),
    made_by_the_provider("aws_appmesh_virtual_gateway"),
    made_by_the_provider("aws_appmesh_virtual_node"),
    made_by_the_provider("aws_appmesh_virtual_router"),
    made_by_the_provider("aws_appmesh_virtual_service"),
    needed_by_every_gateway("spec.listener.port_mapping.port"),
    needed_by_every_gateway("spec.listener.port_mapping.protocol"),
    of_one_value("spec.grpc_route.retry_policy.tcp_retry_events"),
    of_one_value("spec.http2_route.retry_policy.tcp_retry_events"),
    of_one_value("spec.http_route.retry_policy.tcp_retry_events"),
    LeftOut {
        resource: "aws_appmesh_mesh",
        path: "spec.egress_filter.type",
        since: Step::TakenAway,
        reason: "where no filter is configured, the provider keeps the one there is",
    },
];

/// Terraform's identifier, which stands among the arguments for historical reasons only.
const fn made_by_the_provider(resource: &'static str) -> LeftOut {
    LeftOut { resource, path: "id", since: Step::Changed, reason: "it is the resource's uid, and nobody gives it" }
}

const fn needed_by_every_gateway(path: &'static str) -> LeftOut {
    LeftOut {
        resource: "aws_appmesh_virtual_gateway",
        path,
        since: Step::TakenAway,
        reason: "the provider wants a listener of every gateway",
    }
}

const fn of_one_value(path: &'static str) -> LeftOut {
    LeftOut {
        resource: "aws_appmesh_route",
        path,
        since: Step::TakenAway,
        reason: "there is one such event only: the change was that it was taken away",
    }
}

impl LeftOut {
    pub fn is(&self, argument: &Argument) -> bool {
        argument.resource == self.resource && argument.path.join(".") == self.path
    }

    pub fn concerns(&self, step: Step) -> bool {
        self.since <= step
    }

    pub fn begins_with(&self, step: Step) -> bool {
        self.since == step
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.resource, self.path, self.reason)
    }
}
