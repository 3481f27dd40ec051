use crate::{
    admit::{AdmitByOutcome, AdmitService, OutcomeMachine},
    classify::ByResult,
    driver::draw,
    keyed::{ByKey, KeyedMachine, One, Registry},
};
use plimsoll_policy::{
    BreakerState, Instant, Outcome, PolicyEvent, RejectedError,
    breaker::{Breaker, BreakerSpec, Permit},
};
use std::{num::NonZeroUsize, sync::Arc, time::Duration};
use tower_layer::Layer;

/// A layer that puts a breaker before calls. See the [module](super). Clones, and all services made by it, share the
/// breaker.
///
/// `K` selects a request's breaker, `C` classifies responses and errors, `O` observes refusals and transitions.
#[derive(Clone, Debug)]
pub struct BreakerLayer<K = One<Breaker>, C = ByResult, O = ()> {
    admit: AdmitByOutcome<K, C, O>,
}

impl BreakerLayer {
    /// A layer with one breaker for all calls.
    pub fn new(spec: BreakerSpec) -> Self {
        Self::with_machines(One(Arc::new(Breaker::new(spec))))
    }
}

impl<C, O> BreakerLayer<One<Breaker>, C, O> {
    /// Returns the breaker, to inspect, to update, or to force open or closed.
    pub const fn breaker(&self) -> &Arc<Breaker> {
        &self.admit.which.0
    }
}

impl<D> BreakerLayer<ByKey<Breaker, D>> {
    /// A layer with a breaker for each key that `describe` reads from a request, at most `keys` of them.
    pub fn keyed(spec: BreakerSpec, keys: NonZeroUsize, describe: D) -> Self {
        Self::with_machines(ByKey::new(Arc::new(Registry::new(spec, keys)), describe))
    }
}

impl<D, C, O> BreakerLayer<ByKey<Breaker, D>, C, O> {
    /// Returns the breakers, to inspect and update them.
    pub const fn registry(&self) -> &Arc<Registry<Breaker>> {
        self.admit.which.registry()
    }
}

impl<K> BreakerLayer<K> {
    fn with_machines(which: K) -> Self {
        Self { admit: AdmitByOutcome { which, classify: ByResult, observer: () } }
    }
}

impl<K, C, O> BreakerLayer<K, C, O> {
    /// Classifies responses and errors by `classify`.
    pub fn classify<T>(self, classify: T) -> BreakerLayer<K, T, O> {
        let AdmitByOutcome { which, observer, .. } = self.admit;
        BreakerLayer { admit: AdmitByOutcome { which, classify, observer } }
    }

    /// Reports refusals, outcomes and transitions to `observer`. It is cloned for each call: share it by an `Arc`.
    pub fn observe<T>(self, observer: T) -> BreakerLayer<K, C, T> {
        let AdmitByOutcome { which, classify, .. } = self.admit;
        BreakerLayer { admit: AdmitByOutcome { which, classify, observer } }
    }
}

impl<S, K: Clone, C: Clone, O: Clone> Layer<S> for BreakerLayer<K, C, O> {
    type Service = AdmitService<S, AdmitByOutcome<K, C, O>>;

    fn layer(&self, inner: S) -> Self::Service {
        AdmitService::new(inner, self.admit.clone())
    }
}

impl OutcomeMachine for Breaker {
    type Permit = Permit;

    #[inline]
    fn try_admit(&self, now: Instant) -> Result<(Permit, Option<PolicyEvent>), RejectedError> {
        let passage = self.admit(now)?;
        Ok((passage.permit, passage.transition.map(PolicyEvent::Breaker)))
    }

    #[inline]
    fn record(&self, permit: Permit, now: Instant, outcome: Outcome, took: Duration) -> Option<PolicyEvent> {
        self.settle(permit, now, draw(), outcome, took).map(PolicyEvent::Breaker)
    }
}

impl KeyedMachine for Breaker {
    type Spec = BreakerSpec;

    fn from_spec(spec: &BreakerSpec) -> Self {
        Self::new(*spec)
    }

    fn apply_spec(&self, spec: &BreakerSpec, _: Instant) {
        self.update(*spec);
    }

    fn is_evictable(&self) -> bool {
        self.state() == BreakerState::Closed
    }
}
