use super::{ResponseFuture, flights::Flights};
use crate::Describe;
use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};
use tower_service::Service;

/// A service whose equal calls are one. See the [module](super). Clones share the flights.
pub struct SingleflightService<S, D, Response, E> {
    inner: S,
    describe: D,
    flights: Arc<Flights<Result<Response, E>>>,
}

impl<S, D, Response, E> SingleflightService<S, D, Response, E> {
    pub(super) const fn new(inner: S, describe: D, flights: Arc<Flights<Result<Response, E>>>) -> Self {
        Self { inner, describe, flights }
    }

    /// The inner service.
    pub const fn inner(&self) -> &S {
        &self.inner
    }
}

impl<S, Req, D> Service<Req> for SingleflightService<S, D, S::Response, S::Error>
where
    S: Service<Req> + Clone,
    S::Response: Clone,
    S::Error: Clone,
    D: Describe<Req>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S, Req>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let key = self.describe.key(&request);
        match key.and_then(|key| self.flights.board(key.as_bytes())) {
            // The readied instance stays for the next call. Should this one have to go itself, it readies its own.
            Some(seat) if !seat.leads() => ResponseFuture::following(seat, self.inner.clone(), request),
            seat => ResponseFuture::going(self.inner.call(request), seat),
        }
    }
}

impl<S: Clone, D: Clone, Response, E> Clone for SingleflightService<S, D, Response, E> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            describe: self.describe.clone(),
            flights: Arc::clone(&self.flights),
        }
    }
}

impl<S: fmt::Debug, D, Response, E> fmt::Debug for SingleflightService<S, D, Response, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SingleflightService").field("inner", &self.inner).finish_non_exhaustive()
    }
}
