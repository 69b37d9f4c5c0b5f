//! Where answers are known to be otherwise than the AWS CLI's documentation prints them, and why.

use super::compare::Difference;
use serde_json::Value;

/// Where an answer is known to be otherwise than its example.
pub struct Deviation {
    pub file: &'static str,
    pub nth: usize,
    pub at: &'static str,
    documented: &'static str,
    answered: &'static str,
    pub reason: &'static str,
}

/// All of them.
pub const DEVIATIONS: [Deviation; 5] = [
    Deviation {
        file: "create-route.rst",
        nth: 1,
        at: "/route/spec/grpcRoute/match/metadata/0/name",
        documented: r#""mymetadata""#,
        answered: r#""myMetadata""#,
        reason: "the example sends `myMetadata`. A describe that gives back something else than was sent would be an \
                 endless difference to clients that compare; the user guide's example of the same route keeps the case",
    },
    Deviation {
        file: "create-virtual-node.rst",
        nth: 1,
        at: "/virtualNode/spec/backends",
        documented: "null",
        answered: "[]",
        reason: NO_BACKENDS,
    },
    Deviation {
        file: "create-virtual-service.rst",
        nth: 1,
        at: "/virtualService/metadata/version",
        documented: "2",
        answered: "1",
        reason: "the printed output is that of a later update, its `lastUpdatedAt` says so: what was created is version 1",
    },
    Deviation {
        file: "list-routes.rst",
        nth: 1,
        at: "/routes/0/arn",
        documented: r#""arn:aws:appmesh:us-east-1:123456789012:mesh/app1/virtualRouter/vrServiceB/route/toVnServiceB""#,
        answered: r#""arn:aws:appmesh:us-east-1:123456789012:mesh/app1/virtualRouter/vrServiceB/route/toVnServiceB-weighted""#,
        reason: "the printed ARN is not that of the route whose name is printed beside it",
    },
    Deviation {
        file: "update-virtual-node.rst",
        nth: 1,
        at: "/virtualNode/spec/backends",
        documented: "null",
        answered: "[]",
        reason: NO_BACKENDS,
    },
];

/// Descriptions and deletions of such a node print the list.
const NO_BACKENDS: &str = "a virtual node without backends is described with an empty list, in the examples too (§13.4); \
                           Remesh answers so from the first, so that what creates and what describes agree";

impl Deviation {
    /// Whether this is the difference, to the letter.
    pub fn explains(&self, difference: &Difference) -> bool {
        let is = |text: &str, value: &Value| serde_json::from_str::<Value>(text).expect("JSON is listed") == *value;
        self.at == difference.at
            && is(self.documented, &difference.documented)
            && is(self.answered, &difference.answered)
    }
}
