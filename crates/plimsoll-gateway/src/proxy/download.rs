//! An answer's body on its way to the client.

use super::{
    drive::RoutePolicy,
    upload::{Broke, Progress},
};
use crate::{
    h1::{self, Pipe, Splice},
    http2::{Received, is_too_long},
    spec::AnswerSpec,
    upstream::Picked,
    why::Why,
};
use bytes::Bytes;
use h2::Reason;
use http::{HeaderMap, HeaderName};
use http_body::{Body, Frame, SizeHint};
use plimsoll::{
    driver::{BodyGuard, BodyTimeoutError},
    http::ProblemId,
    policy::Outcome,
};
use std::{
    pin::Pin,
    rc::Rc,
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
    /// Looks whether the answer has broken off already: until its head is sent, the client can be told. Waits for
    /// nothing.
    pub(crate) fn look(&mut self, cx: &mut Context<'_>) -> Result<(), DownloadError> {
        let Self::Proxied(body) = self else { return Ok(()) };
        if body.first.is_none()
            && let Poll::Ready(Some(polled)) = body.poll_frame(cx)
        {
            body.first = Some(polled?);
        }
        Ok(())
    }

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
    Http2(#[source] h2::Error),
    #[error("the client's body broke off while the answer was under way")]
    Upload(Broke),
    #[error("the trailers of the endpoint's answer are too large")]
    TrailersTooLarge,
    #[error("a limit ran out while the answer was under way")]
    TimedOut(BodyTimeoutError),
    #[error("the client took too little for too long")]
    Stuck,
}

/// Where an endpoint's body is read from.
#[derive(Debug)]
pub(crate) enum Source {
    Http1(h1::Incoming),
    /// With the progress of the request's body, and what is taken of the trailers.
    Http2(Received, Rc<Progress>, AnswerSpec),
}

impl DownloadError {
    /// In one word.
    pub(crate) fn why(&self) -> Why {
        match self {
            Self::Http1(h1::BodyError::Upload) => Why::ClientBroke,
            Self::Http1(
                h1::BodyError::TooLarge | h1::BodyError::Chunk(h1::ChunkedError::TrailerTooLarge),
            )
            | Self::TrailersTooLarge => Why::UpstreamTooLarge,
            Self::Upload(broke) => broke.why(),
            Self::Http1(_) | Self::Http2(_) => Why::UpstreamBroke,
            Self::TimedOut(timeout) if timeout.outcome == Outcome::Caller => Why::ClientSlow,
            Self::TimedOut(timeout) => Why::Timeout(timeout.limit),
            Self::Stuck => Why::ClientSlow,
        }
    }

    /// Whether it is no failure of the endpoint's: a limit of ours on what it may send, or the client's own body, which
    /// was still being sent.
    fn is_not_the_peers(&self) -> bool {
        matches!(
            self,
            Self::Http1(
                h1::BodyError::Upload
                    | h1::BodyError::TooLarge
                    | h1::BodyError::Chunk(h1::ChunkedError::TrailerTooLarge)
            ) | Self::TrailersTooLarge
                | Self::Upload(_)
        )
    }

    /// By which the stream of an HTTP/2 client is reset: what an endpoint said of its own, where that cannot be taken for
    /// a stream that was never looked at, or for one that ended well.
    pub(crate) fn reason(&self) -> Reason {
        let theirs = match self {
            Self::Http2(error) => error.reason(),
            _ => None,
        };
        theirs
            .filter(|reason| !matches!(*reason, Reason::NO_ERROR | Reason::REFUSED_STREAM))
            .unwrap_or(Reason::INTERNAL_ERROR)
    }

    /// Whether what follows the endpoint's answer is larger than is taken.
    pub(crate) fn is_trailer_too_large(&self) -> bool {
        matches!(
            self,
            Self::TrailersTooLarge | Self::Http1(h1::BodyError::Chunk(h1::ChunkedError::TrailerTooLarge))
        )
    }
}

impl Source {
    /// Whether the rest of the request is waited for: the endpoint may have nothing to say before it has that.
    pub(crate) fn waits_for_client(&self) -> bool {
        match self {
            Self::Http1(body) => body.waits_for_upload(),
            Self::Http2(_, progress, _) => progress.is_waited_for() && !progress.has_ended(),
        }
    }

    pub(crate) fn is_ended(&self) -> bool {
        match self {
            Self::Http1(body) => body.is_end_stream(),
            Self::Http2(body, ..) => body.is_end_stream(),
        }
    }

    /// The whole of a short body that has come already: afterwards it [is ended](Self::is_ended).
    pub(crate) fn whole(&mut self) -> Option<Bytes> {
        match self {
            Self::Http1(body) => body.take_whole(),
            Self::Http2(..) => None,
        }
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, DownloadError>>> {
        match self {
            Self::Http1(body) => Pin::new(body).poll_frame(cx).map_err(DownloadError::Http1),
            Self::Http2(body, progress, limits) => {
                let mut polled = Pin::new(body).poll_frame(cx).map_err(|error| match progress.broke() {
                    Some(broke) => DownloadError::Upload(broke),
                    None if is_too_long(&error) => DownloadError::TrailersTooLarge,
                    None => DownloadError::Http2(error),
                });
                if let Poll::Ready(Some(Ok(frame))) = &mut polled
                    && let Some(trailers) = frame.trailers_mut()
                    && !settle_trailers(trailers, limits)
                {
                    return Poll::Ready(Some(Err(DownloadError::TrailersTooLarge)));
                }
                polled
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Http1(body) => body.size_hint(),
            Self::Http2(body, ..) => body.size_hint(),
        }
    }
}

/// Takes off trailers what may not come behind a body. Whether they are within what is taken.
fn settle_trailers(trailers: &mut HeaderMap, limits: &AnswerSpec) -> bool {
    if trailers.len() > limits.fields || h1::semantics::list_size(trailers) > limits.trailers {
        return false;
    }
    let barred: Vec<HeaderName> =
        trailers.keys().filter(|name| h1::semantics::may_not_trail(name)).cloned().collect();
    for name in barred {
        trailers.remove(name);
    }
    true
}

/// An endpoint's body under the call's limits. When it ends, breaks off or is dropped, the call is settled so.
#[derive(Debug)]
pub(crate) struct Proxied {
    // Before the call: what is under way ends before its place is given to the next.
    source: Option<Source>,
    /// All of a short body, not yet asked for.
    whole: Option<Bytes>,
    call: BodyGuard<RoutePolicy>,
    picked: Option<Picked>,
    /// Whether the call's place is still taken: until this is dropped, not only until the endpoint has sent everything. It is
    /// dropped when the client has taken it.
    held: bool,
    /// The identification of the client's request.
    id: ProblemId,
    /// The bytes read ahead.
    first: Option<Frame<Bytes>>,
}

impl Proxied {
    pub(crate) fn new(
        source: Source,
        call: BodyGuard<RoutePolicy>,
        picked: Option<Picked>,
        id: ProblemId,
    ) -> Self {
        Self { source: Some(source), whole: None, call, picked, held: true, id, first: None }
    }

    /// Of a body that has come as a whole, and whose call's place is taken until this is dropped.
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

    /// The endpoint has sent everything.
    fn end(&mut self) {
        let outcome = if self.held { self.call.outcome() } else { self.call.end() };
        self.ended(outcome);
    }

    fn is_end_stream(&self) -> bool {
        self.source.is_none() && self.whole.is_none() && self.first.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.source.as_ref().map_or_else(|| SizeHint::with_exact(0), Source::size_hint);
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
            picked.judge_late(self.call.call().last(), outcome);
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
        let uploading = self.source.as_ref().is_some_and(Source::waits_for_client);
        self.call.poll_limits(cx, uploading).map(|timeout| self.timed_out(timeout))
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
                let error = self.broke_off(DownloadError::Http1(error));
                Poll::Ready(Some(Err(error)))
            }
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => self.poll_limits(cx).map(|error| Some(Err(error))),
        }
    }

    /// The client takes nothing: the limit that has run out. What is left once the endpoint has sent everything is the
    /// client's alone.
    fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<DownloadError> {
        if self.source.is_none() {
            return Poll::Pending;
        }
        self.call.poll_deadline(cx).map(|timeout| self.timed_out(timeout))
    }

    /// Bytes have moved; they may have been the last.
    fn moved(&mut self, cx: &mut Context<'_>) -> Result<(), DownloadError> {
        if self.source.as_ref().is_some_and(Source::is_ended) {
            self.end();
            return Ok(());
        }
        self.call.moved(cx).map_err(|timeout| self.timed_out(timeout))
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, DownloadError>>> {
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
        if let Some(Source::Http2(body, progress, _)) = &self.source
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

    fn poll_expired(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<DownloadError> {
        match self.get_mut() {
            Self::Proxied(body) => body.poll_expired(cx),
            Self::Empty | Self::Whole(_) => Poll::Pending,
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
            Self::Proxied(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Proxied(body) => body.size_hint(),
        }
    }
}
