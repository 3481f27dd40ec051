use super::{Entry, Inner, Registry};
use crate::{
    arena::CellArena,
    counter::Counter,
    desc::Desc,
    family::{Family, Make, Metric, Owned},
    shard::MAX_SHARDS,
};
use parking_lot::Mutex;
use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::AtomicU64},
};

const OVERFLOWS: &str = "plimsoll_telemetry_label_overflows_total";

/// A builder of a [`Registry`], with its bounds.
#[derive(Debug, Clone)]
pub struct Builder {
    pub(super) shards: usize,
    pub(super) max_families: usize,
    pub(super) max_collectors: usize,
}

impl Builder {
    /// Sets the number of threads with their own row of cells, from 0 to [`MAX_SHARDS`]. The default is the number of
    /// processors that the process may use. Further threads count in the shared row.
    pub fn shards(mut self, shards: usize) -> Self {
        self.shards = shards.min(MAX_SHARDS);
        self
    }

    /// Sets the greatest number of families, by default 512.
    pub fn max_families(mut self, most: usize) -> Self {
        self.max_families = most;
        self
    }

    /// Sets the greatest number of collectors, by default 1024.
    pub fn max_collectors(mut self, most: usize) -> Self {
        self.max_collectors = most;
        self
    }

    /// Creates the registry.
    pub fn build(self) -> Registry {
        let arena = CellArena::new(self.shards);
        let desc =
            Desc::new(OVERFLOWS, "Label sets beyond the limit of their family, which share one series.");
        let own = Family::<Counter, 0>::new(Arc::new(Owned::new(
            desc,
            Make::Counter,
            Vec::new(),
            Arc::clone(&arena),
            None,
        )));
        let inner = Inner {
            arena,
            max_families: self.max_families,
            max_collectors: self.max_collectors,
            overflowed: own.with(&[]),
            families: Mutex::new(BTreeMap::from([own.into_entry()])),
            collectors: Mutex::default(),
            next_collector: AtomicU64::new(0),
        };
        Registry { inner: Arc::new(inner) }
    }
}

impl<M: Metric> Family<M, 0> {
    fn into_entry(self) -> (String, Entry) {
        let owned = self.into_owned();
        (owned.desc.base(owned.make.kind()).to_owned(), Entry::Owned(owned))
    }
}
