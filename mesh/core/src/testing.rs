//! How the tests of this crate speak: small meshes in few words, and given … when … then.

use crate::event::{Caller, Entry, Event, Record, Timestamp};
use crate::resource::{Kind, MeshKey, Resource, ResourceId, Tags};
use crate::{Change, Command, Context, Decision, MeshState, Quotas, Rejection, Spec, decide};
use serde_json::{Value, json};
use uuid::Uuid;

/// A spec as the API writes it.
pub fn spec(kind: Kind, spec: Value) -> Spec {
    serde_json::from_value(json!({ kind.as_str(): spec })).expect("a readable spec")
}

fn create_command(target: ResourceId, json: Value) -> Command {
    let spec = spec(target.kind, json);
    Command { target, change: Change::Create { spec, tags: Tags::new(), token: None } }
}

/// The same wish for a resource that exists: that its spec be replaced.
pub fn update(command: Command) -> Command {
    let Change::Create { spec, token, .. } = command.change else { panic!("not a create: {:?}", command.target) };
    Command { target: command.target, change: Change::Update { spec, token } }
}

/// The same wish under a client token.
pub fn under_token(mut command: Command, name: &str) -> Command {
    let (Change::Create { token, .. } | Change::Update { token, .. }) = &mut command.change else {
        panic!("no token for {:?}", command.target)
    };
    *token = Some(name.to_owned());
    command
}

/// That a resource be gone.
pub fn delete(target: ResourceId) -> Command {
    Command { target, change: Change::Delete }
}

/// That tags be set.
pub fn tag(target: ResourceId, pairs: &[(&str, &str)]) -> Command {
    Command { target, change: Change::Tag(tags(pairs)) }
}

/// That tags be gone.
pub fn untag(target: ResourceId, keys: &[&str]) -> Command {
    Command { target, change: Change::Untag(keys.iter().map(ToString::to_string).collect()) }
}

/// That the mesh `m` be open to an account.
pub fn share(with: &str) -> Command {
    Command { target: ResourceId::new(Kind::Mesh, "m"), change: Change::Share(with.into()) }
}

/// That it no longer be.
pub fn unshare(with: &str) -> Command {
    Command { target: ResourceId::new(Kind::Mesh, "m"), change: Change::Unshare(with.into()) }
}

/// Tags.
pub fn tags(pairs: &[(&str, &str)]) -> Tags {
    pairs.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
}

/// The mesh `m`, dropping egress that is not to a backend.
pub fn mesh() -> Command {
    create_command(ResourceId::new(Kind::Mesh, "m"), json!({}))
}

/// A virtual node with listeners and backends.
pub fn node(name: &str, ports: &[(i64, &str)], backends: &[&str]) -> Command {
    let backend = |name: &&str| json!({ "virtualService": { "virtualServiceName": name } });
    let json = json!({ "listeners": listeners(ports), "backends": backends.iter().map(backend).collect::<Vec<_>>() });
    create_command(ResourceId::new(Kind::VirtualNode, name), json)
}

/// A virtual router with listeners.
pub fn router(name: &str, ports: &[(i64, &str)]) -> Command {
    create_command(ResourceId::new(Kind::VirtualRouter, name), json!({ "listeners": listeners(ports) }))
}

/// A virtual gateway with listeners.
pub fn gateway(name: &str, ports: &[(i64, &str)]) -> Command {
    create_command(ResourceId::new(Kind::VirtualGateway, name), json!({ "listeners": listeners(ports) }))
}

fn listeners(ports: &[(i64, &str)]) -> Value {
    ports.iter().map(|(port, protocol)| json!({ "portMapping": { "port": port, "protocol": protocol } })).collect()
}

/// An http route for a prefix.
pub fn route(router: &str, name: &str, prefix: &str, targets: &[&str]) -> Command {
    route_of(router, name, json!({ "httpRoute": { "match": { "prefix": prefix }, "action": weighted(targets) } }))
}

/// Any route.
pub fn route_of(router: &str, name: &str, json: Value) -> Command {
    create_command(ResourceId::child(Kind::Route, router, name), json)
}

/// Equal shares of the traffic for each node.
pub fn weighted(targets: &[&str]) -> Value {
    let target = |name: &&str| json!({ "virtualNode": name, "weight": 1 });
    json!({ "weightedTargets": targets.iter().map(target).collect::<Vec<_>>() })
}

