//! Whose mesh it is, and who may do what in one that is shared (§13.11).
//!
//! Everybody a mesh is shared with sees all of it and makes nodes, routers, routes and services in it. What somebody made
//! nobody else changes or tags; its maker deletes it, and the mesh's owner may. The mesh itself and its gateways are its
//! owner's alone.
//!
//! Whom a mesh is not shared with learns nothing of it, not even whether it exists.

use crate::command::{Change, Command};
use crate::rejection::Rejection;
use crate::resource::{AccountId, Kind, ResourceId};
use crate::state::MeshState;

/// Whether an account may look into the mesh.
///
/// # Errors
///
/// That it may not.
pub fn may_see(state: &MeshState, account: &AccountId) -> Result<(), Rejection> {
    if state.is_open_to(account) {
        return Ok(());
    }
    Err(Rejection::NotShared { mesh: state.key().clone(), account: account.clone() })
}

/// Whether an account may do this.
pub(super) fn may_change(state: &MeshState, command: &Command, account: &AccountId) -> Result<(), Rejection> {
    may_see(state, account)?;
    let Command { target, change } = command;
    if account == state.owner() {
        return own_mesh(state, target, change, account);
    }
    if matches!(target.kind, Kind::Mesh | Kind::VirtualGateway | Kind::GatewayRoute) {
        return Err(Rejection::OwnersOnly { id: target.clone(), mesh: state.key().clone() });
    }
    match change {
        // A route changes its router.
        Change::Create { .. } => target.parent_id().map_or(Ok(()), |parent| made_by(state, &parent, account)),
        _ => made_by(state, target, account),
    }
}

fn own_mesh(state: &MeshState, target: &ResourceId, change: &Change, owner: &AccountId) -> Result<(), Rejection> {
    match change {
        Change::Delete | Change::Share(_) | Change::Unshare(_) => Ok(()),
        Change::Create { .. } => target.parent_id().map_or(Ok(()), |parent| made_by(state, &parent, owner)),
        Change::Update { .. } | Change::Tag(_) | Change::Untag(_) => made_by(state, target, owner),
    }
}

