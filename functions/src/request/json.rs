//! JSON as the API takes it: an object where a structure is, and nothing else.
//!
//! Types that are derived read a list as the members of a structure in their order, and so would events that were
//! written down; here such a list is refused. And what does not fit is told in the API's words, not in those of types.

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, VariantAccess, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::Value;
use std::fmt;

/// A value that is about to be read.
pub(super) struct Json(pub(super) Value);

/// What does not fit.
#[derive(Debug)]
pub(super) struct Misfit {
    message: String,
    /// It is the choice that does not fit, not the value which was chosen and to which the path leads.
    pub(super) of_choice: bool,
}

impl Misfit {
    fn new(message: String) -> Self {
        Self { message, of_choice: false }
    }

    fn of_choice(message: String) -> Self {
        Self { message, of_choice: true }
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Misfit {}

impl serde::de::Error for Misfit {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::new(format!("is `{}`, must be one of {}", variant.escape_debug(), expected.join(", ")))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(format!("has no `{field}`, must have it"))
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

fn must_be<T>(given: &Value, wanted: &str) -> Result<T, Misfit> {
    Err(match given {
        Value::Number(number) => Misfit::new(format!("is the number {number}, must be {wanted}")),
        given => Misfit::new(format!("is {}, must be {wanted}", name_of(given))),
    })
}

impl<'de> IntoDeserializer<'de, Misfit> for Json {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Json {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(value),
            Value::Number(_) => self.deserialize_i64(visitor),
            Value::String(text) => visitor.visit_string(text),
            Value::Array(list) => visitor.visit_seq(SeqDeserializer::new(list.into_iter().map(Json))),
            Value::Object(members) => {
                visitor.visit_map(MapDeserializer::new(members.into_iter().map(|(name, value)| (name, Json(value)))))
            }
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        self.deserialize_map(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        if self.0.is_object() { self.deserialize_any(visitor) } else { must_be(&self.0, "an object") }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        if self.0.is_array() { self.deserialize_any(visitor) } else { must_be(&self.0, "a list") }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        if self.0.is_string() { self.deserialize_any(visitor) } else { must_be(&self.0, "a string") }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        self.deserialize_string(visitor)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        if self.0.is_boolean() { self.deserialize_any(visitor) } else { must_be(&self.0, "true or false") }
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.0.as_i64() {
            Some(number) => visitor.visit_i64(number),
            None => must_be(&self.0, "a whole number of 64 bits"),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    /// An enumeration is a string; a union is an object with one member.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        let names = variants.join(", ");
        match self.0 {
            Value::String(name) => visitor.visit_enum(Choice { name, value: None, names }),
            Value::Object(members) => {
                let given = members.len();
                match members.into_iter().next().filter(|_| given == 1) {
                    Some((name, value)) => visitor.visit_enum(Choice { name, value: Some(value), names }),
                    None => Err(Misfit::new(format!("has {given} members, must have exactly one of {names}"))),
                }
            }
            other => must_be(&other, &format!("exactly one of {names}")),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct identifier
    }
}

/// What was chosen of an enumeration, which has no value, or of a union, which has.
struct Choice {
    name: String,
    value: Option<Value>,
    names: String,
}

/// The choice without its name.
struct Chosen {
    value: Option<Value>,
    names: String,
}

impl<'de> EnumAccess<'de> for Choice {
    type Error = Misfit;
    type Variant = Chosen;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Chosen), Misfit> {
        let Self { name, value, names } = self;
        Ok((seed.deserialize(name.into_deserializer())?, Chosen { value, names }))
    }
}

impl<'de> VariantAccess<'de> for Chosen {
    type Error = Misfit;

    fn unit_variant(self) -> Result<(), Misfit> {
        match self.value {
            None => Ok(()),
            Some(_) => Err(Misfit::of_choice(format!("is an object, must be one of the strings {}", self.names))),
        }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Misfit> {
        match self.value {
            Some(value) => seed.deserialize(Json(value)),
            None => {
                Err(Misfit::of_choice(format!("is a string, must be an object with exactly one of {}", self.names)))
            }
        }
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Misfit> {
        self.unit_variant().and(Err(Misfit::new("is not what the API has here".into())))
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], _: V) -> Result<V::Value, Misfit> {
        self.unit_variant().and(Err(Misfit::new("is not what the API has here".into())))
    }
}
