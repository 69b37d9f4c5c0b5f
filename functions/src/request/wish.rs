//! What the body of a change wishes, or everything that is wrong with it.
//!
//! Misfits and broken rules are told together: a client that mends what it was told does not learn of the next one by one.
//! Rules are asked here only where something did not fit, or where only the body knows the place; otherwise they are asked
//! where the command is decided, together with those that need the mesh.

use super::body::Body;
use super::json::{self, Filler, Misfit};
use crate::error::ApiError;
use crate::routes::name_member;
use mesh_core::decide::MAX_TAGS;
use mesh_core::rules::{self, Violation};
use mesh_core::spec::MeshSpec;
use mesh_core::{Kind, Name, Rejection, ResourceId, Spec, Tags};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::HashSet;
use std::sync::Arc;

/// The most characters of a client's token.
const MAX_TOKEN: usize = 36;

/// A resource that is to be.
pub struct Creation {
    /// Its name.
    pub name: Name,
    /// What it is to be.
    pub spec: Spec,
    /// Its tags.
    pub tags: Tags,
    /// The client's name for the wish.
    pub token: Option<String>,
}

/// A spec that is to be in place of another.
pub struct Replacement {
    /// The spec.
    pub spec: Spec,
    /// The client's name for the wish.
    pub token: Option<String>,
}

#[derive(Deserialize)]
struct TagRef {
    key: String,
    value: String,
}

/// A member of the body, or what is wrong with it.
type Checked<T> = Result<T, Vec<Violation>>;

impl Body {
    /// What a `Create…` wishes.
    pub fn creation(&self, kind: Kind) -> Result<Creation, ApiError> {
        let (name, spec, tags, token) = (self.name(kind), self.any_spec(kind), self.listed_tags(true), self.token());
        match (name, spec, tags, token) {
            (Ok(name), Ok(spec), Ok(tags), Ok(token)) => {
                Ok(Creation { name, spec, tags: tags.unwrap_or_default(), token })
            }
            (name, spec, tags, token) => Err(refusal([broken(name), broken_spec(spec), broken(tags), broken(token)])),
        }
    }

    /// What an `Update…` wishes.
    pub fn replacement(&self, kind: Kind) -> Result<Replacement, ApiError> {
        match (self.any_spec(kind), self.token()) {
            (Ok(spec), Ok(token)) => Ok(Replacement { spec, token }),
            (spec, token) => Err(refusal([broken_spec(spec), broken(token)])),
        }
    }

    /// The spec alone. Only a mesh's may be absent, and then is empty (§13.4).
    pub fn spec(&self, kind: Kind) -> Result<Spec, ApiError> {
        self.any_spec(kind).map_err(|broken| refusal([broken]))
    }

    /// The tags that `TagResource` sets. How many a resource may have is for the mesh to say.
    pub fn tags(&self) -> Result<Tags, ApiError> {
        let tags = self.listed_tags(false).and_then(|tags| tags.ok_or_else(|| missing("tags")));
        tags.map_err(|broken| refusal([broken]))
    }

    /// The keys of the tags that `UntagResource` takes away.
    pub fn tag_keys(&self) -> Result<Vec<String>, ApiError> {
        let keys = self.required("tagKeys", |keys: &Vec<String>| rules::check_tag_keys(keys));
        keys.map_err(|broken| refusal([broken]))
    }

    fn name(&self, kind: Kind) -> Checked<Name> {
        let check = |name: &String| rules::check_name(&ResourceId::new(kind, name.as_str()));
        let name = self.required(&name_member(kind), check)?;
        match check(&name) {
            broken if broken.is_empty() => Ok(name.into()),
            broken => Err(broken),
        }
    }

    fn any_spec(&self, kind: Kind) -> Checked<Spec> {
        match kind {
            Kind::Mesh if self.member("spec").is_none() => Ok(Spec::Mesh(Arc::new(MeshSpec::default()))),
            Kind::Mesh => self.spec_of(Spec::Mesh),
            Kind::VirtualGateway => self.spec_of(Spec::VirtualGateway),
            Kind::GatewayRoute => self.spec_of(Spec::GatewayRoute),
            Kind::VirtualNode => self.spec_of(Spec::VirtualNode),
            Kind::VirtualRouter => self.spec_of(Spec::VirtualRouter),
            Kind::Route => self.spec_of(Spec::Route),
            Kind::VirtualService => self.spec_of(Spec::VirtualService),
        }
    }

