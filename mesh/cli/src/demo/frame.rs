//! The live table as lines of text: what is asked for beside what happens.

use super::control::ProxyState;
use super::definitions::{BACKENDS, FRONT, SERVICE, Weights, update_line};
use super::scene::Scene;
use super::stats::{Summary, VersionSummary};
use std::time::Duration;

/// Characters of a full bar.
const BAR: usize = 30;

/// What the control plane says at the moment; nothing where it says nothing.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// The weights in the route.
    pub weights: Option<Weights>,
    /// The proxies.
    pub proxies: Option<Vec<ProxyState>>,
}

/// What stands above the table for good.
pub fn heading(scene: &Scene) -> Vec<String> {
    let [v1, v2] = scene.places.backends;
    let front = scene.places.front;
    vec![
        format!("Remesh demo: an App Mesh mesh, three services and three real Envoys ({}).", scene.envoy.version),
        String::new(),
        format!("  {FRONT} (http://{front}/) calls {SERVICE}, which is"),
        format!("    {} behind Envoy {v1}", BACKENDS[0]),
        format!("    {} behind Envoy {v2}", BACKENDS[1]),
        String::new(),
        "Change the weights in another terminal and watch the shares move:".into(),
        String::new(),
        format!("  {}", update_line(&scene.control.api, Weights([50, 50]))),
        String::new(),
        format!("Or press 0 to 9 (tenths for {}), left, right. q ends everything.", BACKENDS[1]),
        String::new(),
    ]
}

/// The table, from the last few seconds.
pub fn table(observed: &Observed, summary: &Summary, window: Duration) -> Vec<String> {
    let asked = observed.weights.and_then(Weights::shares);
    let mut lines =
        vec![format!("  {:<12} {:>6} {:>7}  {:<BAR$} {:>8} {:>8}", "", "weight", "share", "", "p50 ms", "p99 ms")];
    for (index, version) in summary.versions.iter().enumerate() {
        lines.push(row(version, asked.map(|shares| shares[index])));
    }
    lines.push(String::new());
    lines.push(format!("  last {} s: {}", window.as_secs(), statuses(summary, window)));
    lines.push(format!("  proxies:  {}", proxies(observed.proxies.as_deref())));
    lines
}

fn row(version: &VersionSummary, asked: Option<f64>) -> String {
    let percent = |share: f64| format!("{:.1} %", share * 100.0);
    let asked = asked.map_or("–".into(), |share| format!("{:.0} %", share * 100.0));
    let (name, share) = (version.name, percent(version.share));
    format!(
        "  {name:<12} {asked:>6} {share:>7}  {} {:>8.1} {:>8.1}",
        bar(version.share),
        version.p50_ms,
        version.p99_ms
    )
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share lies between 0 and 1")]
fn bar(share: f64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a bar is short")]
    let full = ((share * BAR as f64).round() as usize).min(BAR);
    "█".repeat(full) + &"·".repeat(BAR - full)
}

fn statuses(summary: &Summary, window: Duration) -> String {
    #[expect(clippy::cast_precision_loss, reason = "requests of a few seconds")]
    let rate = summary.requests as f64 / window.as_secs_f64();
    let each = summary.statuses.iter().map(|(status, count)| match *status {
        super::load::NO_ANSWER => format!("no answer × {count}"),
        status => format!("{status} × {count}"),
    });
    format!("{rate:.0} requests/s   {}", each.collect::<Vec<_>>().join("   "))
}

fn proxies(states: Option<&[ProxyState]>) -> String {
    let Some(states) = states else { return "the admin endpoint does not answer".into() };
    let each =
        states.iter().map(|proxy| format!("{} {}", proxy.name, if proxy.in_sync { "in sync" } else { "behind" }));
    each.collect::<Vec<_>>().join("   ")
}

#[cfg(test)]
mod tests {
    use super::super::load::Sample;
    use super::*;
    use std::time::Instant;

    #[test]
    fn the_table_shows_what_is_asked_for_beside_what_happens() {
        let sample = |version| Sample {
            sent: Instant::now(),
            took: Duration::from_micros(1500),
            status: 200,
            version: Some(version),
        };
        let summary = Summary::of(&[sample(0), sample(0), sample(0), sample(1)]);
        let proxies = vec![ProxyState { name: "front".into(), in_sync: true }];
        let observed = Observed { weights: Some(Weights([90, 10])), proxies: Some(proxies) };
        let lines = table(&observed, &summary, Duration::from_secs(2));
        assert!(
            lines[1].starts_with("  backend-v1     90 %  75.0 %  ███████████████████████·······      1.5      1.5"),
            "{}",
            lines[1]
        );
        assert_eq!(lines[4], "  last 2 s: 2 requests/s   200 × 4");
        assert_eq!(lines[5], "  proxies:  front in sync");
    }

    #[test]
    fn silence_is_shown_as_such() {
        let lines = table(&Observed::default(), &Summary::of(&[]), Duration::from_secs(5));
        assert!(lines[1].contains("–") && lines[5].contains("does not answer"));
    }
}
