//! Access logs (§8.8).

use super::{structure, union};

structure! {
    /// What a proxy logs (`Logging`).
    pub struct Logging {
        /// Where accesses are logged.
        pub access_log: Option<AccessLog>,
    }
}

union! {
    /// Where accesses are logged (`AccessLog`).
    pub enum AccessLog {
        /// A file inside the Envoy container, usually `/dev/stdout`.
        File(FileAccessLog),
    }
}

structure! {
    /// An access log file (`FileAccessLog`).
    pub struct FileAccessLog {
        /// How a line looks; Envoy's default where absent.
        pub format: Option<LoggingFormat>,
        /// The path of the file.
        pub path: String,
    }
}

union! {
    /// How a line of the access log looks (`LoggingFormat`).
    pub enum LoggingFormat {
        /// A JSON object of these pairs, in this order.
        Json(Vec<JsonFormatRef>),
        /// A line with Envoy's command operators.
        Text(String),
    }
}

structure! {
    /// A pair of a JSON access log line (`JsonFormatRef`).
    pub struct JsonFormatRef {
        /// The member's name.
        pub key: String,
        /// Its value, with Envoy's command operators.
        pub value: String,
    }
}
