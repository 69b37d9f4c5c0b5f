//! What a failure of DynamoDB means to those who only know a log.
//!
//! Whatever DynamoDB, its network or the credentials refuse may be different in a moment, or after somebody has seen
//! to it, and says nothing about the records: it is [`LogError::Unavailable`]. Only an item that makes no sense is
//! [`LogError::Damaged`], and no such verdict is made here.

use crate::LogError;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use std::error::Error;
use std::fmt::Display;

/// A call that failed, in words.
pub(super) fn unavailable<E, R>(call: &str, error: &SdkError<E, R>) -> LogError
where
    E: ProvideErrorMetadata + Error + 'static,
    R: std::fmt::Debug + 'static,
{
    let reason = match (error, error.code()) {
        (_, Some(code)) => format!("{code}: {}", error.message().unwrap_or("no reason given")),
        (SdkError::TimeoutError(_), _) => "no answer in time".into(),
        (SdkError::DispatchFailure(failure), _) => match failure.as_connector_error() {
            Some(connector) => causes(connector),
            None => "the request could not be sent".into(),
        },
        (SdkError::ResponseError(_), _) => "an answer that makes no sense".into(),
        (SdkError::ServiceError(failure), _) => causes(failure.err()),
        _ => causes(error),
    };
    LogError::Unavailable(format!("DynamoDB {call}: {reason}"))
}

/// Whether a code means "less, please".
pub(super) fn throttled(code: Option<&str>) -> bool {
    code.is_some_and(|code| {
        matches!(
            code,
            "ProvisionedThroughputExceededException"
                | "ProvisionedThroughputExceeded"
                | "RequestLimitExceeded"
                | "ThrottlingException"
                | "ThrottlingError"
                | "LimitExceededException"
        )
    })
}

/// An error with all that caused it.
fn causes(error: &(dyn Error + 'static)) -> String {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        said = format!("{said}: {inner}");
        cause = inner.source();
    }
    said
}

/// An item that makes no sense.
pub(super) fn damaged(which: &dyn Display, what: &dyn Display) -> LogError {
    LogError::Damaged(format!("{which} {what}"))
}
