//! A histogram of latencies with log-linear buckets.

use crate::{
    log_linear::LogLinear,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

/// 2⁵ buckets for each power of two: a bucket's width is at most 1/32 of its lower edge.
const FINE_BITS: u32 = 5;
/// Latencies are resolved in units of 2¹⁰ ns, about a microsecond.
const UNIT_BITS: u32 = 10;
const SCALE: LogLinear<FINE_BITS> = LogLinear::new(UNIT_BITS);
/// Values of 2²⁷ units (137 s) and above share the last bucket.
const TOP_BITS: u32 = 27;
/// Loom keeps a history of every cell, so there it has only as many as its tests use.
const BUCKETS: usize = if cfg!(loom) { 4 } else { (1 << FINE_BITS) * (TOP_BITS - FINE_BITS + 1) as usize };

/// A log-linear histogram of nanoseconds: exact to 1 µs below 33 µs, to 1/32 above, up to 137 s.
#[derive(Debug)]
pub(super) struct Histogram(Box<[AtomicU32]>);

impl Histogram {
    pub(super) fn new() -> Self {
        Self((0..BUCKETS).map(|_| AtomicU32::new(0)).collect())
    }

    #[inline]
    pub(super) fn record(&self, nanos: u64) {
        self.0[bucket(nanos)].fetch_add(1, Relaxed);
    }

    pub(super) fn clear(&self) {
        self.0.iter().for_each(|count| count.store(0, Relaxed));
    }

    pub(super) fn total(&self) -> u64 {
        self.0.iter().map(|count| u64::from(count.load(Relaxed))).sum()
    }

    /// The upper edge, in nanoseconds, of the bucket in which the value of this rank (from 1) lies, over both.
    pub(super) fn value_at(&self, other: &Self, rank: u64) -> Option<u64> {
        let mut seen = 0;
        let counts =
            self.0.iter().zip(&other.0).map(|(a, b)| u64::from(a.load(Relaxed)) + u64::from(b.load(Relaxed)));
        counts.enumerate().find_map(|(index, count)| {
            seen += count;
            (seen >= rank).then(|| upper_edge(index))
        })
    }
}

#[inline]
fn bucket(nanos: u64) -> usize {
    SCALE.index(nanos).min(BUCKETS - 1)
}

fn upper_edge(bucket: usize) -> u64 {
    SCALE.lower_edge(bucket + 1)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_last_bucket_takes_all_above() {
        assert_eq!(upper_edge(BUCKETS - 1), 1 << (TOP_BITS + UNIT_BITS));
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    proptest! {
        #[test]
        fn a_value_is_at_most_a_thirty_second_below_its_edge(nanos in 0u64..137_000_000_000) {
            let edge = upper_edge(bucket(nanos));
            prop_assert!(edge > nanos);
            prop_assert!(edge - nanos <= (nanos / 32).max(1 << UNIT_BITS));
        }
    }
}
