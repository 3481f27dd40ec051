//! A window over time: a ring of buckets.

use crate::{
    Instant,
    sync::atomic::{
        AtomicU64,
        Ordering::{AcqRel, Acquire},
    },
    time::nanos,
};
use std::{array, time::Duration};

/// How many buckets a ring has. Few under loom, which follows every cell.
const BUCKETS: usize = if cfg!(loom) { 4 } else { 32 };
const RING_BITS: u32 = BUCKETS.ilog2();

// A cell: era, lap of the ring, count. The era keeps periods apart, the lap keeps a bucket from being read once the
// ring has come round. Both are compared for equality only, so a cell that stood untouched for however long is simply
// taken over; it could be misread only after a whole multiple of 2²² laps without one call, to within a bucket.
const COUNT_BITS: u32 = 28;
const LAP_BITS: u32 = 22;
const ERA_BITS: u32 = 14;
const COUNT_MASK: u64 = (1 << COUNT_BITS) - 1;

/// How a window is cut into buckets: `span` of them, each 2^`shift` nanoseconds long, so that finding a bucket is a
/// shift.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Grain {
    shift: u32,
    span: u32,
}

impl Grain {
    /// 16 to 32 buckets for this window. Anything below 16 ns is taken as 16 ns.
    pub(crate) fn from_window(window: Duration) -> Self {
        let least = BUCKETS as u64 / 2;
        let window = nanos(window).max(least);
        let shift = (window / least).ilog2();
        Self { shift, span: window.div_ceil(1 << shift) as u32 }
    }

    /// This window in buckets of the same length, where that leaves at least 4 and the ring has enough of them: from a
    /// quarter of the first length at the most, to the same length at the least.
    pub(crate) fn resized(self, window: Duration) -> Option<Self> {
        let fewest = (BUCKETS as u64 / 8).max(1);
        let span = nanos(window).div_ceil(1 << self.shift);
        (fewest..=BUCKETS as u64).contains(&span).then_some(Self { span: span as u32, ..self })
    }

    /// Both in 12 bits.
    pub(crate) const fn pack(self) -> u64 {
        (self.shift as u64) << 6 | self.span as u64
    }

    /// Reverses [`Grain::pack`].
    pub(crate) const fn unpack(bits: u64) -> Self {
        Self { shift: (bits >> 6 & 0x3f) as u32, span: (bits & 0x3f) as u32 }
    }

    /// The bucket that `now` falls into, for this era.
    #[inline]
    pub(crate) const fn at(self, now: Instant, era: u32) -> At {
        At { bucket: now.as_nanos() >> self.shift, shift: self.shift, span: self.span, era }
    }
}

/// A point in a ring's time: a bucket and the window that ends with it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At {
    bucket: u64,
    shift: u32,
    span: u32,
    era: u32,
}

impl At {
    /// When the window takes its next step; [`Instant::FAR`] for the last bucket that there is.
    pub(crate) fn next_step(self) -> Instant {
        let next = self.bucket + 1;
        if next.leading_zeros() < self.shift { Instant::FAR } else { Instant::from_nanos(next << self.shift) }
    }

    /// The ring's slot for the bucket, and the tag that a cell in it has if it is of this lap and era.
    #[inline]
    const fn place(era: u32, bucket: u64) -> (usize, u64) {
        let lap = bucket >> RING_BITS & ((1 << LAP_BITS) - 1);
        let era = era as u64 & ((1 << ERA_BITS) - 1);
        (bucket as usize % BUCKETS, era << LAP_BITS | lap)
    }
}

/// Counts of several kinds over a sliding stretch of time.
///
/// A count is one compare-and-swap on one cell. Buckets leave the window by not being added up any more; nothing resets
/// them. A call stays in for the window's length, give or take one bucket. Counts stop at 2²⁸ − 1 a bucket and kind.
///
/// Clocks of several processors disagree a little, so a count may come for a bucket that is not the newest: it counts
/// there. What comes for a bucket whose cell a later lap has taken counts nowhere, and takes nothing over.
#[derive(Debug)]
pub(crate) struct TimeRing<const KINDS: usize> {
    cells: [[AtomicU64; BUCKETS]; KINDS],
    /// When the newest bucket begins that anybody has counted in, in nanoseconds: a cell's own lap wraps, and so cannot
    /// say which of two is the later. Written before the first count of a bucket, and read only where a cell holds
    /// something else.
    newest: AtomicU64,
}

impl<const KINDS: usize> TimeRing<KINDS> {
    pub(crate) fn new() -> Self {
        Self { cells: array::from_fn(|_| array::from_fn(|_| AtomicU64::new(0))), newest: AtomicU64::new(0) }
    }

