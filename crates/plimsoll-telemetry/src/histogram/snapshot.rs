//! A histogram at one moment: quantiles, differences and unions.

use super::Layout;
use std::{sync::Arc, time::Duration};

/// The counts of a histogram as they were read once. Plain data.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    layout: Arc<Layout>,
    /// In ascending order of value.
    counts: Box<[u64]>,
    sum: u64,
}

/// The two snapshots come from histograms with different buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the histograms have different buckets")]
pub struct LayoutMismatchError;

impl Snapshot {
    pub(super) fn new(layout: Arc<Layout>, counts: Box<[u64]>, sum: u64) -> Self {
        Self { layout, counts, sum }
    }

    /// How many values were recorded. O(buckets).
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The sum of all values in raw units, wrapping at 2⁶⁴ (in nanoseconds: after 584 years of them).
    pub fn sum(&self) -> u64 {
        self.sum
    }

    /// The mean in raw units; `None` when nothing was recorded.
    pub fn mean(&self) -> Option<f64> {
        let count = self.count();
        (count > 0).then(|| self.sum as f64 / count as f64)
    }

    /// The least value that at least the fraction `q` of all values does not exceed, in raw units; `None` when
    /// nothing was recorded. `q` is taken into 0 to 1 (not a number counts as 1).
    ///
    /// Off by at most 1/16 of the true value, or half the floor where that is more. Above the ceiling the
    /// result is the ceiling: "at least". O(buckets).
    pub fn quantile(&self, q: f64) -> Option<u64> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        let q = if q.is_nan() { 1.0 } else { q.clamp(0.0, 1.0) };
        let rank = ((q * count as f64).ceil() as u64).clamp(1, count);
        let mut seen = 0;
        let mut low = 0;
        for (&n, &(upper, _)) in self.counts.iter().zip(self.layout.in_order()) {
            seen += n;
            if seen >= rank {
                return Some(if upper == u64::MAX { low } else { low + (upper - low) / 2 });
            }
            low = upper.saturating_add(1);
        }
        None
    }

    /// [`quantile`](Self::quantile) of a histogram of nanoseconds.
    pub fn quantile_duration(&self, q: f64) -> Option<Duration> {
        self.quantile(q).map(Duration::from_nanos)
    }

    /// Adds the values of another histogram with the same buckets.
    pub fn merge(&mut self, other: &Self) -> Result<(), LayoutMismatchError> {
        self.same_layout(other)?;
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.sum = self.sum.wrapping_add(other.sum);
        Ok(())
    }

    /// Returns the samples recorded between an earlier snapshot of the same histogram and this one.
    pub fn since(&self, earlier: &Self) -> Result<Self, LayoutMismatchError> {
        self.same_layout(earlier)?;
        let counts = self.counts.iter().zip(&earlier.counts).map(|(now, then)| now.saturating_sub(*then));
        Ok(Self {
            layout: Arc::clone(&self.layout),
            counts: counts.collect(),
            sum: self.sum.wrapping_sub(earlier.sum),
        })
    }

    fn same_layout(&self, other: &Self) -> Result<(), LayoutMismatchError> {
        let same = Arc::ptr_eq(&self.layout, &other.layout) || self.layout == other.layout;
        if same { Ok(()) } else { Err(LayoutMismatchError) }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::{
        super::{Buckets, Histogram},
        *,
    };
    use crate::arena::CellArena;
    use proptest::prelude::*;

    fn histogram(buckets: &Buckets) -> Histogram {
        let layout = Arc::new(buckets.layout().unwrap());
        Histogram::new(CellArena::new(2).take(layout.len()), layout)
    }

    #[test]
    fn empty_has_no_quantile_and_no_mean() {
        let snapshot = histogram(&Buckets::latency()).snapshot();
        assert_eq!((snapshot.quantile(0.5), snapshot.mean(), snapshot.count()), (None, None, 0));
    }

    #[test]
    fn beyond_the_ceiling_the_quantile_is_the_ceiling() {
        let histogram = histogram(&Buckets::latency());
        histogram.record_duration(Duration::MAX);
        assert_eq!(histogram.snapshot().quantile(0.5), Some(1 << 37));
    }

    #[test]
    fn a_difference_has_only_what_came_between() {
        let histogram = histogram(&Buckets::latency());
        histogram.record(1_000_000);
        let earlier = histogram.snapshot();
        histogram.record(5_000_000_000);
        let between = histogram.snapshot().since(&earlier).unwrap();
        assert_eq!((between.count(), between.sum()), (1, 5_000_000_000));
        assert!(between.quantile(0.0).unwrap() > 4_000_000_000);
        let mut all = earlier;
        all.merge(&between).unwrap();
        assert_eq!(all, histogram.snapshot());
    }

    #[test]
    fn different_buckets_do_not_mix() {
        let mut one = histogram(&Buckets::latency()).snapshot();
        let other = histogram(&Buckets::bytes()).snapshot();
        assert_eq!(one.merge(&other), Err(LayoutMismatchError));
        assert_eq!(one.since(&other), Err(LayoutMismatchError));
        assert_eq!(one.merge(&histogram(&Buckets::latency()).snapshot()), Ok(()));
    }

    proptest! {
        #[test]
        fn quantiles_are_off_by_a_sixteenth_at_most(
            mut values in prop::collection::vec((0_u32..37, any::<u64>()).prop_map(|(bits, v)| v >> (63 - bits)), 1..300),
            q in 0.0_f64..=1.0,
        ) {
            let histogram = histogram(&Buckets::latency());
            for value in &values {
                histogram.record(*value);
            }
            values.sort_unstable();
            let rank = ((q * values.len() as f64).ceil() as usize).clamp(1, values.len());
            let exact = values[rank - 1];
            let found = histogram.snapshot().quantile(q).unwrap();
            if exact < 1 << 37 {
                prop_assert!(found.abs_diff(exact) <= (exact / 16).max(512), "{found} for {exact}");
            }
        }

        #[test]
        fn exported_counts_are_exact(values in prop::collection::vec(0_u64..40_000_000_000, 0..200)) {
            let histogram = histogram(&Buckets::latency());
            for value in &values {
                histogram.record(*value);
            }
            let mut shown = Vec::new();
            let sum = histogram.cumulative(|le, n| shown.push((le, n)));
            prop_assert_eq!(sum, values.iter().sum::<u64>());
            prop_assert_eq!(shown.len(), 15);
            for (le, n) in shown {
                let bound = le.map_or(u64::MAX, |le| (le * 1e9).round() as u64);
                prop_assert_eq!(n, values.iter().filter(|v| **v <= bound).count() as u64);
            }
        }
    }
}
