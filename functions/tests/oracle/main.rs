//! The API beside an oracle: whatever is asked in whatever order, both say the same.
//!
//! The oracle ([`oracle`]) is a few maps and the referential rules of App Mesh (§13.7) as a reader of its guide would
//! write them down. It was written without a look at `mesh_core::decide`, and shares no line with it: not a type, not a
//! path, not a text. Sequences of operations ([`operations`]) go through the real router over a real log, and after
//! each step status, exception, version and the whole answer must be what the oracle says ([`agreement`]). What the
//! oracle cannot say, because several ask at once, is in [`races`] and [`pages`].
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what fails in a helper fails the test that uses it, with a message"
)]

mod agreement;
mod client;
mod operations;
mod oracle;
mod pages;
mod races;
