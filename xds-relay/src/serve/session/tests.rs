//! The protocol, message by message, and under every order of events a model Envoy can come up with.

mod model;

use super::*;
use crate::serve::codec::Asks;
use ResourceType::{Cluster, Endpoint, Listener, Route};
use std::collections::HashMap;

/// A snapshot of resources whose bodies are these texts.
fn snapshot(resources: &[(ResourceType, &str, &str)]) -> Arc<Snapshot> {
    let mut snapshot = Snapshot::default();
    for (of, name, body) in resources {
        snapshot.insert(XdsResource::from_bytes(*of, *name, body.as_bytes().to_vec().into()));
    }
    Arc::new(snapshot)
}

fn version_of(body: &str) -> String {
    Version::of(body.as_bytes()).to_string()
}

/// A session and a clock that goes where it is told.
struct Stream {
    session: Session,
    now: Instant,
}

impl Stream {
    fn new(protocol: Protocol, resources: &[(ResourceType, &str, &str)]) -> Self {
        let now = Instant::now();
        Self { session: Session::new(protocol, snapshot(resources), now), now }
    }

    fn delta(resources: &[(ResourceType, &str, &str)]) -> Self {
        Self::new(Protocol::Delta, resources)
    }

    fn sotw(resources: &[(ResourceType, &str, &str)]) -> Self {
        Self::new(Protocol::Sotw, resources)
    }

    fn request(&mut self, of: ResourceType, nonce: u64, refusal: Option<&str>, asks: Asks) -> Vec<Response> {
        let nonce = if nonce == 0 { String::new() } else { nonce.to_string() };
        let refusal = refusal.map(str::to_owned);
        let request = Request { node: None, type_url: of.url().into(), nonce, refusal, asks };
        self.session.on_request(request, self.now).send
    }

    /// Delta: subscribes.
    fn subscribe(&mut self, of: ResourceType, names: &[&str]) -> Vec<Response> {
        self.request(of, 0, None, changes(names, &[], &[]))
    }

    /// Delta: the first request of a stream whose Envoy has resources from before.
    fn resume(&mut self, of: ResourceType, names: &[&str], has: &[(&str, &str)]) -> Vec<Response> {
        self.request(of, 0, None, changes(names, &[], has))
    }

    fn unsubscribe(&mut self, of: ResourceType, names: &[&str]) -> Vec<Response> {
        self.request(of, 0, None, changes(&[], names, &[]))
    }

    /// Delta: accepts.
    fn ack(&mut self, response: &Response) -> Vec<Response> {
        let of = ResourceType::from_url(&response.type_url).unwrap();
        self.request(of, response.nonce, None, changes(&[], &[], &[]))
    }

    /// Delta: refuses.
    fn nack(&mut self, response: &Response, message: &str) -> Vec<Response> {
        let of = ResourceType::from_url(&response.type_url).unwrap();
        self.request(of, response.nonce, Some(message), changes(&[], &[], &[]))
    }

    /// State of the world: asks for names, as the first request of a type.
    fn ask(&mut self, of: ResourceType, names: &[&str], version: &str) -> Vec<Response> {
        self.request(of, 0, None, asked(names, version))
    }

    /// State of the world: accepts, and asks for names again.
    fn accept(&mut self, response: &Response, names: &[&str]) -> Vec<Response> {
        let of = ResourceType::from_url(&response.type_url).unwrap();
        self.request(of, response.nonce, None, asked(names, &response.version.to_string()))
    }

    fn refuse(&mut self, response: &Response, names: &[&str], message: &str) -> Vec<Response> {
        let of = ResourceType::from_url(&response.type_url).unwrap();
        self.request(of, response.nonce, Some(message), asked(names, ""))
    }

    fn change(&mut self, resources: &[(ResourceType, &str, &str)]) -> Vec<Response> {
        self.session.on_snapshot(snapshot(resources), self.now)
    }

    fn after(&mut self, seconds: u64) -> Vec<Response> {
        self.now += Duration::from_secs(seconds);
        self.session.on_time(self.now)
    }

    fn report(&self, of: ResourceType) -> TypeReport {
        self.session.report().find(|report| report.of == of).unwrap()
    }

    /// Accepts everything by delta until nothing more comes; what was sent, in order.
    fn settle(&mut self, sent: Vec<Response>) -> Vec<String> {
        let mut waiting: std::collections::VecDeque<Response> = sent.into();
        let mut log = Vec::new();
        while let Some(response) = waiting.pop_front() {
            log.extend(told(std::slice::from_ref(&response)));
            waiting.extend(self.ack(&response));
        }
        log
    }
}

