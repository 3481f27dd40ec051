//! Errors in the messages of a peer.

use http::StatusCode;
use std::{fmt, io};

/// An error in the head of a request; nothing of the request may be forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RequestHeadError {
    /// A line ends in a bare line feed.
    BareLineFeed,
    /// A carriage return that no line feed follows.
    BareCarriageReturn,
    /// More than one empty line before the request line.
    LeadingLines,
    /// The request line is not `method SP target SP version`.
    RequestLine,
    /// The first line names no protocol where its version should stand: this is no HTTP/1.x, nor the preface of HTTP/2. An
    /// response in HTTP/1.1 would not be understood.
    NotHttp,
    /// The version is none of `HTTP/1.0` and `HTTP/1.1`.
    Version,
    /// The target has bytes that are not allowed in a target, or a fragment.
    TargetSyntax,
    /// The form of the target does not go with the method, or is not origin-form, absolute-form or `*`.
    TargetForm,
    /// The target is longer than the limit.
    TargetTooLong,
    /// The head is longer than the limit.
    HeadTooLarge,
    /// There are more fields than the limit.
    TooManyFields,
    /// A field name is empty, has a forbidden byte, or has a space before its colon.
    FieldName,
    /// A field value has a control byte.
    FieldValue,
    /// A field is folded over several lines.
    FoldedField,
    /// `Host` is missing in HTTP/1.1.
    HostMissing,
    /// `Host` is repeated.
    HostRepeated,
    /// `Host` is not `host[:port]`.
    HostInvalid,
    /// `Host` names another authority than the target.
    HostContradictsTarget,
    /// `Content-Length` is not one number that fits 64 bits.
    LengthInvalid,
    /// `Content-Length` comes more than once, or as a list.
    LengthRepeated,
    /// Both `Content-Length` and `Transfer-Encoding` are present.
    TwoFramings,
    /// A transfer coding is not `chunked`.
    TransferUnknown,
    /// `Transfer-Encoding` is malformed, repeated, or in HTTP/1.0.
    TransferInvalid,
    /// The body is announced longer than the limit.
    BodyTooLarge,
    /// `Expect` is not `100-continue`.
    ExpectationUnknown,
    /// The method is `CONNECT`, which this engine does not support.
    ConnectUnsupported,
    /// The head had begun and was not complete in time.
    HeadTimeout,
}

impl RequestHeadError {
    /// Returns the status of the response to such a request.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::HeadTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TargetTooLong => StatusCode::URI_TOO_LONG,
            Self::ExpectationUnknown => StatusCode::EXPECTATION_FAILED,
            Self::HeadTooLarge | Self::TooManyFields => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::TransferUnknown | Self::ConnectUnsupported => StatusCode::NOT_IMPLEMENTED,
            Self::Version => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// Returns a short stable name, for metrics and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BareLineFeed => "bare-lf",
            Self::BareCarriageReturn => "bare-cr",
            Self::LeadingLines => "leading-lines",
            Self::RequestLine => "request-line",
            Self::NotHttp => "not-http",
            Self::Version => "version",
            Self::TargetSyntax => "target-syntax",
            Self::TargetForm => "target-form",
            Self::TargetTooLong => "target-too-long",
            Self::HeadTooLarge => "head-too-large",
            Self::TooManyFields => "too-many-fields",
            Self::FieldName => "field-name",
            Self::FieldValue => "field-value",
            Self::FoldedField => "folded-field",
            Self::HostMissing => "host-missing",
            Self::HostRepeated => "host-repeated",
            Self::HostInvalid => "host-invalid",
            Self::HostContradictsTarget => "host-contradicts-target",
            Self::LengthInvalid => "length-invalid",
            Self::LengthRepeated => "length-repeated",
            Self::TwoFramings => "two-framings",
            Self::TransferUnknown => "transfer-unknown",
            Self::TransferInvalid => "transfer-invalid",
            Self::BodyTooLarge => "body-too-large",
            Self::ExpectationUnknown => "expectation-unknown",
            Self::ConnectUnsupported => "connect-unsupported",
            Self::HeadTimeout => "head-timeout",
        }
    }
}

