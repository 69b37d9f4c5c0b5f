//! `remesh proxy`: a private API in AWS, given to the clients on this machine.
//!
//! ```text
//!   aws, terraform ──► 127.0.0.1:8480 ──► signed for `lambda` or `execute-api` ──► function URL or API Gateway
//!   signed for `appmesh`, or not at all
//! ```
//!
//! App Mesh clients sign for the service `appmesh`, which neither a function URL nor API Gateway accepts. So the proxy
//! signs again, with the credentials of the person who started it. Whoever reaches its port acts with them: it listens
//! on the loopback interface only, and answers no browser.

#[cfg(feature = "aws")]
mod authorities;
#[cfg(feature = "aws")]
mod forward;
#[cfg(feature = "aws")]
mod serve;
#[cfg(feature = "aws")]
mod signer;
#[cfg(feature = "aws")]
mod target;

use crate::diagnostics::{Failure, LogFormat};
use clap::{Args, ValueEnum};
use std::net::SocketAddr;

/// The flags of `remesh proxy`.
#[derive(Debug, Args)]
#[cfg_attr(not(feature = "aws"), allow(dead_code, reason = "flags are read, and refused, without AWS as well"))]
pub struct Proxy {
    /// The API: https://….lambda-url.REGION.on.aws, https://….execute-api.REGION.amazonaws.com/STAGE, or a name for one
    #[arg(value_name = "URL")]
    url: String,
    /// Where clients on this machine reach it; port 0 means any free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8480")]
    listen: SocketAddr,
    /// The profile in ~/.aws whose credentials sign; without it, what the AWS CLI would take
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// What the API is behind; told by AWS's own host names
    #[arg(long, value_name = "SERVICE")]
    service: Option<Service>,
    /// The region the API is in; told by AWS's own host names, else that of the profile
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
}

/// What verifies the signatures in front of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Service {
    /// A function URL
    Lambda,
    /// API Gateway
    ExecuteApi,
}

#[cfg(feature = "aws")]
impl Proxy {
    /// Passes requests on until a signal.
    pub fn run(self, log_format: LogFormat) -> Result<(), Failure> {
        // The SDK tells at `info` where it looks for credentials, with every look.
        crate::diagnostics::start(log_format, "info,aws_config=warn,aws_runtime=warn");
        let runtime = tokio::runtime::Runtime::new()?;
        let done = runtime.block_on(serve::until_told_to_stop(self));
        runtime.shutdown_background();
        done
    }
}

/// This `remesh` cannot sign.
#[cfg(not(feature = "aws"))]
#[derive(Debug, thiserror::Error)]
#[error("this remesh was built without AWS; build one with: cargo install --path mesh/cli --features aws")]
struct WithoutAws;

#[cfg(not(feature = "aws"))]
impl Proxy {
    /// Says how to get a `remesh` that can.
    pub fn run(self, _: LogFormat) -> Result<(), Failure> {
        Err(WithoutAws.into())
    }
}
