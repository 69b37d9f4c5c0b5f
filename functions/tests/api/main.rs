//! The API as clients see it, without a socket: the router over an SQLite log in memory.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what fails in a helper fails the test that uses it, with a message"
)]

mod api;
mod bad_input;
mod definitions;
mod grid;
mod integrity;
mod lists;
mod odd_requests;
mod parallel;
mod quotas;
mod records;
mod shares;
mod tags;
mod together;
mod trouble;
