//! Whatever a log may hold: `src/stored_event.rs` says what must hold of it.

#![no_main]

#[path = "../src/stored_event.rs"]
mod stored_event;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| stored_event::check(bytes));
