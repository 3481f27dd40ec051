use crate::{Error, driver::to_tokio};
use pin_project_lite::pin_project;
use plimsoll_policy::{Instant, Limit, RejectedError};
use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::time::{Sleep, sleep_until};

pin_project! {
    /// A call with a limit of time. Cancel safe: it holds nothing but the inner future.
    pub struct ResponseFuture<F> {
        #[pin]
        stage: Stage<F>,
    }
}

pin_project! {
    #[project = StageProjection]
    enum Stage<F> {
        Refused { rejected: RejectedError },
        Called { #[pin] future: F, #[pin] timer: Option<Sleep>, until: Instant, limit: Limit },
        TimedOut,
    }
}

impl<F> ResponseFuture<F> {
    #[inline]
    pub(super) fn called(future: F, until: Instant, limit: Limit) -> Self {
        Self { stage: Stage::Called { future, timer: None, until, limit } }
    }

    pub(super) fn refused(rejected: RejectedError) -> Self {
        Self { stage: Stage::Refused { rejected } }
    }
}

impl<F, Response, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response, E>>,
{
    type Output = Result<Response, Error<E>>;

    /// # Panics
    /// Where a timer is needed outside a tokio runtime with its time driver, and when polled after it has timed out.
    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut stage = self.project().stage;
        let limit = match stage.as_mut().project() {
            StageProjection::Refused { rejected } => return Poll::Ready(Err(Error::Rejected(*rejected))),
            StageProjection::TimedOut => panic!("a call was polled after its end"),
            StageProjection::Called { future, mut timer, until, limit } => {
                if let Poll::Ready(result) = future.poll(cx) {
                    return Poll::Ready(result.map_err(Error::Inner));
                }
                let Some(at) = to_tokio(*until) else { return Poll::Pending };
                if timer.is_none() {
                    timer.set(Some(sleep_until(at)));
                }
                if let Some(timer) = timer.as_mut().as_pin_mut() {
                    ready!(timer.poll(cx));
                }
                *limit
            }
        };
        // The inner future ends now, not when the caller drops this one.
        stage.set(Stage::TimedOut);
        Poll::Ready(Err(Error::TimedOut(limit)))
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("timeout::ResponseFuture")
    }
}
