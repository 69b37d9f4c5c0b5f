//! The Lambda functions by the events they get and the answers they give, in this process.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what fails in a helper fails the test that uses it, with a message"
)]

mod api;
mod checkpoint;
mod event;
mod watched;
