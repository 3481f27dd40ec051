//! Errors of sending and receiving. Each send error gives the item back.

use std::fmt;

/// An error of sending: the receiver is gone, or has closed the queue.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the queue is closed")]
pub struct SendError<T>(pub T);

/// An error of [`Sender::try_send`](super::Sender::try_send).
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TrySendError<T> {
    /// There is no place now.
    #[error("the queue is full")]
    Full(T),
    /// The receiver is gone, or has closed the queue.
    #[error("the queue is closed")]
    Closed(T),
}

/// An error of [`Sender::send_before`](super::Sender::send_before).
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendBeforeError<T> {
    /// There was no place until the deadline.
    #[error("the queue was full until the deadline")]
    Late(T),
    /// The receiver is gone, or has closed the queue.
    #[error("the queue is closed")]
    Closed(T),
}

/// An error of [`Receiver::try_recv`](super::Receiver::try_recv).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TryRecvError {
    /// There is nothing now.
    #[error("the queue is empty")]
    Empty,
    /// There is nothing, and nothing will come.
    #[error("the queue is closed")]
    Closed,
}

/// A queue or channel whose other side is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the queue is closed")]
pub struct QueueClosedError;

impl<T> TrySendError<T> {
    /// The item.
    pub fn into_inner(self) -> T {
        match self {
            Self::Full(value) | Self::Closed(value) => value,
        }
    }
}

impl<T> SendBeforeError<T> {
    /// The item.
    pub fn into_inner(self) -> T {
        match self {
            Self::Late(value) | Self::Closed(value) => value,
        }
    }
}

// Written out, because an item that cannot be printed must still be an error.
impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SendError(..)")
    }
}

impl<T> fmt::Debug for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if matches!(self, Self::Full(_)) { "Full(..)" } else { "Closed(..)" })
    }
}

impl<T> fmt::Debug for SendBeforeError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if matches!(self, Self::Late(_)) { "Late(..)" } else { "Closed(..)" })
    }
}
