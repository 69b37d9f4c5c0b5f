//! What client tokens stood for, so that a repeated request is recognised and answered as it was the first time (§13.3).
//!
//! Remembered are digests and what an answer cannot take from the repeated request itself, not specs: a mesh that
//! changes all day costs a megabyte. A request that changed nothing left no event, so its token is not remembered.

use crate::event::{Event, Timestamp};
use crate::resource::{AccountId, Resource, ResourceId, Tags};
use crate::spec::Spec;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, VecDeque};
use std::hash::{Hash, Hasher};
use uuid::Uuid;
use xxhash_rust::xxh3::Xxh3;

/// How long a token is remembered: milliseconds. App Mesh's time is not known; 24 hours is what other services of AWS have.
const TIME: u64 = 24 * 60 * 60 * 1000;
/// How many tokens of one mesh are remembered. Repetitions come within seconds, and a checkpoint carries all of these.
const MOST: usize = 10_000;

/// A request that may be repeated: that a resource be created, or its spec replaced.
#[derive(Debug, Clone, Copy, Hash)]
pub enum Wish<'a> {
    /// That it be created.
    Create(&'a ResourceId, &'a Spec, &'a Tags),
    /// That its spec be replaced.
    Update(&'a ResourceId, &'a Spec),
}

/// What a token stood for, in a fold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recalled {
    /// This very request; it was answered like this.
    Same(Resource),
    /// Another one.
    Other,
}

/// The tokens of a mesh, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tokens {
    of: HashMap<u64, Remembered>,
    order: VecDeque<u64>,
}

/// One request, as far as its repetition does not say it again. Part of the checkpoint's form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Remembered {
    /// The digest of account, operation and token.
    token: u64,
    /// The digest of the wish.
    wish: u64,
    uid: Uuid,
    version: u64,
    created_at: Timestamp,
    at: Timestamp,
}

impl Wish<'_> {
    /// One token may name a wish of every operation: that a node be created, that one be updated, that a router be created.
    fn key(&self, account: &AccountId, token: &str) -> u64 {
        let (id, _) = self.target();
        digest((account, std::mem::discriminant(self), id.kind, token))
    }

    fn target(&self) -> (&ResourceId, &Spec) {
        match self {
            Self::Create(id, spec, _) | Self::Update(id, spec) => (id, spec),
        }
    }

    fn tags(&self) -> Tags {
        match self {
            Self::Create(_, _, tags) => (*tags).clone(),
            Self::Update(..) => Tags::new(),
        }
    }
}

impl Tokens {
    pub(super) fn is_empty(&self) -> bool {
        self.of.is_empty()
    }

    /// What a token of an account stood for in this operation, if it is remembered still.
    pub(super) fn recall(&self, account: &AccountId, token: &str, wish: Wish<'_>, now: Timestamp) -> Option<Recalled> {
        let found = self.of.get(&wish.key(account, token))?;
        if now.0.saturating_sub(found.at.0) >= TIME {
            return None;
        }
        if found.wish != digest(wish) {
            return Some(Recalled::Other);
        }
        let (id, spec) = wish.target();
        Some(Recalled::Same(Resource {
            id: id.clone(),
            spec: spec.clone(),
            uid: found.uid,
            version: found.version,
            created_at: found.created_at,
            last_updated_at: found.at,
            // Only its owner creates and updates a resource.
            owner: account.clone(),
            tags: wish.tags(),
        }))
    }

    /// Remembers the token of an event that left a resource like this, where it had one.
    pub(super) fn remember(&mut self, by: &AccountId, event: &Event, after: &Resource, at: Timestamp) {
        let (token, wish) = match event {
            Event::Created { resource, spec, tags, token: Some(token), .. } => {
                (token, Wish::Create(resource, spec, tags))
            }
            Event::Updated { resource, spec, token: Some(token) } => (token, Wish::Update(resource, spec)),
            _ => return,
        };
        self.push(Remembered {
            token: wish.key(by, token),
            wish: digest(wish),
            uid: after.uid,
            version: after.version,
            created_at: after.created_at,
            at,
        });
    }

