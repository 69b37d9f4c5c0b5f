//! How often something may be asked: evenly, with a burst after a rest.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// At most so many calls a second, whoever makes them.
#[derive(Debug)]
pub(super) struct Budget {
    every: Duration,
    /// How many calls a rest saves up.
    burst: u32,
    next: Mutex<Option<Instant>>,
}

impl Budget {
    pub(super) fn per_second(calls: u32, burst: u32) -> Self {
        Self { every: Duration::from_secs(1) / calls.max(1), burst, next: Mutex::new(None) }
    }

    /// Waits until another call may be made.
    pub(super) async fn take(&self) {
        tokio::time::sleep_until(self.reserve(Instant::now())).await;
    }

    fn reserve(&self, now: Instant) -> Instant {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let earliest = now.checked_sub(self.every * self.burst).unwrap_or(now);
        let at = next.map_or(earliest, |next| next.max(earliest));
        *next = Some(at + self.every);
        at.max(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_at_once_are_spread_over_the_time_they_may_take() {
        let (budget, now) = (Budget::per_second(100, 20), Instant::now() + Duration::from_secs(3600));
        let times: Vec<Duration> = (0..1020).map(|_| budget.reserve(now) - now).collect();
        assert_eq!(times.iter().filter(|wait| wait.is_zero()).count(), 21, "a burst, and one more");
        assert_eq!(times.last(), Some(&Duration::from_millis(9990)), "a thousand more take ten seconds");
    }

    #[test]
    fn a_rest_saves_up_one_burst_and_no_more() {
        let (budget, now) = (Budget::per_second(10, 20), Instant::now() + Duration::from_secs(3600));
        budget.reserve(now);
        let later = now + Duration::from_secs(1000);
        let at_once = (0..100).filter(|_| budget.reserve(later) == later).count();
        assert_eq!(at_once, 21);
    }
}
