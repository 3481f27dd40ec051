use super::{
    BoxError,
    exchange::{Exchange, PanicSite},
    panics::caught,
};
use crate::{Problem, inbound::grpc_trailers::trailers};
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
    /// The body of a response: the service's own, watched, or a problem's.
    ///
    /// Where the service's own fails or panics half-way, it ends with an error: the connection is broken off (or the
    /// stream reset), so that nobody takes the part for the whole. A gRPC call ends by trailers with the status of the
    /// problem instead.
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
        // Until this is dropped, also after its end: with it goes the request's place in the limits of layers within.
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
                this.exchange.panicked_late(PanicSite::Drop, &panicked);
            }
        }
    }
}

/// The error of a response's body that broke off. It has been logged.
#[derive(Debug)]
pub struct BodyError(Option<BoxError>);

impl BodyError {
    /// Returns whether a panic was the cause.
    pub const fn is_panic(&self) -> bool {
        self.0.is_none()
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body of the response broke off")
    }
}

impl Error for BodyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.as_deref().map(|error| error as _)
    }
}

impl<B> BoundaryBody<B> {
    #[inline]
    pub(crate) const fn inner(body: B, exchange: Exchange) -> Self {
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
                let ran = caught(|| {
                    if let Some(body) = watched.body.as_mut().as_pin_mut() {
                        polled = body.poll_frame(cx);
                    }
                });
                match (ran, polled) {
                    (Err(panicked), _) => {
                        let id = watched.exchange.panicked_late(PanicSite::Body, &panicked);
                        watched.exchange.broken_body(None, id);
                        if watched.exchange.is_grpc() {
                            Ok(Problem::internal(panicked).id(id))
                        } else {
                            Err(BodyError(None))
                        }
                    }
                    (Ok(()), Poll::Pending) => return Poll::Pending,
                    (Ok(()), Poll::Ready(None)) => return Poll::Ready(None),
                    (Ok(()), Poll::Ready(Some(Ok(frame)))) => return Poll::Ready(Some(Ok(frame))),
                    (Ok(()), Poll::Ready(Some(Err(error)))) => {
                        let (error, id) = (error.into(), watched.exchange.late_id());
                        watched.exchange.broken_body(Some(&*error), id);
                        if watched.exchange.is_grpc() {
                            Ok(Problem::from(error).id(id))
                        } else {
                            Err(BodyError(Some(error)))
                        }
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
        // A body that a panic went through is not polled again.
        stage.set(Stage::Done);
        Poll::Ready(Some(broke.map(|problem| Frame::trailers(trailers(&problem)))))
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
