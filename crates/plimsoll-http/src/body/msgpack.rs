use super::{
    Depth, EncodeError, Format,
    error::{Fault, Malformed, Misfit, Place},
};
use bytes::Bytes;
use rmp_serde::{Deserializer, decode::Error};
use serde::{Serialize, de::DeserializeOwned};

/// Structures as maps by name: as lists, a field that comes or goes would move all others.
pub(super) fn write<T: Serialize + ?Sized>(value: &T) -> Result<Bytes, EncodeError> {
    let bytes = rmp_serde::to_vec_named(value);
    bytes.map(Bytes::from).map_err(|error| EncodeError::value(Format::MessagePack, error))
}

pub(super) fn read<T: DeserializeOwned>(body: &[u8], depth: Depth) -> Result<T, Malformed> {
    let mut reader = Deserializer::from_read_ref(body);
    // The reader refuses when the count reaches zero, and counts the value itself.
    reader.set_max_depth(depth.get() + 1);
    let value = T::deserialize(&mut reader);
    let offset = body.len() - reader.get_ref().remaining_slice().len();
    let malformed = |fault| Malformed { format: Format::MessagePack, fault, place: Place::Byte(offset) };
    match value {
        Ok(value) if offset == body.len() => Ok(value),
        Ok(_) => Err(malformed(Fault::Trailing)),
        Err(error) => Err(malformed(fault(&error))),
    }
}

fn fault(error: &Error) -> Fault {
    match error {
        Error::DepthLimitExceeded => Fault::TooDeep,
        Error::Utf8Error(_) => Fault::NotUtf8,
        Error::Syntax(_) | Error::TypeMismatch(_) | Error::OutOfRange | Error::LengthMismatch(_) => {
            Fault::Form(Misfit::default())
        }
        _ => Fault::Syntax,
    }
}