    /// Counts one of this kind; how many the bucket has of it now.
    ///
    /// `live` says whether the era is still the present one, and is asked only where the cell holds something else. A
    /// cell of a later era was written by somebody who had seen that era begin, so `live` then sees it too: the count
    /// is dropped and gives `None`. So is a count that comes a lap of the ring or more too late.
    #[inline]
    pub(crate) fn add(&self, at: At, kind: usize, live: impl Fn() -> bool) -> Option<u64> {
        let (slot, tag) = At::place(at.era, at.bucket);
        let cell = &self.cells[kind][slot];
        let mut seen = cell.load(Acquire);
        loop {
            let count = if seen >> COUNT_BITS == tag {
                ((seen & COUNT_MASK) + 1).min(COUNT_MASK)
            } else if self.reaches(at) && live() {
                1
            } else {
                return None;
            };
            match cell.compare_exchange_weak(seen, tag << COUNT_BITS | count, AcqRel, Acquire) {
                Ok(_) => return Some(count),
                Err(now) => seen = now,
            }
        }
    }

    /// Returns whether no later lap can have taken this bucket's cells. A reader of a later lap's cell sees here what
    /// that one has written before.
    #[cold]
    fn reaches(&self, at: At) -> bool {
        let begins = at.bucket << at.shift;
        let newest = self.newest.fetch_max(begins, AcqRel);
        newest.saturating_sub(begins) >> at.shift < BUCKETS as u64
    }

    /// Takes one of the window's counts of the first kind that has any in its bucket, from the newest bucket on, and
    /// counts it there as `to`. False if the window holds none of these kinds.
    pub(crate) fn change(&self, at: At, from: &[usize], to: usize, live: impl Fn() -> bool) -> bool {
        let first = at.bucket.saturating_sub(u64::from(at.span) - 1);
        for bucket in (first..=at.bucket).rev() {
            let (slot, tag) = At::place(at.era, bucket);
            let one_less = |cell: u64| (cell >> COUNT_BITS == tag && cell & COUNT_MASK > 0).then(|| cell - 1);
            let taken =
                |kind: &usize| self.cells[*kind][slot].fetch_update(AcqRel, Acquire, one_less).is_ok();
            if from.iter().any(taken) {
                // Less first: a call too few for a moment only puts off what the caller then looks at itself.
                self.add(At { bucket, ..at }, to, live);
                return true;
            }
        }
        false
    }

