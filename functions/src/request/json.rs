//! JSON as the API takes it: an object where a structure is, and nothing else; and everything that does not fit is told.
//!
//! A derived type stops at the first value that it cannot take. Here it never meets one: what does not fit is noted with
//! its place, and reading goes on with a filler in its stead, so that one answer tells everything there is to mend. What
//! was read with fillers is no wish; it only lets the rules be asked about the rest ([`Filler`]).
//!
//! What does not fit is told in the API's words, not in those of types.

mod inside;

use inside::{Choice, Items, Members};
use mesh_core::rules::Violation;
use serde::de::{DeserializeOwned, Deserializer, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::Value;
use std::cell::RefCell;
use std::fmt;

/// The most misfits that are noted. A body may have half a million, and each would become a filler and a line.
const MAX_MISFITS: usize = 100;

/// Lists that are empty where they are not given. No other member may be absent but those that are optional by type.
const MAY_BE_LEFT_OUT: [(&str, [&str; 2]); 1] = [("VirtualNodeSpec", ["backends", "listeners"])];

/// What stands for a value that could not be read. A rule that is broken with either filler is broken whatever belongs
/// there; one that is broken with one of them says something of the filler, not of the request.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Filler {
    One,
    Other,
}

/// A value that does not fit.
pub(super) struct Misfit {
    /// What is told of it.
    pub violation: Violation,
    /// The place where a filler stands now. Where a member is missing that is the member, and what is told is told of the
    /// structure that lacks it.
    pub place: String,
}

/// Reads a member of a body. There is no value where so much did not fit that reading was given up.
pub(super) fn read<T: DeserializeOwned>(value: &Value, member: &str, filler: Filler) -> (Option<T>, Vec<Misfit>) {
    let reading = Reading { filler, misfits: RefCell::default() };
    let at = Place { parent: None, step: Step::Member(member) };
    let read = T::deserialize(Json { given: Given::Value(value), at: &at, reading: &reading });
    let mut misfits = reading.misfits.into_inner();
    if let Err(Unread(Some(why))) = &read {
        let violation = Violation { path: member.to_owned(), message: why.clone() };
        misfits.push(Misfit { violation, place: member.to_owned() });
    }
    (read.ok(), misfits)
}

struct Reading {
    filler: Filler,
    misfits: RefCell<Vec<Misfit>>,
}

impl Reading {
    fn fill<T>(&self, one: T, other: T) -> T {
        if self.filler == Filler::One { one } else { other }
    }
}

/// Reading was given up: for a reason that is told, or because enough has been.
#[derive(Debug)]
struct Unread(Option<String>);

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_deref().unwrap_or("too much does not fit"))
    }
}

impl std::error::Error for Unread {}

impl serde::de::Error for Unread {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(Some(message.to_string()))
    }
}

/// Where in the body a value is. The chain is on the stack, and written out only for a misfit.
struct Place<'a> {
    parent: Option<&'a Place<'a>>,
    step: Step<'a>,
}

enum Step<'a> {
    Member(&'a str),
    Item(usize),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
        }
        match (&self.step, self.parent) {
            (Step::Member(name), None) => f.write_str(name),
            (Step::Member(name), Some(_)) => write!(f, ".{name}"),
            (Step::Item(index), _) => write!(f, "[{index}]"),
        }
    }
}

/// What is given at a place.
#[derive(Clone, Copy)]
enum Given<'a> {
    Value(&'a Value),
    /// Nothing, which is right for what is optional.
    Missing,
    /// Nothing, and what is around it has been told of.
    Filler,
}

/// What is about to be read.
#[derive(Clone, Copy)]
struct Json<'a> {
    given: Given<'a>,
    at: &'a Place<'a>,
    reading: &'a Reading,
}

