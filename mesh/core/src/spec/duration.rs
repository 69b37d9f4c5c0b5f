//! A length of time as the API writes it: a value and its unit, nothing else.

use super::{enumeration, structure};

structure! {
    /// A length of time (`Duration`); both members are optional in the model.
    pub struct Duration {
        /// The unit of `value`.
        pub unit: Option<DurationUnit>,
        /// How many units; 0 switches a timeout off (§8.1).
        pub value: Option<i64>,
    }
}

enumeration! {
    /// `DurationUnit`.
    pub enum DurationUnit {
        /// Seconds.
        Seconds = "s",
        /// Milliseconds.
        Milliseconds = "ms",
    }
}

impl Duration {
    /// The length in milliseconds; `None` where the value or the unit is missing, which says nothing at all.
    pub fn millis(&self) -> Option<u64> {
        let value = u64::try_from(self.value?).ok()?;
        Some(match self.unit? {
            DurationUnit::Seconds => value.saturating_mul(1000),
            DurationUnit::Milliseconds => value,
        })
    }
}
