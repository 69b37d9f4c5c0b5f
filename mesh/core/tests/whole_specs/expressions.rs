//! Text that is made of the syntax of regular expressions, and seldom is one: it is refused at its place, or taken. The
//! rules read it byte by byte, which is where a reader falls.

use mesh_core::spec::{
    HeaderMatch, HeaderMatchMethod, HttpRoute, HttpRouteMatch, RouteAction, RouteSpec, WeightedTarget,
};
use mesh_core::{Spec, rules};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use std::sync::Arc;

/// What expressions are made of, white space between.
const PIECES: &str = r"a Z 0 7 9 é 漢 😀 . , - = : ! < > ( ) [ ] { } | * + ? ^ $ && ~ \ \Q \E \p \P{ \x \x{ \0 \C (? (?P< [:alpha:] [^
    {2 {1, Greek ^L";

fn with_header(regex: String) -> Spec {
    let target = WeightedTarget { port: None, virtual_node: "n".into(), weight: 1 };
    let header = HeaderMatch { invert: None, r#match: Some(HeaderMatchMethod::Regex(regex)), name: "h".into() };
    let route = HttpRoute {
        action: RouteAction { weighted_targets: vec![target] },
        r#match: HttpRouteMatch { headers: Some(vec![header]), ..HttpRouteMatch::default() },
        retry_policy: None,
        timeout: None,
    };
    Spec::Route(Arc::new(RouteSpec { http_route: Some(route), ..RouteSpec::default() }))
}

fn piece() -> impl Strategy<Value = &'static str> {
    let pieces: Vec<_> = PIECES.split_whitespace().chain([" ", "\t"]).collect();
    select(pieces)
}

proptest! {
    #![proptest_config(super::config(5000))]

    #[test]
    fn what_is_nearly_an_expression_is_refused_at_its_place_or_taken(pieces in vec(piece(), 0..24)) {
        for violation in rules::check(&with_header(pieces.concat())) {
            prop_assert_eq!(violation.path, "spec.httpRoute.match.headers[0].match.regex");
            prop_assert!(!violation.message.is_empty());
        }
    }
}
