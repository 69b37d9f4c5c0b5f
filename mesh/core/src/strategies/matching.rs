//! What routes look at.

use super::expression::expression;
use super::number::between;
use super::{list, structure, text};
use crate::rules::limits;
use crate::spec::{
    HeaderMatch, HeaderMatchMethod, HttpMethod, HttpPathMatch, HttpQueryParameter, HttpScheme, MatchRange,
    QueryParameterMatch,
};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

/// The beginning of a path, or a path as a whole, or neither.
pub(super) fn paths(prefix: BoxedStrategy<String>) -> BoxedStrategy<(Option<String>, Option<HttpPathMatch>)> {
    prop_oneof![
        Just((None, None)),
        prefix.prop_map(|prefix| (Some(prefix), None)),
        path().prop_map(|path| (None, Some(path))),
    ]
    .boxed()
}

fn path() -> BoxedStrategy<HttpPathMatch> {
    let exact = text::path(*limits::PATH.end()).prop_map(Some);
    let exact = structure!(HttpPathMatch { exact: exact, regex: Just(None) });
    prop_oneof![exact, structure!(HttpPathMatch { exact: Just(None), regex: expression().prop_map(Some) })].boxed()
}

/// Headers, or metadata.
pub(super) fn headers() -> BoxedStrategy<Option<Vec<HeaderMatch>>> {
    let header = structure!(HeaderMatch {
        invert: option::of(any::<bool>()),
        r#match: option::of(value()),
        name: text::header_name(),
    });
    option::of(list(header, limits::MATCHERS)).boxed()
}

fn value() -> BoxedStrategy<HeaderMatchMethod> {
    let piece = || text::plain(limits::HEADER_MATCH);
    let range = between(i64::MIN..=i64::MAX - 1).prop_flat_map(|start| (Just(start), between(start + 1..=i64::MAX)));
    prop_oneof![
        piece().prop_map(HeaderMatchMethod::Exact),
        piece().prop_map(HeaderMatchMethod::Prefix),
        piece().prop_map(HeaderMatchMethod::Suffix),
        expression().prop_map(HeaderMatchMethod::Regex),
        range.prop_map(|(start, end)| HeaderMatchMethod::Range(MatchRange { end, start })),
    ]
    .boxed()
}

pub(super) fn query_parameters() -> BoxedStrategy<Option<Vec<HttpQueryParameter>>> {
    let value = structure!(QueryParameterMatch { exact: option::of(text::plain(0..=text::UNBOUNDED)) });
    let parameter = structure!(HttpQueryParameter { r#match: option::of(value), name: text::query_parameter() });
    option::of(list(parameter, limits::MATCHERS)).boxed()
}

pub(super) fn method() -> impl Strategy<Value = HttpMethod> {
    use HttpMethod::{Connect, Delete, Get, Head, Options, Patch, Post, Put, Trace};
    select(&[Get, Head, Post, Put, Delete, Connect, Options, Trace, Patch])
}

pub(super) fn scheme() -> impl Strategy<Value = HttpScheme> {
    select(&[HttpScheme::Http, HttpScheme::Https])
}
