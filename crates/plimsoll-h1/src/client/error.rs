//! How an exchange with an upstream can fail before its answer's head is there.

use std::fmt;
use std::io;

use crate::error::Garbage;

/// What went wrong.
#[derive(Debug)]
pub enum SendFault<E> {
    /// The upstream closed or reset the connection before the first byte of an answer.
    Closed(Option<io::Error>),
    /// The connection ended or broke within the head of an answer.
    Truncated,
    /// Reading or writing failed otherwise.
    Io(io::Error),
    /// What came is no HTTP that may be passed on.
    Garbage(Garbage),
    /// The request's body failed.
    Body(E),
    /// The request's body is shorter or longer than its length.
    Length,
}

/// A failed exchange. The connection is closed.
#[derive(Debug)]
pub struct SendError<E> {
    /// What went wrong.
    pub fault: SendFault<E>,
    /// Whether any byte of the request was given to the socket. If not, the upstream cannot have seen it.
    pub wrote: bool,
    /// Whether the connection had served an exchange before.
    pub reused: bool,
}

impl<E> SendError<E> {
    /// Whether this is what a kept connection looks like that the upstream closed while it was idle: such a
    /// request may be sent again if it may be sent twice at all.
    pub fn is_stale(&self) -> bool {
        self.reused && matches!(self.fault, SendFault::Closed(_))
    }
}

impl<E> fmt::Display for SendError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.fault {
            SendFault::Closed(_) => f.write_str("the upstream closed the connection without an answer"),
            SendFault::Truncated => f.write_str("the answer ended within its head"),
            SendFault::Io(_) => f.write_str("the connection to the upstream failed"),
            SendFault::Garbage(garbage) => write!(f, "the answer is not acceptable HTTP: {garbage}"),
            SendFault::Body(_) => f.write_str("the request's body failed"),
            SendFault::Length => f.write_str("the request's body does not keep its length"),
        }
    }
}

impl<E: std::error::Error + 'static> std::error::Error for SendError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.fault {
            SendFault::Closed(Some(error)) | SendFault::Io(error) => Some(error),
            SendFault::Garbage(garbage) => Some(garbage),
            SendFault::Body(error) => Some(error),
            _ => None,
        }
    }
}
