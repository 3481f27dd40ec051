use super::{Machines, PolicyHandle, PolicyService, handle::Shared};
use crate::{
    Unknown,
    classify::ByResult,
    driver::{TaskHost, Time},
    replay::NoReplay,
};
use plimsoll_policy::{Observer, Policy, PolicySpec};
use std::{fmt, sync::Arc};
use tower_layer::Layer;

/// Puts a policy around services. See the [module](super).
///
/// `C` says what came of an attempt, `D` what a request tells of itself, `P` how it is sent again, `O` hears what is
/// decided.
pub struct PolicyLayer<C = ByResult, D = Unknown, P = NoReplay, O = ()> {
    pub(super) shared: Arc<Shared<O>>,
    pub(super) classify: C,
    pub(super) describe: D,
    pub(super) replay: P,
}

impl PolicyLayer {
    /// New machines for this spec. Nothing is sent twice unless [`describe`](Self::describe) and
    /// [`replay`](Self::replay) say that it may be.
    pub fn new(spec: PolicySpec) -> Self {
        Self::observed(spec, ())
    }
}

impl<O: Observer> PolicyLayer<ByResult, Unknown, NoReplay, O> {
    /// The same with somebody who hears what the machines decide.
    pub fn observed(spec: PolicySpec, observer: O) -> Self {
        Self::timed(spec, observer, Time::TOKIO)
    }

    /// The same with another source of time and randomness, such as virtual time.
    pub fn timed(spec: PolicySpec, observer: O, time: Time) -> Self {
        let (now, secret) = (time.now(), time.secret());
        let host = Arc::new(TaskHost::new(observer).with_time(time));
        let machines: Machines<O> = Policy::new(spec, now, secret, host);
        Self {
            shared: Arc::new(Shared::new(machines)),
            classify: ByResult,
            describe: Unknown,
            replay: NoReplay,
        }
    }
}

impl<C, D, P, O> PolicyLayer<C, D, P, O> {
    /// This says what came of an attempt. The machines stay the same.
    pub fn classify<T>(self, classify: T) -> PolicyLayer<T, D, P, O> {
        let Self { shared, describe, replay, .. } = self;
        PolicyLayer { shared, classify, describe, replay }
    }

    /// This says what a request tells of itself. The machines stay the same.
    pub fn describe<T>(self, describe: T) -> PolicyLayer<C, T, P, O> {
        let Self { shared, classify, replay, .. } = self;
        PolicyLayer { shared, classify, describe, replay }
    }

    /// This says how a request is sent again. The machines stay the same.
    pub fn replay<T>(self, replay: T) -> PolicyLayer<C, D, T, O> {
        let Self { shared, classify, describe, .. } = self;
        PolicyLayer { shared, classify, describe, replay }
    }

    /// To look at the machines and to change their thresholds while they run.
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
