//! Negotiated and streaming bodies: JSON, MessagePack and Protobuf by the other side's choice, within limits.
//!
//! - [`Negotiated`]: extractor and response in one, by `Content-Type` and `Accept`.
//! - [`Accepted`]: refuses with 406 before any work is done.
//! - [`BodyLimits`]: limits on the size and depth of a body, for all routes or for one.
//! - [`Open`]: an enumeration that may grow, which keeps unknown names.
//! - [`encode`], [`decode`], [`accept`], [`collect`]: the same for code with headers and bytes, such as a client.
//!
//! # Streams
//! A slow reader slows the stream, and at most a chunk of it is held. [`NdJson`] writes one JSON value per line, and
//! [`NdJsonReader`] reads them; [`EventStream`] sends server-sent events, and [`Chunks`] unchanged bytes.
//!
//! Small items are sent together while the stream has some ready; when it waits, the pending ones are sent. The stream is
//! polled only when the connection has taken the last chunk: in flight are a chunk, hyper's write buffer and those of the
//! sockets.
//!
//! When a stream fails, the head and its status have been sent. An error aborts the body before its end (the last chunk, or
//! `END_STREAM`), so that the client notices; the error is in the log alone, under an id. The items before it have been sent.
//!
//! # Hostile input
//! Every reader is safe against hostile input: sizes and depths are bounded before anything recurses, invalid UTF-8 and
//! bytes after a value are refused, and no refusal quotes the body.

mod accept;
#[cfg(feature = "server")]
mod accepted;
mod codec;
mod error;
mod format;
pub(crate) mod json;
#[cfg(feature = "server")]
mod layer;
mod limits;
mod media_type;
#[cfg(feature = "msgpack")]
mod msgpack;
#[cfg(feature = "server")]
mod negotiated;
mod open;
#[cfg(feature = "protobuf")]
mod protobuf;
mod read;
#[cfg(feature = "server")]
mod stream;
mod trace;
#[cfg(feature = "server")]
pub(crate) mod wanted;

#[cfg(feature = "server")]
pub use accepted::Accepted;
pub use codec::{Decode, Encode, Encoded, accept, acceptable, decode, encode};
pub use error::{
    AcceptedFormats, DecodeError, EncodeError, MalformedError, MalformedKind, Position, TypeMismatch,
};
pub use format::Format;
#[cfg(feature = "server")]
pub(crate) use layer::keep_refusal;
#[cfg(feature = "server")]
pub use layer::{NegotiateFuture, NegotiateLayer, NegotiateService};
pub use limits::{BodyLimits, ByteLimit, Depth, LimitError};
#[cfg(feature = "server")]
pub use negotiated::Negotiated;
pub use open::Open;
#[cfg(feature = "protobuf")]
pub use protobuf::WithProtobuf;
pub use read::{ReadError, collect};
#[cfg(feature = "server")]
pub use stream::{
    Chunks, Event, EventFieldError, EventId, EventName, EventStream, LastEventId, NdJson, NdJsonReader,
    StreamAbortedError,
};

#[cfg(all(test, feature = "server"))]
mod tests;