impl<'a> Json<'a> {
    fn value(&self) -> Option<&'a Value> {
        match self.given {
            Given::Value(value) => Some(value),
            Given::Missing | Given::Filler => None,
        }
    }

    /// Notes that this is not what is wanted here.
    fn must_be(&self, wanted: &str) -> Result<(), Unread> {
        match (self.given, self.at.parent, &self.at.step) {
            (Given::Value(Value::Number(number)), ..) => {
                self.note(self.at, format!("is the number {number}, must be {wanted}"))
            }
            (Given::Value(value), ..) => self.note(self.at, format!("is {}, must be {wanted}", name_of(value))),
            (Given::Missing, Some(around), Step::Member(name)) => {
                self.note(around, format!("has no `{name}`, must have it"))
            }
            (Given::Missing | Given::Filler, ..) => Ok(()),
        }
    }

    fn note(&self, at: &Place<'_>, message: String) -> Result<(), Unread> {
        let mut misfits = self.reading.misfits.borrow_mut();
        if misfits.len() == MAX_MISFITS {
            return Err(Unread(None));
        }
        let violation = Violation { path: at.to_string(), message };
        misfits.push(Misfit { violation, place: self.at.to_string() });
        Ok(())
    }
}

/// What a value is, in a word.
pub(super) fn name_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

impl<'de> Deserializer<'de> for Json<'_> {
    type Error = Unread;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unread> {
        let members = self.value().and_then(Value::as_object);
        if members.is_none() {
            self.must_be("an object")?;
        }
        visitor.visit_map(Members { name, fields: fields.iter(), members, around: self, next: None })
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        let list = self.value().and_then(Value::as_array);
        if list.is_none() {
            self.must_be("a list")?;
        }
        visitor.visit_seq(Items { list: list.map_or(&[], Vec::as_slice), index: 0, around: self })
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        if let Some(text) = self.value().and_then(Value::as_str) {
            return visitor.visit_str(text);
        }
        self.must_be("a string")?;
        visitor.visit_str(self.reading.fill("one", "other"))
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        self.deserialize_string(visitor)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        if let Some(value) = self.value().and_then(Value::as_bool) {
            return visitor.visit_bool(value);
        }
        self.must_be("true or false")?;
        visitor.visit_bool(self.reading.fill(false, true))
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        if let Some(number) = self.value().and_then(Value::as_i64) {
            return visitor.visit_i64(number);
        }
        self.must_be("a whole number of 64 bits")?;
        visitor.visit_i64(self.reading.fill(1, 2))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        match self.given {
            Given::Missing | Given::Filler | Given::Value(Value::Null) => visitor.visit_none(),
            Given::Value(_) => visitor.visit_some(self),
        }
    }

    /// An enumeration is a string; a union is an object with one member.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unread> {
        let names = variants.join(", ");
        let unknown = |name: &str| self.note(self.at, format!("is `{}`, must be one of {names}", name.escape_debug()));
        let known = |name: &str| variants.iter().copied().find(|variant| *variant == name);
        let chosen = match self.given {
            Given::Value(Value::String(text)) => match known(text) {
                Some(name) => Some((name, None)),
                None => unknown(text).map(|()| None)?,
            },
            Given::Value(Value::Object(members)) => match (members.len(), members.iter().next()) {
                (1, Some((name, value))) => match known(name) {
                    Some(name) => Some((name, Some(Given::Value(value)))),
                    None => unknown(name).map(|()| None)?,
                },
                (given, _) => {
                    self.note(self.at, format!("has {given} members, must have exactly one of {names}"))?;
                    None
                }
            },
            _ => self.must_be(&format!("exactly one of {names}")).map(|()| None)?,
        };
        let filler = || self.reading.fill(variants.first(), variants.last()).copied().unwrap_or_default();
        let (name, given) = chosen.unwrap_or_else(|| (filler(), Some(Given::Filler)));
        visitor.visit_enum(Choice { name, given, names, around: self })
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Unread> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        visitor.visit_unit()
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Unread> {
        Err(Unread(Some("is not what the API has here".into())))
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct map identifier
    }
}
