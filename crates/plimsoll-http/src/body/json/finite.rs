//! A check that all numbers are finite, in front of any JSON writer.
//!
//! serde_json writes `null` for NaN and the infinities, so that a reader fails far from the fault, or takes the number for
//! absent. Its formatter cannot distinguish such a `null` from an absent value, so the check is a serializer around the
//! writer, which passes on everything except non-finite numbers.

use serde::{
    Serialize, Serializer,
    ser::{
        SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
        SerializeTupleStruct, SerializeTupleVariant,
    },
};

/// A value all of whose numbers must be finite.
pub(super) struct Finite<T>(pub(super) T);

impl<T: Serialize> Serialize for Finite<T> {
    #[inline]
    fn serialize<S: Serializer>(&self, writer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(Checked(writer))
    }
}

/// A writer, or a part of one, that is given finite numbers only.
struct Checked<S>(S);

/// Passes scalars on as they are.
macro_rules! scalars {
    ($($method:ident($($name:ident: $type:ty),*);)*) => {$(
        #[inline]
        fn $method(self, $($name: $type),*) -> Result<S::Ok, S::Error> {
            self.0.$method($($name),*)
        }
    )*};
}

/// Passes numbers on that are finite.
macro_rules! floats {
    ($($method:ident($type:ty);)*) => {$(
        #[inline]
        fn $method(self, value: $type) -> Result<S::Ok, S::Error> {
            if value.is_finite() {
                self.0.$method(value)
            } else {
                Err(serde::ser::Error::custom("a number that is NaN or infinite has no form in JSON"))
            }
        }
    )*};
}

/// Checks one value within another.
macro_rules! values {
    ($($method:ident($($name:ident: $type:ty),*);)*) => {$(
        #[inline]
        fn $method<T: Serialize + ?Sized>(self, $($name: $type,)* value: &T) -> Result<S::Ok, S::Error> {
            self.0.$method($($name,)* &Finite(value))
        }
    )*};
}

/// Begins values of several parts, each of which is checked.
macro_rules! compounds {
    ($($method:ident($($name:ident: $type:ty),*) -> $part:ident;)*) => {$(
        #[inline]
        fn $method(self, $($name: $type),*) -> Result<Self::$part, S::Error> {
            self.0.$method($($name),*).map(Checked)
        }
    )*};
}

