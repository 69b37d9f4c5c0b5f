//! What routes and gateway routes look at (§7.2, §7.3).

use super::place::Place;
use super::{limits, pattern, text};
use crate::spec::{HeaderMatch, HeaderMatchMethod, HttpPathMatch, HttpQueryParameter};
use std::ops::RangeInclusive;

/// Exactly one of the protocols of a route must be there; which are is told by name.
pub(super) fn one_route(at: &Place, routes: &[(&str, bool)]) {
    let given: Vec<_> = routes.iter().filter(|(_, there)| *there).map(|(name, _)| *name).collect();
    if given.len() != 1 {
        let allowed = routes.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        let given = if given.is_empty() { "none".to_owned() } else { given.join(" and ") };
        at.refuse(format!("has {given}, must have exactly one of {allowed}"));
    }
}

/// A path is matched by its beginning or as a whole. With neither, every path is.
pub(super) fn path(at: &Place, prefix: Option<&str>, path: Option<&HttpPathMatch>) {
    if let Some(prefix) = prefix {
        text::path(&at.member("prefix"), prefix);
        if path.is_some() {
            at.refuse("has both prefix and path, must have one of them");
        }
    }
    let Some(path) = path else { return };
    let at = &at.member("path");
    match (&path.exact, &path.regex) {
        (Some(exact), None) => {
            at.member("exact").length(exact, limits::PATH);
            text::path(&at.member("exact"), exact);
        }
        (None, Some(regex)) => {
            expression(&at.member("regex"), regex, limits::PATH);
        }
        (None, None) => at.refuse("has neither exact nor regex, must have one of them"),
        (Some(_), Some(_)) => at.refuse("has both exact and regex, must have one of them"),
    }
}

/// Headers, or gRPC metadata.
pub(super) fn headers(at: &Place, headers: Option<&Vec<HeaderMatch>>) {
    let Some(headers) = headers else { return };
    if !at.count(headers, limits::MATCHERS) {
        return;
    }
    at.each(headers, |at, header| {
        text::header_name(&at.member("name"), &header.name);
        if let Some(method) = &header.r#match {
            value(&at.member("match"), method);
        }
    });
}

fn value(at: &Place, method: &HeaderMatchMethod) {
    match method {
        HeaderMatchMethod::Exact(text) => piece(&at.member("exact"), text),
        HeaderMatchMethod::Prefix(text) => piece(&at.member("prefix"), text),
        HeaderMatchMethod::Suffix(text) => piece(&at.member("suffix"), text),
        HeaderMatchMethod::Regex(regex) => {
            expression(&at.member("regex"), regex, limits::HEADER_MATCH);
        }
        HeaderMatchMethod::Range(range) if range.end <= range.start => {
            let (start, end) = (range.start, range.end);
            at.member("range").member("end").refuse(format!("is {end}, must be more than start, which is {start}"));
        }
        HeaderMatchMethod::Range(_) => {}
    }
}

/// A regular expression. One that is too long is not read: its length is what there is to mend.
fn expression(at: &Place, regex: &str, bounds: RangeInclusive<usize>) {
    if at.length(regex, bounds) {
        pattern::check(at, regex);
    }
}

fn piece(at: &Place, text: &str) {
    at.length(text, limits::HEADER_MATCH);
    text::plain(at, text);
}

pub(super) fn query_parameters(at: &Place, parameters: Option<&Vec<HttpQueryParameter>>) {
    let Some(parameters) = parameters else { return };
    if !at.count(parameters, limits::MATCHERS) {
        return;
    }
    at.each(parameters, |at, parameter| {
        text::query_parameter(&at.member("name"), &parameter.name);
        if let Some(exact) = parameter.r#match.as_ref().and_then(|it| it.exact.as_deref()) {
            text::plain(&at.member("match").member("exact"), exact);
        }
    });
}
