//! When a request is tried again: App Mesh's default (§8.2), and what a route asks for (§8.3).

use super::proto::{clamp, millis, number};
use envoy_types::pb::envoy::config::route::v3::RetryPolicy;
use envoy_types::pb::envoy::config::route::v3::retry_policy::{RetryHostPredicate, retry_host_predicate};
use envoy_types::pb::envoy::extensions::retry::host::previous_hosts::v3::PreviousHostsPredicate;
use envoy_types::util::pack_any;
use mesh_core::spec::{Duration, GrpcRetryPolicy, HttpRetryPolicy};
use mesh_core::view::RouteRule;

const HOST_ATTEMPTS: i64 = 5;
const SERVER_ERRORS: [u32; 11] = [500, 501, 502, 503, 504, 505, 506, 507, 508, 510, 511];

/// The policy of an Envoy route. A policy of its own replaces the default entirely.
pub fn of_rule(rule: &RouteRule) -> Option<RetryPolicy> {
    match rule {
        RouteRule::Http(route) => Some(route.retry_policy.as_ref().map_or_else(by_default, of_http)),
        RouteRule::Grpc(route) => Some(route.retry_policy.as_ref().map_or_else(by_default, of_grpc)),
        RouteRule::Everything => Some(by_default()),
        RouteRule::Tcp(_) => None,
    }
}

fn by_default() -> RetryPolicy {
    RetryPolicy {
        retry_on: "unavailable,reset,connect-failure,refused-stream,retriable-status-codes".into(),
        num_retries: number(2),
        retriable_status_codes: vec![503],
        ..elsewhere()
    }
}

fn of_http(policy: &HttpRetryPolicy) -> RetryPolicy {
    let mut events = Events::default();
    events.http(policy.http_retry_events.as_deref());
    events.connect_failure = policy.tcp_retry_events.as_ref().is_some_and(|events| !events.is_empty());
    events.policy(policy.max_retries, &policy.per_retry_timeout)
}

fn of_grpc(policy: &GrpcRetryPolicy) -> RetryPolicy {
    let mut events = Events::default();
    for event in policy.grpc_retry_events.iter().flatten() {
        push_new(&mut events.grpc, event.as_str());
    }
    events.http(policy.http_retry_events.as_deref());
    events.connect_failure = policy.tcp_retry_events.as_ref().is_some_and(|events| !events.is_empty());
    events.policy(policy.max_retries, &policy.per_retry_timeout)
}

/// Another try goes to another host, where there is one.
fn elsewhere() -> RetryPolicy {
    let predicate = RetryHostPredicate {
        name: "envoy.retry_host_predicates.previous_hosts".into(),
        config_type: Some(retry_host_predicate::ConfigType::TypedConfig(pack_any(PreviousHostsPredicate {}))),
    };
    RetryPolicy {
        retry_host_predicate: vec![predicate],
        host_selection_retry_max_attempts: HOST_ATTEMPTS,
        ..RetryPolicy::default()
    }
}

/// App Mesh's events, sorted into Envoy's conditions.
#[derive(Default)]
struct Events {
    grpc: Vec<&'static str>,
    reset: bool,
    connect_failure: bool,
    refused_stream: bool,
    codes: Vec<u32>,
}

impl Events {
    /// Unknown words are left out: the API's rules refuse them, old events may hold them.
    fn http(&mut self, events: Option<&[String]>) {
        for event in events.into_iter().flatten() {
            match event.as_str() {
                "server-error" => self.codes(&SERVER_ERRORS),
                "gateway-error" => self.codes(&[502, 503, 504]),
                "client-error" => push_new(&mut self.codes, 409),
                "stream-error" => self.refused_stream = true,
                _ => {}
            }
        }
    }

    /// A server's errors include that it hung up.
    fn codes(&mut self, codes: &[u32]) {
        self.reset = true;
        codes.iter().for_each(|code| push_new(&mut self.codes, *code));
    }

    fn policy(self, max_retries: i64, per_try: &Duration) -> RetryPolicy {
        RetryPolicy {
            retry_on: self.retry_on(),
            num_retries: number(clamp(max_retries)),
            per_try_timeout: per_try.millis().filter(|ms| *ms > 0).map(millis),
            retriable_status_codes: self.codes,
            ..elsewhere()
        }
    }

    /// In the order App Mesh wrote them (§8.2, §8.3).
    fn retry_on(&self) -> String {
        let mut words = self.grpc.clone();
        let rest = [
            (self.reset, "reset"),
            (self.connect_failure, "connect-failure"),
            (self.refused_stream, "refused-stream"),
            (!self.codes.is_empty(), "retriable-status-codes"),
        ];
        words.extend(rest.into_iter().filter(|(asked, _)| *asked).map(|(_, word)| word));
        words.join(",")
    }
}

fn push_new<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if !list.contains(&item) {
        list.push(item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mesh_core::spec::{GrpcRetryPolicyEvent, TcpRetryPolicyEvent};

    fn http(events: &[&str]) -> HttpRetryPolicy {
        HttpRetryPolicy {
            http_retry_events: Some(events.iter().map(|event| (*event).to_owned()).collect()),
            max_retries: 1,
            per_retry_timeout: serde_json::from_str(r#"{"unit": "s", "value": 5}"#).unwrap(),
            tcp_retry_events: None,
        }
    }

    #[test]
    fn events_become_the_conditions_and_codes_that_app_mesh_sent() {
        let policy = of_http(&http(&["gateway-error", "client-error", "stream-error"]));
        assert_eq!(policy.retry_on, "reset,refused-stream,retriable-status-codes");
        assert_eq!(policy.retriable_status_codes, [502, 503, 504, 409]);
        assert_eq!(policy.per_try_timeout, Some(millis(5000)));
        assert_eq!(policy.num_retries, number(1));
    }

    #[test]
    fn codes_that_two_events_name_are_there_once() {
        let policy = of_http(&http(&["gateway-error", "server-error"]));
        assert_eq!(policy.retriable_status_codes, [502, 503, 504, 500, 501, 505, 506, 507, 508, 510, 511]);
    }

    #[test]
    fn grpc_events_keep_their_words() {
        let policy = of_grpc(&GrpcRetryPolicy {
            grpc_retry_events: Some(vec![GrpcRetryPolicyEvent::Cancelled, GrpcRetryPolicyEvent::Unavailable]),
            http_retry_events: None,
            max_retries: 0,
            per_retry_timeout: Duration { unit: None, value: None },
            tcp_retry_events: Some(vec![TcpRetryPolicyEvent::ConnectionError]),
        });
        assert_eq!(policy.retry_on, "cancelled,unavailable,connect-failure");
        assert_eq!((policy.num_retries, policy.per_try_timeout), (number(0), None));
    }
}
