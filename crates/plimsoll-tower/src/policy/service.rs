use super::{Machines, PolicyLayer, ResponseFuture, call_state::CallState};
use crate::{Classify, Describe, Error, Replay};
use arc_swap::{ArcSwap, Cache};
use plimsoll_policy::Observer;
use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};
use tower_service::Service;

/// A service under a policy. See the [module](super).
///
/// Clones share the machines.
pub struct PolicyService<S, C, D, P, O> {
    inner: S,
    /// One atomic load tells whether the policy has changed.
    policy: Cache<Arc<ArcSwap<Machines<O>>>, Arc<Machines<O>>>,
    classify: C,
    describe: D,
    replay: P,
}

impl<S, C: Clone, D: Clone, P: Clone, O> PolicyService<S, C, D, P, O> {
    pub(super) fn new(inner: S, layer: &PolicyLayer<C, D, P, O>) -> Self {
        Self {
            inner,
            policy: Cache::new(Arc::clone(&layer.shared.current)),
            classify: layer.classify.clone(),
            describe: layer.describe.clone(),
            replay: layer.replay.clone(),
        }
    }
}

impl<S, C, D, P, O> PolicyService<S, C, D, P, O> {
    /// The inner service.
    pub const fn inner(&self) -> &S {
        &self.inner
    }
}

impl<S, Req, C, D, P, O> Service<Req> for PolicyService<S, C, D, P, O>
where
    S: Service<P::Sent> + Clone,
    C: Classify<S::Response, S::Error> + Clone,
    D: Describe<Req>,
    P: Replay<Req> + Clone,
    O: Observer,
{
    type Response = S::Response;
    type Error = Error<S::Error>;
    type Future = ResponseFuture<S, Req, C, P, O>;

    /// The inner service's readiness, and nothing else.
    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(Error::Inner)
    }

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        let policy = Arc::clone(self.policy.load());
        let mut facts = self.describe.describe(&request);
        facts.rate_key = self.describe.key(&request).and_then(|key| policy.rate_key(key.as_bytes()));
        let state = CallState::new(policy, facts, request, self.classify.clone(), self.replay.clone());
        ResponseFuture::begin(state, &mut self.inner)
    }
}

impl<S: Clone, C: Clone, D: Clone, P: Clone, O> Clone for PolicyService<S, C, D, P, O> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            policy: self.policy.clone(),
            classify: self.classify.clone(),
            describe: self.describe.clone(),
            replay: self.replay.clone(),
        }
    }
}

impl<S: fmt::Debug, C, D, P, O> fmt::Debug for PolicyService<S, C, D, P, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PolicyService").field("inner", &self.inner).finish_non_exhaustive()
    }
}