    fn push(&mut self, remembered: Remembered) {
        if self.of.insert(remembered.token, remembered).is_some() {
            self.order.retain(|token| *token != remembered.token);
        }
        self.order.push_back(remembered.token);
        while self.order.len() > MOST || self.oldest().is_some_and(|at| remembered.at.0.saturating_sub(at.0) >= TIME) {
            if let Some(token) = self.order.pop_front() {
                self.of.remove(&token);
            }
        }
    }

    fn oldest(&self) -> Option<Timestamp> {
        self.order.front().and_then(|token| self.of.get(token)).map(|oldest| oldest.at)
    }
}

/// The same on every machine that runs this release. After another release a digest may be another, and a repetition of
/// a request from before is refused then rather than carried out twice.
fn digest(value: impl Hash) -> u64 {
    let mut hasher = Xxh3::new();
    value.hash(&mut hasher);
    hasher.finish()
}

impl Serialize for Tokens {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.order.iter().filter_map(|token| self.of.get(token)))
    }
}

impl<'de> Deserialize<'de> for Tokens {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut tokens = Self::default();
        Vec::<Remembered>::deserialize(deserializer)?.into_iter().for_each(|remembered| tokens.push(remembered));
        Ok(tokens)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::Kind;
    use crate::testing::spec;
    use serde_json::json;

    fn event(token: &str) -> Event {
        let spec = spec(Kind::VirtualService, json!({}));
        Event::Updated { resource: ResourceId::new(Kind::VirtualService, "s"), spec, token: Some(token.into()) }
    }

    fn remember(tokens: &mut Tokens, token: &str, at: u64) {
        let event = event(token);
        let Event::Updated { resource, spec, .. } = &event else { return };
        let after = Resource {
            id: resource.clone(),
            spec: spec.clone(),
            uid: Uuid::nil(),
            version: at,
            created_at: Timestamp(0),
            last_updated_at: Timestamp(at),
            owner: "1".into(),
            tags: Tags::new(),
        };
        tokens.remember(&"1".into(), &event, &after, Timestamp(at));
    }

    fn recall(tokens: &Tokens, account: &str, token: &str, now: u64) -> Option<u64> {
        let Event::Updated { resource, spec, .. } = event(token) else { return None };
        match tokens.recall(&account.into(), token, Wish::Update(&resource, &spec), Timestamp(now))? {
            Recalled::Same(answer) => Some(answer.version),
            Recalled::Other => None,
        }
    }

    #[test]
    fn a_token_is_remembered_for_a_day_and_for_its_account() {
        let mut tokens = Tokens::default();
        remember(&mut tokens, "t", 7);
        assert_eq!(recall(&tokens, "1", "t", 7 + TIME - 1), Some(7));
        assert_eq!(recall(&tokens, "1", "t", 7 + TIME), None);
        assert_eq!(recall(&tokens, "2", "t", 8), None);
        assert_eq!(recall(&tokens, "1", "T", 8), None);
        assert_eq!(recall(&tokens, "1", "t", 0), Some(7), "clocks differ");
    }

    #[test]
    fn what_is_too_old_or_too_many_is_forgotten() {
        let mut tokens = Tokens::default();
        for n in 0..=MOST as u64 {
            remember(&mut tokens, &n.to_string(), n);
        }
        assert_eq!((tokens.of.len(), tokens.order.len()), (MOST, MOST));
        assert_eq!(recall(&tokens, "1", "0", MOST as u64), None);
        assert_eq!(recall(&tokens, "1", "1", MOST as u64), Some(1));
        remember(&mut tokens, "late", TIME + 100);
        assert_eq!((tokens.of.len(), tokens.order.len()), (MOST - 99, MOST - 99), "2 to 100 are gone, and 1 was too");
    }

    #[test]
    fn a_token_used_again_stands_for_the_later_request_and_is_saved_once() {
        let mut tokens = Tokens::default();
        for (token, at) in [("a", 1), ("b", 2), ("a", 3)] {
            remember(&mut tokens, token, at);
        }
        assert_eq!((recall(&tokens, "1", "a", 4), recall(&tokens, "1", "b", 4)), (Some(3), Some(2)));
        let saved = serde_json::to_string(&tokens).unwrap();
        assert_eq!(serde_json::from_str::<Tokens>(&saved).unwrap(), tokens);
    }
}
