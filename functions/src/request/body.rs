//! The body: bounded in size and time, JSON, each member read by itself so that a refusal points at the field.
//!
//! A member that is null counts as absent, at any depth, as AWS's own services take it. Unknown members are ignored.

use super::json::{Json, Misfit, name_of};
use crate::error::ApiError;
use axum::http::{HeaderMap, header};
use http_body_util::BodyExt;
use mesh_core::{Kind, Spec, Tags};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::Duration;

/// The largest body that is read.
const MAX_BODY: usize = 1 << 20;
/// How much of a larger one is taken off the wire all the same, so that its sender gets to read why it was refused.
const MAX_DISCARDED: usize = 16 << 20;
/// The most characters of a client's token.
const MAX_TOKEN: usize = 36;
/// How long a body may take to arrive.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// The members of a body that have not been taken yet.
#[derive(Debug)]
pub struct Body(Map<String, Value>);

#[derive(Deserialize)]
struct TagRef {
    key: String,
    value: String,
}

impl Body {
    /// Reads a body. One without a byte is an empty object: what it lacks is reported as any missing member is.
    pub async fn read(headers: &HeaderMap, body: axum::body::Body) -> Result<Self, ApiError> {
        let bytes = collect_within(TIME_LIMIT, body).await?;
        if bytes.is_empty() {
            return Ok(Self(Map::new()));
        }
        check_content_type(headers)?;
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

    /// Takes a member that may be absent.
    pub fn optional<T: DeserializeOwned>(&mut self, member: &str) -> Result<Option<T>, ApiError> {
        let Some(value) = self.0.remove(member) else { return Ok(None) };
        serde_path_to_error::deserialize(Json(value)).map(Some).map_err(|error| misfit(member, &error))
    }

    /// Takes a member that must be there.
    pub fn required<T: DeserializeOwned>(&mut self, member: &str) -> Result<T, ApiError> {
        self.optional(member)?.ok_or_else(|| ApiError::bad_request(format!("{member}: missing from the body")))
    }

    /// Takes the spec. Only a mesh's may be absent, and then is empty (§13.4).
    pub fn spec(&mut self, kind: Kind) -> Result<Spec, ApiError> {
        Ok(match kind {
            Kind::Mesh => Spec::Mesh(Arc::new(self.optional("spec")?.unwrap_or_default())),
            Kind::VirtualGateway => Spec::VirtualGateway(Arc::new(self.required("spec")?)),
            Kind::GatewayRoute => Spec::GatewayRoute(Arc::new(self.required("spec")?)),
            Kind::VirtualNode => Spec::VirtualNode(Arc::new(self.required("spec")?)),
            Kind::VirtualRouter => Spec::VirtualRouter(Arc::new(self.required("spec")?)),
            Kind::Route => Spec::Route(Arc::new(self.required("spec")?)),
            Kind::VirtualService => Spec::VirtualService(Arc::new(self.required("spec")?)),
        })
    }

    /// Takes the token that makes a request one with its repetitions: up to 36 letters, digits, `-` and `_` (§13.3).
    pub fn token(&mut self) -> Result<Option<String>, ApiError> {
        let Some(token) = self.optional::<String>("clientToken")? else { return Ok(None) };
        let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if token.is_empty() || token.len() > MAX_TOKEN || !token.chars().all(known) {
            let message = format!("clientToken: must have 1 to {MAX_TOKEN} letters, digits, `-` and `_`");
            return Err(ApiError::bad_request(message));
        }
        Ok(Some(token))
    }

    /// Takes the tags, where there are any.
    pub fn tags(&mut self) -> Result<Option<Tags>, ApiError> {
        let Some(list) = self.optional::<Vec<TagRef>>("tags")? else { return Ok(None) };
        let mut tags = Tags::new();
        for (index, TagRef { key, value }) in list.into_iter().enumerate() {
            if tags.contains_key(&key) {
                return Err(ApiError::bad_request(format!("tags[{index}].key: `{key}` is given more than once")));
            }
            tags.insert(key, value);
        }
        Ok(Some(tags))
    }
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

fn misfit(member: &str, error: &serde_path_to_error::Error<Misfit>) -> ApiError {
    let path = match error.path().to_string() {
        path if path == "." => member.to_owned(),
        path if path.starts_with('[') => format!("{member}{path}"),
        path => format!("{member}.{path}"),
    };
    let place = match path.rsplit_once('.') {
        Some((choice, _)) if error.inner().of_choice => choice,
        _ => &path,
    };
    ApiError::bad_request(format!("{place}: {}", error.inner()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(kind: Kind, text: &str) -> String {
        Body::parse(text.as_bytes()).and_then(|mut body| body.spec(kind)).unwrap_err().message
    }

    #[test]
    fn a_refusal_points_at_the_field() {
        let port = r#"{"spec": {"listeners": [{"portMapping": {"port": "x", "protocol": "http"}}]}}"#;
        assert_eq!(
            refusal(Kind::VirtualNode, port),
            r#"spec.listeners[0].portMapping.port: is a string, must be a whole number of 64 bits"#
        );
        let member = r#"{"spec": {"listeners": [{"portMapping": {"port": 80}}]}}"#;
        assert_eq!(
            refusal(Kind::VirtualRouter, member),
            "spec.listeners[0].portMapping: has no `protocol`, must have it"
        );
        assert_eq!(refusal(Kind::Route, "{}"), "spec: missing from the body");
        assert_eq!(refusal(Kind::Route, r#"{"spec": []}"#), "spec: is a list, must be an object");
        let listed = r#"{"spec": {"listeners": [{"portMapping": [80, "http"]}]}}"#;
        assert_eq!(refusal(Kind::VirtualRouter, listed), "spec.listeners[0].portMapping: is a list, must be an object");
    }

    #[test]
    fn null_is_absent_at_any_depth() {
        let text =
            r#"{"spec": {"egressFilter": null, "serviceDiscovery": {"ipPreference": null}}, "clientToken": null}"#;
        let mut body = Body::parse(text.as_bytes()).unwrap();
        assert_eq!(body.optional::<String>("clientToken").unwrap(), None);
        let Spec::Mesh(spec) = body.spec(Kind::Mesh).unwrap() else { panic!("not a mesh") };
        assert_eq!(serde_json::to_value(&*spec).unwrap(), serde_json::json!({ "serviceDiscovery": {} }));
    }

    #[tokio::test]
    async fn a_body_that_never_arrives_is_given_up() {
        let never = futures::stream::pending::<Result<Vec<u8>, std::io::Error>>();
        let error = collect_within(Duration::ZERO, axum::body::Body::from_stream(never)).await.unwrap_err();
        assert_eq!(error.message, "the body did not arrive within 0 seconds");
    }

    #[test]
    fn a_clients_token_is_short_and_plain() {
        let token = |token: String| Body(Map::from_iter([("clientToken".to_owned(), token.into())])).token();
        assert!(token("aB3-_".into()).is_ok() && token("a".repeat(36)).is_ok());
        for refused in [String::new(), "a".repeat(37), "a b".into(), "é".into(), "a\n".into()] {
            assert!(token(refused).unwrap_err().message.starts_with("clientToken: "));
        }
        assert_eq!(Body(Map::new()).token().unwrap(), None);
    }

    #[test]
    fn what_does_not_fit_is_told_in_the_apis_words() {
        for (kind, spec, told) in [
            (
                Kind::Mesh,
                r#"{"egressFilter": {"type": {"ALLOW_ALL": 1}}}"#,
                "egressFilter.type: is an object, must be one of the strings ",
            ),
            (
                Kind::VirtualNode,
                r#"{"serviceDiscovery": "dns"}"#,
                "serviceDiscovery: is a string, must be an object with exactly one of ",
            ),
            (
                Kind::VirtualNode,
                r#"{"serviceDiscovery": {}}"#,
                "serviceDiscovery: has 0 members, must have exactly one of ",
            ),
            (
                Kind::VirtualNode,
                r#"{"serviceDiscovery": {"a": 1, "dns": 2}}"#,
                "serviceDiscovery: has 2 members, must have exactly one of ",
            ),
            (
                Kind::VirtualNode,
                r#"{"serviceDiscovery": {"dns": ["a", null, null]}}"#,
                "serviceDiscovery.dns: is a list, must be an object",
            ),
            (Kind::VirtualNode, r#"{"backends": {}}"#, "backends: is an object, must be a list"),
            (
                Kind::VirtualRouter,
                r#"{"listeners": [{"portMapping": {"port": 8.5, "protocol": "http"}}]}"#,
                "listeners[0].portMapping.port: is the number 8.5, must be a whole number of 64 bits",
            ),
            (
                Kind::VirtualRouter,
                r#"{"listeners": [{"portMapping": {"port": 80, "protocol": "udp"}}]}"#,
                "listeners[0].portMapping.protocol: is `udp`, must be one of ",
            ),
        ] {
            let message = refusal(kind, &format!(r#"{{"spec": {spec}}}"#));
            assert!(message.starts_with(&format!("spec.{told}")), "{message}");
        }
    }

    #[test]
    fn a_tag_is_given_once() {
        let text = r#"{"tags": [{"key": "a", "value": "1"}, {"key": "a", "value": "2"}]}"#;
        let error = Body::parse(text.as_bytes()).unwrap().tags().unwrap_err();
        assert_eq!(error.message, "tags[1].key: `a` is given more than once");
    }
}
