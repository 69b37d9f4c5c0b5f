//! What a proxy that comes back says it has, and whether that is what is served here.
//!
//! It matters while the log is away. A relay that started from its own copy, or has heard nothing for an hour, may be
//! behind what another one has told the proxy; sending what differs would take the proxy back to an older state. A proxy
//! that has nothing yet is better off with what there is.
//!
//! Endpoints are left out: they come from discovery, which is asked now, and not from the log.

use super::codec::{Asks, Request};
use super::subscription::version_of;
use crate::snapshot::{ResourceType, Snapshot};

/// Whether a request that opens its type speaks of a configuration that is another than this.
pub(super) fn has_another(request: &Request, snapshot: &Snapshot) -> bool {
    let Some(of) = ResourceType::from_url(&request.type_url) else { return false };
    if of == ResourceType::Endpoint || !request.nonce.is_empty() {
        return false;
    }
    let served = snapshot.of(of);
    match &request.asks {
        Asks::Changes { initial, .. } => initial.iter().any(|(name, version)| {
            served.get(name.as_str()).is_none_or(|resource| resource.version.to_string() != *version)
        }),
        Asks::Names { version, .. } if version.is_empty() => false,
        Asks::Names { names, version } => {
            let all = of.wildcard() && names.iter().all(|name| name == "*");
            let wanted = served.values().filter(|resource| all || names.iter().any(|name| **name == *resource.name));
            version_of(wanted).to_string() != *version
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::XdsResource;
    use ResourceType::{Cluster, Endpoint, Route};

    fn snapshot() -> Snapshot {
        let mut snapshot = Snapshot::default();
        for (of, name) in [(Cluster, "a"), (Cluster, "b"), (Endpoint, "a"), (Route, "r"), (Route, "s")] {
            snapshot.insert(XdsResource::from_bytes(of, name, name.to_owned().into()));
        }
        snapshot
    }

    fn version(of: ResourceType, names: &[&str]) -> String {
        let snapshot = snapshot();
        version_of(snapshot.of(of).values().filter(|one| names.contains(&&*one.name))).to_string()
    }

    fn delta(of: ResourceType, has: &[(&str, &str)]) -> bool {
        let initial = has.iter().map(|(name, body)| {
            let resource = XdsResource::from_bytes(of, *name, (*body).to_owned().into());
            ((*name).to_owned(), resource.version.to_string())
        });
        let asks = Asks::Changes { subscribe: Vec::new(), unsubscribe: Vec::new(), initial: initial.collect() };
        has_another(&Request { type_url: of.url().into(), asks, ..Request::default() }, &snapshot())
    }

    fn sotw(of: ResourceType, names: &[&str], version: &str) -> bool {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        let asks = Asks::Names { names, version: version.to_owned() };
        has_another(&Request { type_url: of.url().into(), asks, ..Request::default() }, &snapshot())
    }

    #[test]
    fn one_who_has_nothing_or_the_same_has_no_other() {
        assert!(!delta(Cluster, &[]));
        assert!(!delta(Cluster, &[("a", "a")]), "less is no other: it was on its way");
        assert!(!sotw(Cluster, &[], ""));
        assert!(!sotw(Cluster, &[], &version(Cluster, &["a", "b"])));
        assert!(!sotw(Route, &["s"], &version(Route, &["s"])));
    }

    #[test]
    fn what_differs_or_is_not_here_is_another() {
        assert!(delta(Cluster, &[("a", "newer")]));
        assert!(delta(Route, &[("r", "r"), ("t", "new")]));
        assert!(sotw(Cluster, &[], &version(Cluster, &["a"])));
        assert!(sotw(Route, &["r"], &version(Route, &["s"])));
    }

    #[test]
    fn endpoints_are_what_discovery_says_now() {
        assert!(!delta(Endpoint, &[("a", "another")]));
        assert!(!sotw(Endpoint, &["a"], "another"));
    }
}
