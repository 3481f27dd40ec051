//! An answer's body, under the call's limits.

use super::{
    attempt::trailers,
    drive::Driven,
    error::{Error, Source as Cause},
    host::Host,
    source::Source,
};
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use plimsoll_policy::{
    Failure, Limit, Outcome, Settlement,
    call::{Action, AttemptId, Event, Mark},
};
use plimsoll_tower::driver::{now, to_tokio};
use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::time::{Sleep, sleep_until};

/// An answer's body.
///
/// The call it belongs to is over when it ends, fails or is dropped: until then `idle` and `total` hold, and its place in the
/// bulkhead is taken. Dropped before its end, the connection (over HTTP/2: the stream) is given up.
pub struct Body(Kind);

enum Kind {
    Whole(Option<Bytes>),
    Live(Box<Live>),
}

/// A body on its way. When it ends, breaks off or is dropped, the call is settled so.
struct Live {
    // Before the call: what is under way ends before its place is given to the next.
    source: Option<Source>,
    driven: Driven,
    host: Arc<Host>,
    id: AttemptId,
    outcome: Outcome,
    timer: Option<Pin<Box<Sleep>>>,
}

type Polled = Poll<Option<Result<Frame<Bytes>, Error>>>;

impl Body {
    /// One that is there already.
    pub(super) fn whole(bytes: Bytes) -> Self {
        Self(Kind::Whole(Some(bytes).filter(|bytes| !bytes.is_empty())))
    }

    pub(super) fn live(host: Arc<Host>, source: Source, driven: Driven, id: AttemptId) -> Self {
        let outcome = Outcome::Success;
        Self(Kind::Live(Box::new(Live { source: Some(source), driven, host, id, outcome, timer: None })))
    }

    /// These bytes were read of it, and are to be read again.
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

    /// All of it, if it is there already.
    pub(super) fn take_whole(&mut self) -> Option<Bytes> {
        match &mut self.0 {
            Kind::Whole(bytes) => Some(bytes.take().unwrap_or_default()),
            Kind::Live(_) => None,
        }
    }
}

impl Live {
    fn settle(&mut self, outcome: Outcome) {
        self.source = None;
        let settlement = Settlement { outcome, ..Settlement::SUCCESS };
        let _settled = self.driven.next(now(), Event::Done(self.id, settlement));
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Polled {
        let Some(source) = &mut self.source else { return Poll::Ready(None) };
        match source.poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(said) = frame.trailers_ref() {
                    self.outcome = trailers(said);
                }
                Poll::Ready(Some(self.moved(cx).map(|()| frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                self.settle(Outcome::Failure(Failure::Broken));
                let (origin, source) = (self.host.origin.clone(), Cause::from(Box::from(error)));
                Poll::Ready(Some(Err(Error::Broken { origin, source })))
            }
            Poll::Ready(None) => {
                self.settle(self.outcome);
                Poll::Ready(None)
            }
            Poll::Pending => self.poll_limits(cx).map(|limit| Some(Err(self.timed_out(limit)))),
        }
    }

    /// Bytes have moved; they may have been the last.
    ///
    /// Where the peer always has more, nothing ever waits: without a look at the deadline here, whoever reads slowly would
    /// keep the connection past it.
    fn moved(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        if self.source.as_mut().is_some_and(Source::is_ended) {
            self.settle(self.outcome);
            return Ok(());
        }
        let now = now();
        self.driven.note(now, self.id, Mark::Moved);
        if now >= self.driven.deadline()
            && let Poll::Ready(limit) = self.poll_limits(cx)
        {
            return Err(self.timed_out(limit));
        }
        Ok(())
    }

    /// Ready with the limit that has run out; the source is closed then.
    fn poll_limits(&mut self, cx: &mut Context<'_>) -> Poll<Limit> {
        let mut action = self.driven.next(now(), Event::Proceed);
        while let Action::Wait { until, .. } = action {
            let Some(at) = to_tokio(until) else { return Poll::Pending };
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(at)));
            if timer.deadline() != at {
                timer.as_mut().reset(at);
            }
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            // A timer that has rung must be set again before it can be polled again.
            self.timer = None;
            action = self.driven.next(now(), Event::Timer);
        }
        self.source = None;
        let late = now() >= self.driven.deadline();
        Poll::Ready(if late { Limit::Total } else { Limit::Idle })
    }

    fn timed_out(&self, limit: Limit) -> Error {
        Error::TimedOut { limit, origin: self.host.origin.clone() }
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
                live.source.as_ref().map_or_else(|| SizeHint::with_exact(0), Source::size_hint)
            }
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Whole(bytes) => write!(f, "Body({} bytes)", bytes.as_ref().map_or(0, Bytes::len)),
            Kind::Live(live) => f.debug_struct("Body").field("driven", &live.driven).finish_non_exhaustive(),
        }
    }
}
