use super::{
    BodyLimits, Decode, DecodeError, Encode, EncodeError, Format,
    error::{MalformedError, MalformedKind, Position},
};
use bytes::Bytes;
use prost::Message;
use serde::{Serialize, de::DeserializeOwned};

/// A type with both serde and `prost`, which is also offered as Protobuf.
///
/// ```
/// use plimsoll_http::body::{self, Format, WithProtobuf};
///
/// #[derive(PartialEq, prost::Message, serde::Serialize, serde::Deserialize)]
/// struct Order {
///     #[prost(uint64, tag = "1")]
///     id: u64,
/// }
///
/// let order = WithProtobuf(Order { id: 7 });
/// assert_eq!(body::encode(&order, Format::Json)?.bytes, r#"{"id":7}"#);
/// assert_eq!(body::encode(&order, Format::Protobuf)?.bytes, [8, 7].as_slice());
/// # Ok::<(), body::EncodeError>(())
/// ```
///
/// A type without field numbers is refused by the compiler:
///
/// ```compile_fail
/// use plimsoll_http::body::{self, Format, WithProtobuf};
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Order { id: u64 }
///
/// body::encode(&WithProtobuf(Order { id: 7 }), Format::Protobuf);
/// ```
///
/// The depth of a Protobuf body is bounded by `prost` at 100 levels, whatever the limit: without the types, nested
/// messages cannot be distinguished from bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct WithProtobuf<T>(pub T);

const FORMATS: &[Format] = &[
    Format::Json,
    #[cfg(feature = "msgpack")]
    Format::MessagePack,
    Format::Protobuf,
];

impl<T: Serialize + Message> Encode for WithProtobuf<T> {
    const FORMATS: &'static [Format] = FORMATS;

    fn encode_as(&self, format: Format) -> Result<Bytes, EncodeError> {
        match format {
            Format::Protobuf => Ok(self.0.encode_to_vec().into()),
            other => self.0.encode_as(other),
        }
    }
}

impl<T: DeserializeOwned + Message + Default> Decode for WithProtobuf<T> {
    const FORMATS: &'static [Format] = FORMATS;

    fn decode_as(format: Format, body: Bytes, limits: &BodyLimits) -> Result<Self, DecodeError> {
        match format {
            Format::Protobuf => read(body).map(Self).map_err(DecodeError::from),
            other => T::decode_as(other, body, limits).map(Self),
        }
    }
}

fn read<T: Message + Default>(body: Bytes) -> Result<T, MalformedError> {
    T::decode(body).map_err(|_| MalformedError {
        format: Format::Protobuf,
        // The reader reports neither its position nor whether the bytes are malformed or of another type.
        fault: MalformedKind::Syntax,
        place: Position::Unknown,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, PartialEq, Message, serde::Serialize, serde::Deserialize)]
    struct Tree {
        #[prost(string, tag = "1")]
        name: String,
        #[prost(message, repeated, tag = "2")]
        branches: Vec<Tree>,
    }

    fn read_as(format: Format, bytes: Bytes) -> Result<Tree, DecodeError> {
        WithProtobuf::decode_as(format, bytes, &BodyLimits::default()).map(|WithProtobuf(tree)| tree)
    }

    #[test]
    fn every_format_carries_the_value() {
        let tree = Tree { name: "trunk".to_owned(), branches: vec![Tree::default(); 2] };
        for format in FORMATS {
            let bytes = WithProtobuf(tree.clone()).encode_as(*format).unwrap();
            assert_eq!(read_as(*format, bytes), Ok(tree.clone()), "{format}");
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let mut bytes = Vec::new();
        for _ in 0..1000 {
            let mut outer = vec![0x12];
            prost::encoding::encode_varint(bytes.len() as u64, &mut outer);
            outer.append(&mut bytes);
            bytes = outer;
        }
        assert!(read_as(Format::Protobuf, bytes.into()).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_borne(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read_as(Format::Protobuf, bytes.into());
        }
    }
}
