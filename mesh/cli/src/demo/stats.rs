//! Figures from samples: shares, latencies, and whether shares are what weights ask for.

use super::definitions::{BACKENDS, Weights};
use super::load::Sample;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// How many standard deviations a share may lie off. Fewer than one run in a hundred thousand is refused by chance.
const DEVIATIONS: f64 = 4.5;

/// Figures of a number of requests.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// How many.
    pub requests: usize,
    /// Their statuses; 0 is no answer.
    pub statuses: BTreeMap<u16, usize>,
    /// The versions that answered.
    pub versions: Vec<VersionSummary>,
}

/// Figures of the requests that one version answered.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VersionSummary {
    /// The virtual node.
    pub name: &'static str,
    /// How many.
    pub requests: usize,
    /// Their share of the answered requests.
    pub share: f64,
    /// Half of them were faster.
    pub p50_ms: f64,
    /// One in a hundred was slower.
    pub p99_ms: f64,
}

impl Summary {
    /// The figures of these requests.
    pub fn of(samples: &[Sample]) -> Self {
        let answered = samples.iter().filter(|sample| sample.version.is_some()).count();
        let mut statuses = BTreeMap::new();
        for sample in samples {
            *statuses.entry(sample.status).or_default() += 1;
        }
        let versions = (0..BACKENDS.len()).map(|index| VersionSummary::of(index, samples, answered)).collect();
        Self { requests: samples.len(), statuses, versions }
    }

    /// Whether the shares are those that the weights ask for, within what chance does.
    pub fn fits(&self, weights: Weights) -> bool {
        let answered: usize = self.versions.iter().map(|version| version.requests).sum();
        let Some(shares) = weights.shares() else { return answered == 0 };
        self.versions.iter().zip(shares).all(|(version, share)| likely(version.requests, answered, share))
    }
}

impl VersionSummary {
    fn of(index: usize, samples: &[Sample], answered: usize) -> Self {
        let own = samples.iter().filter(|sample| sample.version == Some(index));
        let mut times: Vec<Duration> = own.map(|sample| sample.took).collect();
        times.sort_unstable();
        Self {
            name: BACKENDS[index],
            requests: times.len(),
            share: if answered == 0 { 0.0 } else { round(number(times.len()) / number(answered), 4) },
            p50_ms: percentile_ms(&times, 50),
            p99_ms: percentile_ms(&times, 99),
        }
    }
}

/// A duration in milliseconds, to the hundredth.
pub fn milliseconds(duration: Duration) -> f64 {
    round(duration.as_secs_f64() * 1000.0, 2)
}

/// Whether so many of so many are likely where each has this chance.
fn likely(count: usize, of: usize, chance: f64) -> bool {
    let expected = number(of) * chance;
    let deviation = (expected * (1.0 - chance)).sqrt();
    (number(count) - expected).abs() <= DEVIATIONS * deviation
}

fn percentile_ms(sorted: &[Duration], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(rank).copied().map_or(0.0, milliseconds)
}

#[expect(clippy::cast_precision_loss, reason = "numbers of requests are far below 2^52")]
fn number(count: usize) -> f64 {
    count as f64
}

fn round(value: f64, places: i32) -> f64 {
    let factor = 10_f64.powi(places);
    (value * factor).round() / factor
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    fn samples(v1: usize, v2: usize) -> Vec<Sample> {
        let sample = |version: usize| Sample {
            sent: Instant::now(),
            took: Duration::from_millis(1 + version as u64),
            status: 200,
            version: Some(version),
        };
        std::iter::repeat_n(sample(0), v1).chain(std::iter::repeat_n(sample(1), v2)).collect()
    }

    #[test]
    fn shares_that_chance_explains_fit_and_others_do_not() {
        let weights = Weights([90, 10]);
        assert!(Summary::of(&samples(900, 100)).fits(weights));
        assert!(Summary::of(&samples(870, 130)).fits(weights));
        assert!(!Summary::of(&samples(840, 160)).fits(weights));
        assert!(!Summary::of(&samples(500, 500)).fits(weights));
    }

    #[test]
    fn a_version_without_weight_must_answer_nothing() {
        assert!(Summary::of(&samples(1000, 0)).fits(Weights([1, 0])));
        assert!(!Summary::of(&samples(999, 1)).fits(Weights([1, 0])));
    }

    #[test]
    fn figures_are_by_version() {
        let summary = Summary::of(&samples(3, 1));
        assert_eq!(summary.statuses, BTreeMap::from([(200, 4)]));
        assert_eq!(summary.versions.iter().map(|version| version.share).collect::<Vec<_>>(), [0.75, 0.25]);
        assert_eq!(summary.versions.iter().map(|version| version.p99_ms).collect::<Vec<_>>(), [1.0, 2.0]);
    }

    #[test]
    fn no_requests_are_no_reason_to_fail() {
        let summary = Summary::of(&[]);
        assert_eq!((summary.requests, summary.versions[0].share, summary.versions[0].p50_ms), (0, 0.0, 0.0));
    }
}