fn changes(subscribe: &[&str], unsubscribe: &[&str], has: &[(&str, &str)]) -> Asks {
    let strings = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let initial: HashMap<_, _> = has.iter().map(|(name, version)| ((*name).into(), (*version).into())).collect();
    Asks::Changes { subscribe: strings(subscribe), unsubscribe: strings(unsubscribe), initial }
}

fn asked(names: &[&str], version: &str) -> Asks {
    Asks::Names { names: names.iter().map(|name| (*name).to_owned()).collect(), version: version.into() }
}

/// What responses say: `cds a b -c`.
fn told(responses: &[Response]) -> Vec<String> {
    let one = |response: &Response| {
        let mut text = ResourceType::from_url(&response.type_url).unwrap().short().to_owned();
        for resource in &response.resources {
            text = format!("{text} {}", resource.name);
        }
        for name in &response.removed {
            text = format!("{text} -{name}");
        }
        text
    };
    responses.iter().map(one).collect()
}

const SHOP: &[(ResourceType, &str, &str)] =
    &[(Cluster, "a", "1"), (Endpoint, "a", "1"), (Listener, "in", "1"), (Route, "r", "1")];

/// A delta stream that has and has accepted all of `SHOP`.
fn settled_delta() -> Stream {
    let mut stream = Stream::delta(SHOP);
    for (of, names) in [(Cluster, &[][..]), (Endpoint, &["a"]), (Listener, &[]), (Route, &["r"])] {
        let sent = stream.subscribe(of, names);
        stream.settle(sent);
    }
    assert!(stream.session.seq().is_some());
    stream
}

/// A state-of-the-world stream that has and has accepted all of `SHOP`.
fn settled_sotw() -> Stream {
    let mut stream = Stream::sotw(SHOP);
    for (of, names) in [(Cluster, &[][..]), (Endpoint, &["a"]), (Listener, &[]), (Route, &["r"])] {
        let sent = stream.ask(of, names, "");
        assert_eq!(sent.len(), 1);
        assert!(stream.accept(&sent[0], names).is_empty());
    }
    assert!(stream.session.seq().is_some());
    stream
}

// What is asked for.

#[test]
fn an_empty_first_request_for_clusters_or_listeners_means_all() {
    let mut stream = Stream::delta(SHOP);
    assert_eq!(told(&stream.subscribe(Cluster, &[])), ["cds a"]);
}

#[test]
fn a_star_means_all() {
    let mut stream = Stream::delta(SHOP);
    assert_eq!(told(&stream.subscribe(Listener, &["*"])), ["lds in"]);
}

#[test]
fn an_empty_first_request_for_endpoints_means_none() {
    let mut stream = Stream::delta(SHOP);
    assert!(stream.subscribe(Endpoint, &[]).is_empty());
    assert_eq!(told(&stream.subscribe(Endpoint, &["a"])), ["eds a"]);
}

#[test]
fn a_wildcard_over_nothing_is_answered_with_nothing_at_once_by_both_protocols() {
    for of in [Cluster, Listener] {
        let mut stream = Stream::delta(&[]);
        let sent = stream.subscribe(of, &[]);
        assert_eq!(told(&sent), [of.short()]);
        assert!(stream.ack(&sent[0]).is_empty());
        let mut stream = Stream::sotw(&[]);
        let sent = stream.ask(of, &[], "");
        assert_eq!(told(&sent), [of.short()]);
        assert!(stream.accept(&sent[0], &[]).is_empty());
    }
}

#[test]
fn by_delta_a_name_that_does_not_exist_is_denied_and_later_sent() {
    let mut stream = Stream::delta(SHOP);
    let sent = stream.subscribe(Endpoint, &["local_cluster"]);
    assert_eq!(told(&sent), ["eds -local_cluster"]);
    assert!(stream.ack(&sent[0]).is_empty());
    assert_eq!(told(&stream.change(&[(Endpoint, "local_cluster", "1")])), ["eds local_cluster"]);
}

#[test]
fn by_state_of_the_world_a_name_that_does_not_exist_is_left_alone() {
    let mut stream = Stream::sotw(SHOP);
    assert!(stream.ask(Endpoint, &["local_cluster"], "").is_empty());
    assert_eq!(told(&stream.ask(Endpoint, &["a", "local_cluster"], "")), ["eds a"]);
    assert!(stream.session.seq().is_none());
}

