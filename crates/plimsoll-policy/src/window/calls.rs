//! A window over calls: a ring of their outcomes, two bits each.

use crate::{
    breaker::BreakerSpec,
    sync::atomic::{
        AtomicU64,
        Ordering::{AcqRel, Acquire},
    },
};

/// How many calls a ring remembers. Few under loom, which follows every word.
const CALLS: u32 = if cfg!(loom) { 32 } else { BreakerSpec::MAX_CALLS };
/// How many calls share a word: 16 bits of failures, 16 of slow calls, 32 of the era.
const SHARED: u32 = 16;
/// Calls are numbered from 0 in each era. At the end of the numbers it goes on from here, a multiple of the ring's
/// length, so that positions run on and the window stays full.
const AGAIN: u32 = 1 << 31;

/// The outcomes of the last 4,096 calls of an era, in the order in which they ended.
///
/// A call that went well is one compare-and-swap on the cursor, and one on its word only where it overwrites another
/// outcome; any other call is both. Counting looks at one word for each 16 calls of the window. No running sums: they
/// could drift when calls overtake one another, while bits that are overwritten cannot.
#[derive(Debug)]
pub(crate) struct CallRing {
    /// Era and number of the next call.
    cursor: AtomicU64,
    words: Box<[AtomicU64]>,
}

impl CallRing {
    /// How many calls can be looked back on.
    pub(crate) const CALLS: u32 = CALLS;

    pub(crate) fn new() -> Self {
        let words = (0..CALLS / SHARED).map(|_| AtomicU64::new(0)).collect();
        Self { cursor: AtomicU64::new(0), words }
    }

    /// Notes a call; how many the era has seen with it (at most 2³²). `live` as in [`super::TimeRing::add`].
    #[inline]
    pub(crate) fn add(&self, era: u32, failed: bool, slow: bool, live: impl Fn() -> bool) -> Option<u64> {
        let mut seen = self.cursor.load(Acquire);
        let number = loop {
            let number = if (seen >> 32) as u32 == era {
                seen as u32
            } else if live() {
                0
            } else {
                return None;
            };
            let next = number.checked_add(1).unwrap_or(AGAIN);
            match self.cursor.compare_exchange_weak(seen, tagged(era, next), AcqRel, Acquire) {
                Ok(_) => break number,
                Err(now) => seen = now,
            }
        };
        let (word, bit) = place(number);
        let (mask, bits) = (
            (1 << bit) | (1 << (bit + SHARED)),
            (u32::from(failed) << bit) | (u32::from(slow) << (bit + SHARED)),
        );
        let mut seen = self.words[word].load(Acquire);
        loop {
            let next = if (seen >> 32) as u32 == era {
                tagged(era, seen as u32 & !mask | bits)
            } else if bits != 0 && live() {
                tagged(era, bits)
            } else {
                // Another era's word reads as all well: what a good call would write.
                break;
            };
            if next == seen {
                break;
            }
            match self.words[word].compare_exchange_weak(seen, next, AcqRel, Acquire) {
                Ok(_) => break,
                Err(now) => seen = now,
            }
        }
        Some(u64::from(number) + 1)
    }

    /// Of the era's last `size` calls (at most the ring's length): how many there are, failed, and were slow.
    pub(crate) fn counts(&self, era: u32, size: u32) -> [u64; 3] {
        let cursor = self.cursor.load(Acquire);
        if (cursor >> 32) as u32 != era {
            return [0; 3];
        }
        let end = cursor as u32;
        let calls = end.min(size).min(CALLS);
        let (mut number, mut left, mut failed, mut slow) = (end - calls, calls, 0, 0);
        while left > 0 {
            let (word, bit) = place(number);
            let here = left.min(SHARED - bit);
            let word = self.words[word].load(Acquire);
            if (word >> 32) as u32 == era {
                let bits = ((1 << here) - 1) << bit;
                failed += u64::from((word as u32 & bits).count_ones());
                slow += u64::from((word as u32 >> SHARED & bits).count_ones());
            }
            number += here;
            left -= here;
        }
        [u64::from(calls), failed, slow]
    }
}

const fn tagged(era: u32, low: u32) -> u64 {
    (era as u64) << 32 | low as u64
}

/// The word of the call with this number, and its bit in it.
const fn place(number: u32) -> (usize, u32) {
    let at = number % CALLS;
    ((at / SHARED) as usize, at % SHARED)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    #[test]
    fn numbers_run_out_without_a_gap() {
        let ring = CallRing::new();
        ring.cursor.store(u64::from(u32::MAX - 1), std::sync::atomic::Ordering::Relaxed);
        for failed in [true, false, true] {
            ring.add(0, failed, false, || true);
        }
        assert_eq!(ring.counts(0, 3), [3, 2, 0]);
        assert_eq!(ring.counts(0, 1), [1, 1, 0]);
    }

    #[test]
    fn another_era_starts_empty_and_stragglers_are_dropped() {
        let ring = CallRing::new();
        for _ in 0..20 {
            ring.add(0, true, true, || true);
        }
        assert_eq!(ring.counts(1, 20), [0; 3]);
        assert_eq!(ring.add(1, false, false, || true), Some(1));
        assert_eq!(ring.add(1, true, false, || true), Some(2));
        assert_eq!(ring.add(0, true, true, || false), None);
        assert_eq!(ring.counts(1, 20), [2, 1, 0]);
    }

    proptest! {
        /// Exact, call by call, for any size, and for a size that changes on the way.
        #[test]
        fn slides_by_one_call(
            calls in prop::collection::vec((any::<bool>(), any::<bool>(), 1u32..300), 1..600),
            lap in prop::bool::ANY,
        ) {
            let ring = CallRing::new();
            // From just before the ring comes round, half of the time.
            let before = if lap { CALLS - 100 } else { 0 };
            let mut all = VecDeque::new();
            for _ in 0..before {
                ring.add(7, false, false, || true);
                all.push_back((false, false));
            }
            for (failed, slow, size) in calls {
                ring.add(7, failed, slow, || true);
                all.push_back((failed, slow));
                let last = || all.iter().rev().take(size as usize);
                let expected = [
                    last().count() as u64,
                    last().filter(|(failed, _)| *failed).count() as u64,
                    last().filter(|(_, slow)| *slow).count() as u64,
                ];
                prop_assert_eq!(ring.counts(7, size), expected);
            }
        }
    }
}
