//! How reading a request and writing an answer can fail.

use std::fmt;
use std::io;

use crate::error::Refusal;

/// Why there is no next request.
#[derive(Debug)]
#[non_exhaustive]
pub enum NextError {
    /// The request is refused. It can be answered with [`respond`](super::ServerConn::respond); the connection
    /// closes after that.
    Refused(Refusal),
    /// The client ended the connection within a request's head. Nobody is left to answer.
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

/// Why an answer was not sent whole.
#[derive(Debug)]
pub enum RespondFault<E> {
    /// Writing failed: the client is gone.
    Io(io::Error),
    /// The answer's body failed.
    Body(E),
    /// The body is shorter or longer than its length, or two lengths are stated.
    Length,
    /// The client took nothing for [`write_stall`](super::ServerConfig::write_stall), or less than
    /// [`write_rate`](super::ServerConfig::write_rate) asks.
    Stalled,
    /// A status that is no final answer: an interim one, or 101 where the client did not offer to switch.
    Status,
}

/// An answer that was not sent whole.
#[derive(Debug)]
pub struct RespondError<E> {
    /// What went wrong.
    pub fault: RespondFault<E>,
    /// Whether the client may have seen a part of it. If so, the connection has been broken; if not, another
    /// answer can be given in its place.
    pub started: bool,
}

impl<E> fmt::Display for RespondError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.fault {
            RespondFault::Io(_) => "writing the answer failed",
            RespondFault::Body(_) => "the answer's body failed",
            RespondFault::Length => "the answer's body does not keep its length",
            RespondFault::Stalled => "the client took the answer too slowly",
            RespondFault::Status => "the status is no final answer",
        })
    }
}

impl<E: std::error::Error + 'static> std::error::Error for RespondError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.fault {
            RespondFault::Io(error) => Some(error),
            RespondFault::Body(error) => Some(error),
            _ => None,
        }
    }
}