#[test]
fn a_name_no_longer_asked_for_is_no_longer_told_about() {
    let mut stream = settled_delta();
    assert!(stream.unsubscribe(Endpoint, &["a"]).is_empty());
    assert!(stream.change(&[SHOP[0], (Endpoint, "a", "2"), SHOP[2], SHOP[3]]).is_empty());
}

#[test]
fn a_name_that_is_asked_for_again_is_sent_again() {
    let mut stream = settled_delta();
    assert_eq!(told(&stream.subscribe(Endpoint, &["a"])), ["eds a"]);
}

#[test]
fn a_name_given_up_under_a_wildcard_is_sent_again() {
    let mut stream = settled_delta();
    assert_eq!(told(&stream.unsubscribe(Cluster, &["a"])), ["cds a", "eds a"]);
}

#[test]
fn a_given_up_wildcard_leaves_the_names() {
    let mut stream = Stream::delta(&[(Cluster, "a", "1"), (Cluster, "b", "1")]);
    let sent = stream.subscribe(Cluster, &["*", "b"]);
    stream.settle(sent);
    assert!(stream.unsubscribe(Cluster, &["*"]).is_empty());
    assert_eq!(told(&stream.change(&[(Cluster, "a", "2"), (Cluster, "b", "2")])), ["cds b"]);
}

#[test]
fn by_state_of_the_world_names_replace_names() {
    let mut stream = Stream::sotw(&[(Endpoint, "a", "1"), (Endpoint, "b", "1")]);
    let sent = stream.ask(Endpoint, &["a"], "");
    let sent = stream.accept(&sent[0], &["a", "b"]);
    assert_eq!(told(&sent), ["eds b"]);
    assert!(stream.accept(&sent[0], &["b"]).is_empty());
    assert_eq!(told(&stream.change(&[(Endpoint, "a", "2"), (Endpoint, "b", "2")])), ["eds b"]);
}

#[test]
fn by_state_of_the_world_no_names_after_names_means_none() {
    let mut stream = Stream::sotw(SHOP);
    let sent = stream.ask(Cluster, &["a"], "");
    assert!(stream.accept(&sent[0], &[]).is_empty());
    assert!(stream.change(&[(Cluster, "a", "2"), (Cluster, "b", "1")]).is_empty());
}

#[test]
fn unknown_types_are_answered_once_and_harm_nothing() {
    let request = |nonce: &str, asks| Request {
        type_url: "type.googleapis.com/envoy.service.runtime.v3.Runtime".into(),
        nonce: nonce.into(),
        asks,
        ..Request::default()
    };
    let mut stream = settled_delta();
    let sent = stream.session.on_request(request("", changes(&["rtds"], &[], &[])), stream.now).send;
    assert_eq!(sent[0].removed, [Arc::from("rtds")]);
    let nonce = sent[0].nonce.to_string();
    assert!(stream.session.on_request(request(&nonce, changes(&[], &[], &[])), stream.now).send.is_empty());
    let mut stream = settled_sotw();
    let sent = stream.session.on_request(request("", asked(&["rtds"], "")), stream.now).send;
    assert!(sent[0].resources.is_empty());
    let nonce = sent[0].nonce.to_string();
    assert!(stream.session.on_request(request(&nonce, asked(&["rtds"], "")), stream.now).send.is_empty());
    assert!(stream.session.seq().is_some());
}

// What an Envoy has already.

#[test]
fn by_delta_matching_versions_are_not_sent_again() {
    let mut stream = Stream::delta(SHOP);
    let one = version_of("1");
    assert!(stream.resume(Cluster, &[], &[("a", &one)]).is_empty());
    assert!(stream.resume(Endpoint, &["a"], &[("a", &one)]).is_empty());
    assert!(stream.resume(Listener, &[], &[("in", &one)]).is_empty());
    assert!(stream.resume(Route, &["r"], &[("r", &one)]).is_empty());
    assert!(stream.session.seq().is_some());
}

