//! Metrics with labels: a bounded set of series, looked up once and then held.

use crate::{
    arena::CellArena,
    counter::{Counter, Gauge, UpDown},
    desc::{Desc, Kind},
    histogram::{Histogram, Layout},
};
use parking_lot::{Mutex, MutexGuard};
use std::{collections::BTreeMap, marker::PhantomData, sync::Arc};

/// The value of every label of the series that all label sets beyond a family's bound share.
pub const OVERFLOW: &str = "__overflow__";

/// The longest label value in bytes; a label set with a longer one counts as overflow.
pub const MAX_LABEL_BYTES: usize = 256;

/// One series of a family.
#[derive(Debug)]
pub(crate) enum Series {
    Counter(Counter),
    UpDown(UpDown),
    Gauge(Gauge),
    Histogram(Histogram),
}

impl Series {
    /// Returns whether there are handles besides this one.
    fn held(&self) -> bool {
        match self {
            Self::Counter(counter) => counter.cells.held(),
            Self::UpDown(gauge) => gauge.cells.held(),
            Self::Gauge(gauge) => gauge.held(),
            Self::Histogram(histogram) => histogram.held(),
        }
    }
}

/// The constructor of a family's series.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Make {
    Counter,
    UpDown,
    Gauge,
    Histogram(Arc<Layout>),
}

impl Make {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Counter => Kind::Counter,
            Self::UpDown | Self::Gauge => Kind::Gauge,
            Self::Histogram(_) => Kind::Histogram,
        }
    }

    fn make(&self, arena: &Arc<CellArena>) -> Series {
        match self {
            Self::Counter => Series::Counter(Counter { cells: arena.take(1) }),
            Self::UpDown => Series::UpDown(UpDown { cells: arena.take(1) }),
            Self::Gauge => Series::Gauge(Gauge::new()),
            Self::Histogram(layout) => {
                Series::Histogram(Histogram::new(arena.take(layout.len()), Arc::clone(layout)))
            }
        }
    }
}

pub(crate) type SeriesMap = BTreeMap<Vec<String>, Series>;

/// A family as the registry keeps it.
#[derive(Debug)]
pub(crate) struct Owned {
    pub(crate) desc: Desc,
    pub(crate) make: Make,
    pub(crate) labels: Vec<String>,
    arena: Arc<CellArena>,
    /// Counts the label sets beyond the bound.
    overflowed: Option<Counter>,
    series: Mutex<SeriesMap>,
}

impl Owned {
    pub(crate) fn new(
        desc: Desc,
        make: Make,
        labels: Vec<String>,
        arena: Arc<CellArena>,
        overflowed: Option<Counter>,
    ) -> Self {
        Self { desc, make, labels, arena, overflowed, series: Mutex::default() }
    }

    pub(crate) fn series(&self) -> MutexGuard<'_, SeriesMap> {
        self.series.lock()
    }

    fn get<M: Metric>(&self, values: &[&str]) -> Option<M> {
        let mut series = self.series();
        let mut key: Vec<String> = values.iter().map(|&value| value.to_owned()).collect();
        if !series.contains_key(&key) && self.overflows(&series, values) {
            key.fill(OVERFLOW.to_owned());
            if let Some(overflowed) = &self.overflowed {
                overflowed.inc();
            }
        }
        M::from_series(series.entry(key).or_insert_with(|| self.make.make(&self.arena)))
    }

    fn overflows(&self, series: &SeriesMap, values: &[&str]) -> bool {
        // The overflow series stands beside the bound, not inside it.
        let beside = series.contains_key(&vec![OVERFLOW.to_owned(); values.len()]);
        let too_many = !values.is_empty() && series.len() - usize::from(beside) >= self.desc.max_series;
        too_many || values.iter().any(|value| value.len() > MAX_LABEL_BYTES)
    }
}

mod sealed {
    use super::{Counter, Gauge, Histogram, Series, UpDown};

    /// A metric that can be the series of a family.
    pub trait Metric: Sized {
        #[doc(hidden)]
        #[allow(private_interfaces)]
        fn from_series(series: &Series) -> Option<Self>;
    }

    macro_rules! metric {
        ($($handle:ident),*) => {$(
            impl Metric for $handle {
                #[allow(private_interfaces)]
                fn from_series(series: &Series) -> Option<Self> {
                    match series {
                        Series::$handle(handle) => Some(handle.clone()),
                        _ => None,
                    }
                }
            }
        )*};
    }
    metric!(Counter, UpDown, Gauge, Histogram);
}
pub(crate) use sealed::Metric;

/// A family of metrics with `N` labels.
///
/// ```
/// use plimsoll_telemetry::{Desc, Registry};
/// # fn main() -> Result<(), plimsoll_telemetry::RegisterError> {
/// let registry = Registry::new();
/// let requests = registry.counter_family(Desc::new("app_requests_total", "Requests."), ["route"])?;
/// let home = requests.with(&["/"]); // once, when the route is made
/// home.inc(); // for every request
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Family<M, const N: usize> {
    owned: Arc<Owned>,
    metric: PhantomData<fn() -> M>,
}

impl<M, const N: usize> Clone for Family<M, N> {
    fn clone(&self) -> Self {
        Self { owned: Arc::clone(&self.owned), metric: PhantomData }
    }
}

/// Counters with `N` labels.
pub type CounterFamily<const N: usize> = Family<Counter, N>;
/// Gauges that are set, with `N` labels.
pub type GaugeFamily<const N: usize> = Family<Gauge, N>;
/// Gauges that count up and down, with `N` labels.
pub type UpDownFamily<const N: usize> = Family<UpDown, N>;
/// Histograms with `N` labels and the same buckets.
pub type HistogramFamily<const N: usize> = Family<Histogram, N>;

impl<M: Metric, const N: usize> Family<M, N> {
    pub(crate) fn new(owned: Arc<Owned>) -> Self {
        Self { owned, metric: PhantomData }
    }

    pub(crate) fn into_owned(self) -> Arc<Owned> {
        self.owned
    }

    /// Returns the series with these label values, creating it if it is new. Takes a lock and allocates: for the cold
    /// path. Keep the handle.
    ///
    /// When the family has as many label sets as [`Desc::max_series`] allows, or a value is longer than
    /// [`MAX_LABEL_BYTES`], the result is the series whose values are all [`OVERFLOW`], and
    /// `plimsoll_telemetry_label_overflows_total` grows.
    pub fn with(&self, values: &[&str; N]) -> M {
        self.owned.get(values).expect("a family has one kind of series, fixed by its type")
    }

    /// Ends a series: scrapes no longer show it and another label set may take its slot. Handles that are still held go
    /// on counting, unseen; after the last of them the memory is reused. Returns `false` if there was none.
    pub fn retire(&self, values: &[&str; N]) -> bool {
        let key: Vec<String> = values.iter().map(|&value| value.to_owned()).collect();
        let retired = self.owned.series().remove(&key);
        retired.is_some()
    }

    /// Ends every series that `ended` picks by its label values and whose handles are all gone. For use
    /// after a reload. Returns the number of ended series. O(series).
    pub fn sweep(&self, mut ended: impl FnMut(&[String]) -> bool) -> usize {
        let mut series = self.owned.series();
        let before = series.len();
        // Under the lock no new handle can be taken, and without a handle none can be cloned.
        series.retain(|values, series| series.held() || !ended(values));
        before - series.len()
    }

    /// Returns the number of series, including the one for overflow.
    pub fn len(&self) -> usize {
        self.owned.series().len()
    }

    /// Returns whether there is no series yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
