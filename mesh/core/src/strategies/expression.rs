//! Regular expressions as RE2 knows them, small enough for Envoy.

use crate::rules::limits;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

/// What may stand alone and be repeated, white space between.
const ATOMS: &str = r"a Z 0 - / é 漢 😀 . \. \d \W \b \x41 \x{7e} \* \pL \p{Greek} [a-z] [^/] [[:alpha:]_] [\d.-]";
/// What repeats. None repeats much: what is inside may be repeated as well.
const REPETITIONS: [&str; 7] = ["*", "+", "?", "*?", "{2}", "{1,}", "{0,2}?"];
/// How a group may begin.
const GROUPS: [&str; 4] = ["(", "(?:", "(?i:", "(?P<name>"];

/// An expression.
pub(super) fn expression() -> BoxedStrategy<String> {
    let longest = *limits::PATH.end();
    let groups = select(&GROUPS[..3]);
    let inner = alternatives(atom());
    // Two groups of one name are none, so that the one with a name is outside.
    let grouped = (groups, inner).prop_map(|(group, inner)| format!("{group}{inner})")).boxed();
    let named = alternatives(atom()).prop_map(|inner| format!("{}{inner})", GROUPS[3]));
    prop_oneof![
        4 => alternatives(atom()),
        4 => alternatives(prop_oneof![atom(), grouped].boxed()),
        1 => named,
        1 => Just(r"\Qa*b[\E$".to_owned()),
        1 => Just("a".repeat(longest)),
    ]
    .boxed()
}

fn atom() -> BoxedStrategy<String> {
    let atoms: Vec<_> = ATOMS.split_whitespace().map(str::to_owned).collect();
    select(atoms).boxed()
}

fn alternatives(atom: BoxedStrategy<String>) -> BoxedStrategy<String> {
    let piece = (atom, option::of(select(&REPETITIONS[..])));
    let piece = piece.prop_map(|(atom, repetition)| format!("{atom}{}", repetition.unwrap_or_default())).boxed();
    let row = super::list(piece, 1..=3).prop_map(|pieces| pieces.concat()).boxed();
    super::list(row, 1..=2).prop_map(|rows| rows.join("|")).boxed()
}