#[test]
fn by_delta_only_what_changed_while_away_is_sent() {
    let mut stream = Stream::delta(&[(Cluster, "a", "1"), (Cluster, "b", "2"), (Cluster, "c", "1")]);
    let has = [("a", version_of("1")), ("b", version_of("1")), ("old", version_of("1"))];
    let has: Vec<_> = has.iter().map(|(name, version)| (*name, version.as_str())).collect();
    let sent = stream.resume(Cluster, &[], &has);
    assert_eq!(told(&sent), ["cds b c"]);
    assert!(stream.ack(&sent[0]).is_empty(), "the routes that use `old` may still be there");
    assert_eq!(stream.session.deadline(), Some(stream.now + RESUMPTION));
    assert_eq!(told(&stream.after(2)), ["cds -old"]);
}

#[test]
fn by_delta_an_old_cluster_goes_on_resumption_once_routes_and_listeners_are_new() {
    let mut stream = Stream::delta(SHOP);
    let (one, two) = (version_of("1"), version_of("2"));
    assert!(stream.resume(Cluster, &[], &[("a", &one), ("old", &one)]).is_empty());
    assert!(stream.resume(Listener, &[], &[("in", &one)]).is_empty());
    let routes = stream.resume(Route, &["r"], &[("r", &two)]);
    assert_eq!(told(&routes), ["rds r"]);
    assert_eq!(told(&stream.ack(&routes[0])), ["cds -old"]);
}

#[test]
fn by_delta_a_cluster_sent_on_resumption_brings_its_endpoints_though_they_match() {
    let mut stream = Stream::delta(&[(Cluster, "a", "2"), (Endpoint, "a", "1")]);
    assert_eq!(told(&stream.resume(Cluster, &[], &[("a", &version_of("1"))])), ["cds a"]);
    assert_eq!(told(&stream.resume(Endpoint, &["a"], &[("a", &version_of("1"))])), ["eds a"]);
}

#[test]
fn by_state_of_the_world_a_matching_version_is_not_sent_again() {
    let settled = settled_sotw();
    let mut stream = Stream::sotw(SHOP);
    for (of, names) in [(Cluster, &[][..]), (Endpoint, &["a"]), (Listener, &[]), (Route, &["r"])] {
        let version = settled.report(of).acknowledged.unwrap().to_string();
        assert!(stream.ask(of, names, &version).is_empty(), "{}", of.short());
    }
    assert!(stream.session.seq().is_some());
}

#[test]
fn by_state_of_the_world_another_version_is_answered_with_everything() {
    let version = settled_sotw().report(Cluster).sent.to_string();
    let mut stream = Stream::sotw(&[(Cluster, "a", "2"), (Cluster, "b", "1")]);
    assert_eq!(told(&stream.ask(Cluster, &[], &version)), ["cds a b"]);
}

#[test]
fn versions_tell_names_and_contents_apart() {
    let version = |resources| {
        let mut stream = Stream::sotw(resources);
        stream.ask(Cluster, &[], "")[0].version
    };
    let one = version(&[(Cluster, "a", "1"), (Cluster, "b", "2")]);
    assert_eq!(one, version(&[(Cluster, "b", "2"), (Cluster, "a", "1")]));
    assert_ne!(one, version(&[(Cluster, "a", "2"), (Cluster, "b", "1")]));
    assert_ne!(one, version(&[(Cluster, "a", "1")]));
}

// One response under way.

#[test]
fn changes_while_a_response_is_under_way_become_one() {
    for mut stream in [settled_delta(), settled_sotw()] {
        let with = |body| [SHOP[0], SHOP[1], SHOP[2], (Route, "r", body)];
        let sent = stream.change(&with("2"));
        assert_eq!(told(&sent), ["rds r"]);
        assert!(stream.change(&with("3")).is_empty());
        assert!(stream.change(&with("4")).is_empty());
        let sent = match stream.session.protocol {
            Protocol::Delta => stream.ack(&sent[0]),
            Protocol::Sotw => stream.accept(&sent[0], &["r"]),
        };
        assert_eq!(sent[0].resources[0].version, Version::of(b"4"));
    }
}

#[test]
fn a_change_that_is_taken_back_in_time_is_not_sent() {
    let mut stream = settled_delta();
    let with = |body| [SHOP[0], SHOP[1], SHOP[2], (Route, "r", body)];
    let sent = stream.change(&with("2"));
    stream.change(&with("3"));
    stream.change(&with("2"));
    assert!(stream.ack(&sent[0]).is_empty());
}

#[test]
fn an_equal_snapshot_sends_nothing() {
    for mut stream in [settled_delta(), settled_sotw()] {
        assert!(stream.change(SHOP).is_empty());
    }
}

