//! How names are asked for: the one place where the two protocols differ.

use super::{Held, Subscription};
use crate::serve::codec::Asks;
use crate::snapshot::{Snapshot, Version};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// The name that stands for all of them.
const ALL: &str = "*";

impl Subscription {
    /// Takes what a request asks for.
    pub fn on_asks(&mut self, asks: Asks, snapshot: &Snapshot) {
        let first = !std::mem::replace(&mut self.started, true);
        match asks {
            Asks::Names { names, version } => {
                self.replace_names(names, snapshot);
                if first {
                    self.compare_version(&version, snapshot);
                }
            }
            Asks::Changes { subscribe, unsubscribe, initial } => {
                let initial = if first { initial } else { HashMap::new() };
                if first && subscribe.is_empty() && self.of.wildcard() {
                    self.ask_for_all(snapshot);
                }
                self.add_names(subscribe, &initial, snapshot);
                self.take_away_names(unsubscribe, snapshot);
                self.compare_initial(&initial, snapshot);
                self.answer_due |= first && self.wildcard && self.held.is_empty();
            }
        }
    }

    fn ask_for_all(&mut self, snapshot: &Snapshot) {
        if !std::mem::replace(&mut self.wildcard, true) {
            self.dirty.extend(snapshot.of(self.of).keys().cloned());
        }
    }

    /// State of the world: the names are these. None at all means every one, until names have been given once.
    fn replace_names(&mut self, names: Vec<String>, snapshot: &Snapshot) {
        self.named |= !names.is_empty();
        let all = names.iter().any(|name| name == ALL) || (!self.named && self.of.wildcard());
        let names: BTreeSet<Arc<str>> =
            names.into_iter().filter(|name| name != ALL).map(|name| shared(self, name, snapshot)).collect();
        let before = std::mem::replace(&mut self.names, names);
        self.dirty.extend(before.difference(&self.names).cloned());
        self.dirty.extend(self.names.difference(&before).cloned());
        if all {
            self.ask_for_all(snapshot);
        } else {
            self.ask_no_more_for_all();
        }
    }

    fn ask_no_more_for_all(&mut self) {
        if std::mem::take(&mut self.wildcard) {
            self.dirty.extend(self.held.keys().cloned());
        }
    }

    /// A name that is asked for again is sent again: the Envoy has lost it, or a new user for it waits.
    fn add_names(&mut self, names: Vec<String>, initial: &HashMap<String, String>, snapshot: &Snapshot) {
        for name in names {
            if name == ALL {
                self.ask_for_all(snapshot);
                continue;
            }
            let name = shared(self, name, snapshot);
            match self.held.get(&name) {
                Some(Held::Missing) => self.let_go(&name),
                Some(_) if !initial.contains_key(&*name) => {
                    self.due.insert(name.clone());
                }
                _ => {}
            }
            self.dirty.insert(name.clone());
            self.names.insert(name);
        }
    }

    fn take_away_names(&mut self, names: Vec<String>, snapshot: &Snapshot) {
        for name in names {
            if name == ALL {
                self.ask_no_more_for_all();
                continue;
            }
            let name = shared(self, name, snapshot);
            self.names.remove(&name);
            if self.wildcard {
                // It has dropped what it had, but is still to have all there is.
                self.hold(&name, Held::Other);
            }
            self.dirty.insert(name);
        }
    }

    /// State of the world on a new stream: one version for all. If it is ours, the Envoy has everything.
    fn compare_version(&mut self, version: &str, snapshot: &Snapshot) {
        let wanted: Vec<_> = snapshot.of(self.of).values().filter(|one| self.wants(&one.name)).cloned().collect();
        let ours = super::version_of(wanted.iter());
        if parse(version) == Some(ours) {
            for resource in wanted {
                self.hold(&resource.name.clone(), Held::Sent(resource));
            }
            self.acknowledged = Some(ours);
            return;
        }
        self.answer_due |= self.wildcard;
    }

    /// Delta on a new stream: a version for each name that the Envoy still has.
    fn compare_initial(&mut self, initial: &HashMap<String, String>, snapshot: &Snapshot) {
        for (name, version) in initial {
            if !self.wants(name) {
                continue;
            }
            let name = shared(self, name.clone(), snapshot);
            let wanted = snapshot.of(self.of).get(&name).filter(|wanted| parse(version) == Some(wanted.version));
            self.hold(&name, wanted.map_or(Held::Other, |wanted| Held::Sent(wanted.clone())));
            self.dirty.insert(name);
        }
    }
}

/// The name as the snapshot or the subscription holds it already, so that many streams share one copy.
fn shared(subscription: &Subscription, name: String, snapshot: &Snapshot) -> Arc<str> {
    let known = snapshot.of(subscription.of).get_key_value(name.as_str()).map(|(known, _)| known);
    known.or_else(|| subscription.names.get(name.as_str())).cloned().unwrap_or_else(|| name.into())
}

fn parse(version: &str) -> Option<Version> {
    (version.len() == 32).then(|| u128::from_str_radix(version, 16).ok().map(Version)).flatten()
}
