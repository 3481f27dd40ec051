use super::{ResponseFuture, TimeoutLayer};
use crate::{Describe, Error, driver::now};
use plimsoll_policy::{Instant, Limit, Machine, Reason, RejectedError};
use std::{
    sync::atomic::Ordering::Relaxed,
    task::{Context, Poll},
    time::Duration,
};
use tower_service::Service;

/// A service with a limit on how long its calls may take. See the [module](super).
#[derive(Clone, Debug)]
pub struct TimeoutService<S, D> {
    inner: S,
    layer: TimeoutLayer<D>,
}

impl<S, D> TimeoutService<S, D> {
    pub(super) const fn new(inner: S, layer: TimeoutLayer<D>) -> Self {
        Self { inner, layer }
    }

    /// The inner service.
    pub const fn inner(&self) -> &S {
        &self.inner
    }
}

impl<S, Req, D> Service<Req> for TimeoutService<S, D>
where
    S: Service<Req>,
    D: Describe<Req>,
{
    type Response = S::Response;
    type Error = Error<S::Error>;
    type Future = ResponseFuture<S::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(Error::Inner)
    }

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        let now = now();
        let deadline = self.layer.describe.describe(&request).deadline;
        if deadline <= now {
            return ResponseFuture::refused(RejectedError::new(Machine::Deadline, Reason::DeadlineExceeded));
        }
        let allowed = match self.layer.allowed.load(Relaxed) {
            u64::MAX => Instant::FAR,
            nanos => now + Duration::from_nanos(nanos),
        };
        let limit = if deadline < allowed { Limit::Total } else { self.layer.limit };
        ResponseFuture::called(self.inner.call(request), allowed.earliest(deadline), limit)
    }
}