#[test]
fn only_the_type_that_changed_is_sent_and_of_endpoints_only_the_one() {
    let more = |body| [SHOP[0], SHOP[1], SHOP[2], SHOP[3], (Cluster, "b", "1"), (Endpoint, "b", body)];
    let mut stream = Stream::sotw(&more("1"));
    for (of, names) in [(Cluster, &[][..]), (Endpoint, &["a", "b"]), (Listener, &[]), (Route, &["r"])] {
        let sent = stream.ask(of, names, "");
        stream.accept(&sent[0], names);
    }
    assert_eq!(told(&stream.change(&more("2"))), ["eds b"]);
}

#[test]
fn by_state_of_the_world_a_late_request_changes_nothing() {
    let mut stream = Stream::sotw(&[(Endpoint, "a", "1"), (Endpoint, "b", "1")]);
    let first = stream.ask(Endpoint, &["a"], "");
    stream.accept(&first[0], &["a"]);
    let second = stream.change(&[(Endpoint, "a", "2"), (Endpoint, "b", "1")]);
    assert!(stream.accept(&first[0], &["a", "b"]).is_empty());
    assert!(!stream.report(Endpoint).in_sync);
    assert_eq!(told(&stream.accept(&second[0], &["a", "b"])), ["eds b"]);
}

#[test]
fn by_delta_a_late_answer_still_subscribes() {
    let mut stream = Stream::delta(&[(Endpoint, "a", "1"), (Endpoint, "b", "1")]);
    let first = stream.subscribe(Endpoint, &["a"]);
    stream.ack(&first[0]);
    let sent = stream.request(Endpoint, first[0].nonce, None, changes(&["b"], &[], &[]));
    assert_eq!(told(&sent), ["eds b"]);
}

#[test]
fn an_answer_to_nothing_is_no_answer() {
    let mut stream = settled_delta();
    stream.change(&[SHOP[0], SHOP[1], SHOP[2], (Route, "r", "2")]);
    stream.request(Route, 4711, Some("what?"), changes(&[], &[], &[]));
    assert!(!stream.report(Route).in_sync);
    assert!(stream.report(Route).refused.is_none());
}

#[test]
fn a_large_state_comes_in_pieces_and_a_larger_resource_alone() {
    let small = "x".repeat(5_000);
    let large = "y".repeat(40_000);
    let mut resources: Vec<(ResourceType, String, &str)> =
        (0..7).map(|i| (Cluster, format!("c{i}"), small.as_str())).collect();
    resources.push((Cluster, "c3-large".into(), &large));
    let resources: Vec<_> = resources.iter().map(|(of, name, body)| (*of, name.as_str(), *body)).collect();
    let mut stream = Stream::delta(&resources);
    let sent = stream.subscribe(Cluster, &[]);
    assert_eq!(told(&sent), ["cds c0 c1 c2", "cds c3", "cds c3-large", "cds c4 c5 c6"]);
    for response in &sent {
        assert!(response.encoded_len() <= PIECE_BYTES || response.resources.len() == 1);
        assert!(!stream.report(Cluster).in_sync);
        stream.ack(response);
    }
    assert!(stream.report(Cluster).in_sync);
}

// Make before break.

const GROWN: &[(ResourceType, &str, &str)] = &[
    (Cluster, "a", "1"),
    (Cluster, "b", "1"),
    (Endpoint, "a", "1"),
    (Endpoint, "b", "1"),
    (Listener, "in", "1"),
    (Route, "r", "to b"),
];

#[test]
fn a_route_waits_until_its_new_cluster_is_taken() {
    let mut stream = settled_delta();
    let clusters = stream.change(GROWN);
    assert_eq!(told(&clusters), ["cds b"]);
    let endpoints = stream.subscribe(Endpoint, &["b"]);
    assert_eq!(told(&endpoints), ["eds b"]);
    assert!(stream.ack(&endpoints[0]).is_empty());
    assert_eq!(told(&stream.ack(&clusters[0])), ["rds r"]);
}

#[test]
fn a_route_waits_by_state_of_the_world_as_well() {
    let mut stream = settled_sotw();
    let clusters = stream.change(GROWN);
    assert_eq!(told(&clusters), ["cds a b"]);
    let last = stream.session.of(Endpoint).last_nonce.unwrap();
    let endpoints = stream.request(Endpoint, last, None, asked(&["a", "b"], ""));
    assert_eq!(told(&endpoints), ["eds b"]);
    assert!(stream.accept(&endpoints[0], &["a", "b"]).is_empty());
    assert_eq!(told(&stream.accept(&clusters[0], &[])), ["rds r"]);
}

