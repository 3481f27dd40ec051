use super::{
    BoundaryBody,
    exchange::{Exchange, PanicSite},
    panics::caught,
};
use crate::Problem;
use bytes::Bytes;
use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;
use plimsoll_task::panic::PanicError;
use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

pin_project! {
    /// A call inside a boundary.
    ///
    /// Cancel safe where the inner future is: dropped, it drops that, and catches a panic of its drop.
    pub struct ResponseFuture<F> {
        #[pin]
        stage: Stage<F>,
        // Behind the future, whose drop may have something to say.
        exchange: Option<Exchange>,
    }

    impl<F> PinnedDrop for ResponseFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if !matches!(*this.stage, Stage::Done)
                && let Err(panicked) = caught(|| this.stage.set(Stage::Done))
                && let Some(exchange) = this.exchange
            {
                exchange.panicked_late(PanicSite::Drop, &panicked);
            }
        }
    }
}

pin_project! {
    #[project = StageProjection]
    enum Stage<F> {
        Called { #[pin] future: F },
        Failed { why: Option<NotCalled> },
        Done,
    }
}

/// The reason why the inner service was not called.
#[derive(Debug)]
pub(super) enum NotCalled {
    Problem(Problem),
    Panicked(PanicError),
}

impl<F> ResponseFuture<F> {
    #[inline]
    pub(super) const fn called(future: F, exchange: Exchange) -> Self {
        Self { stage: Stage::Called { future }, exchange: Some(exchange) }
    }

    #[cold]
    pub(super) const fn failed(why: NotCalled, exchange: Exchange) -> Self {
        Self { stage: Stage::Failed { why: Some(why) }, exchange: Some(exchange) }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body<Data = Bytes>,
    E: Into<Problem>,
{
    type Output = Result<Response<BoundaryBody<B>>, Infallible>;

    /// # Panics
    /// When polled again after it has ended.
    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        // A place of its own: what a closure gives back is copied on its way out of `catch_unwind`.
        let mut polled = Poll::Pending;
        let failed = match this.stage.as_mut().project() {
            StageProjection::Called { .. } => {
                let ran = caught(|| {
                    let StageProjection::Called { future } = this.stage.as_mut().project() else { return };
                    polled = future.poll(cx);
                    if polled.is_ready() {
                        // What it still holds goes here, too: to be caught once is cheaper than twice.
                        this.stage.set(Stage::Done);
                    }
                });
                match ran {
                    Ok(()) if polled.is_pending() => return Poll::Pending,
                    Ok(()) => None,
                    Err(panicked) if polled.is_pending() => Some(NotCalled::Panicked(panicked)),
                    // It was its drop that panicked: the response is there.
                    Err(panicked) => {
                        if let Some(exchange) = this.exchange.as_ref() {
                            exchange.panicked_late(PanicSite::Drop, &panicked);
                        }
                        None
                    }
                }
            }
            StageProjection::Failed { why } => why.take(),
            StageProjection::Done => None,
        };
        let exchange = this.exchange.take().expect("polled after its end");
        let response = match polled {
            Poll::Ready(Ok(response)) if response.status().as_u16() < 400 => {
                // At once: by way of what the other arms give it would be copied again.
                return Poll::Ready(Ok(response.map(|body| BoundaryBody::inner(body, exchange))));
            }
            Poll::Ready(Ok(response)) => exchange.response(response),
            // The mapping is the service's own code, too.
            Poll::Ready(Err(error)) => match caught(|| error.into()) {
                Ok(problem) => exchange.respond(problem),
                Err(panicked) => exchange.panicked(panicked),
            },
            Poll::Pending => match failed.expect("polled after its end") {
                NotCalled::Problem(problem) => exchange.respond(problem),
                NotCalled::Panicked(panicked) => {
                    // What the half-run future still holds goes before the response.
                    if let Err(another) = caught(|| this.stage.set(Stage::Done)) {
                        exchange.panicked_late(PanicSite::Drop, &another);
                    }
                    exchange.panicked(panicked)
                }
            },
        };
        Poll::Ready(Ok(response))
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("boundary::ResponseFuture")
    }
}
