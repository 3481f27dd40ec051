use super::{ResponseFuture, group::CallGroup};
use crate::Describe;
use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};
use tower_service::Service;

/// A service that joins equal calls. See the [module](super). Clones share the calls.
pub struct SingleflightService<S, D, Response, E> {
    inner: S,
    describe: D,
    group: Arc<CallGroup<Result<Response, E>>>,
}

impl<S, D, Response, E> SingleflightService<S, D, Response, E> {
    pub(super) const fn new(inner: S, describe: D, group: Arc<CallGroup<Result<Response, E>>>) -> Self {
        Self { inner, describe, group }
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
        match key.and_then(|key| self.group.join(key.as_bytes())) {
            // The readied instance stays for the next call. A follower that becomes the leader readies its own.
            Some(participant) if !participant.leads() => {
                ResponseFuture::following(participant, self.inner.clone(), request)
            }
            participant => ResponseFuture::leading(self.inner.call(request), participant),
        }
    }
}

impl<S: Clone, D: Clone, Response, E> Clone for SingleflightService<S, D, Response, E> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), describe: self.describe.clone(), group: Arc::clone(&self.group) }
    }
}

impl<S: fmt::Debug, D, Response, E> fmt::Debug for SingleflightService<S, D, Response, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SingleflightService").field("inner", &self.inner).finish_non_exhaustive()
    }
}
