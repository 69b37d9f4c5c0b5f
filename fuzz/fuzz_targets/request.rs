//! Whatever arrives: `src/request.rs` says what must hold.

#![no_main]

#[path = "../src/request.rs"]
mod request;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| request::check(bytes));
