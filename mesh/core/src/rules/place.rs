//! Where in a request body a rule is asked, and how its breach is noted.
//!
//! A place is a chain of references on the stack: asking costs nothing, and the path is written only for a breach.

use super::Violation;
use std::cell::RefCell;
use std::fmt;
use std::ops::RangeInclusive;

/// A field of the request body.
pub(super) struct Place<'a> {
    found: &'a RefCell<Vec<Violation>>,
    parent: Option<&'a Place<'a>>,
    step: Step<'a>,
}

enum Step<'a> {
    Root(&'a str),
    Member(&'static str),
    Item(usize),
}

impl<'a> Place<'a> {
    pub(super) fn root(name: &'a str, found: &'a RefCell<Vec<Violation>>) -> Self {
        Self { found, parent: None, step: Step::Root(name) }
    }

    /// A member of the structure here, by its JSON name.
    pub(super) fn member<'b>(&'b self, name: &'static str) -> Place<'b> {
        Place { found: self.found, parent: Some(self), step: Step::Member(name) }
    }

    /// A member of the list here.
    pub(super) fn item<'b>(&'b self, index: usize) -> Place<'b> {
        Place { found: self.found, parent: Some(self), step: Step::Item(index) }
    }

    /// Notes a breach.
    pub(super) fn refuse(&self, message: impl Into<String>) {
        self.found.borrow_mut().push(Violation { path: self.to_string(), message: message.into() });
    }

    /// A number within bounds.
    pub(super) fn between(&self, value: i64, bounds: RangeInclusive<i64>) {
        if !bounds.contains(&value) {
            self.refuse(format!("is {value}, must be between {} and {}", bounds.start(), bounds.end()));
        }
    }

    /// A number within bounds, where there is one.
    pub(super) fn maybe_between(&self, value: Option<i64>, bounds: RangeInclusive<i64>) {
        if let Some(value) = value {
            self.between(value, bounds);
        }
    }

    /// A text of so many characters; answers whether it is.
    pub(super) fn length(&self, value: &str, bounds: RangeInclusive<usize>) -> bool {
        self.so_many(value.chars().count(), "characters", bounds)
    }

    /// A text of so many bytes; answers whether it is.
    pub(super) fn bytes(&self, value: &str, bounds: RangeInclusive<usize>) -> bool {
        self.so_many(value.len(), "bytes", bounds)
    }

    /// A list of so many members; answers whether it is, so that one which is far too long is not gone through.
    pub(super) fn count<T>(&self, list: &[T], bounds: RangeInclusive<usize>) -> bool {
        self.so_many(list.len(), "members", bounds)
    }

    fn so_many(&self, given: usize, what: &str, bounds: RangeInclusive<usize>) -> bool {
        let right = bounds.contains(&given);
        if !right {
            let (least, most) = (bounds.start(), bounds.end());
            self.refuse(format!("has {given} {what}, must have between {least} and {most}"));
        }
        right
    }

    /// Asks every member of a list, where there is a list.
    pub(super) fn each<'t, T: 't>(&self, list: impl IntoIterator<Item = &'t T>, check: impl Fn(&Place, &T)) {
        for (index, value) in list.into_iter().enumerate() {
            check(&self.item(index), value);
        }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
        }
        match self.step {
            Step::Root(name) => f.write_str(name),
            Step::Member(name) => write!(f, ".{name}"),
            Step::Item(index) => write!(f, "[{index}]"),
        }
    }
}
