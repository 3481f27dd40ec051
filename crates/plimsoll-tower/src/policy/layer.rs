use super::{Machines, PolicyHandle, PolicyService, handle::Shared};
use crate::{
    Unknown,
    classify::ByResult,
    driver::{TaskDriver, Time},
    replay::NoReplay,
};
use plimsoll_policy::{Observer, Policy, PolicySpec};
use std::{fmt, sync::Arc};
use tower_layer::Layer;

/// A layer that puts a policy around services. See the [module](super).
///
/// `C` classifies an attempt's result, `D` reads the facts of a request, `P` sends it again, `O` observes decisions.
pub struct PolicyLayer<C = ByResult, D = Unknown, P = NoReplay, O = ()> {
    pub(super) shared: Arc<Shared<O>>,
    pub(super) classify: C,
    pub(super) describe: D,
    pub(super) replay: P,
}

impl PolicyLayer {
    /// A layer with new machines for this spec. Nothing is sent twice unless [`describe`](Self::describe) and
    /// [`replay`](Self::replay) allow it.
    pub fn new(spec: PolicySpec) -> Self {
        Self::with_observer(spec, ())
    }
}

impl<O: Observer> PolicyLayer<ByResult, Unknown, NoReplay, O> {
    /// The same with an observer of the machines' decisions.
    pub fn with_observer(spec: PolicySpec, observer: O) -> Self {
        Self::with_time(spec, observer, Time::TOKIO)
    }

    /// The same with another source of time and randomness, such as virtual time.
    pub fn with_time(spec: PolicySpec, observer: O, time: Time) -> Self {
        let (now, secret) = (time.now(), time.secret());
        let driver = Arc::new(TaskDriver::new(observer).with_time(time));
        let machines: Machines<O> = Policy::new(spec, now, secret, driver);
        Self {
            shared: Arc::new(Shared::new(machines)),
            classify: ByResult,
            describe: Unknown,
            replay: NoReplay,
        }
    }
}

impl<C, D, P, O> PolicyLayer<C, D, P, O> {
    /// Classifies an attempt's result by `classify`. The machines stay the same.
    pub fn classify<T>(self, classify: T) -> PolicyLayer<T, D, P, O> {
        let Self { shared, describe, replay, .. } = self;
        PolicyLayer { shared, classify, describe, replay }
    }

    /// Reads the facts of a request by `describe`. The machines stay the same.
    pub fn describe<T>(self, describe: T) -> PolicyLayer<C, T, P, O> {
        let Self { shared, classify, replay, .. } = self;
        PolicyLayer { shared, classify, describe, replay }
    }

    /// Sends requests again by `replay`. The machines stay the same.
    pub fn replay<T>(self, replay: T) -> PolicyLayer<C, D, T, O> {
        let Self { shared, classify, describe, .. } = self;
        PolicyLayer { shared, classify, describe, replay }
    }

    /// Returns a handle to inspect the machines and to change their thresholds while they run.
    pub fn handle(&self) -> PolicyHandle<O> {
        PolicyHandle::new(Arc::clone(&self.shared))
    }
}

impl<S, C: Clone, D: Clone, P: Clone, O> Layer<S> for PolicyLayer<C, D, P, O> {
    type Service = PolicyService<S, C, D, P, O>;

    fn layer(&self, inner: S) -> Self::Service {
        PolicyService::new(inner, self)
    }
}

impl<C: Clone, D: Clone, P: Clone, O> Clone for PolicyLayer<C, D, P, O> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            classify: self.classify.clone(),
            describe: self.describe.clone(),
            replay: self.replay.clone(),
        }
    }
}

impl<C, D, P, O> fmt::Debug for PolicyLayer<C, D, P, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PolicyLayer").field("policy", &self.shared).finish_non_exhaustive()
    }
}
