//! A request's body on its way to an endpoint.

use super::{
    inbound::{Inbound, InboundError},
    paced::{Paced, Pacing},
};
use crate::{
    http2::{Broken, Sending},
    spec::LimitsSpec,
    upstream::connect::StreamPermit,
    why::Why,
};
use bytes::Bytes;
use h2::Reason;
use http_body::{Body, Frame, SizeHint};
use plimsoll::{
    driver::Time,
    http::replay::{Replay, ReplayBody, ReplayError},
};
use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};
use tokio::task::AbortHandle;

/// The body of one attempt.
#[derive(Debug)]
pub(crate) enum Upload {
    /// There is none.
    Empty,
    /// The kept part, and the rest as it comes.
    Replayed(ReplayBody<Paced>),
    /// The same, over HTTP/2.
    Followed(ReplayBody<Paced>, Rc<Progress>),
}

/// How far a body has come that is sent over HTTP/2, and why it broke off.
#[derive(Debug)]
pub(crate) struct Progress {
    /// Held until both directions of the stream have ended.
    permit: StreamPermit,
    /// A part that the endpoint has not taken, where more is to follow.
    part: Cell<Option<usize>>,
    moved: Cell<bool>,
    /// It had nothing to send when it was last asked.
    waited_for: Cell<bool>,
    ended: Cell<bool>,
    broke: Cell<Option<Broke>>,
    /// Sends the rest once the response has begun.
    rest: RefCell<Option<AbortHandle>>,
}

impl Progress {
    /// Of a body that goes out over the stream of this permit.
    pub(crate) fn new(permit: StreamPermit) -> Rc<Self> {
        Rc::new(Self {
            permit,
            part: Cell::new(None),
            moved: Cell::new(false),
            waited_for: Cell::new(false),
            ended: Cell::new(false),
            broke: Cell::new(None),
            rest: RefCell::default(),
        })
    }

    /// The part before has been taken, or nothing is sent any more.
    fn part_taken(&self) {
        if let Some(part) = self.part.take() {
            self.permit.part_taken(part);
        }
    }

    /// The response has begun: the rest is sent by a task of its own, whether anybody reads the response or not.
    pub(crate) fn goes_on(&self, mut rest: Sending<Upload>) {
        let task = tokio::task::spawn_local(async move {
            if let Err(Broken::Body(_)) = poll_fn(|cx| rest.poll(cx)).await {
                rest.reset(Reason::CANCEL);
            }
        });
        *self.rest.borrow_mut() = Some(task.abort_handle());
    }

    /// Nobody wants the response: the rest is not sent.
    pub(crate) fn give_up(&self) {
        if let Some(rest) = self.rest.borrow_mut().take() {
            rest.abort();
        }
    }

    /// Whether any of it has been sent since the last time.
    pub(crate) fn has_moved(&self) -> bool {
        self.moved.take()
    }

    /// Whether all of it has been handed over.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.get()
    }

    /// Whether the client is waited for.
    pub(crate) fn is_waited_for(&self) -> bool {
        self.waited_for.get()
    }

    /// Why it broke off, if it did.
    pub(crate) fn broke(&self) -> Option<Broke> {
        self.broke.get()
    }

    fn see<T>(&self, polled: &Poll<Option<Result<T, UploadError>>>, ended: bool) {
        self.part_taken();
        if matches!(polled, Poll::Ready(Some(Ok(_)))) && !ended {
            self.part.set(Some(self.permit.part_given()));
        }
        self.waited_for.set(polled.is_pending());
        match polled {
            Poll::Pending => {}
            Poll::Ready(Some(Err(error))) => self.broke.set(Some(Broke::by(error))),
            Poll::Ready(_) => self.moved.set(true),
        }
        self.ended.set(ended);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.part_taken();
    }
}

