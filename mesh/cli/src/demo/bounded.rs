//! The demo without a terminal: it changes the weights itself, measures, and judges.
//!
//! Three acts: 90/10, to see the shares; everything to the second version, to see how long a change takes to have full
//! effect; 50/50, to see other shares. One JSON object on standard output, and success only if it shows what it should.

use super::DemoError;
use super::control::{Control, ProxyState};
use super::definitions::Weights;
use super::fetch::say;
use super::load::Sample;
use super::scene::{FIRST, Scene};
use super::stats::{self, Summary};
use crate::diagnostics::Failure;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::Write;
use std::time::{Duration, Instant};

/// Without an answer by the old version for so long, a change counts as complete.
const QUIET: Duration = Duration::from_millis(500);

/// How long a change may take before it counts as failed. It takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// Fewer requests than this in an act say nothing about shares.
const ENOUGH: usize = 100;

/// How often the traffic is looked at.
const GLANCE: Duration = Duration::from_millis(20);

/// The figures.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    ok: bool,
    problems: Vec<String>,
    envoy: String,
    requests: u64,
    statuses: BTreeMap<u16, u64>,
    phases: Vec<Phase>,
    change: Change,
    proxies: Vec<ProxyState>,
}

/// Traffic under one split.
#[derive(Debug, Serialize)]
struct Phase {
    weights: BTreeMap<&'static str, u32>,
    fits: bool,
    #[serde(flatten)]
    summary: Summary,
}

/// A change of everything from one version to the other.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Change {
    /// Until the API had acknowledged it.
    accepted_ms: f64,
    /// Until the first answer that followed the new weights with none following the old ones after it; nothing where
    /// there was none.
    full_effect_ms: Option<f64>,
}

/// Runs the three acts in this time.
pub async fn run(scene: &Scene, duration: Duration) -> Result<(), Failure> {
    say(&format!("No terminal here: measuring for {} s.", duration.as_secs()));
    let act = duration.saturating_sub(Duration::from_secs(1)) / 2;
    let first = phase(scene, FIRST, act).await;
    let change = cut_over(scene).await?;
    settle(scene, Weights([50, 50])).await?;
    let second = phase(scene, Weights([50, 50]), act).await;
    let report = report(scene, vec![first, second], change).await?;
    print(&report)?;
    if report.ok { Ok(()) } else { Err(DemoError::Unexpected(report.problems.join("; ")).into()) }
}

async fn phase(scene: &Scene, weights: Weights, length: Duration) -> Phase {
    let begun = Instant::now();
    tokio::time::sleep(length).await;
    let summary = Summary::of(&scene.load.since(begun));
    let named = summary.versions.iter().zip(weights.0).map(|(version, weight)| (version.name, weight)).collect();
    Phase { weights: named, fits: summary.fits(weights), summary }
}

/// Sends everything to the second version, and waits until the first answers no more.
async fn cut_over(scene: &Scene) -> Result<Change, Failure> {
    let sent = Instant::now();
    scene.control.set_weights(Weights([0, 100])).await?;
    let accepted_ms = stats::milliseconds(sent.elapsed());
    loop {
        tokio::time::sleep(GLANCE).await;
        // Requests already under way when the change was sent count: they may be answered after it.
        let samples = scene.load.since(sent.checked_sub(PATIENCE).unwrap_or(sent));
        let effect = effect(&samples, sent);
        if effect.is_some_and(|effect| sent.elapsed() >= effect + QUIET) || sent.elapsed() > PATIENCE {
            return Ok(Change { accepted_ms, full_effect_ms: effect.map(stats::milliseconds) });
        }
    }
}

/// From a change until the first request sent after it that the second version answered, and the first answered none
/// after that. Traffic is a request every few milliseconds, so the effect itself came that much earlier.
fn effect(samples: &[Sample], change: Instant) -> Option<Duration> {
    let old = last_answer_by(0, samples).unwrap_or(change);
    let new = samples.iter().filter(|sample| sample.version == Some(1) && sample.sent >= change);
    let first = new.map(Sample::answered).filter(|answered| *answered > old).min()?;
    Some(first.saturating_duration_since(change))
}

fn last_answer_by(version: usize, samples: &[Sample]) -> Option<Instant> {
    samples.iter().filter(|sample| sample.version == Some(version)).map(Sample::answered).max()
}

/// Changes the weights back to a split, and waits for the first answer by the version that had none.
async fn settle(scene: &Scene, weights: Weights) -> Result<(), Failure> {
    let sent = Instant::now();
    scene.control.set_weights(weights).await?;
    while last_answer_by(0, &scene.load.since(sent)).is_none() && sent.elapsed() < PATIENCE {
        tokio::time::sleep(GLANCE).await;
    }
    Ok(())
}

async fn report(scene: &Scene, phases: Vec<Phase>, change: Change) -> Result<Report, Failure> {
    let statuses = scene.load.statuses();
    let proxies = proxies_at_rest(&scene.control).await?;
    let problems = problems(&phases, &change, &statuses, &proxies);
    Ok(Report {
        ok: problems.is_empty(),
        problems,
        envoy: scene.envoy.version.to_string(),
        requests: statuses.values().sum(),
        statuses,
        phases,
        change,
        proxies,
    })
}

/// The proxies once all have acknowledged the last change, or as they are when patience ends.
async fn proxies_at_rest(control: &Control) -> Result<Vec<ProxyState>, Failure> {
    let since = Instant::now();
    loop {
        let proxies = control.proxies().await?;
        if proxies.iter().all(|proxy| proxy.in_sync) || since.elapsed() > PATIENCE {
            return Ok(proxies);
        }
        tokio::time::sleep(GLANCE).await;
    }
}

fn problems(phases: &[Phase], change: &Change, statuses: &BTreeMap<u16, u64>, proxies: &[ProxyState]) -> Vec<String> {
    let mut problems = Vec::new();
    for phase in phases {
        if phase.summary.requests < ENOUGH {
            problems.push(format!("only {} requests with weights {:?}", phase.summary.requests, phase.weights));
        }
        if !phase.fits {
            let shares: Vec<f64> = phase.summary.versions.iter().map(|version| version.share).collect();
            problems.push(format!("shares {shares:?} with weights {:?}", phase.weights));
        }
    }
    if change.full_effect_ms.is_none() {
        problems.push(format!("a change had no full effect after {} s", PATIENCE.as_secs()));
    }
    if statuses.keys().any(|status| *status != 200) {
        problems.push(format!("statuses other than 200 (0 is no answer): {statuses:?}"));
    }
    if proxies.len() != 3 || !proxies.iter().all(|proxy| proxy.in_sync) {
        problems.push(format!("not every proxy is connected and in sync: {proxies:?}"));
    }
    problems
}

fn print(report: &Report) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{}", serde_json::to_string_pretty(report)?)?;
    Ok(stdout.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_has_full_effect_with_the_first_answer_that_no_old_one_follows() {
        let start = Instant::now();
        let at = |milliseconds: u64| start + Duration::from_millis(milliseconds);
        let sample = |sent, took, version| Sample {
            sent: at(sent),
            took: Duration::from_millis(took),
            status: 200,
            version: Some(version),
        };
        let change = at(10);
        let mut samples = vec![sample(8, 1, 1), sample(9, 20, 0), sample(11, 2, 1), sample(30, 4, 1), sample(40, 1, 1)];
        assert_eq!(effect(&samples, change), Some(Duration::from_millis(24)));
        samples.push(sample(50, 1, 0));
        assert_eq!(effect(&samples, change), None);
        assert_eq!(effect(&[], change), None);
    }
}
