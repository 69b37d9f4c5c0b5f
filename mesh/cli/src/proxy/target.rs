//! Where requests go, and what a signature for it has to name.

use super::Service;
use reqwest::Url;

/// The API as it is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Without a slash at the end; the path is that of a stage, or empty.
    base: String,
    /// What verifies the signature.
    pub service: Service,
    /// Where; the profile's region where neither host nor flag says.
    pub region: Option<String>,
    /// Whether it is on this machine, where nobody listens in and no way leads through another proxy.
    pub loopback: bool,
}

/// A URL that requests cannot be sent to.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// It is none.
    #[error(
        "`{0}` is not the URL of an API: give https://….lambda-url.REGION.on.aws or the one that the stack printed"
    )]
    Url(String),
    /// It would show session tokens to the network.
    #[error("`{0}` is not encrypted, and requests carry session tokens: give an https:// URL")]
    Plain(String),
    /// Its name does not tell what it is.
    #[error(
        "`{0}` is a name of your own, which does not tell what verifies signatures: add --service lambda or execute-api"
    )]
    Service(String),
}

impl Target {
    /// Reads a URL; the flags count more than what its host name tells.
    pub fn parse(text: &str, service: Option<Service>, region: Option<String>) -> Result<Self, TargetError> {
        let refused = || TargetError::Url(text.to_owned());
        let url = Url::parse(text).map_err(|_| refused())?;
        let host = url.host_str().ok_or_else(refused)?;
        let loopback = is_loopback(host);
        match url.scheme() {
            "https" => {}
            "http" if loopback => {}
            "http" => return Err(TargetError::Plain(text.to_owned())),
            _ => return Err(refused()),
        }
        if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() {
            return Err(refused());
        }
        let told = told_by(host);
        let service =
            service.or(told.map(|(service, _)| service)).ok_or_else(|| TargetError::Service(text.to_owned()))?;
        let region = region.or_else(|| told.map(|(_, region)| region.to_owned()));
        Ok(Self { base: url.as_str().trim_end_matches('/').to_owned(), service, region, loopback })
    }

    /// The URL for a client's request. What a presigned request says about its signature is left out of the query.
    pub fn url(&self, path: &str, query: Option<&str>) -> Option<Url> {
        let mut text = format!("{}{path}", self.base);
        let kept: Vec<&str> = query.unwrap_or_default().split('&').filter(|pair| !about_a_signature(pair)).collect();
        if kept.iter().any(|pair| !pair.is_empty()) {
            text = format!("{text}?{}", kept.join("&"));
        }
        Url::parse(&text).ok()
    }
}

impl Service {
    /// The name in a signature's scope.
    pub const fn signing_name(self) -> &'static str {
        match self {
            Self::Lambda => "lambda",
            Self::ExecuteApi => "execute-api",
        }
    }
}

/// A host name, or an address with or without brackets, that means this machine.
pub fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || address.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

/// AWS's names for APIs hold the service and the region.
fn told_by(host: &str) -> Option<(Service, &str)> {
    let labels: Vec<&str> = host.split('.').collect();
    match labels.as_slice() {
        [_, "lambda-url", region, "on", "aws"] => Some((Service::Lambda, region)),
        [_, "execute-api", region, "amazonaws", "com"]
        | [_, "execute-api", region, "amazonaws", "com", "cn"]
        | [_, "execute-api", region, "vpce", "amazonaws", "com"] => Some((Service::ExecuteApi, region)),
        _ => None,
    }
}

fn about_a_signature(pair: &str) -> bool {
    pair.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("X-Amz-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(text: &str) -> Target {
        Target::parse(text, None, None).unwrap()
    }

    #[test]
    fn service_and_region_are_told_by_names_of_aws() {
        let function = target("https://abc.lambda-url.eu-west-1.on.aws/");
        assert_eq!((function.service, function.region.as_deref()), (Service::Lambda, Some("eu-west-1")));
        let gateway = target("https://abc.execute-api.us-east-2.amazonaws.com/prod/");
        assert_eq!((gateway.service, gateway.region.as_deref()), (Service::ExecuteApi, Some("us-east-2")));
    }

    #[test]
    fn flags_count_more_than_names() {
        let own = Target::parse("https://mesh.example.com", Some(Service::ExecuteApi), Some("eu-north-1".into()));
        assert_eq!(own.unwrap().region.as_deref(), Some("eu-north-1"));
        let url = "https://abc.lambda-url.eu-west-1.on.aws";
        assert_eq!(Target::parse(url, None, Some("eu-west-2".into())).unwrap().region.as_deref(), Some("eu-west-2"));
    }

    #[test]
    fn what_cannot_be_signed_for_or_would_show_tokens_is_refused() {
        let refused = |text| Target::parse(text, None, None).unwrap_err();
        assert!(matches!(refused("https://mesh.example.com"), TargetError::Service(_)));
        assert!(matches!(refused("http://abc.lambda-url.eu-west-1.on.aws"), TargetError::Plain(_)));
        for text in ["abc", "ftp://abc.lambda-url.eu-west-1.on.aws", "https://abc.lambda-url.eu-west-1.on.aws/?a=b"] {
            assert!(matches!(refused(text), TargetError::Url(_)), "{text}");
        }
    }

    #[test]
    fn a_request_keeps_its_path_and_query_behind_the_stage() {
        let gateway = target("https://abc.execute-api.us-east-2.amazonaws.com/prod");
        let url = gateway.url("/v20190125/tags", Some("resourceArn=arn%3Aaws%3Ax&limit=5")).unwrap();
        let base = "https://abc.execute-api.us-east-2.amazonaws.com/prod";
        assert_eq!(url.as_str(), format!("{base}/v20190125/tags?resourceArn=arn%3Aaws%3Ax&limit=5"));
        let presigned = gateway.url("/v20190125/meshes", Some("X-Amz-Signature=1&limit=5&X-Amz-Date=2")).unwrap();
        assert_eq!(presigned.query(), Some("limit=5"));
        assert_eq!(gateway.url("/v20190125/meshes", Some("X-Amz-Signature=1")).unwrap().query(), None);
    }
}
