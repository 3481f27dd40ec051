use super::{
    Depth, EncodeError, Format,
    error::{MalformedError, MalformedKind, Position},
    trace,
};
use bytes::Bytes;
use rmp_serde::{Deserializer, decode::Error};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::io::Cursor;

/// Structures are maps by name: in a list, a new or removed field would move all others.
pub(super) fn write<T: Serialize + ?Sized>(value: &T) -> Result<Bytes, EncodeError> {
    let bytes = rmp_serde::to_vec_named(value);
    bytes.map(Bytes::from).map_err(|error| EncodeError::value(Format::MessagePack, error))
}

pub(super) fn read<T: DeserializeOwned>(body: &[u8], depth: Depth) -> Result<T, MalformedError> {
    let mut reader = Deserializer::from_read_ref(body);
    reader.set_max_depth(levels(depth));
    let Ok(value) = T::deserialize(&mut reader) else { return Err(explain::<T>(body, depth)) };
    // The reader does not report its position. If bytes follow the value, it reads at least the first of them.
    match u8::deserialize(&mut reader) {
        Err(Error::InvalidMarkerRead(_)) => Ok(value),
        _ => Err(explain::<T>(body, depth)),
    }
}

/// The reader refuses when its count comes to zero.
const fn levels(depth: Depth) -> usize {
    depth.get() + 1
}

/// Reads once more, slower, with a reader that knows its position.
#[cold]
fn explain<T: DeserializeOwned>(body: &[u8], depth: Depth) -> MalformedError {
    let mut reader = Deserializer::new(Cursor::new(body));
    reader.set_max_depth(levels(depth));
    let fault = match T::deserialize(&mut reader) {
        Ok(_) => MalformedKind::Trailing,
        Err(error) => fault(&error).unwrap_or_else(|| {
            let mut reader = Deserializer::from_read_ref(body);
            reader.set_max_depth(levels(depth));
            MalformedKind::Form(trace::mismatch::<T, _>(&mut reader))
        }),
    };
    MalformedError { format: Format::MessagePack, fault, place: Position::Byte(reader.position() as usize) }
}

/// Returns `None` for a well-formed body that is not of the expected type.
fn fault(error: &Error) -> Option<MalformedKind> {
    match error {
        Error::DepthLimitExceeded => Some(MalformedKind::TooDeep),
        Error::Utf8Error(_) => Some(MalformedKind::NotUtf8),
        Error::Syntax(_) | Error::TypeMismatch(_) | Error::OutOfRange | Error::LengthMismatch(_) => None,
        _ => Some(MalformedKind::Syntax),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[derive(PartialEq, Debug, Serialize, Deserialize)]
    struct Tree {
        name: String,
        branches: Vec<Tree>,
    }

    fn chain(levels: usize) -> Tree {
        let leaf = Tree { name: "leaf".to_owned(), branches: Vec::new() };
        (0..levels).fold(leaf, |tree, _| Tree { name: String::new(), branches: vec![tree] })
    }

    fn read_in<T: DeserializeOwned>(body: &[u8], levels: u8) -> Result<T, MalformedError> {
        read(body, Depth::new(levels).unwrap())
    }

    #[test]
    fn fields_go_by_name() {
        let bytes = write(&chain(0)).unwrap();
        let by_name: BTreeMap<String, serde_json::Value> = read_in(&bytes, 4).unwrap();
        assert_eq!(by_name["name"], "leaf");
    }

    #[test]
    fn a_level_is_a_level() {
        // Each tree is a map with a list in it.
        let bytes = write(&chain(2)).unwrap();
        assert_eq!(read_in::<Tree>(&bytes, 6).unwrap(), chain(2));
        assert_eq!(read_in::<Tree>(&bytes, 5).unwrap_err().fault, MalformedKind::TooDeep);
        let lists = [vec![0x91; 100_000], vec![0xC0]].concat();
        assert_eq!(read_in::<serde::de::IgnoredAny>(&lists, 127).unwrap_err().fault, MalformedKind::TooDeep);
        assert_eq!(read_in::<serde_json::Value>(&lists, 127).unwrap_err().fault, MalformedKind::TooDeep);
    }

    #[test]
    fn what_follows_is_refused_with_its_place() {
        for after in [0x00, 0xC0, 0x91, 0xDD, 0xC1] {
            let fault = read_in::<u8>(&[7, after], 4).unwrap_err();
            assert_eq!(
                (fault.fault, fault.place),
                (MalformedKind::Trailing, Position::Byte(1)),
                "{after:#x}"
            );
        }
    }

    #[test]
    fn faults_are_told_apart() {
        assert_eq!(read_in::<String>(&[0xA2, 0xC3, 0x28], 4).unwrap_err().fault, MalformedKind::NotUtf8);
        assert!(matches!(read_in::<u8>(&[0xA1, b'x'], 4).unwrap_err().fault, MalformedKind::Form(_)));
        assert_eq!(
            read_in::<String>(&[0xDB, 0xFF, 0xFF, 0xFF, 0xFF, b'x'], 4).unwrap_err().fault,
            MalformedKind::Syntax
        );
        assert_eq!(
            read_in::<Vec<u8>>(&[0xDD, 0xFF, 0xFF, 0xFF, 0xFF, 1], 4).unwrap_err().fault,
            MalformedKind::Syntax
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_borne(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read_in::<Tree>(&bytes, 9);
            let _ = read_in::<serde_json::Value>(&bytes, 9);
        }

        #[test]
        fn what_is_written_is_read(names in proptest::collection::vec(".*", 0..9)) {
            prop_assert_eq!(read_in::<Vec<String>>(&write(&names).unwrap(), 1).unwrap(), names);
        }
    }
}
