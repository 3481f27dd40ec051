//! A response's body, under the call's limits.

use super::{
    discard::discard,
    drive::Guard,
    error::{Cause, Error},
    origin_state::{Machines, OriginState},
    response_source::ResponseSource,
};
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use plimsoll_driver::{BodyGuard, BodyTimeoutError};
use plimsoll_policy::{Settlement, call::AttemptId};
use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

/// A response's body.
///
/// Its call is over when it ends, fails or is dropped: until then `idle` and `total` apply, and the call holds its permit of
/// the bulkhead. If it is dropped before its end, the connection (over HTTP/2: the stream) is closed, unless only a short
/// rest is left (see the [module](super)).
pub struct Body(Kind);

enum Kind {
    Whole(Option<Bytes>),
    Live(Box<Live>),
}

/// A body in progress. Its end, failure or drop settles the call.
struct Live {
    // Before the call: the exchange ends before the permit is released.
    source: Option<ResponseSource>,
    call: BodyGuard<Arc<Machines>>,
    host: Arc<OriginState>,
}

type Polled = Poll<Option<Result<Frame<Bytes>, Error>>>;

impl Body {
    /// Creates a body that has come whole.
    pub(super) fn whole(bytes: Bytes) -> Self {
        Self(Kind::Whole(Some(bytes).filter(|bytes| !bytes.is_empty())))
    }

    pub(super) fn live(
        host: Arc<OriginState>,
        source: ResponseSource,
        guard: Guard,
        id: AttemptId,
        head: &Settlement,
    ) -> Self {
        let call = BodyGuard::new(guard, id, head);
        Self(Kind::Live(Box::new(Live { source: Some(source), call, host })))
    }

    /// Puts back bytes that were read, to be read again.
    pub(super) fn unread(&mut self, bytes: Bytes) {
        match &mut self.0 {
            Kind::Live(live) if live.source.is_some() => {
                if let Some(source) = &mut live.source {
                    source.unread(bytes);
                }
            }
            ended => *ended = Kind::Whole(Some(bytes)),
        }
    }

    /// Returns the whole body, if it has come already.
    pub(super) fn take_whole(&mut self) -> Option<Bytes> {
        match &mut self.0 {
            Kind::Whole(bytes) => Some(bytes.take().unwrap_or_default()),
            Kind::Live(_) => None,
        }
    }
}

impl Live {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Polled {
        let Some(source) = &mut self.source else { return Poll::Ready(None) };
        match source.poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(trailers) = frame.trailers_ref() {
                    self.call.trailers(trailers);
                }
                if source.is_ended() {
                    self.source = None;
                    self.call.end();
                    return Poll::Ready(Some(Ok(frame)));
                }
                let moved = self.call.moved(cx);
                Poll::Ready(Some(moved.map(|()| frame).map_err(|timeout| self.timed_out(timeout))))
            }
            Poll::Ready(Some(Err(error))) => {
                self.source = None;
                self.call.broke_off();
                let (origin, source) = (self.host.origin.clone(), Cause::from(Box::from(error)));
                Poll::Ready(Some(Err(Error::Broken { origin, source })))
            }
            Poll::Ready(None) => {
                self.source = None;
                self.call.end();
                Poll::Ready(None)
            }
            Poll::Pending => {
                let uploading = source.waits_for_caller();
                self.call.poll_limits(cx, uploading).map(|timeout| Some(Err(self.timed_out(timeout))))
            }
        }
    }

    /// The source is closed with the limit.
    fn timed_out(&mut self, timeout: BodyTimeoutError) -> Error {
        self.source = None;
        Error::TimedOut { limit: timeout.limit, origin: self.host.origin.clone() }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        if let Some(source) = self.source.take()
            && discard(source)
        {
            self.call.discard();
        }
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled {
        match &mut self.get_mut().0 {
            Kind::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Kind::Live(live) => live.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Whole(bytes) => bytes.is_none(),
            Kind::Live(live) => live.source.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Kind::Live(live) => {
                live.source.as_ref().map_or_else(|| SizeHint::with_exact(0), ResponseSource::size_hint)
            }
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Whole(bytes) => write!(f, "Body({} bytes)", bytes.as_ref().map_or(0, Bytes::len)),
            Kind::Live(live) => f.debug_struct("Body").field("call", &live.call).finish_non_exhaustive(),
        }
    }
}