impl fmt::Display for RequestHeadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::error::Error for RequestHeadError {}

/// An error in the head of an upstream's response; nothing of the response may be passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ResponseHeadError {
    /// A line ends in a bare line feed.
    BareLineFeed,
    /// The status line is malformed, or the status is none of 100 to 599.
    StatusLine,
    /// A field is malformed, folded, or holds a control byte.
    Field,
    /// The head is longer than the limit.
    HeadTooLarge,
    /// There are more fields than the limit.
    TooManyFields,
    /// `Content-Length` is repeated, not a number, or present together with `Transfer-Encoding`; or `Transfer-Encoding`
    /// is not `chunked`.
    Framing,
    /// The response switches to a protocol that the request did not offer.
    UnaskedUpgrade,
    /// There are more interim responses than the limit.
    TooManyInterim,
}

impl ResponseHeadError {
    /// Returns whether the response exceeds a limit of this engine and is well-formed otherwise.
    pub const fn is_our_limit(self) -> bool {
        matches!(self, Self::HeadTooLarge | Self::TooManyFields | Self::TooManyInterim)
    }

    /// Returns a short stable name, for metrics and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BareLineFeed => "bare-lf",
            Self::StatusLine => "status-line",
            Self::Field => "field",
            Self::HeadTooLarge => "head-too-large",
            Self::TooManyFields => "too-many-fields",
            Self::Framing => "framing",
            Self::UnaskedUpgrade => "unasked-upgrade",
            Self::TooManyInterim => "too-many-interim",
        }
    }
}

impl fmt::Display for ResponseHeadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::error::Error for ResponseHeadError {}

/// An error in the chunked coding of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChunkedError {
    /// The size of a chunk is not plain hexadecimal digits, or does not fit 64 bits.
    Size,
    /// A line does not end in CR LF, or a chunk is longer than its size.
    LineEnd,
    /// An extension has a forbidden byte, or there are too many bytes of them.
    Extension,
    /// A trailer field is malformed.
    Trailer,
    /// The trailers have more bytes or fields than the limit.
    TrailerTooLarge,
}

impl ChunkedError {
    /// Returns a short stable name, for metrics and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Size => "chunk-size",
            Self::LineEnd => "chunk-line-end",
            Self::Extension => "chunk-extension",
            Self::Trailer => "trailer",
            Self::TrailerTooLarge => "trailer-too-large",
        }
    }
}

impl fmt::Display for ChunkedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::error::Error for ChunkedError {}

/// An error that ends a body early.
#[derive(Debug)]
#[non_exhaustive]
pub enum BodyError {
    /// The peer ended the stream before the body's end.
    Truncated,
    /// The chunked coding is broken.
    Chunk(ChunkedError),
    /// The body is longer than the limit.
    TooLarge,
    /// Reading failed.
    Io(io::Error),
    /// The request of this response could not be sent whole.
    Upload,
    /// The message was over before its body was read: responded to, dropped or closed.
    Gone,
}

impl BodyError {
    /// Returns a short stable name, for metrics and logs.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Truncated => "truncated",
            Self::Chunk(error) => error.name(),
            Self::TooLarge => "body-too-large",
            Self::Io(_) => "io",
            Self::Upload => "upload",
            Self::Gone => "gone",
        }
    }

    /// Returns the status of the response to a request with such a body, if the sender can still read one.
    pub const fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Chunk(ChunkedError::TrailerTooLarge) => Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE),
            Self::Chunk(_) => Some(StatusCode::BAD_REQUEST),
            Self::TooLarge => Some(StatusCode::PAYLOAD_TOO_LARGE),
            _ => None,
        }
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("the peer ended the stream before the body's end"),
            Self::Chunk(error) => write!(f, "the chunked coding is broken: {error}"),
            Self::TooLarge => f.write_str("the body is longer than the limit"),
            Self::Io(_) => f.write_str("reading the body failed"),
            Self::Upload => f.write_str("the request could not be sent whole"),
            Self::Gone => f.write_str("the message was over before its body was read"),
        }
    }
}

impl std::error::Error for BodyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}
