use crate::{
    admit::{AdmitByOutcome, AdmitService, OutcomeMachine},
    classify::ByResult,
    keyed::One,
};
use plimsoll_policy::{
    Ask, Instant, Outcome, PolicyEvent, RejectedError,
    concurrency::{AdaptiveLimit, ConcurrencySpec, Permit},
};
use std::{sync::Arc, time::Duration};
use tower_layer::Layer;

/// A layer that puts an adaptive limit before calls. See the [module](super). Clones, and all services made by it, share
/// the limit.
///
/// ```
/// use plimsoll_policy::concurrency::ConcurrencySpec;
/// use plimsoll_tower::ConcurrencyLayer;
///
/// let layer = ConcurrencyLayer::new(ConcurrencySpec::default());
/// assert_eq!(layer.limit().snapshot().limit, 20);
/// ```
#[derive(Clone, Debug)]
pub struct ConcurrencyLayer<C = ByResult, O = ()> {
    admit: AdmitByOutcome<One<AdaptiveLimit>, C, O>,
}

impl ConcurrencyLayer {
    /// A layer with one limit for all calls.
    pub fn new(spec: ConcurrencySpec) -> Self {
        let which = One(Arc::new(AdaptiveLimit::new(spec)));
        Self { admit: AdmitByOutcome { which, classify: ByResult, observer: () } }
    }
}

impl<C, O> ConcurrencyLayer<C, O> {
    /// Classifies responses and errors by `classify`.
    pub fn classify<T>(self, classify: T) -> ConcurrencyLayer<T, O> {
        let AdmitByOutcome { which, observer, .. } = self.admit;
        ConcurrencyLayer { admit: AdmitByOutcome { which, classify, observer } }
    }

    /// Reports refusals and outcomes to `observer`. It is cloned for each call: share it by an `Arc`.
    pub fn observe<T>(self, observer: T) -> ConcurrencyLayer<C, T> {
        let AdmitByOutcome { which, classify, .. } = self.admit;
        ConcurrencyLayer { admit: AdmitByOutcome { which, classify, observer } }
    }

    /// Returns the limit, to inspect and update it.
    pub const fn limit(&self) -> &Arc<AdaptiveLimit> {
        &self.admit.which.0
    }
}

impl<S, C: Clone, O: Clone> Layer<S> for ConcurrencyLayer<C, O> {
    type Service = AdmitService<S, AdmitByOutcome<One<AdaptiveLimit>, C, O>>;

    fn layer(&self, inner: S) -> Self::Service {
        AdmitService::new(inner, self.admit.clone())
    }
}

impl OutcomeMachine for AdaptiveLimit {
    type Permit = Permit;

    #[inline]
    fn try_admit(&self, now: Instant) -> Result<(Permit, Option<PolicyEvent>), RejectedError> {
        Ok((self.admit(now, Ask::default())?, None))
    }

    #[inline]
    fn record(&self, permit: Permit, now: Instant, outcome: Outcome, took: Duration) -> Option<PolicyEvent> {
        self.settle(permit, now, outcome, took);
        None
    }
}
