//! The program `xds-relay` as it is run: started, refused, cut off from its table, told to stop; beside others of its
//! kind, over DynamoDB Local, with real Envoys and traffic through them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what fails in a helper fails the test that uses it, with a message"
)]

mod away;
mod bed;
mod envoy;
mod moving;
mod network;
mod start;
mod table;
mod tls;
