//! A window over calls: a ring of their outcomes, two bits each.

use crate::{
    breaker::BreakerSpec,
    sync::atomic::{
        AtomicU64,
        Ordering::{AcqRel, Acquire},
    },
};
use crossbeam_utils::CachePadded;
use std::array;

/// How many calls a ring remembers. Few under loom, which follows every word.
const CALLS: usize = if cfg!(loom) { 32 } else { BreakerSpec::MAX_CALLS as usize };
/// How many calls share a word: 16 bits of failures, 16 of slow calls, 32 of the era.
const SHARED: u32 = 16;
const WORDS: usize = CALLS / SHARED as usize;
/// Eras take turns at so many cursors, so that a straggler pulls a number from the cursor of its own era.
const CURSORS: usize = 4;
/// A cursor is 16 bits of the era and 48 of the next call's number: enough for nine years at a million calls a second,
/// after which the era's bits run over and the window starts empty.
const NUMBER_BITS: u32 = 48;
const NUMBER_MASK: u64 = (1 << NUMBER_BITS) - 1;

/// The outcomes of the last 4,096 calls of an era, in the order in which they ended.
///
/// A call that went well is one addition to the cursor, and a compare-and-swap on its word only where it overwrites
/// another outcome; any other call is both. Counting looks at one word for each 16 calls of the window. No running sums:
/// they could drift when calls overtake one another, while bits that are overwritten cannot.
///
/// A straggler adds nothing to another era unless it stands still, between two instructions, until its own cursor's turn
/// has come again: then that era has one good call too many.
#[derive(Debug)]
pub(crate) struct CallRing {
    /// On a line of their own: every call writes one of them.
    cursors: CachePadded<[AtomicU64; CURSORS]>,
    words: [AtomicU64; WORDS],
}

impl CallRing {
    /// How many calls can be looked back on.
    pub(crate) const CALLS: u32 = CALLS as u32;

    pub(crate) fn new() -> Self {
        let zeros = |_| AtomicU64::new(0);
        Self { cursors: CachePadded::new(array::from_fn(zeros)), words: array::from_fn(zeros) }
    }

    /// Notes a call; how many the era has seen with it. `live` as in [`super::TimeRing::add`].
    #[inline]
    pub(crate) fn add(&self, era: u32, failed: bool, slow: bool, live: impl Fn() -> bool) -> Option<u64> {
        let number = self.number(era, &live)?;
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
        Some(number + 1)
    }

    /// Makes the newest call that has not failed, of the era's last `size`, one that has. False if there is none.
    ///
    /// A call that another thread is just noting may still be noted over it.
    pub(crate) fn fail(&self, era: u32, size: u32, live: impl Fn() -> bool) -> bool {
        let (mut end, mut left) = self.extent(era, size);
        while left > 0 {
            let (word, bit) = place(end - 1);
            let here = left.min(bit + 1);
            let bits = ((1u32 << here) - 1) << (bit + 1 - here);
            let mut seen = self.words[word].load(Acquire);
            loop {
                // Another era's word reads as all well.
                let low = if (seen >> 32) as u32 == era { seen as u32 } else { 0 };
                let well = !low & bits;
                if well == 0 {
                    break;
                }
                if (seen >> 32) as u32 != era && !live() {
                    return false;
                }
                let next = tagged(era, low | 1 << well.ilog2());
                match self.words[word].compare_exchange_weak(seen, next, AcqRel, Acquire) {
                    Ok(_) => return true,
                    Err(now) => seen = now,
                }
            }
            end -= u64::from(here);
            left -= here;
        }
        false
    }

    /// The number after the era's last call, and how many of its last `size` there are.
    fn extent(&self, era: u32, size: u32) -> (u64, u32) {
        let (cursor, tag) = self.cursor(era);
        let cursor = cursor.load(Acquire);
        let end = if cursor >> NUMBER_BITS == tag { cursor & NUMBER_MASK } else { 0 };
        (end, end.min(u64::from(size.min(Self::CALLS))) as u32)
    }

