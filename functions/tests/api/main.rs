//! The API as clients see it, without a socket: the router over an SQLite log in memory.

mod api;
mod bad_input;
mod grid;
mod integrity;
mod lists;
mod parallel;
mod tags;
mod trouble;
