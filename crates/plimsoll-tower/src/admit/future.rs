use super::Settle;
use crate::Error;
use pin_project_lite::pin_project;
use plimsoll_policy::RejectedError;
use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

pin_project! {
    /// The future of a call that was admitted or refused.
    ///
    /// Cancel safe: dropped, its guard settles as cancelled after the inner future is gone.
    #[derive(Debug)]
    pub struct AdmitFuture<F, G> {
        #[pin]
        stage: Stage<F, G>,
    }
}

pin_project! {
    // The future stands before its guard: fields are dropped in this order.
    #[project = StageProjection]
    #[derive(Debug)]
    enum Stage<F, G> {
        Refused { rejected: RejectedError },
        Admitted { #[pin] future: F, guard: Option<G> },
    }
}

impl<F, G> AdmitFuture<F, G> {
    #[inline]
    pub(crate) fn admitted(future: F, guard: G) -> Self {
        Self { stage: Stage::Admitted { future, guard: Some(guard) } }
    }

    #[inline]
    pub(crate) fn refused(rejected: RejectedError) -> Self {
        Self { stage: Stage::Refused { rejected } }
    }
}

impl<F, G, Response, E> Future for AdmitFuture<F, G>
where
    F: Future<Output = Result<Response, E>>,
    G: Settle<Response, E>,
{
    type Output = Result<Response, Error<E>>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().stage.project() {
            StageProjection::Refused { rejected } => Poll::Ready(Err(Error::Rejected(*rejected))),
            StageProjection::Admitted { future, guard } => {
                let result = ready!(future.poll(cx));
                if let Some(guard) = guard.take() {
                    guard.settle(result.as_ref());
                }
                Poll::Ready(result.map_err(Error::Inner))
            }
        }
    }
}
