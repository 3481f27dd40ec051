use super::{Line, line::Stay};
use crate::{
    Error,
    driver::{now, to_tokio},
};
use pin_project_lite::pin_project;
use plimsoll_policy::{Machine, Reason, Rejected};
use std::{
    fmt,
    ops::Deref,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::time::{Sleep, sleep_until};
use tower_service::Service;

pin_project! {
    /// A call behind a bulkhead.
    ///
    /// Cancel safe: dropped, it leaves the line, or gives its place to the next after the inner future is gone.
    pub struct ResponseFuture<S, Req, H>
    where
        S: Service<Req>,
        H: Deref<Target = Line>,
    {
        #[pin]
        stage: Stage<S, Req, S::Future>,
        // After the inner future: fields are dropped in this order.
        stay: Option<Stay<H>>,
    }
}

pin_project! {
    #[project = StageProjection]
    enum Stage<S, Req, F> {
        Refused { rejected: Rejected },
        Waiting { waiting: Option<(S, Req)>, #[pin] timer: Option<Sleep> },
        Called { #[pin] future: F },
    }
}

impl<S, Req, H> ResponseFuture<S, Req, H>
where
    S: Service<Req>,
    H: Deref<Target = Line>,
{
    #[inline]
    pub(super) fn called(future: S::Future, stay: Stay<H>) -> Self {
        Self { stage: Stage::Called { future }, stay: Some(stay) }
    }

    pub(super) fn waiting(ready: S, request: Req, stay: Stay<H>) -> Self {
        Self { stage: Stage::Waiting { waiting: Some((ready, request)), timer: None }, stay: Some(stay) }
    }

    pub(super) fn refused(rejected: Rejected) -> Self {
        Self { stage: Stage::Refused { rejected }, stay: None }
    }
}

impl<S, Req, H> Future for ResponseFuture<S, Req, H>
where
    S: Service<Req>,
    H: Deref<Target = Line>,
{
    type Output = Result<S::Response, Error<S::Error>>;

    /// # Panics
    /// Where it has to wait outside a tokio runtime with its time driver.
    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let request = match this.stage.as_mut().project() {
                StageProjection::Refused { rejected } => return Poll::Ready(Err(Error::Rejected(*rejected))),
                StageProjection::Called { future } => {
                    let result = ready!(future.poll(cx));
                    if let Some(mut stay) = this.stay.take() {
                        stay.end(now());
                    }
                    return Poll::Ready(result.map_err(Error::Inner));
                }
                StageProjection::Waiting { waiting, timer } => {
                    let Some(stay) = this.stay else { return Poll::Pending };
                    if ready!(poll_place(stay, timer, cx)) { waiting.take() } else { None }
                }
            };
            if let Some((mut ready, request)) = request {
                let future = ready.call(request);
                this.stage.set(Stage::Called { future });
            } else {
                *this.stay = None;
                let rejected = Rejected::new(Machine::Bulkhead, Reason::WaitTimedOut);
                this.stage.set(Stage::Refused { rejected });
            }
        }
    }
}

/// Until there is a place (true), or the wait is over.
fn poll_place<H: Deref<Target = Line>>(
    stay: &mut Stay<H>,
    mut timer: Pin<&mut Option<Sleep>>,
    cx: &mut Context<'_>,
) -> Poll<bool> {
    if stay.wait(cx.waker(), now()) {
        return Poll::Ready(true);
    }
    let Some(at) = stay.until().and_then(to_tokio) else { return Poll::Pending };
    if timer.is_none() {
        timer.set(Some(sleep_until(at)));
    }
    if let Some(timer) = timer.as_mut().as_pin_mut() {
        ready!(timer.poll(cx));
    }
    Poll::Ready(stay.give_up(now()))
}

impl<S, Req, H> fmt::Debug for ResponseFuture<S, Req, H>
where
    S: Service<Req>,
    H: Deref<Target = Line>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bulkhead::ResponseFuture")
    }
}
