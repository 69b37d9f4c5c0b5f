//! Who is calling. A host in front of which signatures are verified says who ([`Verified`]). Without one any credentials
//! are accepted, and none: the access key that a signature names is noted as the principal, unverified, and the account
//! is the one that the deployment gives the key, else its own. Nothing of a signature is ever traced.

use crate::app::App;
use crate::request::Query;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use mesh_core::Caller;

/// A caller whose signature was verified before the request came here. A host that knows puts it into the request's
/// extensions; nothing a client can send becomes one.
#[derive(Debug, Clone)]
pub struct Verified(pub Caller);

/// The caller of a request.
pub fn caller(app: &App, parts: &Parts, query: &Query) -> Caller {
    match parts.extensions.get() {
        Some(Verified(caller)) => caller.clone(),
        None => {
            let principal = principal(&parts.headers, query);
            Caller { account: app.account_of(principal).clone(), principal: principal.map(str::to_owned) }
        }
    }
}

/// The access key id of a SigV4 signature, in the header or, for a presigned request, in the query.
fn principal<'a>(headers: &'a HeaderMap, query: &'a Query) -> Option<&'a str> {
    let signed = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(credential);
    let scope = signed.or_else(|| query.get("X-Amz-Credential"))?;
    let key = scope.split('/').next()?;
    // Only what can be an access key id is worth keeping.
    let plausible =
        !key.is_empty() && key.len() <= 128 && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    plausible.then_some(key)
}

fn credential(authorization: &str) -> Option<&str> {
    let parts = authorization.strip_prefix("AWS4-")?.split_once(' ')?.1;
    parts.split(',').find_map(|part| part.trim().strip_prefix("Credential="))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AppConfig;
    use axum::http::{HeaderValue, Request};
    use mesh_core::AccountId;
    use mesh_log::sqlite::SqliteLog;
    use std::sync::Arc;

    fn app() -> App {
        let mut config = AppConfig::new("1", "eu-west-1");
        config.access_keys.insert("AKIDOTHER".into(), "2".into());
        App::new(Arc::new(SqliteLog::in_memory().unwrap()), config)
    }

    fn parts(authorization: &str) -> Parts {
        let mut parts = Request::new(()).into_parts().0;
        if !authorization.is_empty() {
            parts.headers.insert(header::AUTHORIZATION, HeaderValue::from_str(authorization).unwrap());
        }
        parts
    }

    fn principal_of(authorization: &str, query: &str) -> Option<String> {
        caller(&app(), &parts(authorization), &Query::parse(Some(query)).unwrap()).principal
    }

    #[test]
    fn a_verified_caller_is_believed_over_a_signature() {
        let mut parts = parts("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261122/us-east-1/lambda/aws4_request");
        let verified = Caller { account: AccountId::from("2"), principal: Some("role/deploy".into()) };
        parts.extensions.insert(Verified(verified.clone()));
        assert_eq!(caller(&app(), &parts, &Query::default()), verified);
    }

    #[test]
    fn the_account_is_the_one_that_the_access_key_was_given() {
        for (key, account) in [("AKIDOTHER", "2"), ("AKIDEXAMPLE", "1")] {
            let parts = parts(&format!("AWS4-HMAC-SHA256 Credential={key}/20261122/us-east-1/appmesh/aws4_request"));
            assert_eq!(caller(&app(), &parts, &Query::default()).account, AccountId::from(account));
        }
        assert_eq!(caller(&app(), &parts(""), &Query::default()).account, AccountId::from("1"));
    }

    #[test]
    fn the_principal_is_the_access_key_of_the_signature() {
        let header = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261122/us-east-1/appmesh/aws4_request, \
                      SignedHeaders=host, Signature=abc";
        assert_eq!(principal_of(header, "").as_deref(), Some("AKIDEXAMPLE"));
        assert_eq!(principal_of("", "X-Amz-Credential=AKID2%2F20261122%2Fx").as_deref(), Some("AKID2"));
    }

    #[test]
    fn a_request_without_a_usable_signature_has_no_principal() {
        for header in
            ["", "Bearer secret", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=", "AWS4-X Credential=a b/c"]
        {
            assert_eq!(principal_of(header, ""), None, "{header}");
        }
    }
}
