//! Texts: names, hosts, paths, and what people write in any script.

use crate::resource::Kind;
use crate::rules::limits;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use std::ops::RangeInclusive;

/// A text of so many of these characters: few as a rule, and as many and as few as there may be.
pub(super) fn of(character: BoxedStrategy<char>, length: RangeInclusive<usize>) -> BoxedStrategy<String> {
    let (least, most) = length.into_inner();
    let text = |characters: Vec<char>| characters.into_iter().collect::<String>();
    let few = vec(character.clone(), least..=most.min(least + 12)).prop_map(text);
    // The longest is a pattern again and again: to choose a thousand characters one by one takes long.
    let longest = vec(character.clone(), 1..8).prop_map(move |some| some.into_iter().cycle().take(most).collect());
    prop_oneof![8 => few, 1 => vec(character, least).prop_map(text), 1 => longest].boxed()
}

/// Any character at all.
fn any_character() -> BoxedStrategy<char> {
    // What is syntax somewhere, what is white, what joins or turns round, and what has two halves in UTF-16.
    let trying = "\t\"\\'`%{}[]()*?&=#;:/éßΩж漢한ا\u{301}\u{200d}\u{202e}\u{2028}\u{feff}\u{fffd}😀\u{10ffff}";
    let trying: Vec<char> = trying.chars().collect();
    prop_oneof![5 => prop::char::range(' ', '~'), 2 => select(trying), 2 => any::<char>()].boxed()
}

/// A character that goes into a request, or to Envoy as it is: none that controls.
fn plain_character() -> BoxedStrategy<char> {
    any_character().prop_map(|c| if c.is_control() && c != '\t' { 'é' } else { c }).boxed()
}

/// Any text, with characters that control as well.
pub(super) fn anything(length: RangeInclusive<usize>) -> BoxedStrategy<String> {
    let character = prop_oneof![20 => any_character(), 1 => select(vec!['\0', '\n', '\u{7f}'])];
    of(character.boxed(), length)
}

/// Text without characters that control.
pub(super) fn plain(length: RangeInclusive<usize>) -> BoxedStrategy<String> {
    of(plain_character(), length)
}

/// The most characters where the model gives no bound: more than it gives where it does.
pub(super) const UNBOUNDED: usize = 300;

/// A name that someone else gives meaning to: an ARN, a secret.
pub(super) fn given() -> BoxedStrategy<String> {
    prop_oneof![Just("arn:aws:acm:eu-west-1:123456789012:certificate/x".to_owned()), plain(1..=UNBOUNDED)].boxed()
}

fn character_of(characters: &'static str) -> BoxedStrategy<char> {
    let characters: Vec<char> = characters.chars().collect();
    select(characters).boxed()
}

const NAME: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
const DOTTED_NAME: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_....";
const HOST: &str = "abcdefghijklmnopqrstuvwxyz0123456789-_.";
const TOKEN: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~";
const GRAPHIC: &str =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

/// The name of a resource.
pub fn resource_name(kind: Kind) -> BoxedStrategy<String> {
    match kind {
        Kind::VirtualService => of(character_of(DOTTED_NAME), limits::NAME).prop_map(more_than_dots).boxed(),
        _ => of(character_of(NAME), limits::NAME),
    }
}

fn more_than_dots(name: String) -> String {
    if name.chars().all(|c| c == '.') { name.replacen('.', "x", 1) } else { name }
}

/// A host to resolve: a name, or an address of either kind.
pub(super) fn host() -> BoxedStrategy<String> {
    let addresses = select(vec!["10.0.0.1", "::1", "2001:db8::7", "localhost"]).prop_map(str::to_owned);
    prop_oneof![1 => addresses, 5 => of(character_of(HOST), limits::HOSTNAME)].boxed()
}

/// A host that clients name, some with a port.
pub(super) fn exact_host() -> BoxedStrategy<String> {
    let with_port = (of(character_of(HOST), 1..=247), super::number::port());
    let with_port = with_port.prop_map(|(host, port)| format!("{host}:{port}"));
    prop_oneof![of(character_of(HOST), limits::HOSTNAME), with_port].boxed()
}

/// The end of a host's name.
pub(super) fn host_suffix() -> BoxedStrategy<String> {
    of(character_of(HOST), 0..=limits::HOSTNAME.end() - 1).prop_map(|end| format!(".{end}")).boxed()
}

/// A path, or its beginning.
pub(super) fn path(most: usize) -> BoxedStrategy<String> {
    plain(0..=most - 1).prop_map(|rest| format!("/{rest}")).boxed()
}

/// What a path's beginning becomes.
pub(super) fn closed_path(most: usize) -> BoxedStrategy<String> {
    let inner = plain(0..=most - 2).prop_map(|inner| format!("/{inner}/"));
    prop_oneof![1 => Just("/".to_owned()), 4 => inner].boxed()
}

/// The name of a gRPC service or method.
pub(super) fn grpc_name(most: usize) -> BoxedStrategy<String> {
    let character = plain_character().prop_map(|c| if c == '/' || c.is_whitespace() { '.' } else { c });
    of(character.boxed(), 1..=most)
}

/// The name of a header, and of a pseudo-header.
pub(super) fn header_name() -> BoxedStrategy<String> {
    let most = *limits::HEADER_NAME.end();
    let pseudo = of(character_of(TOKEN), 1..=most - 1).prop_map(|name| format!(":{name}"));
    prop_oneof![4 => of(character_of(TOKEN), limits::HEADER_NAME), 1 => pseudo].boxed()
}

/// The name of a query parameter, whose bound is in bytes.
pub(super) fn query_parameter() -> BoxedStrategy<String> {
    let most = *limits::QUERY_PARAMETER.end();
    prop_oneof![8 => plain(1..=most / 4), 1 => of(character_of(TOKEN), limits::QUERY_PARAMETER)].boxed()
}

/// The key of a Cloud Map attribute.
pub(super) fn attribute_key() -> BoxedStrategy<String> {
    // None of Cloud Map's own begins so.
    let (least, most) = limits::CLOUD_MAP_KEY.into_inner();
    of(character_of(GRAPHIC), least - 1..=most - 1).prop_map(|rest| format!("k{rest}")).boxed()
}

/// The value of a Cloud Map attribute.
pub(super) fn attribute_value() -> BoxedStrategy<String> {
    let (least, most) = limits::CLOUD_MAP_VALUE.into_inner();
    let inner = prop_oneof![20 => character_of(GRAPHIC), 1 => select(vec![' ', '\t'])];
    (character_of(GRAPHIC), of(inner.boxed(), least - 1..=most - 1))
        .prop_map(|(first, rest)| format!("{first}{rest}"))
        .boxed()
}

/// The number of an AWS account.
pub(super) fn account() -> BoxedStrategy<String> {
    (0..1_000_000_000_000u64).prop_map(|number| format!("{number:012}")).boxed()
}
