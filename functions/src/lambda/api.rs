//! Requests that come as Lambda events, answered by the same router as any other.
//!
//! `lambda_http` reads the events of function URLs and HTTP APIs (payload 2), REST APIs and load balancers (payload 1) as
//! HTTP requests. Two things are left to say: which part of the path is the deployment's and not the API's, and who
//! the caller is, where AWS has verified that.

use crate::routes::BASE;
use crate::{App, Verified, router};
use axum::Router;
use axum::http::Uri;
use axum::http::uri::PathAndQuery;
use lambda_http::aws_lambda_events::apigw::{
    ApiGatewayRequestAuthorizer, ApiGatewayRequestAuthorizerIamDescription, ApiGatewayRequestIdentity,
};
use lambda_http::request::RequestContext;
use lambda_http::{Request, RequestExt};
use mesh_core::{AccountId, Caller};
use tower::ServiceExt;
use tower::util::MapRequest;

/// The API as a service of Lambda's requests.
pub type ApiService = MapRequest<Router, fn(Request) -> Request>;

/// The whole API, for requests that come as Lambda events.
pub fn service(app: App) -> ApiService {
    ServiceExt::<Request>::map_request(router(app), received)
}

fn received(mut request: Request) -> Request {
    if let Some(uri) = without_prefix(request.uri()) {
        *request.uri_mut() = uri;
    }
    let caller = request.request_context_ref().and_then(verified);
    if let Some(caller) = caller {
        request.extensions_mut().insert(Verified(caller));
    }
    request
}

/// The URI without what stands before the API's version: the stage of a REST or HTTP API, the base path of a custom
/// domain. `None` where nothing does. The API's own paths all begin with the version, so there is nothing to configure.
fn without_prefix(uri: &Uri) -> Option<Uri> {
    let path = uri.path();
    let start = path.match_indices(BASE).find(|(at, _)| path[at + BASE.len()..].starts_with('/'))?.0;
    let text = uri.path_and_query()?.as_str();
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(text.get(start..).filter(|_| start > 0)?.parse::<PathAndQuery>().ok()?);
    Uri::from_parts(parts).ok()
}

/// Who AWS found the caller to be, where the request had to be signed to get here. The event's own `accountId` is not
/// looked at: it is the account of the API, or the word `anonymous`.
fn verified(context: &RequestContext) -> Option<Caller> {
    match context {
        RequestContext::ApiGatewayV1(context) => by_identity(&context.identity),
        RequestContext::ApiGatewayV2(context) => by_iam(context.authorizer.as_ref()?),
        _ => None,
    }
}

fn by_iam(authorizer: &ApiGatewayRequestAuthorizer) -> Option<Caller> {
    let ApiGatewayRequestAuthorizerIamDescription { account_id, user_arn, access_key, .. } = authorizer.iam.as_ref()?;
    caller(account_id.as_deref(), [user_arn, access_key])
}

fn by_identity(identity: &ApiGatewayRequestIdentity) -> Option<Caller> {
    caller(identity.account_id.as_deref(), [&identity.user_arn, &identity.access_key])
}

/// An account, and by the first that is known of it, who of it.
fn caller(account: Option<&str>, principals: [&Option<String>; 2]) -> Option<Caller> {
    let account = AccountId::parse(account?)?;
    let principal = principals.into_iter().flatten().find(|text| !text.is_empty()).cloned();
    Some(Caller { account, principal })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path_of(uri: &str) -> String {
        let uri: Uri = uri.parse().unwrap();
        without_prefix(&uri).unwrap_or(uri).path_and_query().unwrap().to_string()
    }

    #[test]
    fn what_a_deployment_puts_before_the_path_is_taken_away() {
        for prefix in ["", "/prod", "/mesh/api", "/v20190125x"] {
            let uri = format!("https://abc.execute-api.eu-west-1.amazonaws.com{prefix}/v20190125/meshes/m?limit=1");
            assert_eq!(path_of(&uri), "/v20190125/meshes/m?limit=1");
        }
    }

    #[test]
    fn a_mesh_may_be_called_like_the_version() {
        assert_eq!(path_of("/v20190125/meshes/v20190125/virtualNodes"), "/v20190125/meshes/v20190125/virtualNodes");
        assert_eq!(path_of("/prod/v20190125/meshes/v20190125"), "/v20190125/meshes/v20190125");
    }

    #[test]
    fn other_paths_stay_as_they_are() {
        for path in ["/", "/favicon.ico", "/v20190125", "/v20190126/meshes?x=/v20190125/meshes"] {
            assert_eq!(path_of(path), path);
        }
    }
}