/// What does not exist is nobody's; that is told elsewhere.
fn made_by(state: &MeshState, id: &ResourceId, account: &AccountId) -> Result<(), Rejection> {
    match state.get(id) {
        Some(resource) if resource.owner != *account => {
            let (id, owner) = (id.clone(), resource.owner.clone());
            Err(Rejection::MadeByAnother { id, owner, account: account.clone() })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;
    use crate::{Context, Decision, decide};

    const MINE: &str = "1";
    const THEIRS: &str = "2";

    fn ask(state: &MeshState, account: &str, command: &Command) -> Result<Decision, Rejection> {
        let mut context: Context = context(state.seq());
        context.caller.account = account.into();
        decide(state, command, &context)
    }

    fn ok(state: &mut MeshState, account: &str, command: Command) {
        let decision = ask(state, account, &command).unwrap_or_else(|why| panic!("{command:?}: {why}"));
        decision.events.into_iter().for_each(|event| fold(state, event));
    }

    /// The mesh `m` of account 1, shared with account 2; each has a node, a router and a service.
    fn shared() -> MeshState {
        let mut state = given([mesh()]).state;
        ok(&mut state, MINE, share(THEIRS));
        for account in [MINE, THEIRS] {
            ok(&mut state, account, node(&format!("n{account}"), &[(80, "http")], &[]));
            ok(&mut state, account, router(&format!("r{account}"), &[(80, "http")]));
            ok(&mut state, account, route(&format!("r{account}"), "x", "/", &[&format!("n{account}")]));
            ok(&mut state, account, service(&format!("s{account}")));
        }
        ok(&mut state, MINE, gateway("g", &[(80, "http")]));
        state
    }

    #[track_caller]
    fn refused(state: &MeshState, account: &str, command: &Command, why: &str) {
        assert_eq!(ask(state, account, command).unwrap_err().to_string(), why, "{command:?}");
    }

    #[test]
    fn a_mesh_that_is_not_shared_is_closed_whether_or_not_it_exists() {
        let why = "Mesh m of account 1 is not shared with account 2";
        for state in [given([]).state, given([mesh()]).state] {
            assert_eq!(may_see(&state, &THEIRS.into()).unwrap_err().to_string(), why);
            for command in [mesh(), node("a", &[], &[]), delete(ResourceId::new(Kind::Mesh, "m")), share("3")] {
                refused(&state, THEIRS, &command, why);
            }
        }
    }

    #[test]
    fn whom_it_is_shared_with_makes_everything_but_gateways() {
        let state = shared();
        assert!(may_see(&state, &THEIRS.into()).is_ok());
        let owners = "Only account 1, the owner of mesh m, may change its virtual gateways and their routes,";
        for command in [gateway("h", &[(80, "http")]), gateway_route("g", "u", "s2")] {
            refused(&state, THEIRS, &command, &format!("{owners} {} among them", command.target));
        }
        let owners = "Only account 1, the owner of mesh m, may change it or know whom it is shared with";
        for command in [mesh(), update(mesh()), share("3"), unshare(MINE)] {
            refused(&state, THEIRS, &command, owners);
        }
        let node = state.get(&ResourceId::new(Kind::VirtualNode, "n2")).unwrap();
        assert_eq!(node.owner.as_str(), THEIRS);
    }

    #[test]
    fn each_changes_and_tags_what_it_made_and_nothing_else() {
        let mut state = shared();
        for (account, other) in [(MINE, THEIRS), (THEIRS, MINE)] {
            let name = format!("n{other}");
            let id = ResourceId::new(Kind::VirtualNode, name.as_str());
            let why = format!("{id} belongs to account {other}; account {account} cannot change it");
            for command in
                [update(node(&name, &[(81, "http")], &[])), tag(id.clone(), &[("k", "v")]), untag(id.clone(), &["k"])]
            {
                refused(&state, account, &command, &why);
            }
            let router = format!("r{other}");
            let why = format!("virtualRouter {router} belongs to account {other}; account {account} cannot change it");
            refused(&state, account, &route(&router, "y", "/y", &["n1"]), &why);
        }
        ok(&mut state, THEIRS, update(node("n2", &[(80, "http")], &["s1"])));
        ok(&mut state, THEIRS, tag(ResourceId::new(Kind::VirtualNode, "n2"), &[("k", "v")]));
    }

    #[test]
    fn a_route_may_lead_to_a_node_of_another_account_and_a_gateway_to_its_service() {
        let mut state = shared();
        ok(&mut state, MINE, update(route("r1", "x", "/", &["n1", "n2"])));
        ok(&mut state, MINE, gateway_route("g", "u", "s2"));
    }

    #[test]
    fn the_owner_deletes_what_others_made_and_they_nothing_of_his() {
        let mut state = shared();
        let route = |router: &str| ResourceId::child(Kind::Route, router, "x");
        let why = "route r1/x belongs to account 1; account 2 cannot change it";
        refused(&state, THEIRS, &delete(route("r1")), why);
        ok(&mut state, MINE, delete(route("r2")));
        ok(&mut state, THEIRS, delete(ResourceId::new(Kind::VirtualRouter, "r2")));
    }

    #[test]
    fn after_unsharing_the_owner_alone_is_left() {
        let mut state = shared();
        ok(&mut state, MINE, unshare(THEIRS));
        let why = "Mesh m of account 1 is not shared with account 2";
        refused(&state, THEIRS, &delete(ResourceId::new(Kind::VirtualService, "s2")), why);
        ok(&mut state, MINE, delete(ResourceId::new(Kind::VirtualService, "s2")));
        assert_eq!(state.accessible(&ResourceId::new(Kind::VirtualNode, "n2")), None, "its proxies get no more");
        ok(&mut state, MINE, share(THEIRS));
        assert!(state.accessible(&ResourceId::new(Kind::VirtualNode, "n2")).is_some());
    }

    #[test]
    fn sharing_twice_and_unsharing_what_was_not_shared_change_nothing() {
        let state = shared();
        assert_eq!(ask(&state, MINE, &share(THEIRS)).unwrap().events, []);
        assert_eq!(ask(&state, MINE, &unshare("3")).unwrap().events, []);
        refused(&state, MINE, &share(MINE), "account: is `1`, which owns the mesh and needs no share");
    }

    #[test]
    fn a_mesh_made_again_is_shared_with_nobody() {
        let mut state = given([mesh()]).state;
        ok(&mut state, MINE, share(THEIRS));
        ok(&mut state, MINE, delete(ResourceId::new(Kind::Mesh, "m")));
        ok(&mut state, MINE, mesh());
        assert!(!state.is_open_to(&THEIRS.into()));
    }
}
