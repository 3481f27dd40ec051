//! An upstream that misbehaves over real TCP, connection by connection.

mod exchange;
mod request;
mod server;

pub(crate) use request::Requests;
pub use server::{FaultyUpstream, Refusing};

use bytes::Bytes;
use std::time::Duration;

/// The behaviour of an upstream towards the requests of one connection.
///
/// Unless said otherwise it reads the whole request first, and then does this; a fault ends the connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fault {
    /// None: a `200` with this body, request after request.
    Healthy(Bytes),
    /// None of its own making: this status with an empty body, request after request.
    Status(u16),
    /// These bytes as they are, then the connection is closed.
    Raw(Bytes),
    /// The connection is reset as soon as it is there, without a byte having been read.
    ResetAtOnce,
    /// The request is read, and the connection reset.
    Reset,
    /// Half of a response, then a reset.
    ResetInBody,
    /// The request is read, and the connection closed.
    Close,
    /// Bytes that are not HTTP.
    NotHttp,
    /// A `Content-Length` of 100, ten bytes, the end.
    Truncated,
    /// A chunked body that ends in the middle of a chunk.
    TruncatedChunk,
    /// A `Content-Length` of 2, twenty bytes, the end.
    TooLong,
    /// The request is read, and nothing is ever said.
    Silent,
    /// The connection is taken, and nothing is ever read.
    Deaf,
    /// A head that never ends, sent as fast as it is read.
    EndlessHead,
    /// A head, and a body that never ends.
    EndlessBody,
    /// A `200` with this body, byte by byte, with such a pause before each.
    Slow(Bytes, Duration),
}

impl Fault {
    /// One of each kind that is a fault, with short pauses: to go through them all.
    pub fn all() -> Vec<Self> {
        vec![
            Self::Raw(Bytes::from_static(b"HTTP/1.1 200 OK\r\n")),
            Self::ResetAtOnce,
            Self::Reset,
            Self::ResetInBody,
            Self::Close,
            Self::NotHttp,
            Self::Truncated,
            Self::TruncatedChunk,
            Self::TooLong,
            Self::Silent,
            Self::Deaf,
            Self::EndlessHead,
            Self::EndlessBody,
            Self::Slow(Bytes::from_static(b"slow"), Duration::from_millis(50)),
        ]
    }
}
