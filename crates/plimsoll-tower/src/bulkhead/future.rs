use super::{QueuedBulkhead, reservation::Reservation};
use crate::{Error, driver::now};
use pin_project_lite::pin_project;
use plimsoll_policy::RejectedError;
use std::{
    fmt,
    ops::Deref,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::time::Sleep;
use tower_service::Service;

pin_project! {
    /// A call behind a bulkhead.
    ///
    /// Cancel safe: dropped, it leaves the wait queue, or hands its permit on after the inner future is gone.
    pub struct ResponseFuture<S, Req, H>
    where
        S: Service<Req>,
        H: Deref<Target = QueuedBulkhead>,
    {
        #[pin]
        stage: Stage<S, Req, S::Future>,
        // After the inner future: fields are dropped in this order.
        reservation: Option<Reservation<H>>,
    }
}

pin_project! {
    #[project = StageProjection]
    enum Stage<S, Req, F> {
        Refused { rejected: RejectedError },
        Waiting { waiting: Option<(S, Req)>, timer: Option<Pin<Box<Sleep>>> },
        Called { #[pin] future: F },
    }
}

impl<S, Req, H> ResponseFuture<S, Req, H>
where
    S: Service<Req>,
    H: Deref<Target = QueuedBulkhead>,
{
    #[inline]
    pub(super) fn called(future: S::Future, reservation: Reservation<H>) -> Self {
        Self { stage: Stage::Called { future }, reservation: Some(reservation) }
    }

    pub(super) fn waiting(ready: S, request: Req, reservation: Reservation<H>) -> Self {
        Self {
            stage: Stage::Waiting { waiting: Some((ready, request)), timer: None },
            reservation: Some(reservation),
        }
    }

    pub(super) fn refused(rejected: RejectedError) -> Self {
        Self { stage: Stage::Refused { rejected }, reservation: None }
    }
}

/// A call's permit at a bulkhead. Dropping it gives it to the next waiter.
///
/// Keep it for as long as the response is in use, its body for example: see [`ResponseFuture::poll_with_permit`].
pub struct Permit<H: Deref<Target = QueuedBulkhead>> {
    _reservation: Reservation<H>,
}

/// A response with its call's permit. See [`ResponseFuture::poll_with_permit`].
pub type ResponseWithPermit<R, H, E> = Result<(R, Option<Permit<H>>), Error<E>>;

impl<H: Deref<Target = QueuedBulkhead>> fmt::Debug for Permit<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bulkhead::Permit")
    }
}

impl<S, Req, H> ResponseFuture<S, Req, H>
where
    S: Service<Req>,
    H: Deref<Target = QueuedBulkhead>,
{
    /// Polls the call as [`Future::poll`] does, and returns the permit with the response, so that the caller decides when to
    /// release it. [`Future::poll`] releases it when the response is ready. A failed call has none.
    ///
    /// # Panics
    /// Where it has to wait outside a tokio runtime with its time driver.
    #[inline]
    pub fn poll_with_permit(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<ResponseWithPermit<S::Response, H, S::Error>> {
        let response = ready!(self.as_mut().poll_call(cx))?;
        Poll::Ready(Ok((
            response,
            self.project().reservation.take().map(|reservation| Permit { _reservation: reservation }),
        )))
    }

    #[inline]
    fn poll_call(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<S::Response, Error<S::Error>>> {
        let mut this = self.project();
        loop {
            let admitted = match this.stage.as_mut().project() {
                StageProjection::Refused { rejected } => return Poll::Ready(Err(Error::Rejected(*rejected))),
                StageProjection::Called { future } => {
                    let result = ready!(future.poll(cx));
                    if result.is_err() {
                        *this.reservation = None;
                    }
                    return Poll::Ready(result.map_err(Error::Inner));
                }
                StageProjection::Waiting { waiting, timer } => {
                    let Some(reservation) = this.reservation else { return Poll::Pending };
                    match ready!(reservation.poll_permit(timer, cx)) {
                        Ok(()) => Ok(waiting.take().expect("a call begins once")),
                        Err(rejected) => Err(rejected),
                    }
                }
            };
            match admitted {
                Ok((mut ready, request)) => {
                    let future = ready.call(request);
                    this.stage.set(Stage::Called { future });
                }
                Err(rejected) => {
                    *this.reservation = None;
                    this.stage.set(Stage::Refused { rejected });
                }
            }
        }
    }
}

impl<S, Req, H> Future for ResponseFuture<S, Req, H>
where
    S: Service<Req>,
    H: Deref<Target = QueuedBulkhead>,
{
    type Output = Result<S::Response, Error<S::Error>>;

    /// # Panics
    /// Where it has to wait outside a tokio runtime with its time driver.
    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let response = ready!(self.as_mut().poll_call(cx));
        if let Some(mut reservation) = self.project().reservation.take() {
            reservation.end(now());
        }
        Poll::Ready(response)
    }
}

impl<S, Req, H> fmt::Debug for ResponseFuture<S, Req, H>
where
    S: Service<Req>,
    H: Deref<Target = QueuedBulkhead>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bulkhead::ResponseFuture")
    }
}
