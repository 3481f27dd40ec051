use super::wanted::Wanted;
use crate::boundary::ReportedProblem;
use http::{Request, Response};
use pin_project_lite::pin_project;
use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::task::futures::TaskLocalFuture;
use tower_layer::Layer;
use tower_service::Service;

/// Tells the answers within what the request accepts. [`Negotiated`](super::Negotiated) asks for it.
///
/// It also holds a refusal to its status: a handler's `(StatusCode::CREATED, Negotiated(value))` sets 201 whether there is
/// a value in the response or a problem.
///
/// It costs one look for `Accept` and one at the response's extensions, and keeps the header's value beside the
/// request's future. An inner layer that hands requests to another task (a `Buffer`) must stand outside of this one:
/// what is kept belongs to the task.
#[derive(Clone, Copy, Default, Debug)]
pub struct NegotiateLayer {
    _private: (),
}

impl NegotiateLayer {
    /// The layer; there is nothing to set.
    pub const fn new() -> Self {
        Self { _private: () }
    }
}

impl<S> Layer<S> for NegotiateLayer {
    type Service = NegotiateService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        NegotiateService { inner }
    }
}

/// A service whose responses know what the request accepts. See [`NegotiateLayer`].
#[derive(Clone, Debug)]
pub struct NegotiateService<S> {
    inner: S,
}

impl<S, B, R> Service<Request<B>> for NegotiateService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = NegotiateFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let wanted = Wanted::of(request.method(), request.headers());
        NegotiateFuture { future: wanted.scope(self.inner.call(request)) }
    }
}

pin_project! {
    /// The response to come. Cancel safe where the inner future is.
    pub struct NegotiateFuture<F> {
        #[pin]
        future: TaskLocalFuture<Wanted, F>,
    }
}

impl<F, R, E> Future for NegotiateFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut answer = ready!(self.project().future.poll(cx))?;
        let told = answer.extensions().get::<ReportedProblem>().map(|told| told.problem().status());
        if let Some(status) = told.filter(|_| answer.status().is_success()) {
            *answer.status_mut() = status;
        }
        Poll::Ready(Ok(answer))
    }
}

impl<F> fmt::Debug for NegotiateFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NegotiateFuture")
    }
}
