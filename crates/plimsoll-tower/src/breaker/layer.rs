use crate::{
    admit::{AdmitService, Judge, Judged},
    classify::ByResult,
    driver::draw,
    keyed::{ByKey, One, Registry, Resident},
};
use plimsoll_policy::{
    BreakerState, Instant, Outcome, PolicyEvent, Rejected,
    breaker::{Breaker, BreakerSpec, Permit},
};
use std::{num::NonZeroUsize, sync::Arc, time::Duration};
use tower_layer::Layer;

/// Puts a breaker before calls. See the [module](super). Clones, and all services made by it, share the breaker.
///
/// `K` says which breaker a request is for, `C` what an answer means, `O` hears of refusals and transitions.
#[derive(Clone, Debug)]
pub struct BreakerLayer<K = One<Breaker>, C = ByResult, O = ()> {
    judged: Judged<K, C, O>,
}

impl BreakerLayer {
    /// One breaker for all calls.
    pub fn new(spec: BreakerSpec) -> Self {
        Self::of(One(Arc::new(Breaker::new(spec))))
    }
}

impl<C, O> BreakerLayer<One<Breaker>, C, O> {
    /// The breaker: to look at, to update, to hold open or closed by hand.
    pub const fn breaker(&self) -> &Arc<Breaker> {
        &self.judged.which.0
    }
}

impl<D> BreakerLayer<ByKey<Breaker, D>> {
    /// A breaker for each key that `describe` reads off a request, at most `keys` of them.
    pub fn keyed(spec: BreakerSpec, keys: NonZeroUsize, describe: D) -> Self {
        Self::of(ByKey::new(Arc::new(Registry::new(spec, keys)), describe))
    }
}

impl<D, C, O> BreakerLayer<ByKey<Breaker, D>, C, O> {
    /// The breakers: to look at, and to update.
    pub const fn registry(&self) -> &Arc<Registry<Breaker>> {
        self.judged.which.registry()
    }
}

impl<K> BreakerLayer<K> {
    fn of(which: K) -> Self {
        Self { judged: Judged { which, classify: ByResult, observer: () } }
    }
}

impl<K, C, O> BreakerLayer<K, C, O> {
    /// This says what an answer means.
    pub fn classify<T>(self, classify: T) -> BreakerLayer<K, T, O> {
        let Judged { which, observer, .. } = self.judged;
        BreakerLayer { judged: Judged { which, classify, observer } }
    }

    /// This hears of refusals, outcomes and transitions. It is cloned for each call: share it by an `Arc`.
    pub fn observe<T>(self, observer: T) -> BreakerLayer<K, C, T> {
        let Judged { which, classify, .. } = self.judged;
        BreakerLayer { judged: Judged { which, classify, observer } }
    }
}

impl<S, K: Clone, C: Clone, O: Clone> Layer<S> for BreakerLayer<K, C, O> {
    type Service = AdmitService<S, Judged<K, C, O>>;

    fn layer(&self, inner: S) -> Self::Service {
        AdmitService::new(inner, self.judged.clone())
    }
}

impl Judge for Breaker {
    type Permit = Permit;

    #[inline]
    fn ask(&self, now: Instant) -> Result<(Permit, Option<PolicyEvent>), Rejected> {
        let passage = self.admit(now)?;
        Ok((passage.permit, passage.transition.map(PolicyEvent::Breaker)))
    }

    #[inline]
    fn tell(&self, permit: Permit, now: Instant, outcome: Outcome, took: Duration) -> Option<PolicyEvent> {
        self.settle(permit, now, draw(), outcome, took).map(PolicyEvent::Breaker)
    }
}

impl Resident for Breaker {
    type Spec = BreakerSpec;

    fn of(spec: &BreakerSpec) -> Self {
        Self::new(*spec)
    }

    fn revise(&self, spec: &BreakerSpec, _: Instant) {
        self.update(*spec);
    }

    fn at_rest(&self) -> bool {
        self.state() == BreakerState::Closed
    }
}
