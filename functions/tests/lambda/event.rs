//! Requests as the services that can stand before a function write them.

use serde_json::{Map, Value, json};

/// Who hands the request on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Front {
    FunctionUrl,
    HttpApi,
    RestApi,
    LoadBalancer,
}

impl Front {
    pub const ALL: [Self; 4] = [Self::FunctionUrl, Self::HttpApi, Self::RestApi, Self::LoadBalancer];
}

/// A request before it became an event.
pub struct Sent<'a> {
    pub method: &'a str,
    pub path: &'a str,
    /// As it stands in the URL.
    pub query: &'a str,
    pub headers: Value,
    pub body: Option<String>,
    /// The signer, where the front verifies signatures: account and ARN.
    pub signer: Option<(&'a str, &'a str)>,
}

impl<'a> Sent<'a> {
    pub fn new(method: &'a str, path: &'a str) -> Self {
        Self { method, path, query: "", headers: json!({}), body: None, signer: None }
    }

    pub fn body(mut self, body: &Value) -> Self {
        self.body = Some(body.to_string());
        self
    }

    pub fn by(mut self, account: &'a str, arn: &'a str) -> Self {
        self.signer = Some((account, arn));
        self
    }

    /// The event.
    pub fn through(&self, front: Front) -> Value {
        match front {
            Front::FunctionUrl => self.payload_2("$default", "abc.lambda-url.eu-west-1.on.aws"),
            Front::HttpApi => self.payload_2("live", "abc.execute-api.eu-west-1.amazonaws.com"),
            Front::RestApi => self.payload_1(),
            Front::LoadBalancer => self.target_group(),
        }
    }

    /// The path of an HTTP API begins with the stage's name.
    fn payload_2(&self, stage: &str, domain: &str) -> Value {
        let path = if stage == "$default" { self.path.to_owned() } else { format!("/{stage}{}", self.path) };
        let iam = |(account, arn): (&str, &str)| {
            let key = "ASIAEXAMPLE";
            json!({ "iam": { "accessKey": key, "accountId": account, "callerId": "AROAEXAMPLE:deploy", "cognitoIdentity": null,
                             "principalOrgId": null, "userArn": arn, "userId": "AROAEXAMPLE:deploy" } })
        };
        let mut context = json!({
            "accountId": if stage == "$default" { "anonymous" } else { "999999999999" },
            "apiId": "abc", "domainName": domain, "domainPrefix": "abc", "requestId": "id", "routeKey": "$default",
            "stage": stage, "time": "22/Nov/2026:14:00:00 +0000", "timeEpoch": 1_795_356_000_000_u64,
            "http": { "method": self.method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "aws-cli" },
        });
        if let Some(signer) = self.signer {
            context["authorizer"] = iam(signer);
        }
        let mut headers = self.headers(domain);
        headers["content-type"] = "application/json".into();
        let mut event = json!({
            "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": self.query, "headers": headers,
            "requestContext": context, "isBase64Encoded": false,
        });
        if let Some(body) = &self.body {
            event["body"] = body.as_str().into();
        }
        event
    }

    /// A REST API decodes the query and leaves the stage out of the path.
    fn payload_1(&self) -> Value {
        let headers = self.headers("abc.execute-api.eu-west-1.amazonaws.com");
        let (account, arn) = self.signer.unzip();
        let query = self.members(|text| text.replace("%3A", ":").replace("%2F", "/"));
        json!({
            "resource": "/{proxy+}", "path": self.path, "httpMethod": self.method, "headers": headers,
            "multiValueHeaders": many(&headers), "queryStringParameters": query, "multiValueQueryStringParameters": many(&query),
            "pathParameters": { "proxy": self.path.trim_start_matches('/') }, "stageVariables": null,
            "requestContext": {
                "accountId": "999999999999", "apiId": "abc", "domainName": "abc.execute-api.eu-west-1.amazonaws.com",
                "extendedRequestId": "id", "httpMethod": self.method, "path": format!("/live{}", self.path), "protocol": "HTTP/1.1",
                "requestId": "id", "requestTime": "22/Nov/2026:14:00:00 +0000", "requestTimeEpoch": 1_795_356_000_000_u64,
                "resourceId": "x", "resourcePath": "/{proxy+}", "stage": "live",
                "identity": { "accountId": account, "userArn": arn, "accessKey": null, "caller": null, "sourceIp": "192.0.2.1",
                              "user": null, "userAgent": "aws-cli" },
            },
            "body": self.body, "isBase64Encoded": false,
        })
    }

    /// A load balancer leaves the query as it is.
    fn target_group(&self) -> Value {
        let headers = self.headers("mesh.internal");
        let query = match self.members(str::to_owned) {
            Value::Null => json!({}),
            members => members,
        };
        json!({
            "requestContext": { "elb": { "targetGroupArn": "arn:aws:elasticloadbalancing:eu-west-1:999999999999:targetgroup/mesh/1" } },
            "httpMethod": self.method, "path": self.path, "queryStringParameters": query, "headers": headers,
            "body": self.body.clone().unwrap_or_default(), "isBase64Encoded": false,
        })
    }

    fn headers(&self, host: &str) -> Value {
        let mut headers = json!({ "host": host, "x-forwarded-proto": "https", "x-forwarded-port": "443" });
        let own = self.headers.as_object().expect("headers").clone();
        headers.as_object_mut().expect("headers").extend(own);
        headers
    }

    fn members(&self, read: impl Fn(&str) -> String) -> Value {
        let pairs = self.query.split('&').filter_map(|pair| pair.split_once('='));
        let members: Map<String, Value> = pairs.map(|(key, value)| (key.to_owned(), read(value).into())).collect();
        if members.is_empty() { Value::Null } else { members.into() }
    }
}

fn many(single: &Value) -> Value {
    let Some(members) = single.as_object() else { return Value::Null };
    members.iter().map(|(key, value)| (key.clone(), json!([value]))).collect::<Map<_, _>>().into()
}
