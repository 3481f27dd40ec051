use super::{BulkheadService, Line};
use crate::{
    Unknown,
    driver::now,
    keyed::{ByKey, One, Registry},
};
use plimsoll_policy::{
    bulkhead::{BulkheadSnapshot, BulkheadSpec},
    shed::Shedder,
};
use std::{num::NonZeroUsize, sync::Arc};
use tower_layer::Layer;

/// Puts a bulkhead before calls. See the [module](super). Clones, and all services made by it, share the bulkhead.
///
/// `K` says which bulkhead a request is for, `D` until when the request is wanted.
#[derive(Clone, Debug)]
pub struct BulkheadLayer<K = One<Line>, D = Unknown> {
    pub(super) which: K,
    pub(super) describe: D,
    pub(super) shedder: Option<Arc<Shedder>>,
}

impl BulkheadLayer {
    /// One bulkhead for all calls.
    pub fn new(spec: BulkheadSpec) -> Self {
        Self { which: One(Arc::new(Line::new(spec))), describe: Unknown, shedder: None }
    }
}

impl<D> BulkheadLayer<One<Line>, D> {
    /// Puts new limits in force; a larger one lets the line in.
    pub fn update(&self, spec: BulkheadSpec) {
        self.which.0.update(spec, now());
    }

    /// What is there now.
    pub fn snapshot(&self) -> BulkheadSnapshot {
        self.which.0.snapshot(now())
    }
}

impl<K> BulkheadLayer<ByKey<Line, K>> {
    /// A bulkhead for each key that `key` reads off a request, at most `keys` of them.
    pub fn keyed(spec: BulkheadSpec, keys: NonZeroUsize, key: K) -> Self {
        let which = ByKey::new(Arc::new(Registry::new(spec, keys)), key);
        Self { which, describe: Unknown, shedder: None }
    }
}

impl<K, D> BulkheadLayer<ByKey<Line, K>, D> {
    /// The bulkheads: to look at, and to update.
    pub const fn registry(&self) -> &Arc<Registry<Line>> {
        self.which.registry()
    }
}

impl<K, D> BulkheadLayer<K, D> {
    /// This says until when a request is wanted: nobody waits beyond that.
    pub fn describe<T>(self, describe: T) -> BulkheadLayer<K, T> {
        BulkheadLayer { which: self.which, describe, shedder: self.shedder }
    }

    /// Tells this shedder of every wait, and serves the line as it says: newest first while queues are standing.
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
