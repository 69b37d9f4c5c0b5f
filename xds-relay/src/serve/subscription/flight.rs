//! Responses under way, and what an Envoy answers.

use super::{Held, Refusal, Subscription};
use crate::serve::codec::Protocol;
use crate::snapshot::{Snapshot, Version, XdsResource};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What has been sent of a type and not been answered yet: one response, or the pieces of a large one.
#[derive(Debug)]
pub(in crate::serve) struct Flight {
    pub pieces: Vec<Piece>,
    pub version: Version,
    pub sent_at: Instant,
    /// Whether listeners and routes wait for the answer.
    pub gates: bool,
}

/// One response.
#[derive(Debug)]
pub(in crate::serve) struct Piece {
    pub nonce: u64,
    pub news: Vec<Arc<XdsResource>>,
}

impl Flight {
    /// Whether the answer has been waited for long enough.
    pub fn is_overdue(&self, now: Instant, patience: Duration) -> bool {
        now.saturating_duration_since(self.sent_at) >= patience
    }
}

/// What an Envoy said to a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It took it.
    Accepted,
    /// It did not, or not all of it.
    Refused {
        /// Its reason.
        message: String,
        /// The resources at fault, as far as it says.
        names: Vec<Arc<str>>,
    },
}

impl Subscription {
    /// Notes what was sent. What is still unanswered from before, because the answer is overdue, stays under way as far
    /// as it is current: a client that never answers costs no more than its resources.
    pub fn on_sent(&mut self, mut sent: Flight) {
        self.last_nonce = sent.pieces.last().map(|piece| piece.nonce).or(self.last_nonce);
        let mut pieces = self.flight.take().map(|flight| flight.pieces).unwrap_or_default();
        for piece in &mut pieces {
            piece
                .news
                .retain(|sent| matches!(self.held.get(&sent.name), Some(Held::Sent(held)) if Arc::ptr_eq(held, sent)));
        }
        pieces.retain(|piece| !piece.news.is_empty());
        pieces.append(&mut sent.pieces);
        self.flight = Some(Flight { pieces, ..sent });
    }

    /// Takes an answer. Answers to anything but what is under way are late ones, and none.
    pub fn on_answer(
        &mut self,
        nonce: u64,
        refusal: Option<String>,
        now: Instant,
        snapshot: &Snapshot,
    ) -> Option<Verdict> {
        let flight = self.flight.as_mut()?;
        let at = flight.pieces.iter().position(|piece| piece.nonce == nonce)?;
        let piece = flight.pieces.remove(at);
        if self.protocol == Protocol::Sotw {
            // An Envoy that was busy answers only the newest of what it got meanwhile.
            flight.pieces.retain(|piece| piece.nonce > nonce);
        }
        let version = flight.version;
        if flight.pieces.is_empty() {
            self.flight = None;
        }
        match refusal {
            Some(message) => Some(self.on_refusal(piece, Refusal { message, version, at: now }, snapshot)),
            None => {
                if self.flight.is_none() {
                    self.acknowledged = Some(version);
                }
                Some(Verdict::Accepted)
            }
        }
    }

    /// Records who is at fault. What is refused counts as sent, so it is not sent again until its content changes.
    fn on_refusal(&mut self, piece: Piece, refusal: Refusal, snapshot: &Snapshot) -> Verdict {
        let message = refusal.message.clone();
        let (named, rest): (Vec<_>, Vec<_>) =
            piece.news.into_iter().partition(|resource| mentions(&message, &resource.name));
        let names = named.iter().map(|resource| resource.name.clone()).collect();
        let guilty = match (named.is_empty(), rest.len() > 1 && !self.sends_all()) {
            (true, true) => {
                self.try_alone(&rest, snapshot);
                Vec::new()
            }
            (true, false) => rest,
            (false, _) => {
                self.try_rest(&rest, snapshot);
                named
            }
        };
        for resource in guilty {
            self.refuse(&resource);
        }
        if !self.refused.is_empty() {
            self.refusal = Some(refusal);
        }
        Verdict::Refused { message, names }
    }

    fn refuse(&mut self, resource: &Arc<XdsResource>) {
        let current =
            matches!(self.held.get(&resource.name), Some(Held::Sent(held)) if held.version == resource.version);
        if current && self.refused.insert(resource.name.clone(), resource.version).is_none() {
            self.content = self.content.wrapping_sub(super::fingerprint(resource));
        }
    }

    /// Nobody knows which of these is at fault: each is sent once more, by itself.
    fn try_alone(&mut self, all: &[Arc<XdsResource>], snapshot: &Snapshot) {
        for resource in all {
            self.alone.insert(resource.name.clone());
            self.doubt(resource, snapshot);
        }
    }

    /// Envoy takes clusters and listeners one by one; of routes and endpoints it may have dropped those beside the bad
    /// one as well, so they are sent again without it.
    fn try_rest(&mut self, rest: &[Arc<XdsResource>], snapshot: &Snapshot) {
        if self.of.wildcard() {
            return;
        }
        for resource in rest {
            self.doubt(resource, snapshot);
        }
    }

    fn doubt(&mut self, resource: &XdsResource, snapshot: &Snapshot) {
        let name = resource.name.clone();
        if self.wants(&name) && snapshot.of(self.of).contains_key(&name) {
            self.hold(&name, Held::Other);
            self.dirty.insert(name);
        }
    }
}

/// Whether a message speaks of a name, and not only of a longer one.
fn mentions(message: &str, name: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    !name.is_empty()
        && message.match_indices(name).any(|(at, _)| {
            let before = message[..at].chars().next_back();
            let after = message[at + name.len()..].chars().next();
            !before.is_some_and(part) && !after.is_some_and(part)
        })
}

#[cfg(test)]
mod tests {
    use super::mentions;

    #[test]
    fn a_message_about_a_longer_name_is_not_about_the_shorter_one() {
        assert!(mentions("Error adding/updating cluster(s) a_http_80: bad", "a_http_80"));
        assert!(mentions("'a_http_80'", "a_http_80"));
        assert!(!mentions("Error adding/updating cluster(s) a_http_8080: bad", "a_http_80"));
        assert!(!mentions("Error adding/updating cluster(s) aa_http_80: bad", "a_http_80"));
        assert!(!mentions("anything", ""));
    }
}
