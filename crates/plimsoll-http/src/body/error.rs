use super::{ByteLimit, Format};
use crate::{Kind, Problem};
use std::fmt;
use thiserror::Error;

/// The error of reading a body.
///
/// Its text may be sent to the client. It quotes nothing of the body: names of fields are those of the expected type.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// There is no `Content-Type`, a malformed one, or several.
    #[error("the body's content-type is missing or unclear; taken here: {taken}")]
    Unnamed {
        /// The formats that are accepted.
        taken: AcceptedFormats,
    },
    /// The `Content-Type` is not supported, or has a charset other than UTF-8.
    #[error("the body's content-type is not taken here; taken here: {taken}")]
    Unsupported {
        /// The formats that are accepted.
        taken: AcceptedFormats,
    },
    /// It has a `Content-Encoding` that was not decoded.
    #[error("the body's content-encoding is not taken here")]
    Coded,
    /// It is larger than the limit.
    #[error("the body has more than {} bytes", .limit.get())]
    TooLarge {
        /// The limit.
        limit: ByteLimit,
    },
    /// It is malformed, or not of the expected type.
    #[error(transparent)]
    MalformedError(#[from] MalformedError),
}

impl From<DecodeError> for Problem {
    /// 400, 413 or 415, with the error's text as the detail.
    fn from(error: DecodeError) -> Self {
        let kind = match &error {
            DecodeError::Unnamed { .. } | DecodeError::Unsupported { .. } | DecodeError::Coded => {
                Kind::UnsupportedMediaType
            }
            DecodeError::TooLarge { .. } => Kind::BodyTooLarge,
            DecodeError::MalformedError(_) => Kind::BadRequest,
        };
        Self::new(kind).detail(error.to_string())
    }
}

/// The supported formats, by their media types.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AcceptedFormats(pub(super) &'static [Format]);

impl fmt::Display for AcceptedFormats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, format) in self.0.iter().enumerate() {
            write!(f, "{}{}", if index == 0 { "" } else { ", " }, format.media_type())?;
        }
        Ok(())
    }
}

/// A malformed body: the fault and its position.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("the {format} body {fault}{place}")]
pub struct MalformedError {
    pub(super) format: Format,
    pub(super) fault: MalformedKind,
    pub(super) place: Position,
}

impl MalformedError {
    /// The format that it was read as.
    pub const fn format(&self) -> Format {
        self.format
    }

    /// Returns the fault.
    pub const fn fault(&self) -> &MalformedKind {
        &self.fault
    }

    /// Returns its position.
    pub const fn place(&self) -> Position {
        self.place
    }
}

/// A fault of a body.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum MalformedKind {
    /// It is not well-formed, or ends too early.
    Syntax,
    /// Text in it is not UTF-8.
    NotUtf8,
    /// It is nested deeper than the limit.
    TooDeep,
    /// There are bytes after the value.
    Trailing,
    /// It is well-formed, but not of the expected type.
    Form(TypeMismatch),
}

impl fmt::Display for MalformedKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax => f.write_str("is not well-formed"),
            Self::NotUtf8 => f.write_str("is not valid UTF-8"),
            Self::TooDeep => f.write_str("is nested too deeply"),
            Self::Trailing => f.write_str("has something after its end"),
            Self::Form(mismatch) => mismatch.fmt(f),
        }
    }
}

/// The difference of a body from its expected type.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct TypeMismatch {
    /// `items[3].price`; empty at the top. Keys that the type does not name are `*`.
    pub(super) path: String,
    /// `is missing the field "price"`; empty if unknown.
    pub(super) what: String,
}

impl TypeMismatch {
    /// Returns the path in the value: `items[3].price`, empty for the whole. A key of a map is `*`, since it is part of the
    /// body.
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl fmt::Display for TypeMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.what.is_empty() { "has another form than expected" } else { &self.what })?;
        if self.path.is_empty() { Ok(()) } else { write!(f, " at {}", self.path) }
    }
}

/// A position in a body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Position {
    /// In a text, both counted from 1; the column in bytes.
    Line {
        /// The line.
        line: usize,
        /// The column.
        column: usize,
    },
    /// Bytes from the beginning.
    Byte(usize),
    /// Unknown in this format.
    Unknown,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { line, column } => write!(f, " (line {line}, column {column})"),
            Self::Byte(offset) => write!(f, " (byte {offset})"),
            Self::Unknown => Ok(()),
        }
    }
}

/// The error of writing a value as a body.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The type has no such format.
    #[error("the type is not offered as {0}")]
    NotOffered(Format),
    /// The value cannot be written in the format, for example a map whose keys are not strings.
    #[error("the value cannot be written as {format}")]
    Value {
        /// The format.
        format: Format,
        /// The encoder's error.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl EncodeError {
    pub(super) fn value(format: Format, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Value { format, source: source.into() }
    }
}

impl From<EncodeError> for Problem {
    /// 500: the value is the service's own.
    fn from(error: EncodeError) -> Self {
        Self::new(Kind::Internal).because(error)
    }
}
