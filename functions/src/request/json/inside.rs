//! What is inside a value: the members of a structure, of a list, of a union.

use super::{Given, Json, MAY_BE_LEFT_OUT, Place, Step, Unread};
use serde::de::{DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor};
use serde_json::{Map, Value};

/// The members of a structure, all that it can have: also those that are not given, for what lacks them to say so.
/// Others that are given are ignored.
pub(super) struct Members<'a> {
    pub(super) name: &'static str,
    pub(super) fields: std::slice::Iter<'static, &'static str>,
    pub(super) members: Option<&'a Map<String, Value>>,
    pub(super) around: Json<'a>,
    pub(super) next: Option<(&'static str, Given<'a>)>,
}

impl Members<'_> {
    fn may_be_left_out(&self, field: &str) -> bool {
        MAY_BE_LEFT_OUT.iter().any(|(name, fields)| *name == self.name && fields.contains(&field))
    }
}

impl<'de> MapAccess<'de> for Members<'_> {
    type Error = Unread;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Unread> {
        while let Some(field) = self.fields.next() {
            let given = self.members.and_then(|members| members.get(*field));
            let given = match given {
                Some(value) => Given::Value(value),
                None if self.may_be_left_out(field) => continue,
                None if self.members.is_none() => Given::Filler,
                None => Given::Missing,
            };
            self.next = Some((field, given));
            return seed.deserialize((*field).into_deserializer()).map(Some);
        }
        Ok(None)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Unread> {
        let (field, given) = self.next.take().ok_or(Unread(None))?;
        let at = Place { parent: Some(self.around.at), step: Step::Member(field) };
        seed.deserialize(Json { given, at: &at, reading: self.around.reading })
    }
}

/// The members of a list.
pub(super) struct Items<'a> {
    pub(super) list: &'a [Value],
    pub(super) index: usize,
    pub(super) around: Json<'a>,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Unread;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Unread> {
        let Some(value) = self.list.get(self.index) else { return Ok(None) };
        let at = Place { parent: Some(self.around.at), step: Step::Item(self.index) };
        self.index += 1;
        seed.deserialize(Json { given: Given::Value(value), at: &at, reading: self.around.reading }).map(Some)
    }
}

/// What was chosen of an enumeration, which has no value, or of a union, which has.
pub(super) struct Choice<'a> {
    pub(super) name: &'static str,
    pub(super) given: Option<Given<'a>>,
    pub(super) names: String,
    pub(super) around: Json<'a>,
}

impl<'de, 'a> EnumAccess<'de> for Choice<'a> {
    type Error = Unread;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Unread> {
        Ok((seed.deserialize(self.name.into_deserializer())?, self))
    }
}

impl<'de> VariantAccess<'de> for Choice<'_> {
    type Error = Unread;

    fn unit_variant(self) -> Result<(), Unread> {
        match self.given {
            Some(Given::Value(_)) => self.around.must_be(&format!("one of the strings {}", self.names)),
            _ => Ok(()),
        }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Unread> {
        if self.given.is_none() {
            self.around.must_be(&format!("an object with exactly one of {}", self.names))?;
        }
        let at = Place { parent: Some(self.around.at), step: Step::Member(self.name) };
        let given = self.given.unwrap_or(Given::Filler);
        seed.deserialize(Json { given, at: &at, reading: self.around.reading })
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Unread> {
        Err(Unread(Some("is not what the API has here".into())))
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], _: V) -> Result<V::Value, Unread> {
        Err(Unread(Some("is not what the API has here".into())))
    }
}
