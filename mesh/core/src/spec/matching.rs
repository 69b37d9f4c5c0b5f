//! What routes look at: paths, methods, headers, query parameters, gRPC metadata (§7.2, §7.3).

use super::{enumeration, structure, union};

structure! {
    /// How a path is matched (`HttpPathMatch`); not a union in the model, one of the two by rule.
    pub struct HttpPathMatch {
        /// The whole path.
        pub exact: Option<String>,
        /// A regular expression for the whole path, RE2.
        pub regex: Option<String>,
    }
}

structure! {
    /// A header or metadata that must match (`HttpRouteHeader`, `GrpcRouteMetadata` and their gateway twins).
    pub struct HeaderMatch {
        /// Turns the answer around.
        pub invert: Option<bool>,
        /// How the value is matched; any value where absent.
        pub r#match: Option<HeaderMatchMethod>,
        /// The header's name.
        pub name: String,
    }
}

union! {
    /// How a value is matched (`HeaderMatchMethod` and its twins).
    pub enum HeaderMatchMethod {
        /// The whole value.
        Exact(String),
        /// Its beginning.
        Prefix(String),
        /// A number in a range.
        Range(MatchRange),
        /// A regular expression for the whole value, RE2.
        Regex(String),
        /// Its end.
        Suffix(String),
    }
}

structure! {
    /// A range of numbers (`MatchRange`).
    #[derive(Copy)]
    pub struct MatchRange {
        /// The first number outside.
        pub end: i64,
        /// The first number inside.
        pub start: i64,
    }
}

structure! {
    /// A query parameter that must match (`HttpQueryParameter`).
    pub struct HttpQueryParameter {
        /// How the value is matched; any value where absent.
        pub r#match: Option<QueryParameterMatch>,
        /// The parameter's name.
        pub name: String,
    }
}

structure! {
    /// How a query parameter's value is matched (`QueryParameterMatch`).
    pub struct QueryParameterMatch {
        /// The whole value.
        pub exact: Option<String>,
    }
}

enumeration! {
    /// `HttpMethod`.
    pub enum HttpMethod {
        /// GET
        Get = "GET",
        /// HEAD
        Head = "HEAD",
        /// POST
        Post = "POST",
        /// PUT
        Put = "PUT",
        /// DELETE
        Delete = "DELETE",
        /// CONNECT
        Connect = "CONNECT",
        /// OPTIONS
        Options = "OPTIONS",
        /// TRACE
        Trace = "TRACE",
        /// PATCH
        Patch = "PATCH",
    }
}

enumeration! {
    /// `HttpScheme`.
    pub enum HttpScheme {
        /// Plain text.
        Http = "http",
        /// TLS.
        Https = "https",
    }
}
