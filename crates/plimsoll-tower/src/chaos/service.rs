use super::{ChaosLayer, ResponseFuture, layer::Deed};
use std::{
    fmt, mem,
    task::{Context, Poll},
};
use tower_service::Service;

/// A service to whose calls harm is done. See the [module](super).
#[derive(Clone)]
pub struct ChaosService<S, F> {
    inner: S,
    layer: ChaosLayer<F>,
}

impl<S, F> ChaosService<S, F> {
    pub(super) const fn new(inner: S, layer: ChaosLayer<F>) -> Self {
        Self { inner, layer }
    }

    /// The inner service.
    pub const fn inner(&self) -> &S {
        &self.inner
    }
}

impl<S, Req, F, E> Service<Req> for ChaosService<S, F>
where
    S: Service<Req, Error = E> + Clone,
    F: Fn() -> E + Clone,
{
    type Response = S::Response;
    type Error = E;
    type Future = ResponseFuture<S, Req, F>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), E>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let harm = self.layer.next();
        let error = self.layer.error.clone();
        match (harm.delay, harm.deed) {
            (None, Deed::None) => ResponseFuture::called(self.inner.call(request), None),
            (None, Deed::Abort) => ResponseFuture::called(self.inner.call(request), Some(error)),
            (None, Deed::Error) => ResponseFuture::failed(None, error),
            (Some(delay), Deed::Error) => ResponseFuture::failed(Some(delay), error),
            (Some(delay), deed) => {
                let fresh = self.inner.clone();
                let ready = mem::replace(&mut self.inner, fresh);
                ResponseFuture::delayed(delay, ready, request, (deed == Deed::Abort).then_some(error))
            }
        }
    }
}

impl<S: fmt::Debug, F> fmt::Debug for ChaosService<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChaosService").field("inner", &self.inner).finish_non_exhaustive()
    }
}
