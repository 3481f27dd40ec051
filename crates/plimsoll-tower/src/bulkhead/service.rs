use super::{BulkheadLayer, QueuedBulkhead, ResponseFuture, reservation::Reservation};
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
    K: Select<Req, Machine = QueuedBulkhead>,
    D: Describe<Req>,
{
    type Response = S::Response;
    type Error = Error<S::Error>;
    type Future = ResponseFuture<S, Req, K::Handle>;

    /// Polls the inner service for readiness; takes no permit.
    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(Error::Inner)
    }

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        let now = now();
        let queue = self.layer.which.select(&request, now);
        let deadline = self.layer.describe.describe(&request).deadline;
        match Reservation::begin(queue, self.layer.shedder.clone(), now, deadline) {
            Ok(reservation) if reservation.has_permit() => {
                ResponseFuture::called(self.inner.call(request), reservation)
            }
            Ok(reservation) => {
                // The readied instance waits with the request; a clone that is not ready stays in the service.
                let fresh = self.inner.clone();
                ResponseFuture::waiting(mem::replace(&mut self.inner, fresh), request, reservation)
            }
            Err(rejected) => ResponseFuture::refused(rejected),
        }
    }
}
