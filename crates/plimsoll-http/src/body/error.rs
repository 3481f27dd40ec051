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
        /// What would have been understood.
        taken: Taken,
    },
    /// The `Content-Type` is of no format that is taken, or has a charset that is not UTF-8.
    #[error("the body's content-type is not taken here; taken here: {taken}")]
    Unsupported {
        /// What would have been understood.
        taken: Taken,
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
    Malformed(#[from] Malformed),
}

impl From<DecodeError> for Problem {
    /// 400, 413 or 415, with the error's text as the detail.
    fn from(error: DecodeError) -> Self {
        let kind = match &error {
            DecodeError::Unnamed { .. } | DecodeError::Unsupported { .. } | DecodeError::Coded => {
                Kind::UnsupportedMediaType
            }
            DecodeError::TooLarge { .. } => Kind::BodyTooLarge,
            DecodeError::Malformed(_) => Kind::BadRequest,
        };
        Self::new(kind).detail(error.to_string())
    }
}

/// Formats that are taken, by their media types.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Taken(pub(super) &'static [Format]);

impl fmt::Display for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, format) in self.0.iter().enumerate() {
            write!(f, "{}{}", if index == 0 { "" } else { ", " }, format.media_type())?;
        }
        Ok(())
    }
}

/// What is wrong with a body, and where.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("the {format} body {fault}{place}")]
pub struct Malformed {
    pub(super) format: Format,
    pub(super) fault: Fault,
    pub(super) place: Place,
}

impl Malformed {
    /// The format that it was read as.
    pub const fn format(&self) -> Format {
        self.format
    }

    /// What is wrong.
    pub const fn fault(&self) -> &Fault {
        &self.fault
    }

    /// Where.
    pub const fn place(&self) -> Place {
        self.place
    }
}

/// What is wrong with a body.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Fault {
    /// It is not of the format, or it ends too early.
    Syntax,
    /// Text in it is not UTF-8.
    NotUtf8,
    /// It is nested deeper than the limit.
    TooDeep,
    /// Something follows the value.
    Trailing,
    /// It is of the format, and not of the form that is expected.
    Form(Misfit),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax => f.write_str("is not well-formed"),
            Self::NotUtf8 => f.write_str("is not valid UTF-8"),
            Self::TooDeep => f.write_str("is nested too deeply"),
            Self::Trailing => f.write_str("has something after its end"),
            Self::Form(misfit) => misfit.fmt(f),
        }
    }
}

/// How a body's form differs from the one expected.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Misfit {
    /// `items[3].price`; empty at the top. Keys that the type does not name are `*`.
    pub(super) path: String,
    /// `is missing the field "price"`; empty where it is not known.
    pub(super) what: String,
}

impl Misfit {
    /// Where in the value: `items[3].price`, empty for the whole. A key of a map is `*`: it belongs to the body.
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.what.is_empty() { "has another form than expected" } else { &self.what })?;
        if self.path.is_empty() { Ok(()) } else { write!(f, " at {}", self.path) }
    }
}

/// Where in a body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Place {
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

impl fmt::Display for Place {
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
        /// What the encoder says.
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
