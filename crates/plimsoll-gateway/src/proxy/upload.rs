//! A request's body on its way to an endpoint.

use super::Inbound;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use plimsoll::http::replay::{Replay, ReplayBody, ReplayError};
use std::{
    pin::Pin,
    task::{Context, Poll},
};

/// The body of one attempt.
#[derive(Debug)]
pub(crate) enum Upload {
    /// There is none.
    Empty,
    /// What was kept of it, and the rest as it comes.
    Replayed(ReplayBody<Inbound>),
}

/// Why a request's body broke off.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UploadError {
    /// The client's side failed.
    #[error("the client's body failed")]
    Client(#[source] super::handle::InboundError),
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
            Self::Replayed(body) => Pin::new(body).poll_frame(cx).map_err(|error| match error {
                ReplayError::Body(error) if error.is_too_large() => UploadError::TooLarge,
                ReplayError::Body(error) => UploadError::Client(error),
                ReplayError::Overflown | ReplayError::Superseded => UploadError::Replay,
            }),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Replayed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Replayed(body) => body.size_hint(),
        }
    }
}

/// Where the bodies of a request's attempts come from.
#[derive(Debug)]
pub(crate) enum Uploads {
    Empty,
    Kept(Replay<Inbound>),
}

impl Uploads {
    /// Keeps up to `bound` bytes for another attempt.
    pub(crate) fn new(body: Inbound, bound: usize) -> Self {
        if body.is_end_stream() { Self::Empty } else { Self::Kept(Replay::new(body, bound)) }
    }

    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }

    pub(crate) fn is_replayable(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Kept(replay) => replay.is_replayable(),
        }
    }

    pub(crate) fn next(&self) -> Upload {
        match self {
            Self::Empty => Upload::Empty,
            Self::Kept(replay) => Upload::Replayed(replay.body()),
        }
    }
}