    /// Returns the window's counts by kind.
    #[inline]
    pub(crate) fn sums(&self, at: At) -> [u64; KINDS] {
        let mut sums = [0; KINDS];
        let first = at.bucket.saturating_sub(u64::from(at.span) - 1);
        for bucket in first..=at.bucket {
            let (slot, tag) = At::place(at.era, bucket);
            for (sum, cells) in sums.iter_mut().zip(&self.cells) {
                let cell = cells[slot].load(Acquire);
                *sum += if cell >> COUNT_BITS == tag { cell & COUNT_MASK } else { 0 };
            }
        }
        sums
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    fn at(grain: Grain, nanos: u64) -> At {
        grain.at(Instant::from_nanos(nanos), 0)
    }

    #[test]
    fn a_window_has_sixteen_to_thirty_two_buckets_of_about_its_length() {
        for nanos in [1, 15, 16, 17, 1_000, 250_000_000, 10_000_000_000, 120_000_000_000, u64::MAX] {
            let grain = Grain::from_window(Duration::from_nanos(nanos));
            assert!((16..=32).contains(&grain.span), "{nanos}: {grain:?}");
            let covered = u128::from(grain.span) << grain.shift;
            let bucket = 1u128 << grain.shift;
            assert!(covered >= u128::from(nanos) && covered < u128::from(nanos.max(16)) + bucket);
            assert_eq!(Grain::unpack(grain.pack()), grain);
        }
    }

    #[test]
    fn a_resized_window_keeps_its_buckets_within_a_quarter_and_the_ring() {
        let grain = Grain::from_window(Duration::from_secs(10));
        for millis in [2_500, 5_000, 9_000, 10_000, 16_000] {
            let other = grain.resized(Duration::from_millis(millis)).unwrap();
            assert_eq!(other.shift, grain.shift);
        }
        assert_eq!(grain.resized(Duration::from_secs(1)), None);
        assert_eq!(grain.resized(Duration::from_mins(1)), None);
    }

    #[test]
    fn another_era_reads_nothing_and_takes_the_cells_over() {
        let (ring, grain) = (TimeRing::<1>::new(), Grain::from_window(Duration::from_nanos(16)));
        let now = Instant::from_nanos(100);
        assert_eq!(ring.add(grain.at(now, 0), 0, || true), Some(1));
        assert_eq!(ring.add(grain.at(now, 0), 0, || true), Some(2));
        assert_eq!(ring.sums(grain.at(now, 1)), [0]);
        assert_eq!(ring.add(grain.at(now, 1), 0, || true), Some(1));
        assert_eq!(ring.add(grain.at(now, 0), 0, || false), None, "a straggler of era 0");
        assert_eq!(ring.sums(grain.at(now, 1)), [1]);
    }

    #[test]
    fn a_bucket_stops_counting_at_its_bound() {
        let (ring, grain) = (TimeRing::<1>::new(), Grain::from_window(Duration::from_nanos(16)));
        ring.cells[0][0].store(COUNT_MASK - 1, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(ring.add(at(grain, 0), 0, || true), Some(COUNT_MASK));
        assert_eq!(ring.add(at(grain, 0), 0, || true), Some(COUNT_MASK));
        assert_eq!(ring.sums(at(grain, 0)), [COUNT_MASK]);
    }

    #[test]
    fn a_caller_whose_clock_lags_counts_in_its_own_bucket_or_nowhere() {
        let (ring, grain) = (TimeRing::<1>::new(), Grain::from_window(Duration::from_nanos(32)));
        let bucket = 1u64 << grain.shift;
        let lap = bucket * BUCKETS as u64;
        let add = |nanos| ring.add(at(grain, nanos), 0, || true);
        assert_eq!((add(10 * lap), add(10 * lap)), (Some(1), Some(2)));
        assert_eq!(add(10 * lap - bucket), Some(1), "the bucket before");
        assert_eq!(add(9 * lap), None, "its cell belongs to the next lap");
        assert_eq!(add(9 * lap + bucket), Some(1), "31 buckets back, its cell is its own");
        assert_eq!(add(bucket), None);
        assert_eq!(ring.sums(at(grain, 10 * lap)), [3], "nothing was wiped");
        // Untouched for however long, a cell is taken over: laps wrap after 2²² of them.
        let wrapped = 10 * lap + (lap << (LAP_BITS - 1)) + lap;
        assert_eq!(add(wrapped), Some(1));
    }

    #[test]
    fn a_count_changes_its_kind_where_it_stands() {
        let (ring, grain) = (TimeRing::<3>::new(), Grain::from_window(Duration::from_nanos(32)));
        let bucket = 1u64 << grain.shift;
        for (nanos, kind) in [(0, 0), (0, 0), (bucket, 1), (2 * bucket, 0)] {
            ring.add(at(grain, nanos), kind, || true);
        }
        let change = |nanos| ring.change(at(grain, nanos), &[0, 1], 2, || true);
        let sums = |nanos| ring.sums(at(grain, nanos));
        assert!(change(3 * bucket));
        assert_eq!(sums(3 * bucket), [2, 1, 1]);
        assert!(change(3 * bucket));
        assert_eq!(sums(3 * bucket), [2, 0, 2], "the newest bucket first, whatever its kind");
        assert!(change(3 * bucket) && change(3 * bucket));
        assert!(!change(3 * bucket), "there is nothing left to change");
        assert_eq!(sums(3 * bucket), [0, 0, 4]);
        let end = u64::from(grain.span) * bucket;
        assert_eq!(sums(end), [0, 0, 2], "each leaves with the bucket in which it was counted first");
    }

    proptest! {
        /// Against every call remembered one by one: never more than a bucket off either way.
        #[test]
        fn slides_as_a_list_of_all_calls_would(
            window in 1u64..100_000,
            steps in prop::collection::vec((0u64..10_000, 0usize..2), 1..200),
        ) {
            let ring = TimeRing::<2>::new();
            let grain = Grain::from_window(Duration::from_nanos(window));
            let bucket = 1u64 << grain.shift;
            prop_assert!(bucket <= window.max(16) / 16);
            let (mut now, mut all) = (0u64, VecDeque::new());
            for (pause, kind) in steps {
                now += pause;
                ring.add(at(grain, now), kind, || true);
                all.push_back((now, kind));
                let sums = ring.sums(at(grain, now));
                for (kind, sum) in sums.into_iter().enumerate() {
                    let within = |reach: u64| {
                        all.iter().filter(|(then, of)| *of == kind && now - then < reach).count() as u64
                    };
                    let window = window.max(16);
                    prop_assert!((within(window - bucket)..=within(window + bucket)).contains(&sum));
                }
            }
        }
    }
}
