//! The demo with a terminal: a table that follows the traffic, and keys that change the weights.

use super::definitions::Weights;
use super::frame::{self, Observed};
use super::keys::{Key, Keys};
use super::scene::Scene;
use super::screen::Screen;
use super::stats::Summary;
use crate::diagnostics::Failure;
use std::io::{self, Write};
use std::time::{Duration, Instant};

/// The time that the table tells of: short enough to follow a change, long enough for steady shares.
const WINDOW: Duration = Duration::from_secs(5);

/// How often the table is redrawn, and the control plane asked.
const REDRAW: Duration = Duration::from_millis(200);
const LOOK: Duration = Duration::from_millis(500);

/// Runs until a key or the end of the time.
pub async fn run(scene: &Scene, duration: Option<Duration>) -> Result<(), Failure> {
    introduce(scene)?;
    let mut screen = Screen::open()?;
    let mut keys = Keys::listen();
    let mut observed = Observed::default();
    let begun = Instant::now();
    let (mut redraw, mut look) = (tokio::time::interval(REDRAW), tokio::time::interval(LOOK));
    let end = ends(duration);
    tokio::pin!(end);
    loop {
        tokio::select! {
            _ = look.tick() => observed = observe(scene).await,
            _ = redraw.tick() => screen.draw(table(scene, &observed, begun))?,
            key = keys.next() => match key {
                Key::Quit => return Ok(()),
                Key::Resized => screen.resized()?,
                Key::Tenths(tenths) => change(scene, &mut observed, Weights::percent_v2(tenths * 10)).await,
                Key::Shift(tens) => {
                    let now = observed.weights.unwrap_or(Weights([100, 0]));
                    change(scene, &mut observed, now.shifted(tens)).await;
                }
            },
            () = &mut end => return Ok(()),
        }
    }
}

async fn ends(duration: Option<Duration>) {
    match duration {
        Some(duration) => tokio::time::sleep(duration).await,
        None => std::future::pending().await,
    }
}

fn introduce(scene: &Scene) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    frame::heading(scene).iter().try_for_each(|line| writeln!(stdout, "{line}"))
}

/// A control plane that does not answer is shown, not an end: the Envoys go on without it.
async fn observe(scene: &Scene) -> Observed {
    let (weights, proxies) = tokio::join!(scene.control.weights(), scene.control.proxies());
    Observed { weights: weights.ok(), proxies: proxies.ok() }
}

fn table(scene: &Scene, observed: &Observed, begun: Instant) -> Vec<String> {
    let window = begun.elapsed().clamp(Duration::from_secs(1), WINDOW);
    let since = Instant::now().checked_sub(window).unwrap_or(begun);
    frame::table(observed, &Summary::of(&scene.load.since(since)), window)
}

/// The table shows what was accepted; a refusal leaves it as it is.
async fn change(scene: &Scene, observed: &mut Observed, weights: Weights) {
    if scene.control.set_weights(weights).await.is_ok() {
        observed.weights = Some(weights);
    }
}
