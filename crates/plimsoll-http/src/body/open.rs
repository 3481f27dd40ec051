use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{
        DeserializeOwned, IntoDeserializer,
        value::{Error, StrDeserializer},
    },
};

/// A known variant, or the name of an unknown one: an enumeration that may grow.
///
/// `E` is an enumeration without data, which serde writes as a string. A name that `E` does not have is kept
/// and written unchanged: a service that passes on or stores a value loses nothing that a newer one wrote. It works in JSON
/// and MessagePack; Protobuf keeps unknown numbers by itself.
///
/// ```
/// use plimsoll_http::body::Open;
///
/// #[derive(Clone, Copy, PartialEq, Debug, serde::Serialize, serde::Deserialize)]
/// #[serde(rename_all = "snake_case")]
/// enum Status { Paid, Shipped }
///
/// let known: Open<Status> = serde_json::from_str(r#""paid""#)?;
/// assert_eq!(known.known(), Some(&Status::Paid));
///
/// let newer: Open<Status> = serde_json::from_str(r#""lost_at_sea""#)?;
/// assert_eq!(newer.known(), None);
/// assert_eq!(serde_json::to_string(&newer)?, r#""lost_at_sea""#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Open<E> {
    /// A variant of the enumeration.
    Known(E),
    /// An unknown name.
    Unknown(Box<str>),
}

impl<E> Open<E> {
    /// Returns the variant, if it is known.
    pub const fn known(&self) -> Option<&E> {
        match self {
            Self::Known(variant) => Some(variant),
            Self::Unknown(_) => None,
        }
    }
}

impl<E> From<E> for Open<E> {
    fn from(variant: E) -> Self {
        Self::Known(variant)
    }
}

impl<E: Serialize> Serialize for Open<E> {
    fn serialize<S: Serializer>(&self, writer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Known(variant) => variant.serialize(writer),
            Self::Unknown(name) => writer.serialize_str(name),
        }
    }
}

impl<'de, E: DeserializeOwned> Deserialize<'de> for Open<E> {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        let name = String::deserialize(reader)?;
        let variant: StrDeserializer<'_, Error> = name.as_str().into_deserializer();
        Ok(E::deserialize(variant).map_or_else(|_| Self::Unknown(name.into()), Self::Known))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::{BodyLimits, Decode, Encode, Format};
    use proptest::prelude::*;

    #[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
    enum Status {
        Paid,
        Shipped,
    }

    fn formats() -> &'static [Format] {
        <Open<Status> as Encode>::FORMATS
    }

    #[test]
    fn a_known_variant_is_itself() {
        for format in formats() {
            let bytes = Status::Shipped.encode_as(*format).unwrap();
            let read = Open::<Status>::decode_as(*format, bytes, &BodyLimits::default()).unwrap();
            assert_eq!(read, Open::Known(Status::Shipped));
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in ["7", "null", "[]", r#"{"Paid":1}"#] {
            assert!(serde_json::from_str::<Open<Status>>(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn an_unknown_name_comes_out_as_it_went_in(name in ".{0,30}") {
            prop_assume!(name != "Paid" && name != "Shipped");
            for format in formats() {
                let bytes = name.encode_as(*format).unwrap();
                let read = Open::<Status>::decode_as(*format, bytes.clone(), &BodyLimits::default()).unwrap();
                prop_assert_eq!(&read, &Open::Unknown(name.as_str().into()));
                prop_assert_eq!(read.encode_as(*format).unwrap(), bytes);
            }
        }
    }
}
