use crate::{
    admit::{AdmitService, Judge, Judged},
    classify::ByResult,
    keyed::One,
};
use plimsoll_policy::{
    Admission, Admitted, Ask, Instant, Machine, Outcome, PolicyEvent, Reason, Rejected,
    concurrency::{AdaptiveLimit, ConcurrencySpec, Permit},
};
use std::{sync::Arc, time::Duration};
use tower_layer::Layer;

/// Puts an adaptive limit before calls. See the [module](super). Clones, and all services made by it, share the limit.
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
    judged: Judged<One<AdaptiveLimit>, C, O>,
}

impl ConcurrencyLayer {
    /// One limit for all calls.
    pub fn new(spec: ConcurrencySpec) -> Self {
        let which = One(Arc::new(AdaptiveLimit::new(spec)));
        Self { judged: Judged { which, classify: ByResult, observer: () } }
    }
}

impl<C, O> ConcurrencyLayer<C, O> {
    /// This says what an answer means.
    pub fn classify<T>(self, classify: T) -> ConcurrencyLayer<T, O> {
        let Judged { which, observer, .. } = self.judged;
        ConcurrencyLayer { judged: Judged { which, classify, observer } }
    }

    /// This hears of refusals and outcomes. It is cloned for each call: share it by an `Arc`.
    pub fn observe<T>(self, observer: T) -> ConcurrencyLayer<C, T> {
        let Judged { which, classify, .. } = self.judged;
        ConcurrencyLayer { judged: Judged { which, classify, observer } }
    }

    /// The limit: to look at, and to update.
    pub const fn limit(&self) -> &Arc<AdaptiveLimit> {
        &self.judged.which.0
    }
}

impl<S, C: Clone, O: Clone> Layer<S> for ConcurrencyLayer<C, O> {
    type Service = AdmitService<S, Judged<One<AdaptiveLimit>, C, O>>;

    fn layer(&self, inner: S) -> Self::Service {
        AdmitService::new(inner, self.judged.clone())
    }
}

impl Judge for AdaptiveLimit {
    type Permit = Permit;

    #[inline]
    fn ask(&self, now: Instant) -> Result<(Permit, Option<PolicyEvent>), Rejected> {
        match self.admit(now, Ask::default()) {
            Admitted::Now(permit) => Ok((permit, None)),
            Admitted::Refused(rejected) => Err(rejected),
            // It has no line and promises no instants; what it cannot give is refused.
            Admitted::Queued(..) | Admitted::At(..) => {
                Err(Rejected::new(Machine::Concurrency, Reason::QueueFull))
            }
        }
    }

    #[inline]
    fn tell(&self, permit: Permit, now: Instant, outcome: Outcome, took: Duration) -> Option<PolicyEvent> {
        let _it_has_no_line = self.settle(permit, now, outcome, took);
        None
    }
}