/// The kind of failure of a request's body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Broke {
    /// It is larger than is taken.
    TooLarge,
    /// Its trailers are.
    TrailersTooLarge,
    /// It came too slowly.
    TooSlow,
    /// It ended early or is malformed.
    Malformed,
    /// It cannot be sent again.
    Replay,
}

impl Broke {
    /// In one word.
    pub(crate) const fn why(self) -> Why {
        match self {
            Self::TooLarge | Self::TrailersTooLarge => Why::ClientTooLarge,
            Self::TooSlow => Why::ClientSlow,
            Self::Malformed | Self::Replay => Why::ClientBroke,
        }
    }

    /// Returns the kind of this error.
    pub(crate) fn by(error: &UploadError) -> Self {
        match error {
            UploadError::TooLarge => Self::TooLarge,
            UploadError::Client(error) if error.is_trailer_too_large() => Self::TrailersTooLarge,
            UploadError::Client(InboundError::TooSlow) => Self::TooSlow,
            UploadError::Client(_) => Self::Malformed,
            UploadError::Replay => Self::Replay,
        }
    }
}

/// Why a request's body broke off.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UploadError {
    /// The client's side failed.
    #[error("the client's body failed")]
    Client(#[source] InboundError),
    /// It is larger than is taken.
    #[error("the body is too large")]
    TooLarge,
    /// It cannot be sent again.
    #[error("the body cannot be sent again")]
    Replay,
}

impl Body for Upload {
    type Data = Bytes;
    type Error = UploadError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UploadError>>> {
        match self.get_mut() {
            Self::Empty => Poll::Ready(None),
            Self::Replayed(body) => poll_replayed(body, cx),
            Self::Followed(body, progress) => {
                let polled = poll_replayed(body, cx);
                progress.see(&polled, matches!(polled, Poll::Ready(None)) || body.is_end_stream());
                polled
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Replayed(body) | Self::Followed(body, _) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Replayed(body) | Self::Followed(body, _) => body.size_hint(),
        }
    }
}

fn poll_replayed(
    body: &mut ReplayBody<Paced>,
    cx: &mut Context<'_>,
) -> Poll<Option<Result<Frame<Bytes>, UploadError>>> {
    Pin::new(body).poll_frame(cx).map_err(|error| match error {
        ReplayError::Body(error) if error.is_too_large() => UploadError::TooLarge,
        ReplayError::Body(error) => UploadError::Client(error),
        ReplayError::Overflown | ReplayError::Superseded => UploadError::Replay,
    })
}

/// Where the bodies of a request's attempts come from.
#[derive(Debug)]
pub(crate) enum Uploads {
    Empty,
    Kept(Replay<Paced>, Rc<Pacing>),
}

impl Uploads {
    /// Of this body, under the limits of clients.
    pub(crate) fn new(body: Inbound, limits: &LimitsSpec, time: &Time) -> Self {
        if body.is_end_stream() {
            return Self::Empty;
        }
        let pacing = Pacing::new(limits, time);
        Self::Kept(Replay::new(Paced::new(body, &pacing), limits.replay), pacing)
    }

    /// The response has begun: from here on the client may take its time.
    pub(crate) fn response_begun(&self) {
        if let Self::Kept(_, pacing) = self {
            pacing.lift();
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }

    pub(crate) fn is_replayable(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Kept(replay, _) => replay.is_replayable(),
        }
    }

    pub(crate) fn next(&self) -> Upload {
        match self {
            Self::Empty => Upload::Empty,
            Self::Kept(replay, pacing) => {
                pacing.begin();
                Upload::Replayed(replay.body())
            }
        }
    }

    /// As [`Self::next`], for a body that is sent over HTTP/2.
    pub(crate) fn followed(&self, progress: &Rc<Progress>) -> Upload {
        match self {
            Self::Empty => Upload::Empty,
            Self::Kept(replay, pacing) => {
                pacing.begin();
                Upload::Followed(replay.body(), Rc::clone(progress))
            }
        }
    }
}
