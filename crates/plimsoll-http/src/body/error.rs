use super::{ByteLimit, Format};
use crate::{Kind, Problem};
use std::fmt;
use thiserror::Error;

/// Why a body could not be read.
///
/// Its text may go to whoever sent the body. Nothing of the body is in it: names of fields are those of the type that
/// was asked for.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// There is no `Content-Type`, or none that can be understood, or several.
    #[error("the body's content-type is missing or unclear; taken here: {taken}")]
    Unnamed {
        /// The formats that are accepted.
        taken: AcceptedFormats,
    },
    /// The `Content-Type` is of no format that is taken, or has a charset that is not UTF-8.
    #[error("the body's content-type is not taken here; taken here: {taken}")]
    Unsupported {
        /// The formats that are accepted.
        taken: AcceptedFormats,
    },
    /// It has a `Content-Encoding` that nobody took off.
    #[error("the body's content-encoding is not taken here")]
    Coded,
    /// It is larger than the limit.
    #[error("the body has more than {} bytes", .limit.get())]
    TooLarge {
        /// The limit.
        limit: ByteLimit,
    },
    /// It is not what it says it is, or not of the form that is expected.
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

/// Formats that are taken, by their media types.
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

/// A malformed body: the fault and its place.
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

    /// Where.
    pub const fn place(&self) -> Position {
        self.place
    }
}

/// A fault of a body.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum MalformedKind {
    /// It is not of the format, or it ends too early.
    Syntax,
    /// Text in it is not UTF-8.
    NotUtf8,
    /// It is nested deeper than the limit.
    TooDeep,
    /// Something follows the value.
    Trailing,
    /// It is of the format, and not of the form that is expected.
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

/// How a body's form differs from the one expected.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct TypeMismatch {
    /// `items[3].price`; empty at the top. Keys that the type does not name are `*`.
    pub(super) path: String,
    /// `is missing the field "price"`; empty where it is not known.
    pub(super) what: String,
}

impl TypeMismatch {
    /// Where in the value: `items[3].price`, empty for the whole. A key of a map is `*`: it belongs to the body.
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

/// Where in a body.
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
    /// The format does not tell.
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

/// Why a value could not be put into a body.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The type has no such format.
    #[error("the type is not offered as {0}")]
    NotOffered(Format),
    /// The value cannot be written in the format: a map whose keys are no text, say.
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
