//! Lengths of time.

use super::limits;
use super::place::Place;
use crate::spec::{Duration, DurationUnit};

/// A length of time, where there is one; 0 switches a timeout off (§8.1).
pub(super) fn check(at: &Place, duration: Option<&Duration>) {
    let Some(duration) = duration else { return };
    let Duration { unit, value } = *duration;
    match unit {
        // Both are optional in the model, and one without the other says nothing.
        None => at.member("unit").refuse("is missing, must be `s` or `ms`"),
        Some(DurationUnit::Seconds) => at.member("value").maybe_between(value, limits::SECONDS),
        Some(DurationUnit::Milliseconds) => at.member("value").maybe_between(value, limits::MILLISECONDS),
    }
    if value.is_none() {
        at.member("value").refuse("is missing");
    }
}

/// A length of time that Envoy refuses to have as 0.
pub(super) fn check_positive(at: &Place, duration: &Duration) {
    check(at, Some(duration));
    if duration.value == Some(0) {
        at.member("value").refuse("is 0, must be 1 or more");
    }
}
