//! Negotiated and streaming bodies: JSON, MessagePack and Protobuf by what the other side speaks, within limits.
//!
//! - [`Negotiated`]: extractor and answer in one, by `Content-Type` and `Accept`.
//! - [`Accepted`]: refuses with 406 before any work is done.
//! - [`BodyLimits`]: how large and how deep a body may be, for all routes or for one.
//! - [`Open`]: an enumeration that may grow, its unknown names kept.
//! - [`encode`], [`decode`], [`accept`], [`collect`]: the same for whoever has headers and bytes, a client say.
//!
//! # Streams
//! A slow reader slows the stream, and no more than a chunk of it is held: [`NdJson`] writes a JSON value a line and
//! [`NdJsonReader`] reads them, [`EventStream`] is server-sent events, [`Chunks`] bytes as they come.
//!
//! Small items are put together for as long as the stream has some at hand; when it has to wait, what there is goes out.
//! The stream is asked for more only when the connection has taken the last chunk: under way are a chunk, hyper's write
//! buffer and the sockets' own.
//!
//! When a stream fails, the head is gone, and the status with it. An error ends the body without its proper end (the
//! last chunk, or `END_STREAM`), so that the client notices that something is missing; the error is in the log, under
//! an id, and nowhere else. What came before it has been sent.
//!
//! # Hostile input
//! Every reader is safe against hostile input: sizes and depths are bounded before anything recurses, invalid UTF-8 and
//! whatever follows a value are refused, and no refusal repeats what the body says.

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
mod wanted;

#[cfg(feature = "server")]
pub use accepted::Accepted;
pub use codec::{Decode, Encode, Encoded, accept, acceptable, decode, encode};
pub use error::{
    AcceptedFormats, DecodeError, EncodeError, MalformedError, MalformedKind, Position, TypeMismatch,
};
pub use format::Format;
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
