//! JSON: checked as a whole for UTF-8 and depth, then read.

mod depth;
mod finite;

use super::{
    Depth, EncodeError, Format,
    error::{MalformedError, MalformedKind, Position},
    trace,
};
use bytes::Bytes;
use finite::Finite;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::error::{Category, Error};
use std::io::Write;

/// Most responses fit, and need no second allocation.
const USUAL: usize = 512;

pub(super) fn write<T: Serialize + ?Sized>(value: &T) -> Result<Bytes, EncodeError> {
    let mut bytes = Vec::with_capacity(USUAL);
    write_into(&mut bytes, value).map_err(|error| EncodeError::value(Format::Json, error))?;
    Ok(bytes.into())
}

/// Writes a value as JSON. A number that JSON does not have is an error.
pub(crate) fn write_into<T: Serialize + ?Sized>(into: impl Write, value: &T) -> Result<(), Error> {
    serde_json::to_writer(into, &Finite(value))
}

pub(super) fn read<T: DeserializeOwned>(body: &[u8], depth: Depth) -> Result<T, MalformedError> {
    // The whole body, and first: the reader checks only the strings that it reads.
    let text = std::str::from_utf8(body)
        .map_err(|error| malformed(MalformedKind::NotUtf8, place(body, error.valid_up_to())))?;
    if let Some(offset) = depth::exceeds(body, depth.get()) {
        return Err(malformed(MalformedKind::TooDeep, place(body, offset)));
    }
    serde_json::from_str(text).map_err(|error| explain::<T>(text, &error))
}

#[cold]
fn explain<T: DeserializeOwned>(text: &str, error: &Error) -> MalformedError {
    let fault = match error.classify() {
        Category::Data => {
            MalformedKind::Form(trace::mismatch::<T, _>(&mut serde_json::Deserializer::from_str(text)))
        }
        Category::Io | Category::Syntax | Category::Eof => MalformedKind::Syntax,
    };
    malformed(fault, Position::Line { line: error.line(), column: error.column() })
}

const fn malformed(fault: MalformedKind, place: Position) -> MalformedError {
    MalformedError { format: Format::Json, fault, place }
}

#[cold]
fn place(body: &[u8], offset: usize) -> Position {
    let before = &body[..offset];
    let line = memchr::memchr_iter(b'\n', before).count() + 1;
    let column = offset - memchr::memrchr(b'\n', before).map_or(0, |at| at + 1) + 1;
    Position::Line { line, column }
}
