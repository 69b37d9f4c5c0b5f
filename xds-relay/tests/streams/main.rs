//! The relay as its clients see it: streams over real connections, and the admin endpoints beside them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what fails in a helper fails the test that uses it, with a message"
)]

mod admin;
mod bed;
mod copies;
mod instances;
mod moving;
mod shared;
mod stream;
