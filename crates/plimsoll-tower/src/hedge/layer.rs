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

/// A layer that sends slow calls a second time. See the [module](super). Clones, and all services made by it, share the
/// budget and the measured latencies.
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
    /// A layer with a new budget for this spec, and no latencies known.
    pub fn new(spec: HedgeSpec) -> Self {
        Self::with_observer(spec, ())
    }
}

impl<O: Observer> HedgeLayer<ByResult, Unknown, NoReplay, O> {
    /// The same with an observer of hedges won, lost and denied.
    pub fn with_observer(spec: HedgeSpec, observer: O) -> Self {
        Self { policy: PolicyLayer::with_observer(spec_of(spec), observer) }
    }
}

impl<C, D, P, O> HedgeLayer<C, D, P, O> {
    /// Classifies an attempt's result by `classify`.
    pub fn classify<T>(self, classify: T) -> HedgeLayer<T, D, P, O> {
        HedgeLayer { policy: self.policy.classify(classify) }
    }

    /// Reads by `describe` whether a request is safe to repeat, and its deadline.
    pub fn describe<T>(self, describe: T) -> HedgeLayer<C, T, P, O> {
        HedgeLayer { policy: self.policy.describe(describe) }
    }

    /// Sends requests again by `replay`.
    pub fn replay<T>(self, replay: T) -> HedgeLayer<C, D, T, O> {
        HedgeLayer { policy: self.policy.replay(replay) }
    }

    /// Returns a handle to inspect the delay and to change the spec while it runs.
    pub fn handle(&self) -> HedgeHandle<O> {
        HedgeHandle { policy: self.policy.handle() }
    }
}

/// A handle to inspect a hedge's delay and to change its spec while it runs.
#[derive(Clone, Debug)]
pub struct HedgeHandle<O = ()> {
    policy: PolicyHandle<O>,
}

impl<O: Observer> HedgeHandle<O> {
    /// Puts a new spec in force and keeps the budget's balance and the latencies.
    pub fn update(&self, spec: HedgeSpec) {
        self.policy.update(spec_of(spec));
    }

    /// Returns the delay now.
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
