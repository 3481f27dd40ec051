use super::{
    Traced,
    access::{Entries, Items},
    complaint::Complaint,
};
use serde::{
    Deserializer,
    de::{EnumAccess, Error, MapAccess, SeqAccess, Unexpected, Visitor},
};
use std::fmt;

macro_rules! forward {
    ($($method:ident($($value:ident: $of:ty)?);)*) => {
        $(fn $method<E: Error>(self, $($value: $of)?) -> Result<V::Value, E> {
            self.inner.$method($($value)?).map_err(|complaint| self.trace.keep(complaint))
        })*
    };
}

impl<V> Traced<'_, V> {
    /// The field of the type that a key names, if this is a key.
    fn note_field(&self, key: &str) {
        if let Some(field) = self.fields.iter().find(|field| **field == key) {
            self.trace.field.set(Some(field));
        }
    }
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Traced<'_, V> {
    type Value = V::Value;

    /// Called when a format that finds another type makes an error text: the only moment to learn the expectation.
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.trace.note(Complaint::invalid_type(Unexpected::Unit, &self.inner));
        self.inner.expecting(f)
    }

    forward! {
        visit_bool(value: bool);
        visit_i8(value: i8);
        visit_i16(value: i16);
        visit_i32(value: i32);
        visit_i64(value: i64);
        visit_i128(value: i128);
        visit_u8(value: u8);
        visit_u16(value: u16);
        visit_u32(value: u32);
        visit_u64(value: u64);
        visit_u128(value: u128);
        visit_f32(value: f32);
        visit_f64(value: f64);
        visit_char(value: char);
        visit_bytes(value: &[u8]);
        visit_borrowed_bytes(value: &'de [u8]);
        visit_byte_buf(value: Vec<u8>);
        visit_none();
        visit_unit();
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<V::Value, E> {
        self.note_field(text);
        self.inner.visit_str(text).map_err(|complaint| self.trace.keep(complaint))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<V::Value, E> {
        self.note_field(text);
        self.inner.visit_borrowed_str(text).map_err(|complaint| self.trace.keep(complaint))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<V::Value, E> {
        self.note_field(&text);
        self.inner.visit_string(text).map_err(|complaint| self.trace.keep(complaint))
    }

    fn visit_some<D: Deserializer<'de>>(self, reader: D) -> Result<V::Value, D::Error> {
        let reader = Traced::new(reader, self.trace, self.depth);
        self.inner.visit_some(reader).map_err(|complaint| self.trace.keep(complaint))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, reader: D) -> Result<V::Value, D::Error> {
        let reader = Traced::new(reader, self.trace, self.depth);
        self.inner.visit_newtype_struct(reader).map_err(|complaint| self.trace.keep(complaint))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<V::Value, A::Error> {
        let items = Items { of: self.with(items), index: 0 };
        self.inner.visit_seq(items).map_err(|complaint| self.trace.keep(complaint))
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<V::Value, A::Error> {
        let entries = Entries(self.with(entries));
        self.inner.visit_map(entries).map_err(|complaint| self.trace.keep(complaint))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, variant: A) -> Result<V::Value, A::Error> {
        let variant = self.with(variant);
        self.inner.visit_enum(variant).map_err(|complaint| self.trace.keep(complaint))
    }
}
