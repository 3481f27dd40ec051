use pin_project_lite::pin_project;
use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::time::{Sleep, sleep};
use tower_service::Service;

pin_project! {
    /// A call to which harm may be done. Cancel safe if the inner future is.
    pub struct ResponseFuture<S, Req, F>
    where
        S: Service<Req>,
    {
        #[pin]
        delay: Option<Sleep>,
        // Sent when the delay is over.
        waiting: Option<(S, Req)>,
        #[pin]
        future: Option<S::Future>,
        // Instead of the inner future, or after its first poll.
        error: Option<F>,
    }
}

impl<S: Service<Req>, Req, F> ResponseFuture<S, Req, F> {
    pub(super) fn called(future: S::Future, aborted: Option<F>) -> Self {
        Self { delay: None, waiting: None, future: Some(future), error: aborted }
    }

    pub(super) fn failed(delay: Option<Duration>, error: F) -> Self {
        Self { delay: delay.map(sleep), waiting: None, future: None, error: Some(error) }
    }

    pub(super) fn delayed(delay: Duration, ready: S, request: Req, aborted: Option<F>) -> Self {
        Self { delay: Some(sleep(delay)), waiting: Some((ready, request)), future: None, error: aborted }
    }
}

impl<S, Req, F, E> Future for ResponseFuture<S, Req, F>
where
    S: Service<Req, Error = E>,
    F: Fn() -> E,
{
    type Output = Result<S::Response, E>;

    /// # Panics
    /// When polled after its end, and where it is delayed outside a tokio runtime with its time driver.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Some(delay) = this.delay.as_mut().as_pin_mut() {
            ready!(delay.poll(cx));
            this.delay.set(None);
        }
        if let Some((mut ready, request)) = this.waiting.take() {
            this.future.set(Some(ready.call(request)));
        }
        let response = this.future.as_mut().as_pin_mut().map(|future| future.poll(cx));
        match (this.error.take(), response) {
            // Sent or not, its response is lost.
            (Some(error), _) => {
                this.future.set(None);
                Poll::Ready(Err(error()))
            }
            (None, Some(response)) => response,
            (None, None) => panic!("a call was polled after its end"),
        }
    }
}

impl<S: Service<Req>, Req, F> fmt::Debug for ResponseFuture<S, Req, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("chaos::ResponseFuture")
    }
}
