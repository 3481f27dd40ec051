//! The body of a response as its connection sends it: each part is followed until the socket has taken it.

use super::{
    activity::ActiveRequest,
    streams::{Kept, Stream, Streams},
};
use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use std::{
    io::IoSlice,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

/// Bodies up to this size end with their last part. Of longer ones over HTTP/2 the end is kept back until the client has
/// taken the rest: a stream that has not ended can be reset, and what hyper holds of it goes with that.
const SHORT: u64 = 64 * 1024;

/// Bodies of HTTP/1 up to this size are not followed: any socket takes as much at once.
const SMALL: u64 = 16 * 1024;

/// A part of a response's body. Where it is followed, its response is in flight until the socket has taken it.
pub(super) struct Part {
    bytes: Bytes,
    stream: Option<Arc<Stream>>,
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
        if let Some(stream) = &self.stream {
            stream.release(bytes as u64, true);
        }
    }

    fn copy_to_bytes(&mut self, bytes: usize) -> Bytes {
        if let Some(stream) = &self.stream {
            stream.release(bytes as u64, true);
        }
        self.bytes.split_to(bytes)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if let Some(stream) = &self.stream
            && !self.bytes.is_empty()
        {
            stream.release(self.bytes.len() as u64, false);
        }
    }
}

pin_project! {
    /// A response's body, which keeps its connection busy until it is over.
    #[project = ResponseBodyProjection]
    pub(super) enum ResponseBody<B> {
        /// A small one on a connection of HTTP/1.
        Small { #[pin] inner: B, active: ActiveRequest },
        Followed { body: FollowedBody<B> },
    }
}

impl<B: Body + Send + 'static> ResponseBody<B> {
    /// On a connection of HTTP/1.
    pub(super) fn alone(inner: B, active: ActiveRequest, streams: &Arc<Streams>) -> Self {
        if inner.size_hint().upper().is_some_and(|bytes| bytes <= SMALL) {
            return Self::Small { inner, active };
        }
        Self::of(inner, streams.alone(active))
    }

    /// On this stream.
    pub(super) fn of(inner: B, stream: Arc<Stream>) -> Self {
        Self::Followed {
            body: FollowedBody {
                inner: Some(Box::pin(inner)),
                stream,
                keep,
                trailers: None,
                bytes: 0,
                over: false,
            },
        }
    }
}

impl<B: Body<Data = Bytes>> Body for ResponseBody<B> {
    type Data = Part;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Part>, B::Error>>> {
        match self.project() {
            ResponseBodyProjection::Small { inner, .. } => {
                let part = |bytes| Part { bytes, stream: None };
                inner.poll_frame(cx).map_ok(|frame| frame.map_data(part))
            }
            ResponseBodyProjection::Followed { body } => body.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Small { inner, .. } => inner.is_end_stream(),
            Self::Followed { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Small { inner, .. } => inner.size_hint(),
            Self::Followed { body } => {
                body.inner.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
            }
        }
    }
}

/// A body that lives, and with it its place in every limit, until its client has taken it.
pub(super) struct FollowedBody<B> {
    inner: Option<Pin<Box<B>>>,
    stream: Arc<Stream>,
    keep: fn(Pin<Box<B>>) -> Kept,
    /// Trailers that wait for the rest of the body.
    trailers: Option<Frame<Part>>,
    bytes: u64,
    /// Whether the body has said that it has ended.
    over: bool,
}

fn keep<B: Send + 'static>(body: Pin<Box<B>>) -> Kept {
    body
}

impl<B: Body<Data = Bytes>> FollowedBody<B> {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Part>, B::Error>>> {
        if self.trailers.is_some() || self.over {
            ready!(self.poll_end(cx));
        }
        if let Some(trailers) = self.trailers.take() {
            return Poll::Ready(Some(Ok(trailers)));
        }
        ready!(self.poll_room(cx));
        let Some(inner) = &mut self.inner else { return Poll::Ready(None) };
        match ready!(inner.as_mut().poll_frame(cx)) {
            Some(Ok(frame)) => {
                let frame = frame.map_data(|bytes| {
                    self.stream.give(bytes.len() as u64);
                    Part { bytes, stream: Some(Arc::clone(&self.stream)) }
                });
                self.over = self.inner.as_ref().is_none_or(Body::is_end_stream);
                if let Some(part) = frame.data_ref() {
                    self.bytes += part.remaining() as u64;
                } else if self.poll_end(cx).is_pending() {
                    self.trailers = Some(frame);
                    return Poll::Pending;
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Some(Err(error)) => Poll::Ready(Some(Err(error))),
            None => {
                // It is not asked again.
                self.over = true;
                self.park();
                self.poll_end(cx).map(|()| None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.trailers.is_none()
            && !self.keeps_back_its_end()
            && self.inner.as_ref().is_none_or(Body::is_end_stream)
    }
}

impl<B> FollowedBody<B> {
    /// Whether the end must wait until the client has taken the rest.
    fn keeps_back_its_end(&self) -> bool {
        self.stream.multiplexed && self.bytes > SHORT && self.stream.is_held()
    }

    /// Ready where the end need not wait.
    fn poll_end(&self, cx: &Context<'_>) -> Poll<()> {
        self.poll_until(cx, self.keeps_back_its_end())
    }

    /// Ready where another part need not wait.
    fn poll_room(&self, cx: &Context<'_>) -> Poll<()> {
        self.poll_until(cx, self.stream.must_wait())
    }

    /// Waits until nothing is held any more, if it `waits`.
    fn poll_until(&self, cx: &Context<'_>, waits: bool) -> Poll<()> {
        if !waits {
            return Poll::Ready(());
        }
        self.stream.waiting.register(cx.waker());
        // It may have been taken just before the waker was there.
        if self.stream.is_held() { Poll::Pending } else { Poll::Ready(()) }
    }

    /// Leaves the body to its stream.
    fn park(&mut self) {
        if let Some(body) = self.inner.take() {
            self.stream.keep((self.keep)(body));
        }
    }
}

impl<B> Drop for FollowedBody<B> {
    fn drop(&mut self) {
        // HTTP/1 drops a body of a known length without asking for its end.
        if (self.over || !self.stream.multiplexed) && self.stream.is_held() {
            self.park();
        }
    }
}
