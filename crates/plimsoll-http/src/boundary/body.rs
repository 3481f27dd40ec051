use super::{
    BoxError,
    exchange::{Exchange, Place},
    panics::caught,
};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use std::{
    error::Error,
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

pin_project! {
    /// The body of an answer: the service's own, watched, or a problem's.
    ///
    /// Where the service's own fails or panics half-way, it ends with an error: the connection is broken off (or the
    /// stream reset), so that nobody takes the part for the whole.
    pub struct BoundaryBody<B> {
        #[pin]
        body: Stage<B>,
    }
}

pin_project! {
    #[project = StageProjection]
    #[project_replace = StageReplaced]
    enum Stage<B> {
        Inner { #[pin] body: Watched<B> },
        Whole { body: Bytes },
        Done,
    }
}

pin_project! {
    struct Watched<B> {
        #[pin]
        body: Option<B>,
        exchange: Exchange,
    }

    impl<B> PinnedDrop for Watched<B> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if this.body.is_some()
                && let Err(panicked) = caught(|| this.body.set(None))
            {
                this.exchange.panicked_late(Place::Drop, &panicked);
            }
        }
    }
}

/// Why the body of an answer broke off. It has been logged.
#[derive(Debug)]
pub struct BodyError(Option<BoxError>);

impl BodyError {
    /// Whether a panic was it.
    pub const fn is_panic(&self) -> bool {
        self.0.is_none()
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body of the answer broke off")
    }
}

impl Error for BodyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.as_deref().map(|error| error as _)
    }
}

impl<B> BoundaryBody<B> {
    #[inline]
    pub(super) const fn inner(body: B, exchange: Exchange) -> Self {
        Self { body: Stage::Inner { body: Watched { body: Some(body), exchange } } }
    }

    pub(super) const fn whole(body: Bytes) -> Self {
        Self { body: Stage::Whole { body } }
    }

    pub(super) const fn empty() -> Self {
        Self { body: Stage::Done }
    }
}

impl<B> Body for BoundaryBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BodyError;

    #[inline]
    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let mut stage = self.project().body;
        let broke = match stage.as_mut().project() {
            StageProjection::Inner { body } => {
                let mut watched = body.project();
                let mut polled = Poll::Pending;
                if watched.body.is_none() {
                    return Poll::Ready(None);
                }
                let ran = caught(|| {
                    let Some(mut body) = watched.body.as_mut().as_pin_mut() else { return };
                    polled = body.as_mut().poll_frame(cx);
                    let over = match &polled {
                        Poll::Pending | Poll::Ready(Some(Err(_))) => false,
                        Poll::Ready(None) => true,
                        Poll::Ready(Some(Ok(_))) => body.is_end_stream(),
                    };
                    if over {
                        // It goes here: to be caught once is cheaper than twice.
                        watched.body.set(None);
                    }
                });
                match (ran, polled) {
                    // All of it was there, and then its drop panicked.
                    (Err(panicked), polled) if watched.body.is_none() => {
                        watched.exchange.panicked_late(Place::Drop, &panicked);
                        return polled.map_err(|_| BodyError(None));
                    }
                    (Err(panicked), _) => {
                        watched.exchange.panicked_late(Place::Body, &panicked);
                        watched.exchange.broken_body(None);
                        BodyError(None)
                    }
                    (Ok(()), Poll::Pending) => return Poll::Pending,
                    (Ok(()), Poll::Ready(None)) => return Poll::Ready(None),
                    (Ok(()), Poll::Ready(Some(Ok(frame)))) => return Poll::Ready(Some(Ok(frame))),
                    (Ok(()), Poll::Ready(Some(Err(error)))) => {
                        let error = error.into();
                        watched.exchange.broken_body(Some(&*error));
                        BodyError(Some(error))
                    }
                }
            }
            StageProjection::Whole { body } => {
                let body = std::mem::take(body);
                stage.set(Stage::Done);
                return Poll::Ready((!body.is_empty()).then(|| Ok(Frame::data(body))));
            }
            StageProjection::Done => return Poll::Ready(None),
        };
        // What a panic went through is not polled again.
        stage.set(Stage::Done);
        Poll::Ready(Some(Err(broke)))
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        match &self.body {
            Stage::Inner { body } => body.body.as_ref().is_none_or(Body::is_end_stream),
            Stage::Whole { body } => body.is_empty(),
            Stage::Done => true,
        }
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        match &self.body {
            Stage::Inner { body } => {
                body.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
            }
            Stage::Whole { body } => SizeHint::with_exact(body.len() as u64),
            Stage::Done => SizeHint::with_exact(0),
        }
    }
}

impl<B> fmt::Debug for BoundaryBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.body {
            Stage::Inner { .. } => "BoundaryBody::Inner",
            Stage::Whole { .. } => "BoundaryBody::Whole",
            Stage::Done => "BoundaryBody::Done",
        })
    }
}
