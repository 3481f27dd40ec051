use super::seat::Seat;
use pin_project_lite::pin_project;
use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tower_service::Service;

pin_project! {
    /// A call that goes, or follows one that does.
    ///
    /// Cancel safe: dropped while going, one of those who follow goes in its stead.
    pub struct ResponseFuture<S, Req>
    where
        S: Service<Req>,
    {
        // Before the seat: whoever goes next does so when this call is over.
        #[pin]
        going: Option<S::Future>,
        // For the case that a follower has to go itself.
        waiting: Option<(S, Req)>,
        seat: Option<Seat<Result<S::Response, S::Error>>>,
    }
}

impl<S: Service<Req>, Req> ResponseFuture<S, Req> {
    pub(super) fn going(future: S::Future, seat: Option<Seat<Result<S::Response, S::Error>>>) -> Self {
        Self { going: Some(future), waiting: None, seat }
    }

    pub(super) fn following(seat: Seat<Result<S::Response, S::Error>>, inner: S, request: Req) -> Self {
        Self { going: None, waiting: Some((inner, request)), seat: Some(seat) }
    }
}

impl<S, Req> Future for ResponseFuture<S, Req>
where
    S: Service<Req>,
    S::Response: Clone,
    S::Error: Clone,
{
    type Output = Result<S::Response, S::Error>;

    /// # Panics
    /// When polled after its end.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if this.going.is_none() {
            let seat = this.seat.as_mut().expect("a call was polled after its end");
            if let Some(result) = ready!(seat.poll(cx)) {
                *this.seat = None;
                return Poll::Ready(result);
            }
            let (inner, _) = this.waiting.as_mut().expect("who has to go has what it takes");
            if let Err(error) = ready!(inner.poll_ready(cx)) {
                return Poll::Ready(landed(this.seat, Err(error)));
            }
            if let Some((mut inner, request)) = this.waiting.take() {
                this.going.set(Some(inner.call(request)));
            }
        }
        let Some(going) = this.going.as_mut().as_pin_mut() else { return Poll::Pending };
        let result = ready!(going.poll(cx));
        this.going.set(None);
        Poll::Ready(landed(this.seat, result))
    }
}

fn landed<T: Clone>(seat: &mut Option<Seat<T>>, result: T) -> T {
    if let Some(mut seat) = seat.take() {
        seat.land(result.clone());
    }
    result
}

impl<S: Service<Req>, Req> fmt::Debug for ResponseFuture<S, Req> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("singleflight::ResponseFuture")
    }
}