/// A virtual service without a provider.
pub fn service(name: &str) -> Command {
    create_command(ResourceId::new(Kind::VirtualService, name), json!({}))
}

/// A virtual service provided by a virtual node.
pub fn service_by_node(name: &str, node: &str) -> Command {
    let provider = json!({ "virtualNode": { "virtualNodeName": node } });
    create_command(ResourceId::new(Kind::VirtualService, name), json!({ "provider": provider }))
}

/// A virtual service provided by a virtual router.
pub fn service_by_router(name: &str, router: &str) -> Command {
    let provider = json!({ "virtualRouter": { "virtualRouterName": router } });
    create_command(ResourceId::new(Kind::VirtualService, name), json!({ "provider": provider }))
}

/// A gateway route for everything.
pub fn gateway_route(gateway: &str, name: &str, service: &str) -> Command {
    let target = json!({ "virtualService": { "virtualServiceName": service } });
    let json = json!({ "httpRoute": { "match": { "prefix": "/" }, "action": { "target": target } } });
    create_command(ResourceId::child(Kind::GatewayRoute, gateway, name), json)
}

/// The mesh `m` of account 1 after these commands, each of which must be accepted.
pub fn given(commands: impl IntoIterator<Item = Command>) -> Given {
    let mut state = MeshState::new(MeshKey::new("1", "m"));
    for command in commands {
        let decision = decide(&state, &command, &context(state.seq())).expect("a given command is accepted");
        decision.events.into_iter().for_each(|event| fold(&mut state, event));
    }
    Given { state }
}

/// The mesh `m` of account 1 as an old log may have it: these were created when fewer rules were known.
pub fn remembered(commands: impl IntoIterator<Item = Command>) -> Given {
    let mut state = MeshState::new(MeshKey::new("1", "m"));
    for Command { target, change } in commands {
        let Change::Create { spec, tags, token } = change else { panic!("not a create: {target}") };
        let Context { uid, caller, .. } = context(state.seq());
        fold(&mut state, Event::Created { resource: target, uid, owner: caller.account, spec, tags, token });
    }
    Given { state }
}

/// What is decided at the moment after `seq`.
pub fn context(seq: u64) -> Context {
    let caller = Caller { account: "1".into(), principal: None };
    let uid = Uuid::from_u128(u128::from(seq) + 1);
    Context { now: Timestamp(1_000 + seq), uid, caller, quotas: Quotas::default(), meshes: 0 }
}

/// Folds one more event.
pub fn fold(state: &mut MeshState, event: Event) {
    let record = record(state, event);
    state.apply(&record).expect("the next record folds");
}

/// The record that an event makes when it is the next one.
pub fn record(state: &MeshState, event: Event) -> Record {
    let Context { now, caller, .. } = context(state.seq());
    let entry = Entry { at: now, caller, request: Uuid::nil(), event };
    Record { mesh: state.key().clone(), seq: state.seq() + 1, entry }
}

/// A mesh in which something is to be decided.
pub struct Given {
    /// The mesh.
    pub state: MeshState,
}

impl Given {
    /// Decides a command.
    pub fn when(self, command: Command) -> Decided {
        let decided = decide(&self.state, &command, &context(self.state.seq()));
        Decided { state: self.state, decided }
    }
}

/// What was decided.
pub struct Decided {
    state: MeshState,
    decided: Result<Decision, Rejection>,
}

impl Decided {
    /// It may happen, and these are the names of what has happened then.
    #[track_caller]
    pub fn then(self, names: &[&str]) -> Accepted {
        let decision = self.decided.expect("the command is accepted");
        assert_eq!(decision.events.iter().map(Event::name).collect::<Vec<_>>(), names);
        let mut state = self.state;
        decision.events.into_iter().for_each(|event| fold(&mut state, event));
        Accepted { state, answer: (*decision.answer).clone() }
    }

    /// It may not happen, for this reason.
    #[track_caller]
    pub fn then_rejected(self, why: &str) {
        let rejection = self.decided.expect_err("the command is rejected");
        assert_eq!(rejection.to_string(), why);
    }
}

/// What has happened, and what was answered.
pub struct Accepted {
    /// The mesh afterwards.
    pub state: MeshState,
    /// The resource as the answer shows it.
    pub answer: Resource,
}
