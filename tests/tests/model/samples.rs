//! Samples of a shape: everything there, and every choice taken once.
//!
//! A choice is a place where the model allows one of several: the member of a union, the value of an enumeration. The
//! first sample takes the first of each; every other takes one other choice, and the firsts of all that lies below it.

use crate::service::{Model, Shape};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;

/// Which samples.
#[derive(Clone, Copy, PartialEq)]
pub enum Walk {
    /// Whatever the model can say.
    Everything,
    /// What keeps to the cross-field rules as well: [`ONE_OF`] are choices, and listeners agree with themselves.
    Acceptable,
}

/// Structures of the model in which the service accepts one of some members only.
const ONE_OF: [(&str, &[&str]); 8] = [
    ("RouteSpec", &["httpRoute", "http2Route", "grpcRoute", "tcpRoute"]),
    ("GatewayRouteSpec", &["httpRoute", "http2Route", "grpcRoute"]),
    ("HttpRouteMatch", &["prefix", "path"]),
    ("HttpGatewayRouteMatch", &["prefix", "path"]),
    ("HttpPathMatch", &["exact", "regex"]),
    ("GatewayRouteHostnameMatch", &["exact", "suffix"]),
    ("HttpGatewayRouteRewrite", &["prefix", "path"]),
    ("HttpGatewayRoutePrefixRewrite", &["value", "defaultPrefix"]),
];

/// The choices taken, by the place where; the first is taken elsewhere.
type Choices = BTreeMap<String, usize>;

/// A sample, and the choices that made it.
pub struct Sample {
    pub value: Value,
    choices: Choices,
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sample {:?}: {}", self.choices, self.value)
    }
}

/// The samples of a shape.
pub fn of(model: &Model, root: &str, walk: Walk) -> Vec<Sample> {
    let mut samples = Vec::new();
    let mut waiting = VecDeque::from([Choices::new()]);
    let mut known = std::collections::BTreeSet::new();
    while let Some(choices) = waiting.pop_front() {
        let mut maker = Maker { walk, choices: &choices, met: BTreeMap::new() };
        let mut value = maker.make(model.shape(root), "");
        for (place, options) in maker.met {
            let others = (1..options).filter(|option| known.insert((place.clone(), *option)));
            waiting.extend(others.map(|option| with(&choices, &place, option)));
        }
        if walk == Walk::Acceptable {
            agree(&mut value, "", &choices);
        }
        samples.push(Sample { value, choices });
    }
    samples
}

fn with(choices: &Choices, place: &str, option: usize) -> Choices {
    choices.clone().into_iter().chain([(place.to_owned(), option)]).collect()
}

struct Maker<'c> {
    walk: Walk,
    choices: &'c Choices,
    met: BTreeMap<String, usize>,
}

impl Maker<'_> {
    fn make(&mut self, shape: Shape<'_>, place: &str) -> Value {
        match shape.kind() {
            "structure" => self.structure(shape, place),
            "list" => Value::Array(vec![self.make(shape.item(), &format!("{place}[]"))]),
            "string" => self.string(shape, place),
            "boolean" => Value::Bool(true),
            // A range ends after it starts.
            _ if place.ends_with(".range.end") => json!(2),
            _ => json!(shape.min().unwrap_or(1).max(1)),
        }
    }

    fn structure(&mut self, shape: Shape<'_>, place: &str) -> Value {
        let mut members: Vec<_> = shape.members().collect();
        if shape.is_union() {
            let chosen = self.choose(place, members.len());
            members = vec![members[chosen]];
        }
        let one_of = ONE_OF.iter().find(|(name, _)| self.walk == Walk::Acceptable && *name == shape.name());
        if let Some((_, names)) = one_of {
            let chosen = names[self.choose(place, names.len())];
            members.retain(|(name, _)| *name == chosen || !names.contains(&name.as_str()));
        }
        let made =
            members.into_iter().map(|(name, member)| (name.clone(), self.make(member, &format!("{place}.{name}"))));
        Value::Object(made.collect::<Map<_, _>>())
    }

    fn string(&mut self, shape: Shape<'_>, place: &str) -> Value {
        match shape.values() {
            Some(values) => values[self.choose(place, values.len())].clone(),
            None => json!(plain(shape.name(), place)),
        }
    }

    fn choose(&mut self, place: &str, options: usize) -> usize {
        self.met.insert(place.to_owned(), options);
        self.choices.get(place).copied().unwrap_or(0)
    }
}

/// A text that any rule accepts at this place.
fn plain(shape: &str, place: &str) -> &'static str {
    match shape {
        "HttpPathExact" | "HttpGatewayRoutePrefix" => "/",
        "HttpRetryPolicyEvent" => "server-error",
        "SuffixHostname" => ".a",
        "String" if place.ends_with(".prefix") || place.ends_with(".path") => "/",
        _ => "a",
    }
}

