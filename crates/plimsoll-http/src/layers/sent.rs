use crate::replay::{ReplayBody, ReplayError};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

pin_project! {
    /// The body of a request that may be sent again: the caller's own, one that is kept as it passes by, or none.
    pub struct SentBody<B> {
        #[pin]
        body: Kind<B>,
    }
}

pin_project! {
    #[project = KindProjection]
    enum Kind<B> {
        Plain { #[pin] body: B },
        Kept { #[pin] body: ReplayBody<B> },
        Empty,
    }
}

impl<B> SentBody<B> {
    /// The caller's own, sent once.
    pub(super) const fn plain(body: B) -> Self {
        Self { body: Kind::Plain { body } }
    }

    pub(super) const fn kept(body: ReplayBody<B>) -> Self {
        Self { body: Kind::Kept { body } }
    }

    pub(super) const fn empty() -> Self {
        Self { body: Kind::Empty }
    }
}

impl<B: Body<Data = Bytes>> Body for SentBody<B> {
    type Data = Bytes;
    type Error = ReplayError<B::Error>;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match self.project().body.project() {
            KindProjection::Plain { body } => {
                body.poll_frame(cx).map(|frame| frame.map(|frame| frame.map_err(ReplayError::Body)))
            }
            KindProjection::Kept { body } => body.poll_frame(cx),
            KindProjection::Empty => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.body {
            Kind::Plain { body } => body.is_end_stream(),
            Kind::Kept { body } => body.is_end_stream(),
            Kind::Empty => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.body {
            Kind::Plain { body } => body.size_hint(),
            Kind::Kept { body } => body.size_hint(),
            Kind::Empty => SizeHint::with_exact(0),
        }
    }
}

impl<B> fmt::Debug for SentBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.body {
            Kind::Plain { .. } => "SentBody::Plain",
            Kind::Kept { .. } => "SentBody::Kept",
            Kind::Empty => "SentBody::Empty",
        })
    }
}
