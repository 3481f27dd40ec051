//! Negotiated and streaming bodies: JSON, MessagePack and Protobuf by what the other side speaks, within limits.
//!
//! - [`Negotiated`]: extractor and answer in one, by `Content-Type` and `Accept`.
//! - [`Accepted`]: refuses with 406 before any work is done.
//! - [`BodyLimits`]: how large and how deep a body may be, for all routes or for one.
//! - [`encode`], [`decode`], [`accept`], [`collect`]: the same for whoever has headers and bytes, a client say.
//!
//! Every reader is safe against hostile input: sizes and depths are bounded before anything recurses, invalid UTF-8 and
//! whatever follows a value are refused, and no refusal repeats what the body says.

mod accept;
#[cfg(feature = "server")]
mod accepted;
mod codec;
mod error;
mod format;
mod json;
#[cfg(feature = "server")]
mod layer;
mod limits;
mod media_type;
#[cfg(feature = "msgpack")]
mod msgpack;
#[cfg(feature = "server")]
mod negotiated;
#[cfg(feature = "protobuf")]
mod protobuf;
mod read;
#[cfg(feature = "server")]
mod wanted;

#[cfg(feature = "server")]
pub use accepted::Accepted;
pub use codec::{Decode, Encode, Encoded, accept, acceptable, decode, encode};
pub use error::{DecodeError, EncodeError, Fault, Malformed, Misfit, Place, Taken};
pub use format::Format;
#[cfg(feature = "server")]
pub use layer::{NegotiateFuture, NegotiateLayer, NegotiateService};
pub use limits::{BodyLimits, ByteLimit, Depth, InvalidLimit};
#[cfg(feature = "server")]
pub use negotiated::Negotiated;
#[cfg(feature = "protobuf")]
pub use protobuf::WithProtobuf;
pub use read::{ReadError, collect};

#[cfg(all(test, feature = "server"))]
mod tests;