    /// The next number of this era. Adding first and looking then is one transfer of a contended line instead of two.
    #[inline]
    fn number(&self, era: u32, live: impl Fn() -> bool) -> Option<u64> {
        let (cursor, tag) = self.cursor(era);
        let mut seen = cursor.fetch_add(1, AcqRel);
        if seen >> NUMBER_BITS == tag {
            return Some(seen & NUMBER_MASK);
        }
        // The cursor was of an era long gone, and what was added to it goes with it.
        seen = seen.wrapping_add(1);
        loop {
            if !live() {
                return None;
            }
            let number = if seen >> NUMBER_BITS == tag { seen & NUMBER_MASK } else { 0 };
            match cursor.compare_exchange_weak(seen, tag << NUMBER_BITS | (number + 1), AcqRel, Acquire) {
                Ok(_) => return Some(number),
                Err(now) => seen = now,
            }
        }
    }

    fn cursor(&self, era: u32) -> (&AtomicU64, u64) {
        (&self.cursors[era as usize % CURSORS], u64::from(era & 0xffff))
    }

    /// Of the era's last `size` calls (at most the ring's length): how many there are, failed, and were slow.
    pub(crate) fn counts(&self, era: u32, size: u32) -> [u64; 3] {
        let (end, calls) = self.extent(era, size);
        let (mut number, mut left, mut failed, mut slow) = (end - u64::from(calls), calls, 0, 0);
        while left > 0 {
            let (word, bit) = place(number);
            let here = left.min(SHARED - bit);
            let word = self.words[word].load(Acquire);
            if (word >> 32) as u32 == era {
                let bits = ((1 << here) - 1) << bit;
                failed += u64::from((word as u32 & bits).count_ones());
                slow += u64::from((word as u32 >> SHARED & bits).count_ones());
            }
            number += u64::from(here);
            left -= here;
        }
        [calls.into(), failed, slow]
    }
}

const fn tagged(era: u32, low: u32) -> u64 {
    (era as u64) << 32 | low as u64
}

/// The word of the call with this number, and its bit in it.
const fn place(number: u64) -> (usize, u32) {
    let at = number as usize % CALLS;
    (at / SHARED as usize, at as u32 % SHARED)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    #[test]
    fn numbers_that_run_over_start_anew() {
        let ring = CallRing::new();
        ring.cursors[0].store(NUMBER_MASK - 1, std::sync::atomic::Ordering::Relaxed);
        for _ in 0..2 {
            ring.add(0, true, false, || true);
        }
        assert_eq!(ring.counts(0, 3), [0; 3]);
        assert_eq!(ring.add(0, true, false, || true), Some(1));
        assert_eq!(ring.counts(0, 3), [1, 1, 0]);
    }

    #[test]
    fn eras_that_share_a_cursor_do_not_share_numbers() {
        let ring = CallRing::new();
        for era in 0..3 * CURSORS as u32 {
            assert_eq!(ring.counts(era, 10), [0; 3]);
            for number in 1..=20 {
                assert_eq!(ring.add(era, true, false, || true), Some(number));
            }
            assert_eq!(ring.counts(era, 10), [10, 10, 0]);
        }
    }

    #[test]
    fn another_era_starts_empty_and_stragglers_do_not_count_in_it() {
        let ring = CallRing::new();
        for _ in 0..20 {
            ring.add(0, true, true, || true);
        }
        assert_eq!(ring.counts(1, 20), [0; 3]);
        assert_eq!(ring.add(1, false, false, || true), Some(1));
        assert_eq!(ring.add(1, true, false, || true), Some(2));
        ring.add(0, true, true, || false);
        assert_eq!(ring.counts(1, 20), [2, 1, 0]);
    }

    proptest! {
        /// Exact, call by call, for any size, and for a size that changes on the way.
        #[test]
        fn slides_by_one_call(
            calls in prop::collection::vec((0u8..3, any::<bool>(), 1u32..300), 1..600),
            lap in prop::bool::ANY,
        ) {
            let ring = CallRing::new();
            // From just before the ring comes round, half of the time.
            let before = if lap { CallRing::CALLS - 100 } else { 0 };
            let mut all = VecDeque::new();
            for _ in 0..before {
                ring.add(7, false, false, || true);
                all.push_back((false, false));
            }
            for (what, slow, size) in calls {
                if what == 2 {
                    let newest = all.iter_mut().rev().take(size as usize).find(|(failed, _)| !*failed);
                    prop_assert_eq!(ring.fail(7, size, || true), newest.is_some());
                    if let Some((failed, _)) = newest {
                        *failed = true;
                    }
                } else {
                    ring.add(7, what == 1, slow, || true);
                    all.push_back((what == 1, slow));
                }
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
