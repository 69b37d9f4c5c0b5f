//! The body: bounded in size and time, JSON. What its members say is read by [`super::wish`].
//!
//! A member that is null counts as absent, at any depth, as AWS's own services take it. Unknown members are ignored. Of a
//! member that is given twice the last counts, as it does for nearly everything that reads JSON.

use super::json::name_of;
use crate::error::ApiError;
use axum::http::{HeaderMap, header};
use http_body_util::BodyExt;
use serde_json::{Map, Value};
use std::time::Duration;

/// The largest body that is read.
const MAX_BODY: usize = 1 << 20;
/// How much of a larger one is taken off the wire all the same, so that its sender gets to read why it was refused.
const MAX_DISCARDED: usize = 16 << 20;
/// How long a body may take to arrive.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// The members of a body.
#[derive(Debug)]
pub struct Body(Map<String, Value>);

impl Body {
    /// Reads a body. One without a byte is an empty object: what it lacks is reported as any missing member is.
    pub async fn read(headers: &HeaderMap, body: axum::body::Body) -> Result<Self, ApiError> {
        let bytes = collect_within(TIME_LIMIT, body).await?;
        if bytes.is_empty() {
            return Ok(Self(Map::new()));
        }
        check_content_type(headers)?;
        check_content_encoding(headers)?;
        Self::parse(&bytes)
    }

    /// Reads the text of a body.
    pub fn parse(text: &[u8]) -> Result<Self, ApiError> {
        let malformed = |error| ApiError::bad_request(format!("the body is not valid JSON: {error}"));
        match serde_json::from_slice(text).map_err(malformed)? {
            Value::Object(mut members) => {
                drop_nulls_of(&mut members);
                Ok(Self(members))
            }
            other => Err(ApiError::bad_request(format!("the body must be a JSON object, not {}", name_of(&other)))),
        }
    }

    /// A member, where it is there.
    pub(super) fn member(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }
}

/// Takes a body off the wire that nobody will look at, within the same bounds: whoever still sends does not read, and a
/// connection that is closed on a sender takes the answer with it.
pub async fn discard(body: axum::body::Body) {
    // Whatever is wrong with it, there is something to answer already.
    drop(collect_within(TIME_LIMIT, body).await);
}

async fn collect_within(limit: Duration, body: axum::body::Body) -> Result<Vec<u8>, ApiError> {
    let late = |_| ApiError::bad_request(format!("the body did not arrive within {} seconds", limit.as_secs()));
    tokio::time::timeout(limit, collect(body)).await.map_err(late)?
}

async fn collect(mut body: axum::body::Body) -> Result<Vec<u8>, ApiError> {
    let (mut kept, mut arrived) = (Vec::new(), 0usize);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| ApiError::bad_request(format!("the body broke off: {error}")))?;
        let Ok(data) = frame.into_data() else { continue };
        arrived = arrived.saturating_add(data.len());
        if arrived <= MAX_BODY {
            kept.extend_from_slice(&data);
        } else if arrived <= MAX_DISCARDED {
            kept = Vec::new();
        } else {
            break;
        }
    }
    if arrived > MAX_BODY {
        return Err(ApiError::bad_request(format!("the body is larger than {MAX_BODY} bytes")));
    }
    Ok(kept)
}

fn check_content_type(headers: &HeaderMap) -> Result<(), ApiError> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let text = value.to_str().unwrap_or_default();
    let media = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match media.as_str() {
        "application/json" | "application/x-amz-json-1.0" | "application/x-amz-json-1.1" => Ok(()),
        _ => Err(ApiError::bad_request(format!("Content-Type: `{text}` is not supported, use application/json"))),
    }
}

/// No client of App Mesh packs what it sends; what is packed all the same would be told to be no JSON.
fn check_content_encoding(headers: &HeaderMap) -> Result<(), ApiError> {
    let Some(value) = headers.get(header::CONTENT_ENCODING) else { return Ok(()) };
    match value.to_str() {
        Ok(text) if text.eq_ignore_ascii_case("identity") => Ok(()),
        text => {
            let text = text.unwrap_or("not text");
            Err(ApiError::bad_request(format!("Content-Encoding: `{text}` is not supported, send the body unpacked")))
        }
    }
}

/// Takes nulls out of objects. One in a list stays, and will not fit: a list with holes says nothing clear.
fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => drop_nulls_of(members),
        Value::Array(values) => values.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

fn drop_nulls_of(members: &mut Map<String, Value>) {
    members.retain(|_, value| !value.is_null());
    members.values_mut().for_each(drop_nulls);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_that_never_arrives_is_given_up() {
        let never = futures::stream::pending::<Result<Vec<u8>, std::io::Error>>();
        let error = collect_within(Duration::ZERO, axum::body::Body::from_stream(never)).await.unwrap_err();
        assert_eq!(error.message, "the body did not arrive within 0 seconds");
    }
}