impl<S: Serializer> Serializer for Checked<S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Checked<S::SerializeSeq>;
    type SerializeTuple = Checked<S::SerializeTuple>;
    type SerializeTupleStruct = Checked<S::SerializeTupleStruct>;
    type SerializeTupleVariant = Checked<S::SerializeTupleVariant>;
    type SerializeMap = Checked<S::SerializeMap>;
    type SerializeStruct = Checked<S::SerializeStruct>;
    type SerializeStructVariant = Checked<S::SerializeStructVariant>;

    floats! {
        serialize_f32(f32);
        serialize_f64(f64);
    }

    scalars! {
        serialize_bool(value: bool);
        serialize_i8(value: i8);
        serialize_i16(value: i16);
        serialize_i32(value: i32);
        serialize_i64(value: i64);
        serialize_i128(value: i128);
        serialize_u8(value: u8);
        serialize_u16(value: u16);
        serialize_u32(value: u32);
        serialize_u64(value: u64);
        serialize_u128(value: u128);
        serialize_char(value: char);
        serialize_str(value: &str);
        serialize_bytes(value: &[u8]);
        serialize_none();
        serialize_unit();
        serialize_unit_struct(name: &'static str);
        serialize_unit_variant(name: &'static str, index: u32, variant: &'static str);
    }

    values! {
        serialize_some();
        serialize_newtype_struct(name: &'static str);
        serialize_newtype_variant(name: &'static str, index: u32, variant: &'static str);
    }

    compounds! {
        serialize_seq(length: Option<usize>) -> SerializeSeq;
        serialize_tuple(length: usize) -> SerializeTuple;
        serialize_tuple_struct(name: &'static str, length: usize) -> SerializeTupleStruct;
        serialize_tuple_variant(name: &'static str, index: u32, variant: &'static str, length: usize)
            -> SerializeTupleVariant;
        serialize_map(length: Option<usize>) -> SerializeMap;
        serialize_struct(name: &'static str, length: usize) -> SerializeStruct;
        serialize_struct_variant(name: &'static str, index: u32, variant: &'static str, length: usize)
            -> SerializeStructVariant;
    }

    #[inline]
    fn collect_str<T: std::fmt::Display + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.0.collect_str(value)
    }

    #[inline]
    fn is_human_readable(&self) -> bool {
        self.0.is_human_readable()
    }
}

/// A value of several parts: each part is checked, and further methods pass on what has no numbers.
macro_rules! parts {
    ($trait:ident, $($method:ident($($name:ident: $type:ty),*)),* $(; $plain:ident)?) => {
        impl<S: $trait> $trait for Checked<S> {
            type Ok = S::Ok;
            type Error = S::Error;

            $(
                #[inline]
                fn $method<T: Serialize + ?Sized>(
                    &mut self,
                    $($name: $type,)*
                    value: &T,
                ) -> Result<(), S::Error> {
                    self.0.$method($($name,)* &Finite(value))
                }
            )*

            $(
                #[inline]
                fn $plain(&mut self, key: &'static str) -> Result<(), S::Error> {
                    self.0.$plain(key)
                }
            )?

            #[inline]
            fn end(self) -> Result<S::Ok, S::Error> {
                self.0.end()
            }
        }
    };
}

parts!(SerializeSeq, serialize_element());
parts!(SerializeTuple, serialize_element());
parts!(SerializeTupleStruct, serialize_field());
parts!(SerializeTupleVariant, serialize_field());
parts!(SerializeStruct, serialize_field(key: &'static str); skip_field);
parts!(SerializeStructVariant, serialize_field(key: &'static str); skip_field);
// Keys are text; the writer itself refuses a number that is not finite there.
parts!(SerializeMap, serialize_key(), serialize_value());

#[cfg(test)]
mod tests {
    use crate::body::{Encode, Format};
    use proptest::prelude::*;
    use serde::Serialize;
    use std::collections::BTreeMap;

    #[derive(Serialize)]
    enum Shape {
        Nothing,
        Number(f64),
        Pair(f32, f64),
        Named { of: Option<f64> },
    }

    #[derive(Serialize)]
    struct Whole {
        shapes: Vec<Shape>,
        by_name: BTreeMap<String, f64>,
        #[serde(flatten)]
        more: BTreeMap<String, (f64, Wrapped)>,
    }

    #[derive(Serialize)]
    struct Wrapped(f64);

    fn whole(number: f64) -> [Whole; 6] {
        let with = |shape| Whole {
            shapes: vec![Shape::Nothing, shape],
            by_name: BTreeMap::new(),
            more: BTreeMap::new(),
        };
        let name = || String::from("name");
        [
            with(Shape::Number(number)),
            with(Shape::Pair(1.0, number)),
            with(Shape::Named { of: Some(number) }),
            Whole { by_name: [(name(), number)].into(), ..with(Shape::Nothing) },
            Whole { more: [(name(), (number, Wrapped(1.0)))].into(), ..with(Shape::Nothing) },
            Whole { more: [(name(), (1.0, Wrapped(number)))].into(), ..with(Shape::Nothing) },
        ]
    }

    #[test]
    fn what_is_no_number_of_json_is_an_error_wherever_it_stands() {
        for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            for (at, whole) in whole(number).iter().enumerate() {
                assert!(whole.encode_as(Format::Json).is_err(), "{number} in {at}");
            }
        }
        assert!(f32::NAN.encode_as(Format::Json).is_err());
        assert_eq!(None::<f64>.encode_as(Format::Json).unwrap(), "null", "what is absent is null");
        #[cfg(feature = "msgpack")]
        assert!(f64::NAN.encode_as(Format::MessagePack).is_ok(), "it has a form there");
    }

    proptest! {
        #[test]
        fn all_else_is_written_as_it_would_be_without(number in -1e300_f64..1e300) {
            for whole in &whole(number) {
                let written = whole.encode_as(Format::Json).unwrap();
                prop_assert_eq!(&written[..], &serde_json::to_vec(whole).unwrap()[..]);
            }
        }
    }
}
