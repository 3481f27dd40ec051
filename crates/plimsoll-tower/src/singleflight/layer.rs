use super::{SingleflightService, flights::Flights};
use std::{fmt, sync::Arc};
use tower_layer::Layer;

/// Joins calls that ask for the same. See the [module](super). Clones, and all services made by it, share the flights: two
/// upstreams need two layers, for their answers to one key are not the same.
///
/// `Response` and `E` are the inner service's, and are inferred.
pub struct SingleflightLayer<D, Response, E> {
    describe: D,
    flights: Arc<Flights<Result<Response, E>>>,
}

impl<D, Response, E> SingleflightLayer<D, Response, E> {
    /// Requests with the same key, as `describe` reads it, are the same. At most 1024 flights of at most 1024 followers.
    pub fn new(describe: D) -> Self {
        Self::bounded(describe, 1024, 1024)
    }

    /// The same with at most so many flights at once, and so many followers of each.
    pub fn bounded(describe: D, flights: usize, followers: usize) -> Self {
        Self { describe, flights: Arc::new(Flights::new(flights, followers)) }
    }

    /// How many flights are under way now.
    pub fn flights(&self) -> usize {
        self.flights.len()
    }
}

impl<S, D: Clone, Response, E> Layer<S> for SingleflightLayer<D, Response, E> {
    type Service = SingleflightService<S, D, Response, E>;

    fn layer(&self, inner: S) -> Self::Service {
        SingleflightService::new(inner, self.describe.clone(), Arc::clone(&self.flights))
    }
}

impl<D: Clone, Response, E> Clone for SingleflightLayer<D, Response, E> {
    fn clone(&self) -> Self {
        Self { describe: self.describe.clone(), flights: Arc::clone(&self.flights) }
    }
}

impl<D, Response, E> fmt::Debug for SingleflightLayer<D, Response, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SingleflightLayer").field("flights", &self.flights()).finish_non_exhaustive()
    }
}
