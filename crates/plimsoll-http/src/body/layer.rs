use super::wanted::{self, Wanted};
use crate::boundary::ReportedProblem;
use http::{Request, Response};
use pin_project_lite::pin_project;
use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tower_layer::Layer;
use tower_service::Service;

/// A layer that tells the inner service what the request accepts. [`Negotiated`](super::Negotiated) needs it.
///
/// It also keeps the status of a refusal: a handler's `(StatusCode::CREATED, Negotiated(value))` sets 201 whether the
/// response has the value or a problem.
///
/// It costs a lookup of `Accept` and one of the response's extensions, and stores the header's value beside the request's
/// future. A layer that hands requests to another task (a `Buffer`) must be outside of this one: the stored value belongs to
/// the task.
#[derive(Clone, Copy, Default, Debug)]
pub struct NegotiateLayer {
    _private: (),
}

impl NegotiateLayer {
    /// Creates the layer.
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
        NegotiateFuture { future: self.inner.call(request), wanted: Some(wanted) }
    }
}

pin_project! {
    /// A response in progress. Cancel safe if the inner future is.
    pub struct NegotiateFuture<F> {
        #[pin]
        future: F,
        wanted: Option<Wanted>,
    }
}

impl<F, R, E> Future for NegotiateFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let mut response = ready!(wanted::during(this.wanted, || this.future.poll(cx)))?;
        keep_refusal(&mut response);
        Poll::Ready(Ok(response))
    }
}

/// Gives a problem its own status, where the handler has set that of a success beside it.
#[inline]
pub(crate) fn keep_refusal<R>(response: &mut Response<R>) {
    let status = response.extensions().get::<ReportedProblem>().map(|reported| reported.problem().status());
    if let Some(status) = status.filter(|_| response.status().is_success()) {
        *response.status_mut() = status;
    }
}

impl<F> fmt::Debug for NegotiateFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NegotiateFuture")
    }
}
