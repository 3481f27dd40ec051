use super::{BulkheadService, QueuedBulkhead, Reservation};
use crate::{
    Unknown,
    driver::now,
    keyed::{ByKey, One, Registry},
};
use plimsoll_policy::{
    Instant, RejectedError,
    bulkhead::{BulkheadSnapshot, BulkheadSpec},
    shed::Shedder,
};
use std::{num::NonZeroUsize, sync::Arc};
use tower_layer::Layer;

/// A layer that puts a bulkhead before calls. See the [module](super). Clones, and all services made by it, share the
/// bulkhead.
///
/// `K` selects a request's bulkhead, `D` reads its deadline.
#[derive(Clone, Debug)]
pub struct BulkheadLayer<K = One<QueuedBulkhead>, D = Unknown> {
    pub(super) which: K,
    pub(super) describe: D,
    pub(super) shedder: Option<Arc<Shedder>>,
}

impl BulkheadLayer {
    /// A layer with one bulkhead for all calls.
    pub fn new(spec: BulkheadSpec) -> Self {
        Self { which: One(Arc::new(QueuedBulkhead::new(spec))), describe: Unknown, shedder: None }
    }
}

impl<D> BulkheadLayer<One<QueuedBulkhead>, D> {
    /// Puts new limits in force; a larger one admits waiters.
    pub fn update(&self, spec: BulkheadSpec) {
        self.which.0.update(spec, now());
    }

    /// Returns a snapshot of the bulkhead.
    pub fn snapshot(&self) -> BulkheadSnapshot {
        self.which.0.snapshot(now())
    }

    /// Asks for a permit at `now`, as a call of the layer's service does: for whoever runs calls without one.
    ///
    /// # Errors
    /// The bulkhead's rejection, where no call may join the queue.
    #[inline]
    pub fn reserve(
        &self,
        now: Instant,
        deadline: Instant,
    ) -> Result<Reservation<Arc<QueuedBulkhead>>, RejectedError> {
        Reservation::begin(Arc::clone(&self.which.0), self.shedder.clone(), now, deadline)
    }
}

impl<K> BulkheadLayer<ByKey<QueuedBulkhead, K>> {
    /// A layer with a bulkhead for each key that `key` reads from a request, at most `keys` of them.
    pub fn keyed(spec: BulkheadSpec, keys: NonZeroUsize, key: K) -> Self {
        let which = ByKey::new(Arc::new(Registry::new(spec, keys)), key);
        Self { which, describe: Unknown, shedder: None }
    }
}

impl<K, D> BulkheadLayer<ByKey<QueuedBulkhead, K>, D> {
    /// Returns the bulkheads, to inspect and update them.
    pub const fn registry(&self) -> &Arc<Registry<QueuedBulkhead>> {
        self.which.registry()
    }
}

impl<K, D> BulkheadLayer<K, D> {
    /// Reads the request's deadline by `describe`: no call waits beyond it.
    pub fn describe<T>(self, describe: T) -> BulkheadLayer<K, T> {
        BulkheadLayer { which: self.which, describe, shedder: self.shedder }
    }

    /// Reports every wait to this shedder, and serves the wait queue in its order: newest first while queues are standing.
    pub fn feeding(self, shedder: &Arc<Shedder>) -> Self {
        Self { shedder: Some(Arc::clone(shedder)), ..self }
    }
}

impl<S, K: Clone, D: Clone> Layer<S> for BulkheadLayer<K, D> {
    type Service = BulkheadService<S, K, D>;

    fn layer(&self, inner: S) -> Self::Service {
        BulkheadService::new(inner, self.clone())
    }
}
