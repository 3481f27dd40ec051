use crate::{
    PolicyLayer, Unknown,
    classify::ByResult,
    policy::{PolicyHandle, PolicyService},
    replay::NoReplay,
};
use plimsoll_policy::{
    Observer, PolicySpec,
    hedge::{HedgeSnapshot, HedgeSpec},
};
use tower_layer::Layer;

/// Sends slow calls a second time. See the [module](super). Clones, and all services made by it, share the budget and what
/// is known of latencies.
///
/// ```
/// use plimsoll_policy::{hedge::{HedgeDelay, HedgeSpec}, units::Ratio};
/// use plimsoll_tower::{HedgeLayer, Idempotent, replay::ByClone};
/// # use std::time::Duration;
///
/// let spec = HedgeSpec { after: HedgeDelay::Fixed(Duration::from_millis(50)), budget: Ratio::percent(5) };
/// let layer = HedgeLayer::new(spec).describe(Idempotent).replay(ByClone);
/// assert_eq!(layer.handle().delay().unwrap().delay, Some(Duration::from_millis(50)));
/// ```
#[derive(Clone, Debug)]
pub struct HedgeLayer<C = ByResult, D = Unknown, P = NoReplay, O = ()> {
    policy: PolicyLayer<C, D, P, O>,
}

fn spec_of(hedge: HedgeSpec) -> PolicySpec {
    PolicySpec { hedge: Some(hedge), ..PolicySpec::OFF }
}

impl HedgeLayer {
    /// A new budget with these terms, and no latencies known.
    pub fn new(spec: HedgeSpec) -> Self {
        Self::observed(spec, ())
    }
}

impl<O: Observer> HedgeLayer<ByResult, Unknown, NoReplay, O> {
    /// The same with somebody who hears of hedges won, lost and denied.
    pub fn observed(spec: HedgeSpec, observer: O) -> Self {
        Self { policy: PolicyLayer::observed(spec_of(spec), observer) }
    }
}

impl<C, D, P, O> HedgeLayer<C, D, P, O> {
    /// This says what came of an attempt.
    pub fn classify<T>(self, classify: T) -> HedgeLayer<T, D, P, O> {
        HedgeLayer { policy: self.policy.classify(classify) }
    }

    /// This says whether a request is safe to repeat, and until when it is wanted.
    pub fn describe<T>(self, describe: T) -> HedgeLayer<C, T, P, O> {
        HedgeLayer { policy: self.policy.describe(describe) }
    }

    /// This says how a request is sent again.
    pub fn replay<T>(self, replay: T) -> HedgeLayer<C, D, T, O> {
        HedgeLayer { policy: self.policy.replay(replay) }
    }

    /// To look at the delay, and to change the terms while it runs.
    pub fn handle(&self) -> HedgeHandle<O> {
        HedgeHandle { policy: self.policy.handle() }
    }
}

/// Looks at a hedge's delay, and changes its terms while it runs.
#[derive(Clone, Debug)]
pub struct HedgeHandle<O = ()> {
    policy: PolicyHandle<O>,
}

impl<O: Observer> HedgeHandle<O> {
    /// Puts new terms in force and keeps the budget's balance and the latencies.
    pub fn update(&self, spec: HedgeSpec) {
        self.policy.update(spec_of(spec));
    }

    /// The delay now.
    pub fn delay(&self) -> Option<HedgeSnapshot> {
        self.policy.snapshot().hedge
    }
}

impl<S, C: Clone, D: Clone, P: Clone, O> Layer<S> for HedgeLayer<C, D, P, O> {
    type Service = PolicyService<S, C, D, P, O>;

    fn layer(&self, inner: S) -> Self::Service {
        self.policy.layer(inner)
    }
}
