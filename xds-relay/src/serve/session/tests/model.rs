//! A model of an Envoy, against which the session is run under random histories: it takes clusters as Envoy does, keeps
//! its answer to them back until their endpoints are there, and answers when it likes. At every moment the routes it has
//! must lead to clusters it has, and in the end it must have the last snapshot, whatever happened.

use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

const CLUSTERS: [&str; 4] = ["a", "b", "c", "d"];
const ROUTES: [&str; 2] = ["r1", "r2"];

/// What a generated mesh has: the content of each cluster and of its endpoints, and the clusters each route leads to.
#[derive(Debug, Clone)]
struct World {
    clusters: BTreeMap<&'static str, (u8, u8)>,
    routes: BTreeMap<&'static str, BTreeSet<&'static str>>,
}

#[derive(Debug, Clone)]
enum Event {
    Change(World),
    /// The Envoy takes the next message that waits for it.
    Take,
    /// It answers the oldest response of a type that it can answer.
    Answer(usize),
    /// The stream breaks and a new one takes its place, perhaps to a relay that has moved on.
    Reconnect(Option<World>),
}

fn worlds() -> impl Strategy<Value = World> {
    let clusters = prop::collection::btree_map(prop::sample::select(CLUSTERS.to_vec()), (0..3u8, 0..2u8), 1..4);
    clusters.prop_flat_map(|clusters| {
        let names: Vec<_> = clusters.keys().copied().collect();
        let uses = prop::sample::subsequence(names.clone(), 1..=names.len());
        let uses = uses.prop_map(|uses| uses.into_iter().collect());
        let routes = prop::collection::btree_map(prop::sample::select(ROUTES.to_vec()), uses, 0..3);
        routes.prop_map(move |routes| World { clusters: clusters.clone(), routes })
    })
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        3 => worlds().prop_map(Event::Change),
        6 => Just(Event::Take),
        6 => (0..4usize).prop_map(Event::Answer),
        1 => prop::option::of(worlds()).prop_map(Event::Reconnect),
    ];
    prop::collection::vec(event, 1..60)
}

/// `d` finds its endpoints by DNS.
fn has_endpoints(cluster: &str) -> bool {
    cluster != "d"
}

fn snapshot_of(world: &World) -> Arc<Snapshot> {
    let mut snapshot = Snapshot::default();
    let mut add = |of, name: &str, body: String| {
        snapshot.insert(XdsResource::from_bytes(of, name, body.into_bytes().into()));
    };
    for (name, (cluster, endpoints)) in &world.clusters {
        add(Cluster, name, format!("cluster {cluster}"));
        if has_endpoints(name) {
            add(Endpoint, name, format!("endpoints {endpoints}"));
        }
    }
    for (name, uses) in &world.routes {
        add(Route, name, uses.iter().copied().collect::<Vec<_>>().join(","));
    }
    add(Listener, "in", world.routes.keys().copied().collect::<Vec<_>>().join(","));
    Arc::new(snapshot)
}

