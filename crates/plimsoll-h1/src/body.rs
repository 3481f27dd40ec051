//! The body of an incoming message, on either side.
//!
//! It reads from its connection when it is polled and never before: no channel, no task, no copy. Data frames are slices
//! of the connection's read buffer: a frame that is kept keeps that memory.

use crate::{
    error::BodyError,
    splice::{Pipe, Splice},
};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::{
    fmt,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

/// The outcome of polling a connection for its current body.
pub(crate) type Polled = Poll<Result<Option<Frame<Bytes>>, BodyError>>;

/// A connection that a body is read from. The epoch tells the body of an earlier message from the current one.
pub(crate) trait BodySource {
    fn poll_frame(&self, epoch: u32, cx: &mut Context<'_>) -> Polled;
    /// Moves bytes into the pipe without reading them. `None`: poll for a frame.
    fn poll_splice(
        &self,
        epoch: u32,
        cx: &mut Context<'_>,
        pipe: &mut Pipe,
    ) -> Poll<Option<Result<u64, BodyError>>> {
        let _ = (epoch, cx, pipe);
        Poll::Ready(None)
    }
    /// Takes the whole body, if its length is known and all of it is buffered.
    fn take_whole(&self, epoch: u32) -> Option<Bytes> {
        let _ = epoch;
        None
    }
    /// Returns whether the request of this response is still being sent and waits for its own body.
    fn waits_for_upload(&self, epoch: u32) -> bool {
        let _ = epoch;
        false
    }
    /// Returns whether the frame just returned was the last.
    fn is_done(&self, epoch: u32) -> bool;
    /// Tells the connection that the body has been read to its end.
    fn finished(self: Rc<Self>, epoch: u32);
    /// Tells the connection that the body is dropped before its end.
    fn abandoned(self: Rc<Self>, epoch: u32);
}

/// A body that is read from a connection as it is polled.
///
/// A body that breaks off ends in a [`BodyError`], never as if it were whole. Dropped unread, it costs the connection: a
/// request's is drained within a bound or its connection closed after the response, a response's connection is closed at
/// once. Its [size hint](Body::size_hint) is exact where the length is known.
///
/// Polling is cancel safe: nothing that was read is lost.
pub struct Incoming {
    source: Option<Rc<dyn BodySource>>,
    epoch: u32,
    left: Option<u64>,
}

impl Incoming {
    /// Creates an empty body.
    pub const fn empty() -> Self {
        Self { source: None, epoch: 0, left: Some(0) }
    }

    pub(crate) fn new(source: Rc<dyn BodySource>, epoch: u32, left: Option<u64>) -> Self {
        Self { source: Some(source), epoch, left }
    }

    /// Takes the whole body, if its length is known and all of it has been read from the socket already. The body is at
    /// its end then.
    pub fn take_whole(&mut self) -> Option<Bytes> {
        let bytes = self.source.as_ref()?.take_whole(self.epoch)?;
        self.end();
        Some(bytes)
    }

    /// Returns whether the request of this response is still being sent and waits for its own body.
    pub fn waits_for_upload(&self) -> bool {
        self.source.as_ref().is_some_and(|source| source.waits_for_upload(self.epoch))
    }

    fn end(&mut self) {
        self.left = Some(0);
        if let Some(source) = self.source.take() {
            source.finished(self.epoch);
        }
    }
}

impl Body for Incoming {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Some(source) = &self.source else { return Poll::Ready(None) };
        let polled = ready!(source.poll_frame(self.epoch, cx));
        Poll::Ready(match polled {
            Ok(Some(frame)) => {
                if source.is_done(self.epoch) {
                    self.end();
                } else if let (Some(left), Some(data)) = (&mut self.left, frame.data_ref()) {
                    *left = left.saturating_sub(data.len() as u64);
                }
                Some(Ok(frame))
            }
            Ok(None) => {
                self.end();
                None
            }
            Err(error) => {
                if let Some(source) = self.source.take() {
                    source.abandoned(self.epoch);
                }
                Some(Err(error))
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.source.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl Splice for Incoming {
    fn poll_splice(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pipe: &mut Pipe,
    ) -> Poll<Option<Result<u64, BodyError>>> {
        let Some(source) = &self.source else { return Poll::Ready(None) };
        let polled = ready!(source.poll_splice(self.epoch, cx, pipe));
        if let Some(Ok(bytes)) = &polled {
            if source.is_done(self.epoch) {
                self.end();
            } else if let Some(left) = &mut self.left {
                *left -= bytes;
            }
        }
        Poll::Ready(polled)
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if let Some(source) = self.source.take() {
            source.abandoned(self.epoch);
        }
    }
}

impl Default for Incoming {
    fn default() -> Self {
        Self::empty()
    }
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming").field("left", &self.left).finish_non_exhaustive()
    }
}
