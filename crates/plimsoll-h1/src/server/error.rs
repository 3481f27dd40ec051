//! Errors of reading a request and of writing a response.

use crate::error::RequestHeadError;
use std::{fmt, io};

/// An error in place of the next request.
#[derive(Debug)]
#[non_exhaustive]
pub enum NextError {
    /// The request is refused. [`respond`](super::ServerConn::respond) sends a response to it; the connection closes after
    /// that.
    Refused(RequestHeadError),
    /// The client ended the connection within a request's head; nobody is left to respond to.
    Truncated,
    /// Reading failed.
    Io(io::Error),
    /// The connection begins with HTTP/2's preface. Nothing of it has been consumed:
    /// [`into_parts`](super::ServerConn::into_parts) hands it on.
    Http2Preface,
}

impl fmt::Display for NextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => write!(f, "the request is refused: {refusal}"),
            Self::Truncated => f.write_str("the client ended the connection within a request's head"),
            Self::Io(_) => f.write_str("reading a request failed"),
            Self::Http2Preface => f.write_str("the client speaks HTTP/2"),
        }
    }
}

impl std::error::Error for NextError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}

/// The kind of a [`RespondError`].
#[derive(Debug)]
pub enum RespondErrorKind<E> {
    /// Writing failed: the client is gone.
    Io(io::Error),
    /// The response's body failed.
    Body(E),
    /// The body is shorter or longer than its length, or two lengths are stated.
    Length,
    /// The client took nothing for [`write_stall`](super::ServerConfig::write_stall), or less than
    /// [`write_rate`](super::ServerConfig::write_rate) asks.
    Stalled,
    /// The status is not final: an interim one, or 101 where the client did not offer to switch.
    Status,
}

/// An error that kept a response from being sent whole.
#[derive(Debug)]
pub struct RespondError<E> {
    /// The kind of the error.
    pub kind: RespondErrorKind<E>,
    /// Whether the client may have seen a part of the response. If so, the connection has been broken; if not, another
    /// response can be sent in its place.
    pub started: bool,
}

impl<E> fmt::Display for RespondError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            RespondErrorKind::Io(_) => "writing the response failed",
            RespondErrorKind::Body(_) => "the response's body failed",
            RespondErrorKind::Length => "the response's body does not keep its length",
            RespondErrorKind::Stalled => "the client reads the response too slowly",
            RespondErrorKind::Status => "the status is not final",
        })
    }
}

impl<E: std::error::Error + 'static> std::error::Error for RespondError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            RespondErrorKind::Io(error) => Some(error),
            RespondErrorKind::Body(error) => Some(error),
            _ => None,
        }
    }
}