/// What a resource's body says it refers to.
fn references(resource: &XdsResource) -> Vec<String> {
    let text = String::from_utf8(resource.body.to_vec()).unwrap();
    text.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// The model.
struct Envoy {
    session: Session,
    snapshot: Arc<Snapshot>,
    now: Instant,
    inbox: VecDeque<Response>,
    unanswered: [VecDeque<Response>; 4],
    last_nonce: [u64; 4],
    held: [BTreeMap<String, Arc<XdsResource>>; 4],
    versions: [String; 4],
    names: [BTreeSet<String>; 4],
    /// Clusters that wait for their endpoints.
    cold: BTreeSet<String>,
    /// A state-of-the-world server cannot know the old clusters of an Envoy that comes with another version; they go
    /// at once, and the promise about routes holds from the next change on.
    lenient: bool,
}

impl Envoy {
    fn new(protocol: Protocol, world: &World) -> Self {
        let (now, snapshot) = (Instant::now(), snapshot_of(world));
        let mut envoy = Self {
            session: Session::new(protocol, snapshot.clone(), now),
            snapshot,
            now,
            inbox: VecDeque::new(),
            unanswered: Default::default(),
            last_nonce: [0; 4],
            held: Default::default(),
            versions: Default::default(),
            names: Default::default(),
            cold: BTreeSet::new(),
            lenient: false,
        };
        envoy.open();
        envoy
    }

    fn delta(&self) -> bool {
        self.session.protocol == Protocol::Delta
    }

    /// The first requests of a stream.
    fn open(&mut self) {
        for of in [Cluster, Endpoint, Listener, Route] {
            let names: Vec<String> = self.names[of as usize].iter().cloned().collect();
            if names.is_empty() && !of.wildcard() {
                continue;
            }
            let asks = match self.delta() {
                true => {
                    let held = self.held[of as usize].iter();
                    let initial = held.map(|(name, held)| (name.clone(), held.version.to_string())).collect();
                    Asks::Changes { subscribe: names, unsubscribe: Vec::new(), initial }
                }
                false => Asks::Names { names, version: self.versions[of as usize].clone() },
            };
            self.say(of, 0, asks);
        }
    }

    fn say(&mut self, of: ResourceType, nonce: u64, asks: Asks) {
        let nonce = if nonce == 0 { String::new() } else { nonce.to_string() };
        let request = Request { type_url: of.url().into(), nonce, asks, ..Request::default() };
        let sent = self.session.on_request(request, self.now).send;
        self.receive(sent);
    }

    fn receive(&mut self, sent: Vec<Response>) {
        self.inbox.extend(sent);
        for of in ResourceType::ALL {
            let waiting = self.inbox.iter().filter(|response| response.type_url == of.url()).count();
            assert!(waiting <= 1, "more than one {} response is under way", of.short());
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Change(world) => self.change(&world),
            Event::Take => self.take(),
            Event::Answer(of) => self.answer(ResourceType::ALL[of]),
            Event::Reconnect(world) => self.reconnect(world),
        }
    }

    fn change(&mut self, world: &World) {
        self.snapshot = snapshot_of(world);
        let sent = self.session.on_snapshot(self.snapshot.clone(), self.now);
        self.receive(sent);
    }

    fn reconnect(&mut self, world: Option<World>) {
        if let Some(world) = world {
            self.snapshot = snapshot_of(&world);
        }
        self.session = Session::new(self.session.protocol, self.snapshot.clone(), self.now);
        self.inbox.clear();
        self.unanswered = Default::default();
        self.last_nonce = [0; 4];
        self.lenient = !self.delta();
        // A cluster that was warming when its stream broke warms by Envoy's own timeout: no server can know of it.
        self.cold.clear();
        self.open();
    }

    fn take(&mut self) {
        let Some(response) = self.inbox.pop_front() else { return };
        let of = ResourceType::from_url(&response.type_url).unwrap();
        let held = &mut self.held[of as usize];
        if !self.session.sends_changes_only(of) {
            let listed: BTreeSet<&str> = response.resources.iter().map(|one| &*one.name).collect();
            held.retain(|name, _| listed.contains(name.as_str()));
        }
        let asked = |name: &str| of.wildcard() || self.names[of as usize].contains(name);
        for resource in response.resources.iter().filter(|one| asked(&one.name)) {
            let before = held.insert(resource.name.to_string(), resource.clone());
            let news = before.is_none_or(|before| before.version != resource.version);
            match of {
                Cluster if news && has_endpoints(&resource.name) => {
                    self.cold.insert(resource.name.to_string());
                }
                Endpoint => {
                    self.cold.remove(&*resource.name);
                }
                _ => {}
            }
        }
        for name in &response.removed {
            held.remove(&**name);
            if of == Endpoint {
                // To know that there are none is enough to be warm.
                self.cold.remove(&**name);
            }
        }
        let Self { cold, held, .. } = self;
        cold.retain(|name| held[Cluster as usize].contains_key(name));
        self.check_routes(&response);
        self.last_nonce[of as usize] = response.nonce;
        self.versions[of as usize] = response.version.to_string();
        self.unanswered[of as usize].push_back(response);
        self.ask_for_what_follows(of);
    }

    /// Make before break: what the routes lead to is there.
    fn check_routes(&self, response: &Response) {
        for route in self.held[Route as usize].values() {
            for cluster in references(route) {
                let there = self.held[Cluster as usize].contains_key(&cluster);
                assert!(there || self.lenient, "{} leads to {cluster}, which is gone by {response:?}", route.name);
            }
        }
    }

    /// A cluster needs endpoints, a listener routes.
    fn ask_for_what_follows(&mut self, of: ResourceType) {
        let held = &self.held[of as usize];
        let (about, names): (_, BTreeSet<String>) = match of {
            Cluster => (Endpoint, held.keys().filter(|name| has_endpoints(name)).cloned().collect()),
            Listener => (Route, held.values().flat_map(|listener| references(listener)).collect()),
            _ => return,
        };
        let before = std::mem::replace(&mut self.names[about as usize], names.clone());
        self.held[about as usize].retain(|name, _| names.contains(name));
        if before == names {
            return;
        }
        let difference = |one: &BTreeSet<String>, other| one.difference(other).cloned().collect();
        if self.delta() {
            let (subscribe, unsubscribe) = (difference(&names, &before), difference(&before, &names));
            self.say(about, 0, Asks::Changes { subscribe, unsubscribe, initial: HashMap::new() });
        } else {
            // Should the stream break before the answer, the version it last got would speak of names it has given up.
            self.versions[about as usize].clear();
            let asks = Asks::Names { names: names.into_iter().collect(), version: String::new() };
            self.say(about, self.last_nonce[about as usize], asks);
        }
    }

    fn answer(&mut self, of: ResourceType) {
        if of == Cluster && !self.cold.is_empty() {
            return;
        }
        let Some(response) = self.unanswered[of as usize].pop_front() else { return };
        let (names, version) = (self.names[of as usize].iter().cloned().collect(), response.version.to_string());
        let asks = if self.delta() { changes(&[], &[], &[]) } else { Asks::Names { names, version } };
        self.say(of, response.nonce, asks);
    }

    /// Everything that is under way arrives and is answered, without any time passing if it can be.
    fn settle(&mut self) {
        self.calm_down();
        while !self.delta() && !self.cold.is_empty() {
            // State of the world has no words for endpoints that do not exist (any more): Envoy stops waiting by itself.
            self.cold.clear();
            self.calm_down();
        }
        if self.session.resumed_at.is_some() {
            // Without routes it will never be heard of them, and old clusters wait in vain.
            self.now += PATIENCE;
            let sent = self.session.on_time(self.now);
            self.receive(sent);
            self.calm_down();
        }
        assert!(self.cold.is_empty(), "clusters without endpoints: {:?}", self.cold);
        let unanswered = &self.unanswered;
        assert!(
            self.inbox.is_empty() && unanswered.iter().all(VecDeque::is_empty),
            "no rest: {:?} {unanswered:?}",
            self.inbox
        );
        assert!(self.session.seq().is_some(), "{:?}", self.session);
    }

    fn calm_down(&mut self) {
        for _ in 0..100 {
            self.take();
            for of in [Endpoint, Cluster, Listener, Route] {
                self.answer(of);
            }
        }
    }

    fn check_complete(&self) {
        for of in [Cluster, Endpoint, Listener, Route] {
            let asked = |name: &str| of.wildcard() || self.names[of as usize].contains(name);
            let wanted: Vec<_> = self.snapshot.of(of).values().filter(|one| asked(&one.name)).collect();
            let held: Vec<_> = self.held[of as usize].values().collect();
            assert_eq!(format!("{wanted:?}"), format!("{held:?}"));
        }
    }
}

impl Session {
    fn sends_changes_only(&self, of: ResourceType) -> bool {
        self.protocol == Protocol::Delta || !of.wildcard()
    }
}

fn run(protocol: Protocol, world: &World, events: Vec<Event>) {
    let mut envoy = Envoy::new(protocol, world);
    for event in events {
        envoy.happen(event);
    }
    envoy.settle();
    envoy.check_complete();
    if protocol == Protocol::Delta {
        // Nothing is sent to one who has everything.
        envoy.reconnect(None);
        assert!(envoy.inbox.is_empty(), "{:?}", envoy.inbox);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn by_delta_no_route_ever_leads_nowhere_and_all_arrives(world in worlds(), events in events()) {
        run(Protocol::Delta, &world, events);
    }

    #[test]
    fn by_state_of_the_world_no_route_ever_leads_nowhere_and_all_arrives(world in worlds(), events in events()) {
        run(Protocol::Sotw, &world, events);
    }
}