/// Makes a sample agree with itself where two fields must say one thing. The field that was chosen stands; what
/// disagrees with it gives way.
fn agree(value: &mut Value, place: &str, choices: &Choices) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(|item| agree(item, &format!("{place}[]"), choices)),
        Value::Object(members) => {
            members.iter_mut().for_each(|(name, member)| agree(member, &format!("{place}.{name}"), choices));
            agree_on_protocol(members, place, choices);
            agree_on_rewrite(members);
        }
        _ => {}
    }
}

/// A listener's pool and timeout are for its protocol, its health check for its port.
fn agree_on_protocol(listener: &mut Map<String, Value>, place: &str, choices: &Choices) {
    let Some(mapping) = listener.get("portMapping").cloned() else { return };
    if let Some(health) = listener.get_mut("healthCheck") {
        health["port"] = mapping["port"].clone();
    }
    let union = |name: &str| {
        let member = listener.get(name)?.as_object()?.keys().next()?.clone();
        Some((name.to_owned(), member))
    };
    let unions: Vec<_> = ["timeout", "connectionPool"].into_iter().filter_map(union).collect();
    let chosen = unions.iter().find(|(name, _)| choices.contains_key(&format!("{place}.{name}")));
    let protocol = match chosen {
        Some((_, protocol)) => protocol.clone(),
        None => mapping["protocol"].as_str().unwrap().to_owned(),
    };
    for (name, member) in unions {
        if member != protocol {
            listener.remove(&name);
        }
    }
    listener["portMapping"]["protocol"] = json!(protocol);
}

/// What is rewritten is what was matched: a sample that matches the whole path rewrites the whole path.
fn agree_on_rewrite(route: &mut Map<String, Value>) {
    let by_path = route.get("match").is_some_and(|matched| matched.get("path").is_some());
    let rewrite = route.get_mut("action").and_then(|action| action.get_mut("rewrite")).and_then(Value::as_object_mut);
    let Some(rewrite) = rewrite else { return };
    let other = if by_path { "prefix" } else { "path" };
    if rewrite.remove(other).is_some() && by_path {
        rewrite.insert("path".to_owned(), json!({ "exact": "/" }));
    }
}

/// After one of a listener's ports was changed, its health check's follows, or the other way round.
pub fn keep_ports_together(spec: &mut Value, changed: &At) {
    let Some(Step::Member(last)) = changed.0.last() else { return };
    let (Some(parent), "port") = (changed.0.len().checked_sub(2), last.as_str()) else { return };
    let listener = At(changed.0[..parent].to_vec());
    let port = changed.of(spec).clone();
    let Some(listener) = listener.of(spec).as_object_mut().filter(|it| it.contains_key("portMapping")) else { return };
    listener["portMapping"]["port"] = port.clone();
    if let Some(health) = listener.get_mut("healthCheck") {
        health["port"] = port;
    }
}

/// A place in a sample.
#[derive(Clone)]
pub struct At(Vec<Step>);

#[derive(Clone)]
enum Step {
    Member(String),
    Item(usize),
}

impl At {
    /// The value at this place.
    pub fn of<'v>(&self, value: &'v mut Value) -> &'v mut Value {
        self.0.iter().fold(value, |value, step| match step {
            Step::Member(name) => &mut value[name],
            Step::Item(index) => &mut value[index],
        })
    }

    /// The place in the model: without the numbers of list members.
    pub fn pattern(&self) -> String {
        self.0
            .iter()
            .map(|step| match step {
                Step::Member(name) => format!(".{name}"),
                Step::Item(_) => "[]".to_owned(),
            })
            .collect()
    }

    fn then(&self, step: Step) -> Self {
        Self(self.0.iter().cloned().chain([step]).collect())
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|step| match step {
            Step::Member(name) => write!(f, ".{name}"),
            Step::Item(index) => write!(f, "[{index}]"),
        })
    }
}

/// Visits every value of a sample with its shape.
pub fn visit(model: &Model, root: &str, value: &Value, see: &mut dyn FnMut(&At, Shape<'_>, &Value)) {
    visit_at(&At(Vec::new()), model.shape(root), value, see);
}

fn visit_at(at: &At, shape: Shape<'_>, value: &Value, see: &mut dyn FnMut(&At, Shape<'_>, &Value)) {
    see(at, shape, value);
    for (name, member) in shape.members() {
        if let Some(value) = value.get(name) {
            visit_at(&at.then(Step::Member(name.clone())), member, value, see);
        }
    }
    for (index, value) in value.as_array().into_iter().flatten().enumerate() {
        visit_at(&at.then(Step::Item(index)), shape.item(), value, see);
    }
}
