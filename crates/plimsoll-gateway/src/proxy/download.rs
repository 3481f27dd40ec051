//! An answer's body on its way to the client.

use super::{Alarm, classify, drive::Driven};
use crate::{
    h1::{self, Pipe, Splice},
    upstream::Picked,
};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use plimsoll::{
    Failure, Outcome, Settlement,
    call::{Action, AttemptId, Event, Mark},
    tower::driver::now,
};
use std::{
    pin::Pin,
    task::{Context, Poll},
};

/// An answer's body.
#[derive(Debug)]
pub(crate) enum Download {
    Empty,
    /// The gateway's own.
    Whole(Option<Bytes>),
    /// An endpoint's.
    Proxied(Box<Proxied>),
}

impl Download {
    pub(crate) fn whole(bytes: Bytes) -> Self {
        if bytes.is_empty() { Self::Empty } else { Self::Whole(Some(bytes)) }
    }
}

/// Why an answer broke off.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DownloadError {
    #[error("the endpoint's answer broke off")]
    Http1(#[source] h1::BodyError),
    #[error("the endpoint's answer broke off")]
    Http2(#[source] hyper::Error),
    #[error("a limit ran out while the answer was under way")]
    TimedOut,
    #[error("the client took nothing for too long")]
    Stuck,
}

/// Where an endpoint's body is read from.
#[derive(Debug)]
pub(crate) enum Source {
    Http1(h1::Incoming),
    Http2(hyper::body::Incoming),
}

impl Source {
    pub(crate) fn is_ended(&self) -> bool {
        match self {
            Self::Http1(body) => body.is_end_stream(),
            Self::Http2(body) => body.is_end_stream(),
        }
    }

    /// The whole of a short body that has come already: afterwards it [is ended](Self::is_ended).
    pub(crate) fn whole(&mut self) -> Option<Bytes> {
        match self {
            Self::Http1(body) => body.take_whole(),
            Self::Http2(_) => None,
        }
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, DownloadError>>> {
        match self {
            Self::Http1(body) => Pin::new(body).poll_frame(cx).map_err(DownloadError::Http1),
            Self::Http2(body) => Pin::new(body).poll_frame(cx).map_err(DownloadError::Http2),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Http1(body) => body.size_hint(),
            Self::Http2(body) => body.size_hint(),
        }
    }
}

/// An endpoint's body under the call's limits. When it ends, breaks off or is dropped, the call is settled so.
#[derive(Debug)]
pub(crate) struct Proxied {
    source: Option<Source>,
    driven: Driven,
    id: AttemptId,
    picked: Option<Picked>,
    outcome: Outcome,
    alarm: Alarm,
}

impl Proxied {
    pub(crate) fn new(source: Source, driven: Driven, id: AttemptId, picked: Option<Picked>) -> Self {
        Self { source: Some(source), driven, id, picked, outcome: Outcome::Success, alarm: Alarm::default() }
    }

    fn settle(&mut self, outcome: Outcome) {
        self.source = None;
        let now = now();
        let settlement = Settlement { outcome, ..Settlement::SUCCESS };
        let _ = self.driven.next(now, Event::Done(self.id, settlement));
        if let Some(mut picked) = self.picked.take() {
            picked.judge_late(now, outcome);
        }
    }

    fn poll_limits(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut action = self.driven.next(now(), Event::Proceed);
        while let Action::Wait { until, .. } = action {
            if self.alarm.poll(cx, until).is_pending() {
                return Poll::Pending;
            }
            action = self.driven.next(now(), Event::Timer);
        }
        if let (Action::Abort { outcome, .. }, Some(mut picked)) = (action, self.picked.take()) {
            picked.judge_late(now(), outcome);
        }
        self.source = None;
        Poll::Ready(())
    }

    fn poll_splice(
        &mut self,
        cx: &mut Context<'_>,
        pipe: &mut Pipe,
    ) -> Poll<Option<Result<u64, DownloadError>>> {
        let Some(Source::Http1(body)) = &mut self.source else { return Poll::Ready(None) };
        match Pin::new(body).poll_splice(cx, pipe) {
            Poll::Ready(Some(Ok(moved))) => Poll::Ready(Some(self.moved(cx).map(|()| moved))),
            Poll::Ready(Some(Err(error))) => {
                self.settle(Outcome::Failure(Failure::Broken));
                Poll::Ready(Some(Err(DownloadError::Http1(error))))
            }
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => self.poll_limits(cx).map(|()| Some(Err(DownloadError::TimedOut))),
        }
    }

    /// Bytes have moved; they may have been the last.
    ///
    /// Where the endpoint always has more, nothing ever waits: without a look at the deadline here, a client that takes
    /// the answer slowly would keep the endpoint busy past it.
    fn moved(&mut self, cx: &mut Context<'_>) -> Result<(), DownloadError> {
        if self.source.as_ref().is_some_and(Source::is_ended) {
            self.settle(self.outcome);
            return Ok(());
        }
        let now = now();
        self.driven.call.note(now, self.id, Mark::Moved);
        if now >= self.driven.call.deadline() && self.poll_limits(cx).is_ready() {
            return Err(DownloadError::TimedOut);
        }
        Ok(())
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, DownloadError>>> {
        let Some(source) = &mut self.source else { return Poll::Ready(None) };
        match source.poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(trailers) = frame.trailers_ref() {
                    self.outcome = classify::trailers(trailers);
                }
                Poll::Ready(Some(self.moved(cx).map(|()| frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                self.settle(Outcome::Failure(Failure::Broken));
                Poll::Ready(Some(Err(error)))
            }
            Poll::Ready(None) => {
                self.settle(self.outcome);
                Poll::Ready(None)
            }
            Poll::Pending => self.poll_limits(cx).map(|()| Some(Err(DownloadError::TimedOut))),
        }
    }
}

impl Splice for Download {
    fn poll_splice(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pipe: &mut Pipe,
    ) -> Poll<Option<Result<u64, DownloadError>>> {
        match self.get_mut() {
            Self::Proxied(body) => body.poll_splice(cx, pipe),
            Self::Empty | Self::Whole(_) => Poll::Ready(None),
        }
    }
}

impl Body for Download {
    type Data = Bytes;
    type Error = DownloadError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, DownloadError>>> {
        match self.get_mut() {
            Self::Empty => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Proxied(body) => body.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Whole(bytes) => bytes.is_none(),
            Self::Proxied(body) => body.source.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Proxied(body) => {
                body.source.as_ref().map_or_else(|| SizeHint::with_exact(0), Source::size_hint)
            }
        }
    }
}
