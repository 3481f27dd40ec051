//! Errors of an exchange with an upstream before the response's head.

use crate::error::ResponseHeadError;
use std::{fmt, io};

/// The kind of a [`SendError`].
#[derive(Debug)]
pub enum SendErrorKind<E> {
    /// The upstream closed or reset the connection before the first byte of a response.
    Closed(Option<io::Error>),
    /// The connection ended or broke within the head of a response.
    Truncated,
    /// Reading or writing failed otherwise.
    Io(io::Error),
    /// The response's head is malformed, ambiguous or beyond a limit.
    Malformed(ResponseHeadError),
    /// The request's body failed.
    Body(E),
    /// The request's body is shorter or longer than its length.
    Length,
}

/// An error that ended an exchange before the response's head. The connection is closed.
#[derive(Debug)]
pub struct SendError<E> {
    /// The kind of the error.
    pub kind: SendErrorKind<E>,
    /// Whether any byte of the request was given to the socket. If not, the upstream cannot have seen it.
    pub wrote: bool,
    /// Whether the connection had served an exchange before.
    pub reused: bool,
}

impl<E> SendError<E> {
    /// Returns whether the upstream closed a kept connection while it was idle, as far as can be told: such a request may
    /// be sent again if it may be sent twice at all.
    pub fn is_stale(&self) -> bool {
        self.reused && matches!(self.kind, SendErrorKind::Closed(_))
    }
}

impl<E> fmt::Display for SendError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            SendErrorKind::Closed(_) => f.write_str("the upstream closed the connection without a response"),
            SendErrorKind::Truncated => f.write_str("the response ended within its head"),
            SendErrorKind::Io(_) => f.write_str("the connection to the upstream failed"),
            SendErrorKind::Malformed(error) => write!(f, "the response is not acceptable HTTP: {error}"),
            SendErrorKind::Body(_) => f.write_str("the request's body failed"),
            SendErrorKind::Length => f.write_str("the request's body does not keep its length"),
        }
    }
}

impl<E: std::error::Error + 'static> std::error::Error for SendError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            SendErrorKind::Closed(Some(error)) | SendErrorKind::Io(error) => Some(error),
            SendErrorKind::Malformed(error) => Some(error),
            SendErrorKind::Body(error) => Some(error),
            _ => None,
        }
    }
}
