//! The test application: an upstream that says what reached it, and a client that counts what came back.
//!
//! Both are one small program, `testapp`, so that they can be run inside a network namespace. It ends when its standard
//! input does, so nothing of a test outlives it, however the test ends.

mod answer;
mod load;
mod plan;
mod serve;

pub use plan::{Answer, Plan, Report};
pub use serve::CONTROL_PORT;

use clap::Parser;
use std::process::ExitCode;
use tokio::sync::oneshot;

/// The command line of the test application.
#[derive(Debug, Parser)]
enum Command {
    /// Answers on ports until its input ends.
    Serve(serve::Serve),
    /// Sends requests and prints a [`Report`] as JSON.
    Load {
        /// A [`Plan`] as JSON.
        plan: String,
    },
}

/// Runs the test application.
pub fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    match Command::parse() {
        Command::Serve(serve) => runtime.block_on(serve::serve(serve)),
        Command::Load { plan } => {
            let plan = serde_json::from_str(&plan).expect("the plan is JSON");
            let report = runtime.block_on(load::load(plan));
            println!("{}", serde_json::to_string(&report).expect("a report is JSON"));
        }
    }
    ExitCode::SUCCESS
}

/// Returns when the standard input has ended. A thread waits for it: nothing else here needs input.
async fn input_ended() {
    let (ended, wait) = oneshot::channel();
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        let _ = ended.send(());
    });
    let _ = wait.await;
}
