use super::{error::DownloadError, source::ResponseSource};
use crate::{
    h1::{Pipe, Splice},
    route::RoutePolicy,
    upstream::Picked,
};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use plimsoll::{
    driver::{BodyGuard, BodyTimeoutError},
    http::ProblemId,
    policy::Outcome,
};
use std::{
    pin::Pin,
    task::{Context, Poll},
};

/// An endpoint's body under the call's limits. When it ends, breaks off or is dropped, the call is settled so.
#[derive(Debug)]
pub(crate) struct Proxied {
    // Before the call: what is under way ends before its permit is given to the next.
    source: Option<ResponseSource>,
    /// All of a short body, not yet asked for.
    whole: Option<Bytes>,
    call: BodyGuard<RoutePolicy>,
    picked: Option<Picked>,
    /// Whether the call's permit is still held: until this is dropped, not only until the endpoint has sent everything. It is
    /// dropped when the client has taken it.
    held: bool,
    /// The identification of the client's request.
    id: ProblemId,
    /// The bytes read ahead.
    first: Option<Frame<Bytes>>,
}

impl Proxied {
    pub(crate) fn new(
        source: ResponseSource,
        call: BodyGuard<RoutePolicy>,
        picked: Option<Picked>,
        id: ProblemId,
    ) -> Self {
        Self { source: Some(source), whole: None, call, picked, held: true, id, first: None }
    }

    /// Of a body that has come as a whole, and whose call's permit is held until this is dropped.
    pub(crate) fn whole(
        bytes: Bytes,
        call: BodyGuard<RoutePolicy>,
        picked: Option<Picked>,
        id: ProblemId,
    ) -> Self {
        let mut this = Self { source: None, whole: Some(bytes), call, picked, held: true, id, first: None };
        this.end();
        this
    }

    /// Reads ahead what is there, so that a body that has broken off already is found.
    pub(super) fn look(&mut self, cx: &mut Context<'_>) -> Result<(), DownloadError> {
        if self.first.is_none()
            && let Poll::Ready(Some(polled)) = self.poll_frame(cx)
        {
            self.first = Some(polled?);
        }
        Ok(())
    }

    /// The endpoint has sent everything.
    fn end(&mut self) {
        let outcome = if self.held { self.call.outcome() } else { self.call.end() };
        self.ended(outcome);
    }

    pub(super) fn is_end_stream(&self) -> bool {
        self.source.is_none() && self.whole.is_none() && self.first.is_none()
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        let rest = self.source.as_ref().map_or_else(|| SizeHint::with_exact(0), ResponseSource::size_hint);
        let first = self.first.as_ref().and_then(Frame::data_ref);
        let length =
            [first, self.whole.as_ref()].into_iter().flatten().map(|bytes| bytes.len() as u64).sum::<u64>();
        let mut all = SizeHint::new();
        if let Some(upper) = rest.upper() {
            all.set_upper(upper + length);
        }
        all.set_lower(rest.lower() + length);
        all
    }

    /// The body is over, and the endpoint hears of it.
    fn ended(&mut self, outcome: Outcome) {
        self.source = None;
        if let Some(mut picked) = self.picked.take() {
            picked.settle_late(self.call.call().last(), outcome);
        }
    }

    fn broke_off(&mut self, error: DownloadError) -> DownloadError {
        self.held = false;
        let ours = error.is_not_the_peers();
        let outcome = if ours { self.call.settle(Outcome::Local) } else { self.call.broke_off() };
        self.told(outcome, &error);
        self.ended(outcome);
        error
    }

    fn timed_out(&mut self, timeout: BodyTimeoutError) -> DownloadError {
        self.held = false;
        let error = DownloadError::TimedOut(timeout);
        self.told(timeout.outcome, &error);
        self.ended(timeout.outcome);
        error
    }

    /// A failure of the endpoint's is a line in the log.
    fn told(&self, outcome: Outcome, error: &DownloadError) {
        if let (Outcome::Failure(_), Some(picked)) = (outcome, &self.picked) {
            picked.failed(error.why(), None, Some(error), self.id, self.call.call().last());
        }
    }

    fn poll_limits(&mut self, cx: &mut Context<'_>) -> Poll<DownloadError> {
        let uploading = self.source.as_ref().is_some_and(ResponseSource::waits_for_client);
        self.call.poll_limits(cx, uploading).map(|timeout| self.timed_out(timeout))
    }

    pub(super) fn poll_splice(
        &mut self,
        cx: &mut Context<'_>,
        pipe: &mut Pipe,
    ) -> Poll<Option<Result<u64, DownloadError>>> {
        let Some(ResponseSource::Http1(body)) = &mut self.source else { return Poll::Ready(None) };
        match Pin::new(body).poll_splice(cx, pipe) {
            Poll::Ready(Some(Ok(moved))) => Poll::Ready(Some(self.moved(cx).map(|()| moved))),
            Poll::Ready(Some(Err(error))) => {
                let error = self.broke_off(DownloadError::Http1(error));
                Poll::Ready(Some(Err(error)))
            }
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => self.poll_limits(cx).map(|error| Some(Err(error))),
        }
    }

    /// The client takes nothing: the limit that has run out. What is left once the endpoint has sent everything is the
    /// client's alone.
    pub(super) fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<DownloadError> {
        if self.source.is_none() {
            return Poll::Pending;
        }
        self.call.poll_deadline(cx).map(|timeout| self.timed_out(timeout))
    }

    /// Bytes have moved; they may have been the last.
    fn moved(&mut self, cx: &mut Context<'_>) -> Result<(), DownloadError> {
        if self.source.as_ref().is_some_and(ResponseSource::is_ended) {
            self.end();
            return Ok(());
        }
        self.call.moved(cx).map_err(|timeout| self.timed_out(timeout))
    }

    pub(super) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, DownloadError>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
        let Some(source) = &mut self.source else {
            return Poll::Ready(self.whole.take().map(|bytes| Ok(Frame::data(bytes))));
        };
        match source.poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(trailers) = frame.trailers_ref() {
                    self.call.trailers(trailers);
                }
                Poll::Ready(Some(self.moved(cx).map(|()| frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                let error = self.broke_off(error);
                Poll::Ready(Some(Err(error)))
            }
            Poll::Ready(None) => {
                self.end();
                Poll::Ready(None)
            }
            Poll::Pending => self.poll_limits(cx).map(|error| Some(Err(error))),
        }
    }
}

impl Drop for Proxied {
    fn drop(&mut self) {
        if let Some(ResponseSource::Http2(body, progress, _)) = &self.source
            && !body.is_end_stream()
        {
            progress.give_up();
        }
        // Where the endpoint has not sent everything, the call's own end is that nobody wants the rest.
        if self.held && self.source.is_none() {
            self.call.end();
        }
    }
}
