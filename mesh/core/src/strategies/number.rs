//! Numbers and lengths of time.

use super::structure;
use crate::rules::limits;
use crate::spec::{Duration, DurationUnit};
use proptest::prelude::*;
use std::ops::RangeInclusive;

/// A number within bounds, and both of them.
pub(super) fn between(bounds: RangeInclusive<i64>) -> BoxedStrategy<i64> {
    let (least, most) = (*bounds.start(), *bounds.end());
    prop_oneof![2 => Just(least), 2 => Just(most), 6 => bounds].boxed()
}

pub(super) fn port() -> BoxedStrategy<i64> {
    between(limits::PORT)
}

/// A length of time; 0 is one.
pub(super) fn duration() -> BoxedStrategy<Duration> {
    of_at_least(0)
}

/// A length of time that is more than nothing.
pub(super) fn positive_duration() -> BoxedStrategy<Duration> {
    of_at_least(1)
}

fn of_at_least(least: i64) -> BoxedStrategy<Duration> {
    let of = |unit, bounds: RangeInclusive<i64>| {
        structure!(Duration { unit: Just(Some(unit)), value: between(least..=*bounds.end()).prop_map(Some) })
    };
    let seconds = of(DurationUnit::Seconds, limits::SECONDS);
    prop_oneof![seconds, of(DurationUnit::Milliseconds, limits::MILLISECONDS)].boxed()
}
