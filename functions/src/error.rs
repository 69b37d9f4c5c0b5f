//! Every failure as one of App Mesh's ten exceptions, with its name and status (§13.2). The only place that maps.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use mesh_core::Rejection;
use mesh_log::LogError;

/// The header that tells a client which exception an answer is.
pub const ERROR_TYPE: &str = "x-amzn-errortype";

/// Messages repeat what was sent; what was sent may be a megabyte.
const MAX_MESSAGE: usize = 4096;

/// App Mesh's exceptions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exception {
    /// The request is malformed or breaks a rule.
    BadRequest,
    /// There would be more of something than there may be.
    LimitExceeded,
    /// A resource would have more tags than it may.
    TooManyTags,
    /// The caller may not.
    Forbidden,
    /// Something named does not exist.
    NotFound,
    /// Something of that name exists.
    Conflict,
    /// Others need it.
    ResourceInUse,
    /// Too many at once; try again.
    TooManyRequests,
    /// We failed.
    InternalServerError,
    /// Something we need failed; try again.
    ServiceUnavailable,
}

impl Exception {
    /// Every exception.
    pub const ALL: [Self; 10] = [
        Self::BadRequest,
        Self::LimitExceeded,
        Self::TooManyTags,
        Self::Forbidden,
        Self::NotFound,
        Self::Conflict,
        Self::ResourceInUse,
        Self::TooManyRequests,
        Self::InternalServerError,
        Self::ServiceUnavailable,
    ];

    /// The name in the service model.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BadRequest => "BadRequestException",
            Self::LimitExceeded => "LimitExceededException",
            Self::TooManyTags => "TooManyTagsException",
            Self::Forbidden => "ForbiddenException",
            Self::NotFound => "NotFoundException",
            Self::Conflict => "ConflictException",
            Self::ResourceInUse => "ResourceInUseException",
            Self::TooManyRequests => "TooManyRequestsException",
            Self::InternalServerError => "InternalServerErrorException",
            Self::ServiceUnavailable => "ServiceUnavailableException",
        }
    }

    /// The HTTP status in the service model.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::BadRequest | Self::LimitExceeded | Self::TooManyTags => StatusCode::BAD_REQUEST,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Conflict | Self::ResourceInUse => StatusCode::CONFLICT,
            Self::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
            Self::InternalServerError => StatusCode::INTERNAL_SERVER_ERROR,
            Self::ServiceUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// An exception with what it tells the client, and what it tells only us.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// Which exception.
    pub exception: Exception,
    /// What the client is told.
    pub message: String,
    /// What only the tracing is told: the inside of a failure that the client can do nothing about.
    pub cause: Option<String>,
}

impl ApiError {
    /// An exception with a message.
    pub fn new(exception: Exception, message: impl Into<String>) -> Self {
        Self { exception, message: message.into(), cause: None }
    }

    /// The request is malformed.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(Exception::BadRequest, message)
    }

    /// We failed, for a reason that is ours.
    pub fn internal(cause: impl Into<String>) -> Self {
        let message = "The request failed because of an error inside the service.";
        Self { cause: Some(cause.into()), ..Self::new(Exception::InternalServerError, message) }
    }
}

impl From<Rejection> for ApiError {
    fn from(rejection: Rejection) -> Self {
        let exception = match rejection {
            Rejection::Invalid(_) => Exception::BadRequest,
            Rejection::NotPresent { .. } | Rejection::MeshNotPresent(_) | Rejection::Missing(_) => Exception::NotFound,
            Rejection::AlreadyExists { .. } | Rejection::TokenUsed(_) => Exception::Conflict,
            Rejection::NotShared { .. } | Rejection::OwnersOnly { .. } | Rejection::MadeByAnother { .. } => {
                Exception::Forbidden
            }
            Rejection::LimitExceeded { .. } => Exception::LimitExceeded,
            Rejection::MeshNotEmpty { .. } | Rejection::NotEmpty { .. } | Rejection::InUse { .. } => {
                Exception::ResourceInUse
            }
            Rejection::TooManyTags { .. } => Exception::TooManyTags,
        };
        Self::new(exception, rejection.to_string())
    }
}

impl From<LogError> for ApiError {
    fn from(error: LogError) -> Self {
        match &error {
            LogError::Unavailable(_) => {
                let message = "The event log cannot be reached just now. Please try again.";
                Self { cause: Some(error.to_string()), ..Self::new(Exception::ServiceUnavailable, message) }
            }
            LogError::Damaged(_) => Self::internal(error.to_string()),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = serde_json::json!({ "message": shortened(&self.message) }).to_string();
        let mut response = (self.exception.status(), body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ERROR_TYPE, HeaderValue::from_static(self.exception.name()));
        response
    }
}

fn shortened(message: &str) -> String {
    match message.char_indices().nth(MAX_MESSAGE) {
        Some((end, _)) => format!("{}…", message.split_at(end).0),
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_not_as_long_as_what_was_sent() {
        let response = ApiError::bad_request("é".repeat(1 << 20)).into_response();
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        assert_eq!(shortened(&"é".repeat(1 << 20)).chars().count(), MAX_MESSAGE + 1);
    }

    #[test]
    fn what_is_inside_a_failure_stays_inside() {
        let error = ApiError::from(LogError::Damaged("record 7 of /data/secret".into()));
        assert_eq!(error.exception, Exception::InternalServerError);
        assert!(!error.message.contains("secret"));
        assert!(error.cause.is_some_and(|cause| cause.contains("secret")));
    }
}
