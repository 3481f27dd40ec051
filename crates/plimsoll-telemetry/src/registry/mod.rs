//! The registry, in which metrics are registered and read.

mod builder;

pub use builder::Builder;

use crate::{
    arena::CellArena,
    collector::{Collecting, Collector, Observed, ObservedSpec, Samples},
    counter::{Counter, Gauge, UpDown},
    desc::{Desc, Kind},
    error::RegisterError,
    exposition::{self, Format},
    family::{CounterFamily, Family, GaugeFamily, HistogramFamily, Make, Metric, Owned, UpDownFamily},
    histogram::{Buckets, BucketsError, Histogram},
    shard::MAX_SHARDS,
};
use parking_lot::{Mutex, MutexGuard};
use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

/// A set of metrics. Clones are the same registry.
///
/// Registration takes locks and allocates; do it when a listener, route or upstream is made. The hot path holds the
/// returned metric and touches neither the registry nor a lock. A second registration of the same metric returns the
/// same one, so a reload can simply register everything.
///
/// Bounds: families and collectors ([`Builder`]), label sets per family ([`Desc::max_series`]), bytes per
/// label value ([`MAX_LABEL_BYTES`](crate::MAX_LABEL_BYTES)). Memory: see [`memory_bytes`](Self::memory_bytes).
#[derive(Debug, Clone)]
pub struct Registry {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    arena: Arc<CellArena>,
    max_families: usize,
    max_collectors: usize,
    overflowed: Counter,
    families: Mutex<BTreeMap<String, Entry>>,
    collectors: Mutex<BTreeMap<u64, Collector>>,
    next_collector: AtomicU64,
}

#[derive(Debug, Clone)]
enum Entry {
    Owned(Arc<Owned>),
    Observed(Arc<ObservedSpec>),
}

impl Entry {
    fn kind(&self) -> Kind {
        match self {
            Self::Owned(family) => family.make.kind(),
            Self::Observed(spec) => spec.kind,
        }
    }
}

impl Registry {
    /// Returns the registry of the process. Metrics without a registry of their own are counted in it, and a server
    /// shows it by default. For separate counts, as in tests, make another registry and pass it on.
    pub fn global() -> &'static Self {
        static GLOBAL: OnceLock<Registry> = OnceLock::new();
        GLOBAL.get_or_init(Self::new)
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

impl Registry {
    /// Creates a registry with the default bounds.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Returns a builder, for other bounds than the default ones.
    pub fn builder() -> Builder {
        let shards = std::thread::available_parallelism().map_or(1, usize::from).min(MAX_SHARDS);
        Builder { shards, max_families: 512, max_collectors: 1024 }
    }

    /// Registers a counter without labels. Its name ends in `_total`.
    pub fn counter(&self, desc: Desc) -> Result<Counter, RegisterError> {
        Ok(self.counter_family(desc, [])?.with(&[]))
    }

    /// Registers counters with labels.
    pub fn counter_family<const N: usize>(
        &self,
        desc: Desc,
        labels: [&str; N],
    ) -> Result<CounterFamily<N>, RegisterError> {
        self.family(desc, Make::Counter, labels)
    }

    /// Registers a gauge that is set.
    pub fn gauge(&self, desc: Desc) -> Result<Gauge, RegisterError> {
        Ok(self.gauge_family(desc, [])?.with(&[]))
    }

    /// Registers gauges that are set, with labels.
    pub fn gauge_family<const N: usize>(
        &self,
        desc: Desc,
        labels: [&str; N],
    ) -> Result<GaugeFamily<N>, RegisterError> {
        self.family(desc, Make::Gauge, labels)
    }

    /// Registers a gauge that counts up and down, sharded like a counter.
    pub fn up_down(&self, desc: Desc) -> Result<UpDown, RegisterError> {
        Ok(self.up_down_family(desc, [])?.with(&[]))
    }

    /// Registers gauges that count up and down, with labels.
    pub fn up_down_family<const N: usize>(
        &self,
        desc: Desc,
        labels: [&str; N],
    ) -> Result<UpDownFamily<N>, RegisterError> {
        self.family(desc, Make::UpDown, labels)
    }

    /// Registers a histogram without labels.
    pub fn histogram(&self, desc: Desc, buckets: &Buckets) -> Result<Histogram, RegisterError> {
        Ok(self.histogram_family(desc, buckets, [])?.with(&[]))
    }

    /// Registers histograms with labels and the same buckets.
    pub fn histogram_family<const N: usize>(
        &self,
        desc: Desc,
        buckets: &Buckets,
        labels: [&str; N],
    ) -> Result<HistogramFamily<N>, RegisterError> {
        let layout = buckets.layout().map_err(|fault: BucketsError| RegisterError::BadBuckets {
            name: desc.name.to_string(),
            fault,
        })?;
        self.family(desc, Make::Histogram(Arc::new(layout)), labels)
    }

    /// Registers gauges that a collector reads at every scrape.
    pub fn observed_gauge<const N: usize>(
        &self,
        desc: Desc,
        labels: [&str; N],
    ) -> Result<Observed<N>, RegisterError> {
        self.observed(desc, Kind::Gauge, labels)
    }

    /// Registers counters that are kept elsewhere and that a collector reads at every scrape.
    pub fn observed_counter<const N: usize>(
        &self,
        desc: Desc,
        labels: [&str; N],
    ) -> Result<Observed<N>, RegisterError> {
        self.observed(desc, Kind::Counter, labels)
    }