#[test]
fn a_route_does_not_wait_for_ever() {
    let mut stream = settled_delta();
    stream.change(GROWN);
    assert_eq!(stream.session.deadline(), Some(stream.now + PATIENCE));
    assert!(stream.after(9).is_empty());
    assert_eq!(told(&stream.after(1)), ["rds r"]);
    assert_eq!(stream.session.deadline(), None);
}

#[test]
fn once_a_cluster_is_overdue_later_routes_go_at_once() {
    let mut stream = settled_delta();
    stream.change(GROWN);
    let sent = stream.after(10);
    stream.settle(sent);
    let mut next = GROWN.to_vec();
    next[5] = (Route, "r", "to b, more");
    assert_eq!(told(&stream.change(&next)), ["rds r"]);
}

#[test]
fn a_cluster_that_is_never_taken_does_not_hold_up_the_next() {
    let mut stream = settled_delta();
    let first = stream.change(GROWN);
    stream.now += Duration::from_secs(5);
    let mut next = GROWN.to_vec();
    next.extend([(Cluster, "c", "1"), (Endpoint, "c", "1")]);
    next[5] = (Route, "r", "to c");
    assert!(stream.change(&next).is_empty());
    let sent = stream.after(5);
    assert_eq!(told(&sent), ["cds c", "rds r"]);
    // Both answers count when they come after all.
    assert!(stream.ack(&first[0]).is_empty());
    assert!(!stream.report(Cluster).in_sync);
    stream.settle(sent);
    assert!(stream.report(Cluster).in_sync);
}

#[test]
fn a_stream_of_cluster_changes_does_not_starve_the_routes() {
    let mut stream = settled_delta();
    let mut under_way = Vec::new();
    for second in 0..30u64 {
        let body = second.to_string();
        let sent = stream.change(&[(Cluster, "a", &body), SHOP[1], SHOP[2], (Route, "r", &body)]);
        under_way.extend(sent);
        // The answer to the clusters comes when the next change is there already.
        let (clusters, others): (Vec<_>, Vec<_>) =
            under_way.drain(..).partition(|response: &Response| response.type_url == Cluster.url());
        if others.iter().any(|response| response.type_url == Route.url()) {
            return assert!(second <= 11, "{second}");
        }
        for response in others {
            under_way.extend(stream.ack(&response));
        }
        stream.now += Duration::from_secs(1);
        let next = (second + 1).to_string();
        under_way.extend(stream.change(&[(Cluster, "a", &next), SHOP[1], SHOP[2], (Route, "r", &next)]));
        for response in clusters {
            under_way.extend(stream.ack(&response));
        }
    }
    panic!("no route was ever sent");
}

#[test]
fn a_refused_cluster_holds_nothing_up() {
    let mut stream = settled_delta();
    let sent = stream.change(GROWN);
    assert_eq!(told(&stream.nack(&sent[0], "no")), ["rds r"]);
}

#[test]
fn endpoints_alone_make_nobody_wait() {
    let mut stream = settled_delta();
    assert_eq!(told(&stream.change(&[SHOP[0], (Endpoint, "a", "2"), SHOP[2], (Route, "r", "2")])), ["eds a", "rds r"]);
}

#[test]
fn by_delta_a_cluster_goes_when_its_last_route_is_gone_for_sure() {
    let mut stream = settled_delta();
    let sent = stream.change(GROWN);
    stream.settle(sent);
    let sent = stream.subscribe(Endpoint, &["b"]);
    stream.settle(sent);
    let mut shrunk = GROWN.to_vec();
    shrunk.remove(0);
    shrunk.remove(1);
    shrunk[3] = (Route, "r", "to b only");
    let routes = stream.change(&shrunk);
    assert_eq!(told(&routes), ["rds r"]);
    assert_eq!(told(&stream.ack(&routes[0])), ["cds -a"]);
}

#[test]
fn by_state_of_the_world_an_old_cluster_is_listed_until_its_last_route_is_gone() {
    let mut stream = settled_sotw();
    let clusters = stream.change(&[(Cluster, "b", "1"), SHOP[2], (Route, "r", "to b")]);
    assert_eq!(told(&clusters), ["cds a b"]);
    let routes = stream.accept(&clusters[0], &[]);
    assert_eq!(told(&routes), ["rds r"]);
    assert_eq!(told(&stream.accept(&routes[0], &["r"])), ["cds b"]);
}

