use super::{SingleflightService, group::CallGroup};
use std::{fmt, sync::Arc};
use tower_layer::Layer;

/// A layer that joins equal calls. See the [module](super). Clones, and all services made by it, share the calls: two
/// upstreams need two layers, because their responses to the same key differ.
///
/// `Response` and `E` are the inner service's, and are inferred.
pub struct SingleflightLayer<D, Response, E> {
    describe: D,
    group: Arc<CallGroup<Result<Response, E>>>,
}

impl<D, Response, E> SingleflightLayer<D, Response, E> {
    /// Joins requests with the same key, as `describe` reads it: at most 1024 shared calls of at most 1024 followers.
    pub fn new(describe: D) -> Self {
        Self::bounded(describe, 1024, 1024)
    }

    /// The same with at most `calls` shared calls at once, and at most `followers` of each.
    pub fn bounded(describe: D, calls: usize, followers: usize) -> Self {
        Self { describe, group: Arc::new(CallGroup::new(calls, followers)) }
    }

    /// The number of shared calls in flight.
    pub fn in_flight(&self) -> usize {
        self.group.len()
    }
}

impl<S, D: Clone, Response, E> Layer<S> for SingleflightLayer<D, Response, E> {
    type Service = SingleflightService<S, D, Response, E>;

    fn layer(&self, inner: S) -> Self::Service {
        SingleflightService::new(inner, self.describe.clone(), Arc::clone(&self.group))
    }
}

impl<D: Clone, Response, E> Clone for SingleflightLayer<D, Response, E> {
    fn clone(&self) -> Self {
        Self { describe: self.describe.clone(), group: Arc::clone(&self.group) }
    }
}

impl<D, Response, E> fmt::Debug for SingleflightLayer<D, Response, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SingleflightLayer").field("in_flight", &self.in_flight()).finish_non_exhaustive()
    }
}
