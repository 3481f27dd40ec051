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

/// Makes failed calls again. See the [module](super). Clones, and all services made by it, share the budget.
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
    /// A new budget with these terms.
    pub fn new(spec: RetrySpec) -> Self {
        Self::observed(spec, ())
    }
}

impl<O: Observer> RetryLayer<ByResult, Unknown, NoReplay, O> {
    /// The same with somebody who hears of retries planned and denied.
    pub fn observed(spec: RetrySpec, observer: O) -> Self {
        Self { policy: PolicyLayer::observed(spec_of(spec), observer) }
    }
}

impl<C, D, P, O> RetryLayer<C, D, P, O> {
    /// This says what came of an attempt.
    pub fn classify<T>(self, classify: T) -> RetryLayer<T, D, P, O> {
        RetryLayer { policy: self.policy.classify(classify) }
    }

    /// This says whether a request is safe to repeat, and until when it is wanted.
    pub fn describe<T>(self, describe: T) -> RetryLayer<C, T, P, O> {
        RetryLayer { policy: self.policy.describe(describe) }
    }

    /// This says how a request is sent again.
    pub fn replay<T>(self, replay: T) -> RetryLayer<C, D, T, O> {
        RetryLayer { policy: self.policy.replay(replay) }
    }

    /// To look at the budget, and to change the terms while it runs.
    pub fn handle(&self) -> RetryHandle<O> {
        RetryHandle { policy: self.policy.handle() }
    }
}

/// Looks at a retry budget, and changes its terms while it runs.
#[derive(Clone, Debug)]
pub struct RetryHandle<O = ()> {
    policy: PolicyHandle<O>,
}

impl<O: Observer> RetryHandle<O> {
    /// Puts new terms in force and keeps the budget's balance.
    pub fn update(&self, spec: RetrySpec) {
        self.policy.update(spec_of(spec));
    }

    /// The budget now.
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
