use super::TimeoutService;
use crate::Unknown;
use plimsoll_policy::Limit;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tower_layer::Layer;

/// A layer that limits the duration of calls. See the [module](super). Clones, and all services made by it, share the
/// limit.
///
/// `D` reads a request's deadline.
#[derive(Clone, Debug)]
pub struct TimeoutLayer<D = Unknown> {
    pub(super) limit: Limit,
    /// In nanoseconds; `u64::MAX` is no limit.
    pub(super) allowed: Arc<AtomicU64>,
    pub(super) describe: D,
}

impl TimeoutLayer {
    /// A limit on one attempt: place it below retries.
    pub fn attempt(allowed: Duration) -> Self {
        Self::with_limit(Limit::Attempt, Some(allowed))
    }

    /// A limit on the whole call: place it above retries.
    pub fn total(allowed: Duration) -> Self {
        Self::with_limit(Limit::Total, Some(allowed))
    }

    /// No limit but the deadline that [`describe`](Self::describe) reads from a request.
    pub fn deadline() -> Self {
        Self::with_limit(Limit::Total, None)
    }

    fn with_limit(limit: Limit, allowed: Option<Duration>) -> Self {
        Self { limit, allowed: Arc::new(AtomicU64::new(nanos(allowed))), describe: Unknown }
    }
}

impl<D> TimeoutLayer<D> {
    /// Reads a request's deadline by `describe`. A request past its deadline is refused.
    pub fn describe<T>(self, describe: T) -> TimeoutLayer<T> {
        TimeoutLayer { limit: self.limit, allowed: self.allowed, describe }
    }

    /// Puts a new limit in force for future calls; `None` is no limit.
    pub fn update(&self, allowed: Option<Duration>) {
        self.allowed.store(nanos(allowed), Relaxed);
    }
}

fn nanos(allowed: Option<Duration>) -> u64 {
    allowed.map_or(u64::MAX, |allowed| u64::try_from(allowed.as_nanos()).unwrap_or(u64::MAX))
}

impl<S, D: Clone> Layer<S> for TimeoutLayer<D> {
    type Service = TimeoutService<S, D>;

    fn layer(&self, inner: S) -> Self::Service {
        TimeoutService::new(inner, self.clone())
    }
}