#[test]
fn a_cluster_whose_successor_was_refused_stays() {
    let mut stream = settled_delta();
    let routes = stream.change(&[SHOP[2], (Route, "r", "bad")]);
    assert_eq!(told(&routes), ["rds r"]);
    assert!(stream.nack(&routes[0], "bad route").is_empty());
    let routes = stream.change(&[SHOP[2], (Route, "r", "good")]);
    assert_eq!(told(&stream.ack(&routes[0])), ["cds -a"]);
}

#[test]
fn a_listener_that_takes_the_place_of_another_comes_in_one_response_with_its_removal() {
    let mut stream = settled_delta();
    let sent = stream.change(&[SHOP[0], SHOP[1], (Listener, "in2", "1"), SHOP[3]]);
    assert_eq!(told(&sent), ["lds in2 -in"]);
}

#[test]
fn a_route_that_is_gone_with_its_listener_is_not_spoken_of() {
    let mut stream = settled_delta();
    let sent = stream.change(&[SHOP[0], SHOP[1]]);
    assert_eq!(told(&sent), ["lds -in"]);
    assert!(stream.ack(&sent[0]).is_empty());
    assert!(stream.session.seq().is_some());
    assert!(stream.unsubscribe(Route, &["r"]).is_empty());
    assert_eq!(told(&stream.change(SHOP)), ["lds in"]);
    assert_eq!(told(&stream.subscribe(Route, &["r"])), ["rds r"]);
}

// Endpoints follow clusters.

#[test]
fn a_changed_cluster_is_followed_by_its_unchanged_endpoints() {
    for mut stream in [settled_delta(), settled_sotw()] {
        let sent = stream.change(&[(Cluster, "a", "2"), SHOP[1], SHOP[2], SHOP[3]]);
        assert_eq!(told(&sent), ["cds a", "eds a"]);
    }
}

#[test]
fn endpoints_of_unchanged_clusters_stay_where_they_are() {
    let two = |body| [(Cluster, "a", body), (Cluster, "b", "1"), (Endpoint, "a", "1"), (Endpoint, "b", "1")];
    let mut stream = Stream::sotw(&two("1"));
    let sent = stream.ask(Cluster, &[], "");
    stream.accept(&sent[0], &[]);
    let sent = stream.ask(Endpoint, &["a", "b"], "");
    stream.accept(&sent[0], &["a", "b"]);
    assert_eq!(told(&stream.change(&two("2"))), ["cds a b", "eds a"]);
}

#[test]
fn endpoints_under_way_are_sent_once_more_for_a_cluster_that_changed_meanwhile() {
    let mut stream = settled_delta();
    let endpoints = stream.change(&[SHOP[0], (Endpoint, "a", "2"), SHOP[2], SHOP[3]]);
    let changed = [(Cluster, "a", "2"), (Endpoint, "a", "2"), SHOP[2], (Route, "r", "2")];
    let clusters = stream.change(&changed);
    assert_eq!(told(&clusters), ["cds a"]);
    let again = stream.ack(&endpoints[0]);
    assert_eq!(told(&again), ["eds a"]);
    assert!(stream.ack(&clusters[0]).is_empty(), "routes wait for the endpoints as well");
    assert_eq!(told(&stream.ack(&again[0])), ["rds r"]);
}

#[test]
fn a_cluster_without_endpoints_of_its_own_asks_for_none() {
    let mut stream = Stream::delta(&[(Cluster, "dns", "1")]);
    let sent = stream.subscribe(Cluster, &[]);
    stream.settle(sent);
    assert!(stream.subscribe(Endpoint, &[]).is_empty());
    assert_eq!(told(&stream.change(&[(Cluster, "dns", "2")])), ["cds dns"]);
}

// Refusals.

