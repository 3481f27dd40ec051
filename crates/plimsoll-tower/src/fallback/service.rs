use super::ResponseFuture;
use crate::Classify;
use std::{
    fmt,
    task::{Context, Poll},
};
use tower_service::Service;

/// A service whose failures are replaced. See the [module](super).
#[derive(Clone)]
pub struct FallbackService<S, F, C> {
    inner: S,
    fallback: F,
    classify: C,
}

impl<S, F, C> FallbackService<S, F, C> {
    pub(super) const fn new(inner: S, fallback: F, classify: C) -> Self {
        Self { inner, fallback, classify }
    }

    /// The inner service.
    pub const fn inner(&self) -> &S {
        &self.inner
    }
}

impl<S, Req, F, Instead, C> Service<Req> for FallbackService<S, F, C>
where
    S: Service<Req>,
    F: Fn(Result<S::Response, S::Error>) -> Instead + Clone,
    Instead: Future<Output = Result<S::Response, S::Error>>,
    C: Classify<S::Response, S::Error> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, F, Instead, C>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        ResponseFuture::new(self.inner.call(request), self.fallback.clone(), self.classify.clone())
    }
}

impl<S: fmt::Debug, F, C> fmt::Debug for FallbackService<S, F, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FallbackService").field("inner", &self.inner).finish_non_exhaustive()
    }
}
