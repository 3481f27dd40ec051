use super::{
    BoundaryBody, ResponseFuture, exchange::Exchange, future::NotCalled, layer::Shared, panics::caught,
};
use crate::Problem;
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use std::{
    convert::Infallible,
    fmt,
    sync::Arc,
    task::{Context, Poll},
};
use tower_service::Service;

/// A service inside a boundary. See the [module](super).
pub struct BoundaryService<S> {
    inner: S,
    shared: Arc<Shared>,
    /// The reason why it cannot be called: reported by the next call, since no call may follow.
    unready: Option<NotCalled>,
}

impl<S> BoundaryService<S> {
    pub(super) const fn new(inner: S, shared: Arc<Shared>) -> Self {
        Self { inner, shared, unready: None }
    }
}

impl<S: Clone> Clone for BoundaryService<S> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), Arc::clone(&self.shared))
    }
}

impl<S, B, R> Service<Request<B>> for BoundaryService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Error: Into<Problem>,
    R: Body<Data = Bytes>,
{
    type Response = Response<BoundaryBody<R>>;
    type Error = Infallible;
    type Future = ResponseFuture<S::Future>;

    /// Ready when the inner service is. If its `poll_ready` fails or panics, the next call returns that failure.
    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        if self.unready.is_some() {
            return Poll::Ready(Ok(()));
        }
        match caught(|| self.inner.poll_ready(cx)) {
            Ok(Poll::Ready(Ok(()))) => {}
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(Err(error))) => self.unready = Some(NotCalled::Problem(error.into())),
            Err(panicked) => self.unready = Some(NotCalled::Panicked(panicked)),
        }
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, request: Request<B>) -> Self::Future {
        let exchange = Exchange::of(&request, Arc::clone(&self.shared));
        if let Some(why) = self.unready.take() {
            return ResponseFuture::failed(why, exchange);
        }
        // A place of its own: what a closure gives back is copied on its way out of `catch_unwind`.
        let mut called = None;
        match caught(|| called = Some(self.inner.call(request))) {
            Ok(()) => ResponseFuture::called(called.expect("it was called"), exchange),
            Err(panicked) => ResponseFuture::failed(NotCalled::Panicked(panicked), exchange),
        }
    }
}

impl<S: fmt::Debug> fmt::Debug for BoundaryService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundaryService").field("inner", &self.inner).finish_non_exhaustive()
    }
}