    /// Calls `collect` at every scrape, on the scraping thread and without a lock held, until the returned
    /// guard is dropped. It should be quick, and must not hold this registry strongly (a reference cycle).
    ///
    /// ```
    /// use plimsoll_telemetry::{Desc, Registry};
    /// # fn main() -> Result<(), plimsoll_telemetry::RegisterError> {
    /// let registry = Registry::new();
    /// let idle = registry.observed_gauge(Desc::new("app_pool_idle", "Idle connections."), ["upstream"])?;
    /// let pool = std::sync::Arc::new(std::sync::Mutex::new(vec![1, 2, 3]));
    /// registry.register_collector(move |samples| {
    ///     samples.put(&idle, &["users"], pool.lock().unwrap().len() as f64);
    /// })?.keep();
    /// assert!(registry.render(Default::default()).contains("app_pool_idle{upstream=\"users\"} 3\n"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn register_collector(
        &self,
        collect: impl Fn(&mut Samples) + Send + Sync + 'static,
    ) -> Result<Collecting, RegisterError> {
        let mut collectors = self.inner.collectors();
        if collectors.len() >= self.inner.max_collectors {
            return Err(RegisterError::Full { limit: self.inner.max_collectors, of: "collectors" });
        }
        let id = self.inner.next_collector.fetch_add(1, Ordering::Relaxed);
        collectors.insert(id, Arc::new(collect));
        Ok(Collecting { registry: Arc::downgrade(&self.inner), id })
    }

    /// Writes all metrics, ordered by name and label values. O(series × shards). Metrics that change
    /// meanwhile are seen as they are when their line is written.
    pub fn write(&self, format: Format, out: &mut impl fmt::Write) -> fmt::Result {
        let collectors: Vec<Collector> = self.inner.collectors().values().cloned().collect();
        let mut samples = Samples::default();
        for collect in collectors {
            collect(&mut samples);
        }
        self.inner.overflowed.add(samples.overflowed);
        let families: Vec<Entry> = self.inner.families().values().cloned().collect();
        let mut writer = exposition::Writer::new(format, out);
        for family in &families {
            match family {
                Entry::Owned(family) => writer.owned(family)?,
                Entry::Observed(spec) => writer.observed(spec, samples.series(&spec.desc.name))?,
            }
        }
        writer.finish()
    }

    /// Returns what [`write`](Self::write) writes, as a new string.
    pub fn render(&self, format: Format) -> String {
        let mut out = String::new();
        // A `String` never refuses to be written to.
        let _ = self.write(format, &mut out);
        out
    }

    /// Returns the bytes of all counter and histogram cells, in blocks of 4 KiB a shard (or larger for a larger
    /// histogram). Names, labels and gauges are not counted.
    pub fn memory_bytes(&self) -> usize {
        self.inner.arena.bytes()
    }

    fn family<M: Metric, const N: usize>(
        &self,
        desc: Desc,
        make: Make,
        labels: [&str; N],
    ) -> Result<Family<M, N>, RegisterError> {
        let kind = make.kind();
        let entry = self.inner.register(&desc, kind, &labels, |desc, labels| {
            let (arena, overflowed) = (Arc::clone(&self.inner.arena), self.inner.overflowed.clone());
            Entry::Owned(Arc::new(Owned::new(desc, make.clone(), labels, arena, Some(overflowed))))
        })?;
        match entry {
            Entry::Owned(family) if family.desc == desc && family.make == make && family.labels == labels => {
                Ok(Family::new(family))
            }
            other => Err(conflict(&desc, &other)),
        }
    }

    fn observed<const N: usize>(
        &self,
        desc: Desc,
        kind: Kind,
        labels: [&str; N],
    ) -> Result<Observed<N>, RegisterError> {
        let entry = self.inner.register(&desc, kind, &labels, |desc, labels| {
            Entry::Observed(Arc::new(ObservedSpec { desc, kind, labels }))
        })?;
        match entry {
            Entry::Observed(spec) if spec.desc == desc && spec.kind == kind && spec.labels == labels => {
                Ok(Observed { spec })
            }
            other => Err(conflict(&desc, &other)),
        }
    }
}

fn conflict(desc: &Desc, registered: &Entry) -> RegisterError {
    RegisterError::Conflict { name: desc.name.to_string(), registered: registered.kind() }
}

impl Inner {
    fn register(
        &self,
        desc: &Desc,
        kind: Kind,
        labels: &[&str],
        new: impl FnOnce(Desc, Vec<String>) -> Entry,
    ) -> Result<Entry, RegisterError> {
        desc.check(kind, labels)?;
        let mut families = self.families();
        let base = desc.base(kind);
        if let Some(known) = families.get(base) {
            return Ok(known.clone());
        }
        if families.len() >= self.max_families {
            return Err(RegisterError::Full { limit: self.max_families, of: "families" });
        }
        let entry = new(desc.clone(), labels.iter().map(|&label| label.to_owned()).collect());
        families.insert(base.to_owned(), entry.clone());
        Ok(entry)
    }

    pub(crate) fn remove_collector(&self, id: u64) {
        // Bound to a name, so that the closure's own drop runs after the lock is free.
        let removed = self.collectors().remove(&id);
        drop(removed);
    }

    fn families(&self) -> MutexGuard<'_, BTreeMap<String, Entry>> {
        self.families.lock()
    }

    fn collectors(&self) -> MutexGuard<'_, BTreeMap<u64, Collector>> {
        self.collectors.lock()
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("families", &self.families().len())
            .field("collectors", &self.collectors().len())
            .finish_non_exhaustive()
    }
}
