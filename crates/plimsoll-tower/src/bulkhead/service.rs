use super::{BulkheadLayer, Line, ResponseFuture, line::Stay};
use crate::{Describe, Error, driver::now, keyed::Select};
use std::{
    mem,
    task::{Context, Poll},
};
use tower_service::Service;

/// A service behind a bulkhead. See the [module](super). Clones share the bulkhead.
#[derive(Clone, Debug)]
pub struct BulkheadService<S, K, D> {
    inner: S,
    layer: BulkheadLayer<K, D>,
}

impl<S, K, D> BulkheadService<S, K, D> {
    pub(super) const fn new(inner: S, layer: BulkheadLayer<K, D>) -> Self {
        Self { inner, layer }
    }

    /// The inner service.
    pub const fn inner(&self) -> &S {
        &self.inner
    }
}

impl<S, Req, K, D> Service<Req> for BulkheadService<S, K, D>
where
    S: Service<Req> + Clone,
    K: Select<Req, Machine = Line>,
    D: Describe<Req>,
{
    type Response = S::Response;
    type Error = Error<S::Error>;
    type Future = ResponseFuture<S, Req, K::Held>;

    /// The inner service's readiness, and no permit.
    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(Error::Inner)
    }

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        let now = now();
        let line = self.layer.which.select(&request, now);
        let deadline = self.layer.describe.describe(&request).deadline;
        match Stay::begin(line, self.layer.shedder.clone(), now, deadline) {
            Ok(stay) if stay.has_place() => ResponseFuture::called(self.inner.call(request), stay),
            Ok(stay) => {
                // The readied instance waits with the request; a clone that is not ready stays behind.
                let fresh = self.inner.clone();
                ResponseFuture::waiting(mem::replace(&mut self.inner, fresh), request, stay)
            }
            Err(rejected) => ResponseFuture::refused(rejected),
        }
    }
}