#[test]
fn what_is_refused_is_recorded_and_not_sent_again_until_it_changes() {
    let mut stream = settled_delta();
    let with = |body| [SHOP[0], SHOP[1], SHOP[2], (Route, "r", body)];
    let sent = stream.change(&with("bad"));
    assert!(stream.nack(&sent[0], "no such thing").is_empty());
    let (refusal, names) = stream.report(Route).refused.unwrap();
    assert_eq!((refusal.message.as_str(), names), ("no such thing", vec![Arc::from("r")]));
    assert!(!stream.report(Route).in_sync && stream.session.seq().is_none());
    assert!(stream.change(&with("bad")).is_empty());
    assert!(stream.after(3600).is_empty());
    let sent = stream.change(&with("good"));
    assert_eq!(told(&sent), ["rds r"]);
    stream.settle(sent);
    assert!(stream.report(Route).refused.is_none() && stream.report(Route).in_sync);
}

#[test]
fn going_back_to_what_was_accepted_before_is_sent() {
    let mut stream = settled_delta();
    let sent = stream.change(&[SHOP[0], SHOP[1], SHOP[2], (Route, "r", "bad")]);
    stream.nack(&sent[0], "no");
    assert_eq!(told(&stream.change(SHOP)), ["rds r"]);
}

#[test]
fn a_listener_that_is_named_is_alone_at_fault() {
    let mut stream = Stream::delta(&[(Listener, "in", "1"), (Listener, "out", "1")]);
    let sent = stream.subscribe(Listener, &[]);
    assert!(stream.nack(&sent[0], "Error adding/updating listener(s) out: no such filter").is_empty());
    assert_eq!(stream.report(Listener).refused.unwrap().1, [Arc::from("out")]);
}

#[test]
fn of_routes_that_were_refused_together_each_gets_another_chance_by_itself() {
    let mut stream = Stream::delta(&[(Route, "a", "1"), (Route, "b", "bad"), (Route, "c", "1")]);
    let sent = stream.subscribe(Route, &["a", "b", "c"]);
    let sent = stream.nack(&sent[0], "something is wrong");
    assert_eq!(told(&sent), ["rds a"]);
    let sent = stream.ack(&sent[0]);
    assert_eq!(told(&sent), ["rds b"]);
    let sent = stream.nack(&sent[0], "something is wrong");
    assert_eq!(told(&sent), ["rds c"]);
    assert!(stream.ack(&sent[0]).is_empty());
    assert_eq!(stream.report(Route).refused.unwrap().1, [Arc::from("b")]);
}

#[test]
fn a_refused_version_is_not_the_version_of_the_type() {
    let mut stream = settled_sotw();
    let accepted = stream.report(Route).acknowledged;
    let sent = stream.change(&[SHOP[0], SHOP[1], SHOP[2], (Route, "r", "bad")]);
    assert!(stream.refuse(&sent[0], &["r"], "no").is_empty());
    assert_eq!(stream.report(Route).acknowledged, accepted);
    assert_ne!(stream.report(Route).sent, sent[0].version);
}

#[test]
fn by_state_of_the_world_a_refused_cluster_is_not_sent_again_but_listed_with_the_next() {
    let mut stream = settled_sotw();
    let bad = [SHOP[0], (Cluster, "bad", "1"), SHOP[1], SHOP[2], SHOP[3]];
    let sent = stream.change(&bad);
    assert!(stream.refuse(&sent[0], &[], "Error adding/updating cluster(s) bad: no").is_empty());
    assert!(stream.change(&bad).is_empty());
    let mut next = bad.to_vec();
    next.push((Cluster, "c", "1"));
    assert_eq!(told(&stream.change(&next)), ["cds a bad c"]);
}

#[test]
fn a_refused_resource_that_goes_away_is_forgotten() {
    let mut stream = settled_delta();
    let sent = stream.change(&[SHOP[0], SHOP[1], SHOP[2], SHOP[3], (Listener, "bad", "1")]);
    stream.nack(&sent[0], "no");
    let sent = stream.change(SHOP);
    assert_eq!(told(&sent), ["lds -bad"]);
    stream.settle(sent);
    assert!(stream.session.seq().is_some());
}

#[test]
fn what_a_draining_listener_still_uses_is_not_counted_as_served() {
    let mut stream = Stream::delta(&[(Route, "r1", "a"), (Route, "r2", "a")]);
    let sent = stream.subscribe(Route, &["r1", "r2"]);
    stream.settle(sent);
    assert_eq!(stream.report(Route).resources, 2);
    let sent = stream.change(&[(Route, "r2", "a")]);
    stream.settle(sent);
    assert_eq!(stream.report(Route).resources, 1);
    stream.unsubscribe(Route, &["r1"]);
    assert_eq!(stream.report(Route).resources, 1);
}
