//! The command line: reads flags, starts what they ask for, says in one line what went wrong.
//!
//! Exit codes: 0 for success, 1 for a failure, 2 for a command line that makes no sense. Standard output carries what a
//! script reads (the ready line, a bootstrap, whom a mesh is shared with, the demo's figures), standard error everything else.

mod bootstrap;
mod demo;
mod diagnostics;
mod proxy;
mod share;
mod signals;
mod up;

use clap::{Parser, Subcommand};
use diagnostics::LogFormat;
use std::process::ExitCode;

/// Remesh: the App Mesh API in front, Envoys behind.
#[derive(Debug, Parser)]
#[command(name = "remesh", version, about, arg_required_else_help = true)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
    /// How messages on standard error are written; RUST_LOG chooses which
    #[arg(long, value_name = "FORMAT", default_value = "text", global = true)]
    log_format: LogFormat,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the API, the relay and the admin endpoints in this process
    Up(up::Up),
    /// Print the bootstrap of an Envoy, as YAML
    Bootstrap(bootstrap::Bootstrap),
    /// Run a mesh with services and real Envoys on this machine, with live numbers
    Demo(demo::Demo),
    /// Share a mesh with another AWS account, or tell whom it is shared with
    Share(share::Share),
    /// End sharing a mesh with an account
    Unshare(share::Unshare),
    /// Give clients on this machine an API that runs as a Lambda: signs their requests and passes them on
    Proxy(proxy::Proxy),
}

fn main() -> ExitCode {
    let line = CommandLine::parse();
    let done = match line.command {
        Command::Up(up) => up.run(line.log_format),
        Command::Bootstrap(bootstrap) => bootstrap.run(),
        Command::Demo(demo) => demo.run(line.log_format),
        Command::Share(share) => share.run(),
        Command::Unshare(unshare) => unshare.run(),
        Command::Proxy(proxy) => proxy.run(line.log_format),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
