//! Several at once: what one takes away while another comes to need it, in every direction of §13.7.
//!
//! Both orders are right, and each refuses one of the two. That neither is refused would leave a reference to nothing;
//! that both are would be a rule asked of no moment there ever was.

use crate::client::{Answer, Client, log};
use axum::http::Method;
use futures::future::join_all;
use serde_json::{Value, json};

/// What comes to need `target`, and what makes `target` be there again for the next round.
struct Direction {
    target: &'static str,
    remake: (&'static str, fn() -> Value),
    need: (&'static str, fn() -> Value),
    /// What undoes the need.
    undo: (Method, &'static str, fn() -> Value),
}

const NODE: (&str, fn() -> Value) = ("/meshes/m/virtualNodes", || json!({ "virtualNodeName": "t", "spec": {} }));
const ROUTER: (&str, fn() -> Value) =
    ("/meshes/m/virtualRouters", || json!({ "virtualRouterName": "t", "spec": { "listeners": [] } }));
const SERVICE: (&str, fn() -> Value) =
    ("/meshes/m/virtualServices", || json!({ "virtualServiceName": "t", "spec": {} }));
const GATEWAY: (&str, fn() -> Value) =
    ("/meshes/m/virtualGateways", || json!({ "virtualGatewayName": "t", "spec": { "listeners": [] } }));

fn route_to(node: &str) -> Value {
    let action = json!({ "weightedTargets": [{ "virtualNode": node, "weight": 1 }] });
    json!({ "httpRoute": { "match": { "prefix": "/" }, "action": action } })
}

fn gateway_route_to(service: &str) -> Value {
    let action = json!({ "target": { "virtualService": { "virtualServiceName": service } } });
    json!({ "httpRoute": { "match": { "prefix": "/" }, "action": action } })
}

fn provided_by(kind: &str, name: &str) -> Value {
    json!({ "provider": { kind: { format!("{kind}Name"): name } } })
}

fn nothing() -> Value {
    Value::Null
}

fn directions() -> Vec<Direction> {
    let delete = |item| (Method::DELETE, item, nothing as fn() -> Value);
    vec![
        // By what comes to be.
        Direction {
            target: "/meshes/m/virtualNodes/t",
            remake: NODE,
            need: ("/meshes/m/virtualRouter/r/routes", || json!({ "routeName": "y", "spec": route_to("t") })),
            undo: delete("/meshes/m/virtualRouter/r/routes/y"),
        },
        Direction {
            target: "/meshes/m/virtualNodes/t",
            remake: NODE,
            need: (
                "/meshes/m/virtualServices",
                || json!({ "virtualServiceName": "y", "spec": provided_by("virtualNode", "t") }),
            ),
            undo: delete("/meshes/m/virtualServices/y"),
        },
        Direction {
            target: "/meshes/m/virtualRouters/t",
            remake: ROUTER,
            need: (
                "/meshes/m/virtualServices",
                || json!({ "virtualServiceName": "y", "spec": provided_by("virtualRouter", "t") }),
            ),
            undo: delete("/meshes/m/virtualServices/y"),
        },
        Direction {
            target: "/meshes/m/virtualServices/t",
            remake: SERVICE,
            need: (
                "/meshes/m/virtualGateway/g/gatewayRoutes",
                || json!({ "gatewayRouteName": "y", "spec": gateway_route_to("t") }),
            ),
            undo: delete("/meshes/m/virtualGateway/g/gatewayRoutes/y"),
        },
        // By what moves a reference.
        Direction {
            target: "/meshes/m/virtualNodes/t",
            remake: NODE,
            need: ("/meshes/m/virtualRouter/r/routes/x", || json!({ "spec": route_to("t") })),
            undo: (Method::PUT, "/meshes/m/virtualRouter/r/routes/x", || json!({ "spec": route_to("n") })),
        },
        Direction {
            target: "/meshes/m/virtualNodes/t",
            remake: NODE,
            need: ("/meshes/m/virtualServices/x", || json!({ "spec": provided_by("virtualNode", "t") })),
            undo: (Method::PUT, "/meshes/m/virtualServices/x", || json!({ "spec": {} })),
        },
        Direction {
            target: "/meshes/m/virtualRouters/t",
            remake: ROUTER,
            need: ("/meshes/m/virtualServices/x", || json!({ "spec": provided_by("virtualRouter", "t") })),
            undo: (Method::PUT, "/meshes/m/virtualServices/x", || json!({ "spec": {} })),
        },
        Direction {
            target: "/meshes/m/virtualServices/t",
            remake: SERVICE,
            need: ("/meshes/m/virtualGateway/g/gatewayRoutes/x", || json!({ "spec": gateway_route_to("t") })),
            undo: (
                Method::PUT,
                "/meshes/m/virtualGateway/g/gatewayRoutes/x",
                || json!({ "spec": gateway_route_to("x") }),
            ),
        },
        // By what comes to be inside.
        Direction {
            target: "/meshes/m/virtualRouters/t",
            remake: ROUTER,
            need: ("/meshes/m/virtualRouter/t/routes", || json!({ "routeName": "y", "spec": route_to("n") })),
            undo: delete("/meshes/m/virtualRouter/t/routes/y"),
        },
        Direction {
            target: "/meshes/m/virtualGateways/t",
            remake: GATEWAY,
            need: (
                "/meshes/m/virtualGateway/t/gatewayRoutes",
                || json!({ "gatewayRouteName": "y", "spec": gateway_route_to("x") }),
            ),
            undo: delete("/meshes/m/virtualGateway/t/gatewayRoutes/y"),
        },
        Direction {
            target: "/meshes/t",
            remake: ("/meshes", || json!({ "meshName": "t" })),
            need: ("/meshes/t/virtualNodes", || json!({ "virtualNodeName": "y", "spec": {} })),
            undo: delete("/meshes/t/virtualNodes/y"),
        },
    ]
}

/// A mesh with one of everything that is there whatever happens.
async fn furnish(client: &Client) {
    for (collection, body) in [
        ("/meshes", json!({ "meshName": "m" })),
        ("/meshes/m/virtualNodes", json!({ "virtualNodeName": "n", "spec": {} })),
        ("/meshes/m/virtualRouters", json!({ "virtualRouterName": "r", "spec": { "listeners": [] } })),
        ("/meshes/m/virtualGateways", json!({ "virtualGatewayName": "g", "spec": { "listeners": [] } })),
        ("/meshes/m/virtualServices", json!({ "virtualServiceName": "x", "spec": {} })),
        ("/meshes/m/virtualRouter/r/routes", json!({ "routeName": "x", "spec": route_to("n") })),
        ("/meshes/m/virtualGateway/g/gatewayRoutes", json!({ "gatewayRouteName": "x", "spec": gateway_route_to("x") })),
    ] {
        done(client.put(collection, &body).await);
    }
}

#[track_caller]
fn done(answer: Answer) {
    assert_eq!(answer.outcome(), (200, ""), "{}", answer.body);
}

/// Two processes over one log, so that some rounds are decided by turns inside one and some by the log's condition.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_deleted_and_what_comes_to_need_it_are_never_both_accepted() {
    const ROUNDS: usize = 25;
    let log = log();
    let clients = [Client::over(log.clone()), Client::over(log)];
    furnish(&clients[0]).await;
    for direction in directions() {
        done(clients[0].put(direction.remake.0, &direction.remake.1()).await);
        for round in 0..ROUNDS {
            let (one, other) = (clients[0].clone(), clients[round % 2].clone());
            let (target, (place, body)) = (direction.target, direction.need);
            let deleting = async move { one.delete(target).await };
            let needing = async move { other.put(place, &body()).await };
            // Who sets out first is not always first.
            let (deleting, needing) = if round % 4 < 2 {
                let deleting = tokio::spawn(deleting);
                (deleting, tokio::spawn(needing))
            } else {
                let needing = tokio::spawn(needing);
                (tokio::spawn(deleting), needing)
            };
            let (deleted, needed) = (deleting.await.expect("an answer"), needing.await.expect("an answer"));
            match (deleted.outcome(), needed.outcome()) {
                ((200, ""), (404, "NotFoundException")) => {
                    done(clients[0].put(direction.remake.0, &direction.remake.1()).await);
                }
                ((409, "ResourceInUseException"), (200, "")) => undo(&clients[0], &direction).await,
                both => panic!("{} and a need for it in {}: {both:?}", direction.target, direction.need.0),
            }
        }
        done(clients[1].delete(direction.target).await);
    }
}

async fn undo(client: &Client, direction: &Direction) {
    let (method, place, body) = &direction.undo;
    let answer = match *method {
        Method::DELETE => client.delete(place).await,
        _ => client.put(place, &body()).await,
    };
    done(answer);
}

/// A delete among many that need: either it came first and all are refused, or it is refused and all stand.
#[tokio::test(flavor = "multi_thread")]
async fn of_many_that_come_to_need_what_is_deleted_all_find_it_or_none() {
    let log = log();
    let clients = [Client::over(log.clone()), Client::over(log)];
    furnish(&clients[0]).await;
    for _ in 0..10 {
        done(clients[0].put(NODE.0, &NODE.1()).await);
        let needs = (0..8usize).map(|n| {
            let client = clients[n % 2].clone();
            let body = json!({ "routeName": format!("y{n}"), "spec": route_to("t") });
            tokio::spawn(async move { client.put("/meshes/m/virtualRouter/r/routes", &body).await })
        });
        let needs: Vec<_> = needs.collect();
        let deleted = clients[0].delete("/meshes/m/virtualNodes/t").await;
        let needs = join_all(needs).await.into_iter().map(|answer| answer.expect("an answer"));
        let found: Vec<bool> = needs.map(|answer| answer.status == 200).collect();
        // Some may have found it gone although it stayed: never, since nothing else deletes it.
        assert_eq!(found.contains(&true), deleted.status == 409, "{found:?} {deleted:?}");
        assert_eq!(found.contains(&false), deleted.status == 200, "{found:?} {deleted:?}");
        for n in found.iter().enumerate().filter_map(|(n, found)| found.then_some(n)) {
            done(clients[0].delete(&format!("/meshes/m/virtualRouter/r/routes/y{n}")).await);
        }
        if deleted.status == 409 {
            done(clients[0].delete("/meshes/m/virtualNodes/t").await);
        }
    }
}
