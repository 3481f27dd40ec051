//! Log-linear histograms: bounded relative error in fixed memory, exact at the exported bounds.
//!
//! Values are unsigned integers (nanoseconds, bytes). Each power of two is cut into 8 equal buckets, so a
//! bucket is at most 1/8 as wide as its lower end and a [quantile](Snapshot::quantile), which returns
//! the bucket's middle, is off by at most 1/16 (6.25 %). Recording finds the bucket by counting leading zeroes: no
//! logarithm, no search, no loop. The scheme is that of Gil Tene's `HdrHistogram`.
//!
//! The bounds that a scrape shows are decimal and fall inside such buckets. Each bucket with a bound in it
//! is therefore cut in two at the bound, so that the exported counts are exact, not interpolated.
//!
//! Known weakness: the sum and the counts of one recording are two writes, so a scrape beside it may see one
//! without the other; the counts among themselves are consistent. Below the floor the error is absolute.

mod buckets;
mod snapshot;

pub(crate) use buckets::Layout;
pub use buckets::{Buckets, BucketsError};
pub use snapshot::{LayoutMismatchError, Snapshot};

use crate::{arena::Cells, shard};
use std::{sync::Arc, time::Duration};

/// A distribution of values. Recording is two loads and two stores without lock prefix on a thread that owns
/// a shard ([`shard::own`]), and two atomic additions elsewhere.
///
/// Memory: [`Buckets::cells`] × 8 bytes a shard; the preset for latencies takes about 1.8 KiB.
#[derive(Debug, Clone)]
pub struct Histogram {
    cells: Cells,
    layout: Arc<Layout>,
}

impl Histogram {
    pub(crate) fn new(cells: Cells, layout: Arc<Layout>) -> Self {
        Self { cells, layout }
    }

    pub(crate) fn held(&self) -> bool {
        self.cells.held()
    }

    /// Records one value in raw units. Values above the ceiling are counted in the last bucket, and the sum
    /// has their true value.
    #[inline]
    pub fn record(&self, value: u64) {
        let row = shard::row();
        self.cells.add_in(row, self.layout.cell_of(value), 1);
        self.cells.add_in(row, self.layout.sum_cell(), value);
    }

    /// Records a duration in nanoseconds (for [`Buckets::latency`] and others with that scale).
    #[inline]
    pub fn record_duration(&self, took: Duration) {
        self.record(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Everything recorded so far. O(cells × shards), one allocation.
    pub fn snapshot(&self) -> Snapshot {
        let counts = self.layout.in_order().iter().map(|(_, cell)| self.cells.sum(*cell)).collect();
        Snapshot::new(Arc::clone(&self.layout), counts, self.cells.sum(self.layout.sum_cell()))
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Cumulative counts at the exported bounds, the last one being all, and the sum in raw units.
    pub(crate) fn cumulative(&self, mut each: impl FnMut(Option<f64>, u64)) -> u64 {
        let mut below = 0;
        let mut exported = self.layout.exported().iter().peekable();
        for (upper, cell) in self.layout.in_order() {
            below += self.cells.sum(*cell);
            if let Some((_, le)) = exported.next_if(|(bound, _)| bound == upper) {
                each(Some(*le), below);
            }
        }
        each(None, below);
        self.cells.sum(self.layout.sum_cell())
    }
}
