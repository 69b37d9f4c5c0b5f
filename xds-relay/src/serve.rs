//! Step 9: streams.

pub mod codec;
pub mod session;
mod subscription;
