use crate::{
    PolicyLayer, Unknown,
    classify::ByResult,
    policy::{PolicyHandle, PolicyService},
    replay::NoReplay,
};
use plimsoll_policy::{
    Observer, PolicySpec,
    retry::{BudgetSnapshot, RetrySpec},
};
use tower_layer::Layer;

/// A layer that retries failed calls. See the [module](super). Clones, and all services made by it, share the budget.
///
/// ```
/// use plimsoll_policy::retry::RetrySpec;
/// use plimsoll_tower::{Idempotent, RetryLayer, replay::ByClone};
/// # use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
/// # use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
/// # let tries = AtomicU32::new(0);
/// # let flaky = service_fn(|(): ()| {
/// #     let tried = tries.fetch_add(1, Relaxed);
/// #     async move { if tried == 0 { Err(std::io::Error::other("reset")) } else { Ok(tried) } }
/// # });
/// let layer = RetryLayer::new(RetrySpec::default()).describe(Idempotent).replay(ByClone);
/// let mut service = ServiceBuilder::new().layer(layer).service(flaky);
/// assert_eq!(service.ready().await.unwrap().call(()).await.unwrap(), 1);
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct RetryLayer<C = ByResult, D = Unknown, P = NoReplay, O = ()> {
    policy: PolicyLayer<C, D, P, O>,
}

fn spec_of(retry: RetrySpec) -> PolicySpec {
    PolicySpec { retry: Some(retry), ..PolicySpec::OFF }
}

impl RetryLayer {
    /// A layer with a new budget for this spec.
    pub fn new(spec: RetrySpec) -> Self {
        Self::with_observer(spec, ())
    }
}

impl<O: Observer> RetryLayer<ByResult, Unknown, NoReplay, O> {
    /// The same with an observer of planned and denied retries.
    pub fn with_observer(spec: RetrySpec, observer: O) -> Self {
        Self { policy: PolicyLayer::with_observer(spec_of(spec), observer) }
    }
}

impl<C, D, P, O> RetryLayer<C, D, P, O> {
    /// Classifies an attempt's result by `classify`.
    pub fn classify<T>(self, classify: T) -> RetryLayer<T, D, P, O> {
        RetryLayer { policy: self.policy.classify(classify) }
    }

    /// Reads by `describe` whether a request is safe to repeat, and its deadline.
    pub fn describe<T>(self, describe: T) -> RetryLayer<C, T, P, O> {
        RetryLayer { policy: self.policy.describe(describe) }
    }

    /// Sends requests again by `replay`.
    pub fn replay<T>(self, replay: T) -> RetryLayer<C, D, T, O> {
        RetryLayer { policy: self.policy.replay(replay) }
    }

    /// Returns a handle to inspect the budget and to change the spec while it runs.
    pub fn handle(&self) -> RetryHandle<O> {
        RetryHandle { policy: self.policy.handle() }
    }
}

/// A handle to inspect a retry budget and to change its spec while it runs.
#[derive(Clone, Debug)]
pub struct RetryHandle<O = ()> {
    policy: PolicyHandle<O>,
}

impl<O: Observer> RetryHandle<O> {
    /// Puts a new spec in force and keeps the budget's balance.
    pub fn update(&self, spec: RetrySpec) {
        self.policy.update(spec_of(spec));
    }

    /// Returns a snapshot of the budget.
    pub fn budget(&self) -> Option<BudgetSnapshot> {
        self.policy.snapshot().budget
    }
}

impl<S, C: Clone, D: Clone, P: Clone, O> Layer<S> for RetryLayer<C, D, P, O> {
    type Service = PolicyService<S, C, D, P, O>;

    fn layer(&self, inner: S) -> Self::Service {
        self.policy.layer(inner)
    }
}
