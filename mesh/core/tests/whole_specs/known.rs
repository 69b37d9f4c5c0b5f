//! What a spec may have, asked of its type: every member, every member of a union, every value of an enumeration.
//!
//! A derived type tells a deserializer its members before it reads any. This one gives each of them, and takes another
//! choice at each place every time it comes by, until all have been taken.

use mesh_core::Kind;
use mesh_core::spec::{
    GatewayRouteSpec, MeshSpec, RouteSpec, VirtualGatewaySpec, VirtualNodeSpec, VirtualRouterSpec, VirtualServiceSpec,
};
use serde::de::value::StrDeserializer;
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess,
    Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::Value;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// Choices that types have and rules refuse: a gateway has no tcp.
const REFUSED: [&str; 4] = [
    "virtualGateway.listeners[].connectionPool.tcp",
    "virtualGateway.listeners[].connectionPool.tcp.maxConnections",
    "virtualGateway.listeners[].healthCheck.protocol=tcp",
    "virtualGateway.listeners[].portMapping.protocol=tcp",
];

/// More often than the largest number of choices, multiplied along the deepest chain of them.
const WALKS: usize = 200;

/// Whether the rules refuse what the type allows.
pub fn is_refused(path: &str) -> bool {
    REFUSED.contains(&path)
}

/// The paths of everything that a spec of a kind may have; choices of an enumeration follow a `=`.
pub fn paths_of(kind: Kind) -> BTreeSet<String> {
    match kind {
        Kind::Mesh => paths::<MeshSpec>(kind),
        Kind::VirtualGateway => paths::<VirtualGatewaySpec>(kind),
        Kind::GatewayRoute => paths::<GatewayRouteSpec>(kind),
        Kind::VirtualNode => paths::<VirtualNodeSpec>(kind),
        Kind::VirtualRouter => paths::<VirtualRouterSpec>(kind),
        Kind::Route => paths::<RouteSpec>(kind),
        Kind::VirtualService => paths::<VirtualServiceSpec>(kind),
    }
}

/// The paths of everything that a value has, in the same words.
pub fn paths_in(value: &Value, path: &str, paths: &mut BTreeSet<String>) {
    paths.insert(path.to_owned());
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, member)| paths_in(member, &format!("{path}.{name}"), paths));
        }
        Value::Array(list) => list.iter().for_each(|item| paths_in(item, &format!("{path}[]"), paths)),
        Value::String(text) => drop(paths.insert(format!("{path}={text}"))),
        _ => {}
    }
}

/// The numbers and texts of a value, with their paths.
pub fn leaves_in(value: &Value, path: &str, leaves: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, member)| leaves_in(member, &format!("{path}.{name}"), leaves));
        }
        Value::Array(list) => list.iter().for_each(|item| leaves_in(item, &format!("{path}[]"), leaves)),
        leaf => leaves.push((path.to_owned(), leaf.clone())),
    }
}

fn paths<T: for<'de> Deserialize<'de>>(kind: Kind) -> BTreeSet<String> {
    let seen = Seen::default();
    for _ in 0..WALKS {
        T::deserialize(Walk { path: kind.as_str().to_owned(), seen: &seen }).expect("whatever is asked for is given");
    }
    for (path, (taken, of)) in seen.choices.take() {
        assert!(taken >= of, "{path}: {taken} of {of} choices taken");
    }
    seen.paths.take()
}

#[derive(Default)]
struct Seen {
    paths: RefCell<BTreeSet<String>>,
    /// At each place, how many choices were taken, and of how many.
    choices: RefCell<BTreeMap<String, (usize, usize)>>,
}

#[derive(Clone)]
struct Walk<'s> {
    path: String,
    seen: &'s Seen,
}

impl Walk<'_> {
    fn then(&self, step: &str) -> Self {
        Self { path: format!("{}{step}", self.path), seen: self.seen }
    }

    fn note(&self) {
        self.seen.paths.borrow_mut().insert(self.path.clone());
    }
}

type Never = serde::de::value::Error;

impl<'de> Deserializer<'de> for Walk<'_> {
    type Error = Never;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Never> {
        self.note();
        visitor.visit_map(Members { fields: fields.iter(), of: self, next: None })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Never> {
        self.note();
        let taken = {
            let mut choices = self.seen.choices.borrow_mut();
            let (taken, _) = choices.entry(self.path.clone()).or_insert((0, variants.len()));
            *taken += 1;
            *taken - 1
        };
        visitor.visit_enum(Choice { variant: variants[taken % variants.len()], of: self })
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Never> {
        visitor.visit_some(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Never> {
        self.note();
        visitor.visit_seq(One(Some(self.then("[]"))))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Never> {
        self.note();
        visitor.visit_str("text")
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Never> {
        self.note();
        visitor.visit_i64(1)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Never> {
        self.note();
        visitor.visit_bool(true)
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Never> {
        Err(serde::de::Error::custom(format!("{} is of no type that specs are made of", self.path)))
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i128 u8 u16 u32 u64 u128 f32 f64 char str bytes byte_buf unit unit_struct newtype_struct tuple
        tuple_struct map identifier ignored_any
    }
}

struct Members<'s> {
    fields: std::slice::Iter<'static, &'static str>,
    of: Walk<'s>,
    next: Option<&'static str>,
}

impl<'de> MapAccess<'de> for Members<'_> {
    type Error = Never;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Never> {
        self.next = self.fields.next().copied();
        self.next.map(|field| seed.deserialize::<StrDeserializer<'_, Never>>(field.into_deserializer())).transpose()
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Never> {
        seed.deserialize(self.of.then(&format!(".{}", self.next.expect("a key comes first"))))
    }
}

struct One<'s>(Option<Walk<'s>>);

impl<'de> SeqAccess<'de> for One<'_> {
    type Error = Never;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Never> {
        self.0.take().map(|item| seed.deserialize(item)).transpose()
    }
}

struct Choice<'s> {
    variant: &'static str,
    of: Walk<'s>,
}

impl<'de> EnumAccess<'de> for Choice<'_> {
    type Error = Never;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Never> {
        let name: StrDeserializer<'_, Never> = self.variant.into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> VariantAccess<'de> for Choice<'_> {
    type Error = Never;

    fn unit_variant(self) -> Result<(), Never> {
        self.of.then(&format!("={}", self.variant)).note();
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Never> {
        seed.deserialize(self.of.then(&format!(".{}", self.variant)))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Never> {
        Err(serde::de::Error::custom("no spec has tuples"))
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], _: V) -> Result<V::Value, Never> {
        Err(serde::de::Error::custom("unions have one value"))
    }
}
