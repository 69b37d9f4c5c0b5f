//! The relay as its clients see it: streams over real connections, and the admin endpoints beside them.

mod admin;
mod bed;
mod stream;