    fn spec_of<T: DeserializeOwned + Clone>(&self, of_kind: fn(Arc<T>) -> Spec) -> Checked<Spec> {
        let check = |spec: &T| rules::check(&of_kind(Arc::new(spec.clone())));
        self.required("spec", check).map(|spec| of_kind(Arc::new(spec)))
    }

    /// The token that makes a request one with its repetitions: up to 36 letters, digits, `-` and `_` (§13.3).
    fn token(&self) -> Checked<Option<String>> {
        let token = self.optional("clientToken", |_: &String| Vec::new())?;
        let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        match token {
            Some(token) if token.is_empty() || token.len() > MAX_TOKEN || !token.chars().all(known) => {
                let given = token.escape_debug();
                let message = format!("is `{given}`, must have 1 to {MAX_TOKEN} letters, digits, `-` and `_`");
                Err(vec![Violation { path: "clientToken".into(), message }])
            }
            token => Ok(token),
        }
    }

    fn listed_tags(&self, at_creation: bool) -> Checked<Option<Tags>> {
        let check = |list: &Vec<TagRef>| check_tags(list, at_creation);
        let Some(list) = self.optional("tags", check)? else { return Ok(None) };
        let broken = check(&list);
        if !broken.is_empty() {
            return Err(broken);
        }
        Ok(Some(list.into_iter().map(|TagRef { key, value }| (key, value)).collect()))
    }

    fn required<T: DeserializeOwned>(&self, member: &str, check: impl Fn(&T) -> Vec<Violation>) -> Checked<T> {
        self.optional(member, check)?.ok_or_else(|| missing(member))
    }

    /// Reads a member that may be absent. Where something in it does not fit, its broken rules are told as well.
    fn optional<T: DeserializeOwned>(&self, member: &str, check: impl Fn(&T) -> Vec<Violation>) -> Checked<Option<T>> {
        let Some(value) = self.member(member) else { return Ok(None) };
        let (read, misfits) = json::read(value, member, Filler::One);
        if misfits.is_empty() {
            return Ok(read);
        }
        let other = json::read(value, member, Filler::Other).0;
        let rules = read.iter().zip(&other).flat_map(|(one, other)| of_both(check(one), &check(other)));
        let rules: Vec<_> = rules.filter(|rule| misfits.iter().all(|misfit| !is_about(rule, misfit))).collect();
        Err(misfits.into_iter().map(|misfit| misfit.violation).chain(rules).collect())
    }
}

/// Tags are told of by their place in the list. Once they are a map, only their keys are left.
fn check_tags(list: &[TagRef], at_creation: bool) -> Vec<Violation> {
    let mut broken = Vec::new();
    // Too many for a resource is an exception of TagResource alone; here the list itself is too long.
    if at_creation && list.len() > MAX_TAGS {
        let message = format!("has {} members, must have between 0 and {MAX_TAGS}", list.len());
        broken.push(Violation { path: "tags".into(), message });
    }
    let mut seen = HashSet::new();
    for (index, TagRef { key, value }) in list.iter().enumerate() {
        broken.extend(rules::check_tag(index, key, value));
        if !seen.insert(key) {
            let message = format!("`{}` is given more than once", key.escape_debug());
            broken.push(Violation { path: format!("tags[{index}].key"), message });
        }
    }
    broken
}

/// The rules that are broken whatever stands where something did not fit.
fn of_both(one: Vec<Violation>, other: &[Violation]) -> Vec<Violation> {
    one.into_iter().filter(|violation| other.contains(violation)).collect()
}

/// Whether a broken rule speaks of what did not fit, or of something in it.
fn is_about(rule: &Violation, misfit: &Misfit) -> bool {
    rule.path.strip_prefix(&misfit.place).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

fn missing(member: &str) -> Vec<Violation> {
    vec![Violation { path: member.to_owned(), message: "missing from the body".into() }]
}

fn broken<T>(checked: Checked<T>) -> Vec<Violation> {
    checked.err().unwrap_or_default()
}

/// What is wrong with a spec beside which something else is wrong: the command will not come to be decided.
fn broken_spec(spec: Checked<Spec>) -> Vec<Violation> {
    spec.map_or_else(|broken| broken, |spec| rules::check(&spec))
}

fn refusal(broken: impl IntoIterator<Item = Vec<Violation>>) -> ApiError {
    Rejection::Invalid(broken.into_iter().flatten().collect()).into()
}

#[cfg(test)]
mod tests;
