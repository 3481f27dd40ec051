//! The body of a message that comes in, of either side.
//!
//! It reads from its connection when it is polled and never before: no channel, no task, no copy. Data are slices
//! of the connection's read buffer, so whoever keeps them long keeps that memory.

use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::error::BodyError;
use crate::splice::{Pipe, Splice};

/// What polling a connection for its current body gave.
pub(crate) type Polled = Poll<Result<Option<Frame<Bytes>>, BodyError>>;

/// A connection that a body is read from. The epoch tells a body of an earlier message from that of now.
pub(crate) trait Source {
    fn poll_frame(&self, epoch: u32, cx: &mut Context<'_>) -> Polled;
    /// Moves bytes into the pipe, unseen. `None`: poll for a frame.
    fn poll_splice(
        &self,
        epoch: u32,
        cx: &mut Context<'_>,
        pipe: &mut Pipe,
    ) -> Poll<Option<Result<u64, BodyError>>> {
        let _ = (epoch, cx, pipe);
        Poll::Ready(None)
    }
    /// All of a body of known length, if it has been read from the socket already.
    fn take_whole(&self, epoch: u32) -> Option<Bytes> {
        let _ = epoch;
        None
    }
    /// Whether the message that this one answers is still being sent, and its own body is waited for.
    fn waits_for_upload(&self, epoch: u32) -> bool {
        let _ = epoch;
        false
    }
    /// Whether the frame just given was the last.
    fn is_done(&self, epoch: u32) -> bool;
    /// The body has been read to its end.
    fn finished(self: Rc<Self>, epoch: u32);
    /// The body is given up before its end.
    fn abandoned(self: Rc<Self>, epoch: u32);
}

/// A body that is read from a connection as it is polled.
///
/// A body that breaks off ends in an error, never as if it were whole. Dropped unread, it costs the connection: a
/// client's is drained within a bound or closed after the answer, an upstream's is closed at once.
///
/// Polling is cancel safe: what was not returned is still there.
pub struct Incoming {
    source: Option<Rc<dyn Source>>,
    epoch: u32,
    left: Option<u64>,
}

impl Incoming {
    /// A body without anything in it.
    pub const fn empty() -> Self {
        Self { source: None, epoch: 0, left: Some(0) }
    }

    pub(crate) fn new(source: Rc<dyn Source>, epoch: u32, left: Option<u64>) -> Self {
        Self { source: Some(source), epoch, left }
    }

    /// The whole body, if it has a known length and all of it has been read from the socket already; it is at its end
    /// then.
    pub fn take_whole(&mut self) -> Option<Bytes> {
        let bytes = self.source.as_ref()?.take_whole(self.epoch)?;
        self.end();
        Some(bytes)
    }

    /// Whether the message that this one answers is still being sent, and its own body is waited for.
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
