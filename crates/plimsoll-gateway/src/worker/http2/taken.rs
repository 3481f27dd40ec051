//! A response's body as the client takes it.

use super::stream::Open;
use crate::proxy::DownloadError;
use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use std::{
    io::IoSlice,
    pin::Pin,
    task::{Context, Poll},
};

/// Bodies up to this size end with their last part. Of longer ones the end is kept back until the client has taken the
/// rest: a stream that has not ended can be reset, and what h2 holds of it goes with that.
const SHORT: u64 = 64 * 1024;

/// A response's body as the client takes it.
#[derive(Debug)]
pub(super) struct Taken {
    open: Open,
    /// Trailers that wait for the rest of the body.
    trailers: Option<Frame<Part>>,
    bytes: u64,
}

/// A part of a body: its stream is open until the socket has taken it. The empty one, which ends a stream, is of none.
#[derive(Debug, Default)]
pub(super) struct Part {
    bytes: Bytes,
    open: Option<Open>,
}

impl Part {
    fn new(bytes: Bytes, open: &Open) -> Self {
        open.give(bytes.len() as u64);
        Self { bytes, open: Some(open.clone()) }
    }
}

impl Buf for Part {
    fn remaining(&self) -> usize {
        self.bytes.len()
    }

    fn chunk(&self) -> &[u8] {
        &self.bytes
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        self.bytes.chunks_vectored(slices)
    }

    fn advance(&mut self, bytes: usize) {
        self.bytes.advance(bytes);
        if let Some(open) = &self.open {
            open.moved(bytes as u64);
        }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.bytes.is_empty()
            && let Some(open) = &self.open
        {
            open.lost(self.bytes.len() as u64);
        }
    }
}

impl Taken {
    pub(super) fn new(open: Open) -> Self {
        Self { open, trailers: None, bytes: 0 }
    }

    /// Whether the end must wait until the rest has been taken.
    fn keeps_back_its_end(&self) -> bool {
        self.bytes > SHORT && self.open.is_held()
    }

    fn wait<T>(&self, cx: &Context<'_>) -> Poll<T> {
        self.open.wait(cx);
        Poll::Pending
    }

    fn body_has_ended(&self) -> bool {
        self.open.body().borrow().as_ref().is_some_and(Body::is_end_stream)
    }
}

impl Body for Taken {
    type Data = Part;
    type Error = DownloadError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Part>, DownloadError>>> {
        if self.open.must_wait() {
            return self.wait(cx);
        }
        let ends = self.trailers.is_some() || self.body_has_ended();
        if ends && self.keeps_back_its_end() {
            return self.wait(cx);
        }
        if let Some(trailers) = self.trailers.take() {
            return Poll::Ready(Some(Ok(trailers)));
        }
        let open = &self.open;
        if open.asked() && open.body().borrow().is_some() {
            open.give_up();
        }
        let polled = match &mut *open.body().borrow_mut() {
            Some(body) => Pin::new(body).poll_frame(cx),
            None => Poll::Ready(Some(Err(DownloadError::Stuck))),
        };
        match polled {
            Poll::Ready(Some(Ok(frame))) => {
                let frame = frame.map_data(|data| Part::new(data, &self.open));
                if let Some(part) = frame.data_ref() {
                    self.bytes += part.remaining() as u64;
                } else if self.keeps_back_its_end() {
                    self.trailers = Some(frame);
                    return self.wait(cx);
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(None) if self.keeps_back_its_end() => self.wait(cx),
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(error))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.trailers.is_none() && !self.keeps_back_its_end() && self.body_has_ended()
    }

    fn size_hint(&self) -> SizeHint {
        self.open.body().borrow().as_ref().map_or_else(SizeHint::default, Body::size_hint)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        // What is under way at the endpoint ends here, and not where the last part goes: that is within h2's locks,
        // and the request's own body would need them too.
        if !self.body_has_ended() {
            let body = self.open.body().borrow_mut().take();
            drop(body);
        }
    }
}
